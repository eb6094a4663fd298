"""Memory of the switch for each idle connection: connected, spoken on once, then silent."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.hosts import running_switch
from benchmarks.messages import echo_frame

CONNECTIONS = 2000
SETTLE_S = 1.0


def measure(folder: Path) -> float:
    """Return bytes of resident memory for each of `CONNECTIONS` idle connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with running_switch(folder) as host, ExitStack() as stack:
        _say_something(host.port, 0, stack)  # what the first connection needs, the others share
        before = host.resident_bytes()
        for number in range(1, CONNECTIONS + 1):
            _say_something(host.port, number, stack)
        time.sleep(SETTLE_S)
        return (host.resident_bytes() - before) / CONNECTIONS


def _say_something(port: int, number: int, stack: ExitStack) -> None:
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
    connection.sendall(echo_frame(number % 1_000_000))
    if not connection.recv(1024):
        raise RuntimeError("the switch closed a connection instead of answering its echo")
