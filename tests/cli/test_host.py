from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from switch.wire.codec import Codec
from switch.wire.dialect import load_dialect
from tests.terminals.door import PURCHASES

ROOT = Path(__file__).resolve().parents[2]
DIALECT = load_dialect("iso8583-1987-ascii")
CODEC = Codec(DIALECT)
PURCHASE = DIALECT.framing.wrap_request(CODEC.encode(PURCHASES["iso8583-1987-ascii"]))
COMMAND = [sys.executable, "-m", "switch", "host", "--dialect", "iso8583-1987-ascii"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}


@contextmanager
def hosting(*options: str) -> Iterator[tuple[subprocess.Popen[str], tuple[str, int]]]:
    """A host that listens, and where."""
    with subprocess.Popen([*COMMAND, *options], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said, _, address = process.stdout.readline().rpartition(" ")
            assert said == "listening on"
            host, _, port = address.strip().rpartition(":")
            yield process, (host, int(port))
        finally:
            process.kill()


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *options], env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False
    )


def asked(address: tuple[str, int]) -> str:
    """DE 39 of the answer to a purchase."""
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(PURCHASE)
        data = client.recv(4096)
    return CODEC.decode(DIALECT.framing.framer().feed(data)[0].body)[39]


def test_a_host_answers_until_ctrl_c_and_then_tells_what_it_did() -> None:
    with hosting("--verbose") as (process, address):
        code = asked(address)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        told = process.stdout.read()

        assert process.wait(20) == 0
    assert code == "00"
    assert "purchase #000001 TERM0001 411111******1111 000000001000 -> (default): answer 00" in told
    assert "1 connections" in told
    assert "4111111111111111" not in told


def test_a_script_of_ones_own_is_played(tmp_path: Path) -> None:
    script = tmp_path / "no.toml"
    script.write_text('[default]\naction = "insufficient_funds"\n\n[framing]\nmax_frame_bytes = 4096\n', "utf-8")

    with hosting("--script", str(script)) as (_, address):
        assert asked(address) == "51"


def test_a_wrong_script_is_a_slip_of_usage(tmp_path: Path) -> None:
    script = tmp_path / "no.toml"
    script.write_text('[default]\naktion = "approved"\n', "utf-8")

    done = run("--script", str(script))

    assert done.returncode == 2
    assert "no.toml: default.aktion: no such key" in done.stderr.replace("\n", "")


def test_an_address_that_is_taken_is_exit_status_3() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--listen", f"127.0.0.1:{taken.getsockname()[1]}")

    assert done.returncode == 3
    assert "cannot listen" in done.stdout


def test_an_address_without_a_port_is_a_slip_of_usage() -> None:
    assert run("--listen", "localhost").returncode == 2
