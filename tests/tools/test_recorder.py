from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
from typer.testing import CliRunner

from switch.capture.entry import Direction, Entry, Event
from switch.capture.files import read_capture
from switch.capture.orders import Account, Order
from switch.capture.recording import BUFFER_BYTES, READ_BYTES_MAX, Recording
from switch.cli.main import app
from switch.errors import OperatorError
from switch.tools.recorder import CannotRun, Recorder
from switch.wire.codec import Codec
from switch.wire.dialect import load_dialect

ASCII = "iso8583-1987-ascii"
CARD = "4111111111111111"
CODEC = Codec(load_dialect(ASCII))
MANY = 24_000_000  # more than all the sockets' buffers hold
SOME = 2_000_000
Serve = Callable[[trio.SocketStream], Awaitable[None]]


def frame(stan: int, mti: str = "0200") -> bytes:
    return CODEC.dialect.framing.wrap_request(CODEC.encode({0: mti, 2: CARD, 11: f"{stan:06d}", 41: "TERM0001"}))


@dataclass
class Proxy:
    """A recorder on a free port, before a host that does as the test says."""

    recorder: Recorder
    address: tuple[str, int]
    account: Account

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream(*self.address)


@asynccontextmanager
async def open_proxy(
    serve: Serve, order: Order | None = None, buffer_bytes: int = BUFFER_BYTES
) -> AsyncIterator[Proxy]:
    """The account is complete when the context has ended."""
    recording = Recording(order, buffer_bytes=buffer_bytes) if order is not None else None
    if recording is not None:
        recording.start()
    recorder = Recorder(recording)
    proxy = Proxy(recorder, ("", 0), Account())
    try:
        async with trio.open_nursery() as nursery:
            (host,) = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
            port = host.socket.getsockname()[1]
            proxy.address = await recorder.open("127.0.0.1", 0, "127.0.0.1", port)
            nursery.start_soon(recorder.run)
            with trio.fail_after(30):
                yield proxy
            nursery.cancel_scope.cancel()
    finally:
        if recording is not None:
            proxy.account = recording.finish()


async def echo(stream: trio.SocketStream) -> None:
    async for data in stream:
        await stream.send_all(data)
    await stream.aclose()


async def everything(stream: trio.SocketStream) -> bytes:
    return b"".join([bytes(data) async for data in stream])


def entries(path: Path | str) -> list[Entry]:
    with read_capture(Path(path)) as capture:
        return list(capture)


async def test_bytes_go_both_ways_and_are_recorded_as_frames(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"

    async with open_proxy(echo, Order(path, ASCII)) as proxy, await proxy.connect() as terminal:
        await terminal.send_all(frame(1) + frame(2))
        await terminal.send_eof()
        answers = await everything(terminal)

    assert answers == frame(1) + frame(2)
    recorded = entries(path)
    assert [e.event for e in recorded].count(Event.CLOSE) == 2
    for direction in Direction:
        assert [e.frame for e in recorded if e.frame and e.direction is direction] == [frame(1), frame(2)]
    assert (proxy.account.frames, proxy.account.lost) == (4, 0)


async def test_a_half_close_is_passed_on_and_the_other_half_goes_on() -> None:
    async def answers_at_the_end(stream: trio.SocketStream) -> None:
        received = await everything(stream)
        await stream.send_all(received[::-1])
        await stream.aclose()

    async with open_proxy(answers_at_the_end) as proxy, await proxy.connect() as terminal:
        await terminal.send_all(b"abc")
        await terminal.send_eof()

        assert await everything(terminal) == b"cba"


async def test_a_host_that_ends_first_still_hears_the_terminal() -> None:
    heard: list[bytes] = []

    async def ends_first(stream: trio.SocketStream) -> None:
        await stream.send_all(b"bye")
        await stream.send_eof()
        heard.append(await everything(stream))

    async with open_proxy(ends_first) as proxy:
        async with await proxy.connect() as terminal:
            said = await everything(terminal)
            await terminal.send_all(b"wait")
        while not heard:
            await trio.lowlevel.checkpoint()

    assert (said, heard) == (b"bye", [b"wait"])


async def test_a_terminals_reset_reaches_the_host() -> None:
    ended: list[bool] = []

    async def waits(stream: trio.SocketStream) -> None:
        await stream.send_all(b"x")
        try:
            await stream.receive_some()
            ended.append(False)
        except trio.BrokenResourceError as error:
            ended.append(isinstance(error.__cause__, ConnectionResetError))

    async with open_proxy(waits) as proxy:
        terminal = await proxy.connect()
        await terminal.receive_some()
        terminal.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        terminal.socket.close()
        while not ended:
            await trio.lowlevel.checkpoint()

    assert ended == [True]


async def test_a_hosts_reset_reaches_the_terminal() -> None:
    async def resets(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        stream.socket.close()

    async with open_proxy(resets) as proxy:
        terminal = await proxy.connect()
        await terminal.send_all(b"x")
        with pytest.raises(trio.BrokenResourceError) as caught:
            await terminal.receive_some()
        await terminal.aclose()

    assert isinstance(caught.value.__cause__, ConnectionResetError)


async def test_a_host_that_is_not_there_is_a_reset_and_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    recorder = Recorder(None)
    address = await recorder.open("127.0.0.1", 0, "127.0.0.1", port)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(recorder.run)
        terminal = await trio.open_tcp_stream(*address)
        with pytest.raises(trio.BrokenResourceError):
            await terminal.receive_some()
        await terminal.aclose()
        nursery.cancel_scope.cancel()

    assert recorder.passed.refused == 1


async def test_an_end_that_does_not_read_stops_the_other_and_loses_nothing() -> None:
    go = trio.Event()
    heard: list[int] = []

    async def reads_late(stream: trio.SocketStream) -> None:
        await go.wait()
        heard.append(len(await everything(stream)))

    async with open_proxy(reads_late) as proxy, trio.open_nursery() as nursery:
        terminal = await proxy.connect()

        async def send() -> None:
            async with terminal:
                await terminal.send_all(bytes(MANY))

        nursery.start_soon(send)
        while not any(relay._host.outgoing for relay in proxy.recorder._relays):
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked(0.01)
        held = sum(len(relay._host.outgoing) for relay in proxy.recorder._relays)
        read = proxy.recorder.passed.to_host_bytes
        go.set()
        while not heard:
            await trio.lowlevel.checkpoint()

    assert (held <= READ_BYTES_MAX, read < MANY, heard) == (True, True, [MANY])


async def test_a_scribe_that_cannot_keep_up_slows_the_flow_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    count = SOME // len(frame(1))
    received = 0

    async with (
        open_proxy(echo, Order(path, ASCII), buffer_bytes=READ_BYTES_MAX) as proxy,
        await proxy.connect() as terminal,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(terminal.send_all, frame(1) * count)
        while received < count * len(frame(1)):
            received += len(await terminal.receive_some())

    assert proxy.account.lost == 0
    assert proxy.account.frames == 2 * count


async def test_many_connections_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl.gz"

    async def talk(stan: int) -> None:
        async with await proxy.connect() as terminal:
            for at in range(5):
                await terminal.send_all(frame(stan * 10 + at))
                await terminal.receive_some()

    async with open_proxy(echo, Order(path, ASCII)) as proxy, trio.open_nursery() as nursery:
        for stan in range(40):
            nursery.start_soon(talk, stan)

    stans: dict[str, set[str]] = {}
    for entry in entries(path):
        if entry.frame:
            stans.setdefault(entry.connection, set()).add(CODEC.decode(entry.frame[2:])[11][:-1])
    assert len(stans) == 40
    assert all(len(its) == 1 for its in stans.values())


async def test_an_address_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CannotRun, match="cannot listen on"):
        await Recorder(None).open("127.0.0.1", taken.getsockname()[1], "127.0.0.1", 1)


# --- the command ---


def key_file(folder: Path) -> Path:
    path = folder / "token.key"
    path.write_text("ab" * 32, "ascii")
    path.chmod(0o600)
    return path


def started(folder: Path, *options: str) -> tuple[subprocess.Popen[str], tuple[str, int]]:
    """The command, and where it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "switch", "record", "--listen", "127.0.0.1:0", *options],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    host, _, port = process.stderr.readline().partition(" ")[0].rpartition(":")
    return process, (host, int(port))


def exchange(folder: Path, talk: bytes, *options: str) -> tuple[int, str, str]:
    """Run the command before an echo, send ``talk``, end it with Ctrl-C; its exit status and what it said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        process, address = started(folder, "--to", f"127.0.0.1:{server.getsockname()[1]}", *options)
        with socket.create_connection(address) as terminal:
            terminal.sendall(talk)
            terminal.shutdown(socket.SHUT_WR)
            host, _ = server.accept()
            with host:
                while data := host.recv(65_536):
                    host.sendall(data)
            while terminal.recv(65_536):
                pass
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=30)
        return process.returncode, said, told


def test_ctrl_c_ends_the_command_and_says_what_was_written(tmp_path: Path) -> None:
    status, said, told = exchange(
        tmp_path, frame(1), "--dialect", ASCII, "--out", "a.jsonl", "--tokenise", "--key-file", str(key_file(tmp_path))
    )

    assert (status, told) == (0, "")
    assert said == "1 connections, 2 messages in a.jsonl\n1 cards replaced; none of them is left\n"
    assert CARD.encode().hex() not in (tmp_path / "a.jsonl").read_text("ascii")


def test_a_card_that_is_left_is_exit_status_1_and_the_file_is_put_aside(tmp_path: Path) -> None:
    hidden = CODEC.encode({0: "0200", 2: "5500000000000004", 43: CARD.ljust(40)})
    talk = CODEC.dialect.framing.wrap_request(hidden) + frame(1)

    status, said, told = exchange(
        tmp_path, talk, "--dialect", ASCII, "--out", "a.jsonl", "--tokenise", "--key-file", str(key_file(tmp_path))
    )

    assert status == 1
    assert "a.jsonl.untrusted: a card number is left in it" in told
    assert (tmp_path / "a.jsonl.untrusted").exists()
    assert CARD not in said + told


# fmt: off
WRONG = [
    (["--tokenise"],                            2, "--tokenise and --key-file K go together"),
    (["--tokenise", "--key-file", "token.key"], 2, "--tokenise needs --dialect"),
    (["--dialect", "none"],                     2, "no dialect 'none'"),
    (["--out", "token.key"],                    2, "token.key: exists"),
    (["--out", "none/a.jsonl"],                 3, "none/a.jsonl: cannot be written"),
    (["--listen", "127.0.0.1"],                 2, "--listen: must be HOST:PORT"),
]
# fmt: on


@pytest.mark.parametrize(("options", "status", "told"), WRONG)
def test_what_cannot_be_done_is_said_before_anybody_connects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], status: int, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    key_file(tmp_path)

    done = CliRunner().invoke(app, ["record", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:1", *options])

    is_usage = isinstance(done.exception, OperatorError)
    assert (2 if is_usage else done.exit_code) == status
    assert told in (str(done.exception) if is_usage else done.stderr)
