from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LISTENERS = '[{"name": "a", "dialect": "iso8583-1987-ascii", "bind": "127.0.0.1:0"}]'
KEEP_ALIVE = b"\0\0"


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SWITCH_LISTENERS": LISTENERS,
        "SWITCH_ADMIN__BIND": "127.0.0.1:0",
        "SWITCH_LOG__FORMAT": "json",
        "SWITCH_SERVER__DRAIN_DEADLINE_S": "3600",
        "HOME": str(folder),
    }


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    subprocess.run([sys.executable, "-m", "switch", "init"], cwd=tmp_path, env=environment(tmp_path), check=True)
    return tmp_path


@contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], tuple[str, int]]]:
    """A server that listens, and where."""
    with subprocess.Popen(
        [sys.executable, "-m", "switch", "serve"],
        cwd=folder,
        env=environment(folder),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            events = (json.loads(line) for line in process.stderr)
            listening = next(event for event in events if event["event"] == "listening")
            host, _, port = listening["address"].rpartition(":")
            yield process, (host, int(port))
        finally:
            process.kill()


def test_a_switch_serves_until_it_is_told_to_stop(installation: Path) -> None:
    with serving(installation) as (process, address):
        with socket.create_connection(address, timeout=20) as terminal:
            terminal.sendall(KEEP_ALIVE)
            answer = terminal.recv(16)
        process.send_signal(signal.SIGTERM)

        assert process.wait(20) == 0
        assert answer == KEEP_ALIVE


def test_a_database_without_books_is_not_served(installation: Path) -> None:
    changed = {**environment(installation), "SWITCH_LEDGER__DATABASE": "sqlite:///empty.sqlite3"}

    done = subprocess.run(
        [sys.executable, "-m", "switch", "serve"],
        cwd=installation,
        env=changed,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert done.returncode == 2
    assert "switch db upgrade" in done.stderr
