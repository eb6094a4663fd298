from __future__ import annotations

import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks import load_epoll
from benchmarks.driver import Driver, make_driver

MESSAGES = [b"message %d" % number for number in range(25)]


class Host(socketserver.ThreadingTCPServer):
    """Answers each frame backwards; closes the connection instead after ``patience`` frames."""

    daemon_threads = True

    def __init__(self, patience: int) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.patience = patience
        self.heard: list[list[bytes]] = []


class Answering(socketserver.StreamRequestHandler):
    """One connection."""

    server: Any

    def handle(self) -> None:
        heard: list[bytes] = []
        self.server.heard.append(heard)
        while size := int.from_bytes(self.rfile.read(2), "big"):
            heard.append(self.rfile.read(size))
            if len(heard) > self.server.patience:
                return
            self.wfile.write(size.to_bytes(2, "big") + heard[-1][::-1])


@contextmanager
def running(patience: int = 1000) -> Iterator[Host]:
    with Host(patience) as host:
        threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield host
        host.shutdown()


@pytest.fixture(params=["compiled where there is a compiler", "epoll"])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Driver:
    if request.param == "epoll":
        return Driver([sys.executable, load_epoll.__file__], "Python", tmp_path / "none.hex")
    return make_driver(tmp_path, tmp_path / "none.hex")


def test_each_message_is_sent_once_as_it_is_and_the_answers_stand_in_their_order(driver: Driver) -> None:
    with running() as host:
        found = driver.run_once(host.server_address[1], MESSAGES, connections=4)

    assert found.answers == [message[::-1] for message in MESSAGES]
    assert found.per_second > 0


def test_a_connection_sends_its_share_in_order(driver: Driver) -> None:
    with running() as host:
        driver.run_once(host.server_address[1], MESSAGES, connections=4)

    assert sorted(host.heard) == sorted(MESSAGES[first::4] for first in range(4))


def test_more_connections_than_messages_are_no_harm(driver: Driver) -> None:
    with running() as host:
        found = driver.run_once(host.server_address[1], MESSAGES[:3], connections=8)

    assert len(found.answers) == 3


def test_a_message_without_an_answer_is_an_error(driver: Driver) -> None:
    with running(patience=5) as host, pytest.raises(RuntimeError, match="not every request was answered"):
        driver.run_once(host.server_address[1], MESSAGES, connections=2)
