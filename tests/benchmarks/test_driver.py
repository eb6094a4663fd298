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
from benchmarks.driver import Driver, Run, make_driver

MESSAGES = [b"message %d" % number for number in range(25)]


class Host(socketserver.ThreadingTCPServer):
    """Answers each frame backwards; closes the connection instead after ``patience`` frames."""

    daemon_threads = True

    def __init__(self, patience: int) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.patience = patience
        self.heard: list[list[bytes]] = []


class Deciding(socketserver.StreamRequestHandler):
    """One connection of a host that answers each purchase with the same code, and tells once it had ``enough``."""

    server: Any

    def handle(self) -> None:
        while size := int.from_bytes(self.rfile.read(2), "big"):
            stan = self.rfile.read(size)[20:26]
            answer = b"0210%016X%b%b" % (bits(11, 39), stan, self.server.code)
            self.wfile.write(len(answer).to_bytes(2, "big") + answer)
            self.server.stans.append(stan)
            if len(self.server.stans) == 20:
                self.server.enough.set()


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


def bits(*fields: int) -> int:
    return sum(1 << (64 - field) for field in fields)


@contextmanager
def deciding(code: bytes) -> Iterator[Any]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Deciding) as host:
        vars(host).update(code=code, stans=[], enough=threading.Event(), daemon_threads=True)
        threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield host
        host.shutdown()


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


def load_until_enough(driver: Driver, host: Any) -> Run:
    driver.messages.write_bytes(b"0200%016X%018d" % (bits(11, 37), 0))
    driver.messages.write_text(driver.messages.read_bytes().hex(), "ascii")
    with driver.loading(host.server_address[1], connections=2, depth=4, rate=2_000) as end:
        assert host.enough.wait(timeout=30)
        return end()


def test_a_load_goes_on_until_it_is_ended_and_every_request_has_a_number_of_its_own(driver: Driver) -> None:
    with deciding(b"00") as host:
        run = load_until_enough(driver, host)

    assert run.sent >= 20
    assert sorted(host.stans) == [b"%06d" % number for number in range(2, run.sent + 2)]
    assert driver.seed == run.sent + 1


def test_a_load_that_was_declined_is_an_error(driver: Driver) -> None:
    with deciding(b"51") as host, pytest.raises(RuntimeError, match="not every request was answered 00"):
        load_until_enough(driver, host)
