from __future__ import annotations

import json
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from subprocess import DEVNULL

import pytest
import trio
from typer.testing import CliRunner

from switch.cli.main import app
from switch.errors import OperatorError
from tests.load.hosts import a_host, a_sale, an_answer, framed
from tests.load.switches import a_switch, recorded, sale_of_today, switch_command, written

PATIENCE_S = 60.0


def a_capture(folder: Path, *codes: str) -> Path:
    """Sales 1, 2, 3 ... that were answered so."""
    sales = [(a_sale(stan), an_answer(a_sale(stan), code)) for stan, code in enumerate(codes, 1)]
    return written(folder / "sales.jsonl", sales)


async def test_a_replay_that_holds_tells_its_figures_and_writes_both_reports(
    sqlite_database: str, tmp_path: Path
) -> None:
    async with a_switch(sqlite_database, tmp_path) as (host, port):
        said = await recorded((host, port), [sale_of_today(stan) for stan in range(1, 11)])
        capture = written(tmp_path / "sales.jsonl", said)

        told = await switch_command(
            "replay", capture, "--to", f"{host}:{port}", "--rewrite", "stan,dates", "--ledger", sqlite_database,
            "--allow-differences", "0", "--json", "out.json", "--report", "out.html", folder=tmp_path,
        )  # fmt: skip

    results = json.loads((tmp_path / "out.json").read_bytes())
    assert (results["sent"], results["answered"], results["answers"]) == (10, 10, {"00": 10})
    assert results["command"].startswith("switch replay ")
    assert "approvals: 10 on the wire, 10 in the books; they agree" in told
    assert "<html" in (tmp_path / "out.html").read_text().lower()
    assert "6200000000000047" not in told + (tmp_path / "out.json").read_text() + (tmp_path / "out.html").read_text()


async def test_what_is_told_fits_80_columns(tmp_path: Path) -> None:
    capture = written(
        tmp_path / "sales.jsonl",
        [(a_sale(stan), an_answer(a_sale(stan), "51", f54="0002156C000000969871" * 2)) for stan in (1, 2)],
    )

    async with a_host() as target:
        told = await switch_command("replay", capture, "--to", str(target), folder=tmp_path, status=1)

    assert "4 differences: the answers are not those of the capture" in told
    assert max(map(len, told.splitlines())) <= 80


async def test_a_host_that_closes_is_told_as_one(tmp_path: Path) -> None:
    capture = a_capture(tmp_path, "00", "00")

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, close, 0, host="127.0.0.1"))
        host, port = listeners[0].socket.getsockname()
        told = await switch_command("replay", capture, "--to", f"{host}:{port}", folder=tmp_path, status=1)
        nursery.cancel_scope.cancel()

    assert "  connection #0 at 0.0 s: closed by the host" in told
    assert "Nothing was answered: 2 sent" in told


async def close(stream: trio.SocketStream) -> None:
    """Close as soon as something came, which was read: no reset."""
    await stream.receive_some()
    await stream.aclose()


async def test_a_changed_answer_is_named_and_breaks_the_limit(tmp_path: Path) -> None:
    capture = a_capture(tmp_path, "00", "51", "00")

    async with a_host() as target:
        strict = await switch_command("replay", capture, "--to", str(target), folder=tmp_path, status=1)
        lenient = await switch_command(
            "replay", capture, "--to", str(target), "--allow-differences", "1", folder=tmp_path
        )

    for told in (strict, lenient):
        assert "differences 1\n    #2 0200 STAN 000002  field 39: 51 -> 00" in told


@pytest.mark.parametrize("speed", [["--speed", "10x"], ["--speed", "max", "--in-flight", "2"], ["--rate", "500"]])
async def test_every_pace_sends_everything(tmp_path: Path, speed: list[str]) -> None:
    capture = a_capture(tmp_path, *["00"] * 30)

    async with a_host() as target:
        told = await switch_command(
            "replay", capture, "--to", str(target), *speed, "--connections", "3", folder=tmp_path
        )

    assert "sent 30  answered 30  late 0  missing 0" in told


async def test_a_host_that_never_answers_breaks_the_limit_and_the_report_says_so(tmp_path: Path) -> None:
    capture = a_capture(tmp_path, "00", "00")

    async with a_host(lambda _: []) as target:
        told = await switch_command(
            "replay", capture, "--to", str(target), "--deadline", "0.1", "--json", "out.json", folder=tmp_path, status=1
        )

    assert "Nothing was answered" in told
    assert json.loads((tmp_path / "out.json").read_bytes())["missing"] == 2


@pytest.mark.parametrize("what", [b"", b"\xff" * 100], ids=["closes", "answers garbage"])
async def test_a_host_that_closes_or_answers_garbage_breaks_the_limit(tmp_path: Path, what: bytes) -> None:
    capture = a_capture(tmp_path, "00")

    async with a_host(lambda _: [what]) as target:
        told = await switch_command("replay", capture, "--to", str(target), folder=tmp_path, status=1)

    assert "missing 1" in told


async def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        to = f"127.0.0.1:{held.getsockname()[1]}"

        told = await switch_command("replay", a_capture(tmp_path, "00"), "--to", to, folder=tmp_path, status=3)

    assert told == f"switch: nobody listens on {to} (connection refused)\n"


async def test_a_report_that_cannot_be_written_is_told_after_the_run(tmp_path: Path) -> None:
    async with a_host() as target:
        told = await switch_command(
            "replay", a_capture(tmp_path, "00"), "--to", str(target), "--json", "no/out.json", folder=tmp_path, status=3
        )  # fmt: skip

    assert "answered 1" in told
    assert "no/out.json: cannot be written" in told


async def test_ctrl_c_ends_it_and_still_writes_the_report(tmp_path: Path) -> None:
    capture = a_capture(tmp_path, "00")
    began = trio.Event()

    def once_begun(fields: dict[int, str]) -> list[bytes]:
        began.set()
        return [framed(an_answer(fields))]

    async with a_host(once_begun) as target, trio.open_nursery() as nursery:
        command = [sys.executable, "-m", "switch", "replay", str(capture), "--to", str(target), "--json", "out.json"]
        looping = ["--loop", "--duration", "3600", "--rate", "100"]
        run = partial(trio.run_process, [*command, *looping], check=False, cwd=tmp_path, stdout=DEVNULL, stderr=DEVNULL)
        process = await nursery.start(run)
        with trio.fail_after(PATIENCE_S):
            await began.wait()
            process.send_signal(signal.SIGINT)
            await process.wait()

    results = json.loads((tmp_path / "out.json").read_bytes())
    assert process.returncode == 130
    assert results["interrupted"]
    assert results["sent"] >= 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["none.jsonl"], "none.jsonl"),
        (["empty.jsonl"], "empty"),
        (["sales.jsonl", "--dialect", "unionpay-pos"], "a capture of iso8583-1987-ascii, not of unionpay-pos"),
        (["sales.jsonl", "--speed", "fast"], "--speed wants a factor like 1x"),
        (["sales.jsonl", "--speed", "1x", "--rate", "5"], "--speed and --rate are two ways"),
        (["sales.jsonl", "--connections", "0"], "--connections wants a number from 1"),
        (["sales.jsonl", "--rewrite", "pan"], "--rewrite knows stan, rrn, dates, batch, mac"),
        (["sales.jsonl", "--rewrite", "mac"], "--rewrite mac needs --keys"),
        (["sales.jsonl", "--ignore", "x"], "--ignore wants the numbers of fields"),
        (["sales.jsonl", "--zone", "Mars/Olympus"], "--zone: no such time zone"),
        (["sales.jsonl", "--loop"], "--loop without --duration never ends"),
        (["sales.jsonl", "--ledger", "sqlite:///none.db"], "none.db"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, arguments: list[str], says: str) -> None:
    a_capture(tmp_path, "00")
    (tmp_path / "empty.jsonl").touch()
    (name, *options), to = arguments, ["--to", "127.0.0.1:9"]

    result = CliRunner().invoke(app, ["replay", str(tmp_path / name), *to, *options])

    assert isinstance(result.exception, OperatorError)
    assert says in str(result.exception)


@pytest.mark.parametrize("to", ["localhost", "localhost:", ":80", "localhost:70000", "::1:80"])
def test_an_address_needs_a_port(tmp_path: Path, to: str) -> None:
    result = CliRunner().invoke(app, ["replay", str(a_capture(tmp_path, "00")), "--to", to])

    assert isinstance(result.exception, OperatorError)
    assert str(result.exception) == "--to wants HOST:PORT, and [ADDRESS]:PORT for IPv6"


async def test_a_capture_of_another_dialect_is_a_mistake_in_the_command(tmp_path: Path) -> None:
    to, capture = "127.0.0.1:9", a_capture(tmp_path, "00")

    told = await switch_command("replay", capture, "--to", to, "--dialect", "unionpay-pos", folder=tmp_path, status=2)

    assert told.endswith("sales.jsonl: a capture of iso8583-1987-ascii, not of unionpay-pos\n")


async def test_a_capture_that_is_broken_further_on_is_replayed_until_there(tmp_path: Path) -> None:
    capture = a_capture(tmp_path, "00", "00")
    with capture.open("ab") as file:
        file.write(b'{"at_us":"never"}\n')

    async with a_host() as target:
        told = await switch_command(
            "replay", capture, "--to", str(target), "--json", "out.json", folder=tmp_path, status=2
        )  # fmt: skip

    assert json.loads((tmp_path / "out.json").read_bytes())["answered"] == 2
    assert "line 6: not an entry" in told
