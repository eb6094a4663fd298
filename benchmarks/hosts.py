"""Starts what is measured, each as a process of its own on a free port of loopback, and ends it again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 20.0
HERE = Path(__file__).resolve().parent


DOORS: Mapping[str, Mapping[str, Any]] = {"bench": {"dialect": "iso8583-1987-ascii"}}
"""The listener of the load, by its name."""


@dataclass(frozen=True, slots=True)
class Host:
    """A process that listens; ``ports`` by the names of its doors, ``port`` where it is about one."""

    port: int
    pid: int
    ports: Mapping[str, int] = field(default_factory=dict)

    def resident_bytes(self) -> int:
        """Memory of the process that is in RAM now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def switch(folder: Path, *arguments: str) -> str:
    """Run one command of the switch in ``folder`` and return what it printed."""
    # fmt: off
    done = subprocess.run([sys.executable, "-m", "switch", *arguments], cwd=folder, env=_environment({}),
                          capture_output=True, text=True, check=False, timeout=600)
    # fmt: on
    if done.returncode:
        raise RuntimeError(f"switch {' '.join(arguments)}: {done.stderr or done.stdout}")
    return done.stdout


@contextmanager
def running_switch(folder: Path, doors: Mapping[str, Mapping[str, Any]] = DOORS) -> Iterator[Host]:
    """Serve the installation in ``folder`` with its default settings, but for ports and what ``doors`` say.

    And but for the daily audit: it would begin after a minute, in some rounds and not in others.
    """
    ports, admin = {name: free_port() for name in doors}, free_port()
    listeners = [{**door, "name": name, "bind": f"127.0.0.1:{ports[name]}"} for name, door in doors.items()]
    changes = {
        "SWITCH_LISTENERS": json.dumps(listeners),
        "SWITCH_ADMIN__BIND": f"127.0.0.1:{admin}",
        "SWITCH_CHORES__AUDIT_HOURS": "0",
    }
    port = next(reversed(ports.values()))  # the last that is opened
    with (
        (folder / "serve.log").open("wb") as log,
        _running(["-m", "switch", "serve"], port, folder, log, changes) as up,
    ):
        yield replace(up, ports={**ports, "admin": admin})


@contextmanager
def running_echo(folder: Path) -> Iterator[Host]:
    """Serve the bare trio echo."""
    port = free_port()
    with _running([str(HERE / "echo.py"), str(port)], port, folder, subprocess.DEVNULL, {}) as host:
        yield host


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(arguments: list[str], port: int, folder: Path, log: object, changes: Mapping[str, str]) -> Iterator[Host]:
    # fmt: off
    process = subprocess.Popen([sys.executable, *arguments], cwd=folder, env=_environment(changes),
                               stdout=subprocess.DEVNULL, stderr=log)  # type: ignore[call-overload]
    # fmt: on
    try:
        _wait_until_listening(process, port)
        yield Host(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    give_up = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"nothing listens on port {port}; see serve.log")


def _environment(changes: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SWITCH_")}
    return {**kept, "PYTHONPATH": str(HERE.parent), **changes}
