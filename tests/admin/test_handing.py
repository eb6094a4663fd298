"""Connections handed over to another process, here a test that holds the other end of the way."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from switch.admin.handing import LATE, REFUSED, TAKEN, Handing, is_for_console
from switch.admin.pages import build_pages
from switch.admin.server import serve_admin
from switch.admin.serving import CONNECTIONS_MAX
from switch.config import Address
from switch.telemetry import Metrics
from tests.admin.http import ask
from tests.admin.test_server import Fixed

PATIENCE_S = 60.0


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\n",
        b"GET /cards/1?a=/metrics HTTP/1.1\r\nHost: a\r\n",
        b"POST /change HTTP/1.1\r\nHost: a\r\n\r\nbody",
        b"GET /metrics/ HTTP/1.1\r\n",
        b"GET /%6detrics HTTP/1.1\r\n",
    ],
)
def test_a_whole_request_line_for_a_page_is_for_the_console(words: bytes) -> None:
    assert is_for_console(words)


@pytest.mark.parametrize(
    "words",
    [
        b"GET /metrics HTTP/1.1\r\n",
        b"GET /metrics?name=x HTTP/1.1\r\n",
        b"HEAD /healthz HTTP/1.0\r\n",
        b"GET /readyz HTTP/1.1\r\n",
        b"GET /cards HTTP/1.1",
        b"GET /met",
        b"GET  /cards HTTP/1.1\r\n",
        b"\r\nGET /cards HTTP/1.1\r\n",
        b"GET http://a/metrics HTTP/1.1\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"TRACE / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ],
)
def test_all_else_is_for_the_switch(words: bytes) -> None:
    assert not is_for_console(words)


@dataclass
class Way:
    """A way over, and its other end. ``settled`` is how each connection fared."""

    handing: Handing
    far: socket.socket
    settled: list[bool] = field(default_factory=list)
    late: list[str] = field(default_factory=list)

    def settle(self, _connection: socket.socket, is_taken: bool) -> None:  # noqa: FBT001
        self.settled.append(is_taken)

    def received(self) -> socket.socket:
        _, descriptors, _, _ = socket.recv_fds(self.far, 1, 1)
        return socket.socket(fileno=descriptors[0])


@contextmanager
def a_way(patience_s: float = PATIENCE_S) -> Iterator[Way]:
    near, far = socket.socketpair()
    near.setblocking(False)
    with far:
        way = Way(Handing(near, lambda: way.late.append("late"), patience_s), far)
        try:
            yield way
        finally:
            far.close()
            way.handing.close()


@contextmanager
def a_connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_is_sent_over_is_the_connection_itself() -> None:
    with a_way() as way, a_connection() as (ours, theirs):
        assert way.handing.send(ours, way.settle)
        with way.received() as received:
            theirs.sendall(b"hello")

            assert received.recv(5) == b"hello"


async def test_answers_settle_in_the_order_of_what_was_sent() -> None:
    with a_way() as way, a_connection() as (ours, _):
        for _ in range(3):
            way.handing.send(ours, way.settle)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(way.handing.run)
            way.far.sendall(TAKEN + REFUSED + LATE + TAKEN)
            way.far.shutdown(socket.SHUT_WR)

    assert way.settled == [True, False, True]
    assert way.late == ["late"]


def test_what_was_taken_before_the_end_is_not_served_twice() -> None:
    with a_way() as way, a_connection() as (ours, _):
        for _ in range(3):
            way.handing.send(ours, way.settle)
        way.far.sendall(TAKEN)
        way.far.close()
        way.handing.close()

        assert way.settled == [True, False, False]
        assert not way.handing.send(ours, way.settle)


async def test_a_process_that_takes_nothing_is_looked_at(autojump_clock: trio.testing.MockClock) -> None:
    with a_way(10.0) as way, a_connection() as (ours, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(way.handing.run)
            await trio.sleep(105)
            assert way.late == []  # nothing is under way

            way.handing.send(ours, way.settle)
            await trio.sleep(20)
            assert way.late == ["late", "late"]
            nursery.cancel_scope.cancel()
    assert autojump_clock.current_time() > 0


def test_a_way_that_is_full_takes_no_more_and_never_blocks() -> None:
    before = descriptors()
    with a_way() as way, a_connection() as (ours, _):
        sent = 0
        while sent < 100_000 and way.handing.send(ours, way.settle):
            sent += 1

    assert 0 < sent < 100_000
    assert way.settled == [False] * sent
    assert descriptors() == before


def test_where_nobody_listens_no_descriptor_is_left(tmp_path: Path) -> None:
    before = descriptors()

    with pytest.raises(OSError, match="No such file"):
        Handing.opened(tmp_path / "handed", lambda: None, PATIENCE_S)

    assert descriptors() == before


# --- at the door -------------------------------------------------------------------------------------------


@asynccontextmanager
async def a_door(way: Way) -> AsyncIterator[Address]:
    """The admin address, where what is for a console goes the way."""

    def go_over(connection: socket.socket, words: bytes, settle: object) -> bool:
        return is_for_console(words) and way.handing.send(connection, settle)  # type: ignore[arg-type]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(way.handing.run)
        pages = build_pages(Metrics().registry, Fixed())
        yield await nursery.start(serve_admin, Address("127.0.0.1", 0), pages, None, go_over)
        nursery.cancel_scope.cancel()


async def refuse_one(way: Way) -> None:
    await trio.lowlevel.wait_readable(way.far)
    way.received().close()
    way.far.sendall(REFUSED)


async def test_what_is_refused_is_served_here_as_if_nothing_had_been() -> None:
    with a_way() as way:
        async with a_door(way) as address, trio.open_nursery() as nursery:
            nursery.start_soon(refuse_one, way)
            async with await trio.open_tcp_stream(address.host, address.port) as stream:
                told = await ask(stream, "/cards")

    assert (told.status, told.body.partition(":")[0]) == (404, "no console here")


async def test_a_first_line_that_comes_in_pieces_is_served_here() -> None:
    with a_way() as way:
        async with a_door(way) as address, await trio.open_tcp_stream(address.host, address.port) as stream:
            await stream.send_all(b"GET /he")
            await wait_all_tasks_blocked()
            await stream.send_all(b"althz HTTP/1.1\r\nHost: a\r\n\r\n")

            assert (await stream.receive_some(65_536)).startswith(b"HTTP/1.1 200")


async def test_metrics_and_health_never_go_over() -> None:
    with a_way() as way:
        async with a_door(way) as address:
            for path in ("/metrics", "/healthz", "/readyz"):
                async with await trio.open_tcp_stream(address.host, address.port) as stream:
                    assert (await ask(stream, path)).status == 200

        way.far.setblocking(False)
        with pytest.raises(BlockingIOError):  # nothing came
            way.far.recv(1)


async def test_clients_that_are_silent_or_gone_leave_no_descriptor() -> None:
    with a_way() as way:
        async with a_door(way) as address:
            async with await trio.open_tcp_stream(address.host, address.port) as stream:
                assert (await ask(stream, "/healthz")).status == 200
            await wait_all_tasks_blocked()
            before = descriptors()
            for said in (b"", b"G", b"GET /healthz HTTP/1.1\r\n"):
                async with await trio.open_tcp_stream(address.host, address.port) as stream:
                    if said:
                        await stream.send_all(said)
                    await stream.send_eof()
                    with trio.fail_after(PATIENCE_S):
                        while await stream.receive_some(65_536):
                            pass
            await wait_all_tasks_blocked()

            assert descriptors() == before


async def test_connections_on_their_way_have_their_places_and_give_them_back() -> None:
    with a_way() as way:
        async with a_door(way) as address:
            streams = [await trio.open_tcp_stream(address.host, address.port) for _ in range(CONNECTIONS_MAX)]
            for stream in streams:
                await stream.send_all(b"GET /cards HTTP/1.1\r\nHost: a\r\n\r\n")
            over = []
            for _ in streams:
                await trio.lowlevel.wait_readable(way.far)
                over.append(way.received())
            one_more = await trio.open_tcp_stream(address.host, address.port)
            await one_more.send_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            turned_away = b""
            with suppress(trio.BrokenResourceError):  # reset, or closed
                turned_away = bytes(await one_more.receive_some(1))
            assert turned_away == b""

            way.far.sendall(TAKEN * CONNECTIONS_MAX)
            await wait_all_tasks_blocked()
            async with await trio.open_tcp_stream(address.host, address.port) as stream:
                assert (await ask(stream, "/healthz")).status == 200
            over[0].sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            assert (await streams[0].receive_some(100)).startswith(b"HTTP/1.1 204")
            for each in over:
                each.close()
            for stream in (*streams, one_more):
                await stream.aclose()
