"""Limits of a connection: how much, how long, how it ends. The clock is trio's mock one; sockets are real."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trio
import trio.testing

from switch.terminals.limits import Limits
from tests.fakes import FakeHandler
from tests.terminals.door import Door, Peer, open_door


@pytest.fixture
def hurried_clock() -> trio.testing.MockClock:
    """Time jumps to the next deadline once nothing has happened on any socket for a moment."""
    return trio.testing.MockClock(autojump_threshold=0.01)


async def until(condition: object, *, door: Door) -> None:
    """Let the door work until the condition, a callable, holds."""
    assert callable(condition)
    with trio.fail_after(5):
        while not condition():
            await trio.lowlevel.checkpoint()
            assert not door.ended.is_set() or condition()


# --- in flight ---------------------------------------------------------------------------------------------


async def test_answers_leave_as_they_come_not_as_they_were_asked() -> None:
    handler = FakeHandler(answers_at_once=False)
    async with open_door(handler=handler) as door, door.connect() as peer:
        await peer.send(*map(door.purchase, (1, 2, 3)))
        await until(lambda: len(handler.requests) == 3, door=door)
        for stan in ("000003", "000001", "000002"):
            handler.answer(stan)

        assert [(await peer.receive())[11] for _ in range(3)] == ["000003", "000001", "000002"]


async def test_a_connection_has_a_bounded_number_of_requests_in_flight() -> None:
    handler = FakeHandler(answers_at_once=False)
    async with open_door(handler=handler, limits=Limits(max_in_flight=2)) as door, door.connect() as peer:
        await peer.send(*map(door.purchase, range(1, 6)))
        async with door.connect() as other:
            await other.send(door.purchase(9))
            await until(lambda: "000009" in handler.stans, door=door)
            at_first = [stan for stan in handler.stans if stan != "000009"]
            handler.answer("000001")
            await peer.receive()
            await until(lambda: "000003" in handler.stans, door=door)
            then = [stan for stan in handler.stans if stan != "000009"]
            handler.answer("000009")
        for stan in ("000002", "000003", "000004", "000005"):
            await until(lambda stan=stan: stan in handler.stans, door=door)
            handler.answer(stan)
            await peer.receive()

    assert at_first == ["000001", "000002"]
    assert then == ["000001", "000002", "000003"]


async def test_one_slow_request_does_not_hold_up_the_other_connections() -> None:
    handler = FakeHandler(answers_at_once=False)
    async with open_door(handler=handler) as door, door.connect() as slow, door.connect() as quick:
        await slow.send(door.purchase(1))
        await quick.send(door.purchase(2))
        await until(lambda: len(handler.requests) == 2, door=door)
        handler.answer("000002")

        assert (await quick.receive())[11] == "000002"
        handler.answer("000001")


# --- peers that do not read --------------------------------------------------------------------------------


async def lazy_peer(door: Door) -> Peer:
    """A peer with little room for answers."""
    connection = trio.socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await connection.connect(door.address)
    return Peer(door, trio.SocketStream(connection))


@asynccontextmanager
async def filling(peer: Peer, most: int) -> AsyncIterator[None]:
    """Send ``most`` purchases, as far as the door takes them, while the block runs."""
    requests = b"".join(peer.door.frame(peer.door.purchase(stan)) for stan in range(1, most + 1))

    async def send() -> None:
        with suppress(trio.BrokenResourceError):  # the door has closed
            await peer.stream.send_all(requests)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        yield
        nursery.cancel_scope.cancel()


async def taken_at_most(door: Door) -> int:
    """How many requests the door has taken once nothing has moved for a long while.

    A second of the clock is a moment in which the kernel had nothing to tell; that alone does not mean that it has
    nothing on its way.
    """
    taken, quiet_s = 0, 0
    while not taken or quiet_s < 30:
        await trio.sleep(1)
        quiet_s = quiet_s + 1 if len(door.handler.requests) == taken else 0
        taken = len(door.handler.requests)
    return taken


async def test_a_peer_that_does_not_read_is_not_read_from(hurried_clock: trio.testing.MockClock) -> None:  # noqa: ARG001
    async with open_door(limits=Limits(send_deadline_s=36_000, idle_deadline_s=36_000)) as door:
        peer = await lazy_peer(door)
        async with peer.stream, filling(peer, 40_000):
            taken = await taken_at_most(door)

            assert taken < 40_000
            for _ in range(taken):
                await peer.receive()


async def test_a_peer_that_does_not_read_is_ended_by_the_deadline(hurried_clock: trio.testing.MockClock) -> None:  # noqa: ARG001
    async with open_door(limits=Limits(send_deadline_s=8)) as door:
        peer = await lazy_peer(door)
        async with peer.stream, filling(peer, 40_000):
            with trio.fail_after(600):
                while not door.counted("connections_closed_total", reason="slow_reader"):  # noqa: ASYNC110 - in jumps
                    await trio.sleep(1)

        assert trio.current_time() >= 8
        assert len(door.handler.requests) < 40_000
        assert door.counted("connections_open") == 0


# --- peers that stop ---------------------------------------------------------------------------------------


async def test_half_a_frame_is_waited_for_until_its_deadline(hurried_clock: trio.testing.MockClock) -> None:  # noqa: ARG001
    async with open_door(limits=Limits(partial_frame_deadline_s=10)) as door, door.connect() as peer:
        await peer.stream.send_all(door.frame(door.purchase())[:20])
        begun = trio.current_time()

        assert await peer.is_closed()
        assert 10 <= trio.current_time() - begun < 12
        assert door.counted("frames_refused_total", reason="incomplete") == 1


async def drip(peer: Peer, data: bytes) -> None:
    for byte in data:
        await peer.stream.send_all(bytes([byte]))
        await trio.sleep(2)


async def test_a_dripping_frame_is_not_waited_for_longer(hurried_clock: trio.testing.MockClock) -> None:  # noqa: ARG001
    async with open_door(limits=Limits(partial_frame_deadline_s=10)) as door, door.connect() as peer:
        with pytest.raises(trio.BrokenResourceError):
            await drip(peer, door.frame(door.purchase()))

        assert 10 <= trio.current_time() < 16
        assert door.handler.requests == []


async def test_a_frame_that_comes_in_two_parts_in_time_is_served(hurried_clock: trio.testing.MockClock) -> None:  # noqa: ARG001
    async with open_door(limits=Limits(partial_frame_deadline_s=10)) as door, door.connect() as peer:
        for stan in range(1, 4):
            frame = door.frame(door.purchase(stan))
            await peer.stream.send_all(frame[:20])
            await trio.sleep(8)
            await peer.stream.send_all(frame[20:])
            assert (await peer.receive())[39] == "00"
            await trio.sleep(8)


async def test_an_idle_connection_is_ended_and_one_with_traffic_is_not(hurried_clock: trio.testing.MockClock) -> None:  # noqa: ARG001
    async with open_door(limits=Limits(idle_deadline_s=60)) as door, door.connect() as idle, door.connect() as busy:
        for stan in range(1, 5):
            await busy.send(door.purchase(stan))
            await busy.receive()
            await trio.sleep(20)

        assert await idle.is_closed()
        assert door.counted("connections_closed_total", reason="idle") == 1
        await busy.send(door.purchase(9))
        assert (await busy.receive())[39] == "00"


async def test_a_connection_that_waits_for_its_answer_is_not_idle(hurried_clock: trio.testing.MockClock) -> None:  # noqa: ARG001
    handler = FakeHandler(answers_at_once=False)
    async with open_door(handler=handler, limits=Limits(idle_deadline_s=20)) as door, door.connect() as peer:
        await peer.send(door.purchase())
        await trio.sleep(40)
        handler.answer("000001")

        assert (await peer.receive())[39] == "00"


# --- garbage -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("framing", "data", "reason"),
    [
        ({}, b"\xff\xff" + b"x" * 50, "too_long"),
        ({"max_frame_bytes": 200}, b"\x00\xc9", "too_long"),
        ({"length": "ascii4"}, b"+123", "bad_length"),
        ({"length": "bcd2"}, b"\xab\xcd", "bad_length"),
        ({"trailer": b"\x03"}, b"\0\x040200\x04", "bad_trailer"),
        ({"tpdu": True}, b"\0\x03\x60\0\0", "bad_header"),
    ],
)
async def test_what_is_no_frame_ends_the_connection_and_is_counted(
    framing: dict[str, Any], data: bytes, reason: str
) -> None:
    async with open_door(**framing) as door, door.connect() as peer:
        await peer.stream.send_all(data)

        with trio.fail_after(5), suppress(trio.BrokenResourceError):  # bytes left unread make its farewell a reset
            assert await peer.is_closed()
        await until(lambda: door.counted("frames_refused_total", reason=reason) == 1, door=door)


async def test_a_good_message_before_garbage_is_answered() -> None:
    async with open_door() as door, door.connect() as peer:
        await peer.stream.send_all(door.frame(door.purchase()) + b"\xff\xff")

        assert (await peer.receive())[39] == "00"


# --- caps --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(max_connections=2), "total"),
        (Limits(max_connections_per_address=2), "address"),
    ],
)
async def test_a_connection_over_a_cap_is_refused_and_there_is_room_again_later(limits: Limits, reason: str) -> None:
    async with open_door(limits=limits) as door:
        async with door.connect() as first, door.connect() as second:
            for peer in (first, second):
                await peer.send(door.purchase())
                await peer.receive()
            async with door.connect() as third:
                assert await third.is_closed()
            assert door.counted("connections_refused_total", reason=reason) == 1
            await first.send(door.purchase(2))
            assert (await first.receive())[39] == "00"
        await until(lambda: door.counted("connections_open") == 0, door=door)
        async with door.connect() as later:
            await later.send(door.purchase(3))
            assert (await later.receive())[39] == "00"


# --- ends --------------------------------------------------------------------------------------------------


async def test_a_client_that_closed_its_half_still_gets_its_answer() -> None:
    handler = FakeHandler(answers_at_once=False)
    async with open_door(handler=handler) as door, door.connect() as peer:
        await peer.send(door.purchase())
        await peer.stream.send_eof()
        await until(lambda: handler.stans == ["000001"], door=door)
        handler.answer("000001")

        assert (await peer.receive())[39] == "00"
        assert await peer.is_closed()


async def test_a_peer_that_vanishes_while_its_request_is_decided_harms_nobody() -> None:
    handler = FakeHandler(answers_at_once=False)
    async with open_door(handler=handler) as door, door.connect() as other:
        async with door.connect() as peer:
            await peer.send(door.purchase(1))
            await until(lambda: "000001" in handler.stans, door=door)
            peer.reset()
            await until(lambda: door.counted("connections_open") == 1, door=door)
        handler.answer("000001")
        await other.send(door.purchase(2))
        await until(lambda: "000002" in handler.stans, door=door)
        handler.answer("000002")

        assert (await other.receive())[39] == "00"
        assert door.counted("answers_unsent_total") == 1


# --- draining ----------------------------------------------------------------------------------------------


async def test_draining_finishes_what_is_in_flight_and_closes() -> None:
    handler = FakeHandler(answers_at_once=False)
    async with open_door(handler=handler) as door, door.connect() as busy, door.connect() as idle:
        await busy.send(*map(door.purchase, (1, 2)))
        await idle.send({0: "0800", 7: "0304040000", 11: "000009", 70: "301"})
        await idle.receive()
        await until(lambda: len(handler.requests) == 2, door=door)
        door.listener.drain()

        assert await idle.is_closed()
        assert not door.ended.is_set()
        handler.answer("000002")
        handler.answer("000001")
        assert [(await busy.receive())[11], (await busy.receive())[11]] == ["000002", "000001"]
        assert await busy.is_closed()
        with trio.fail_after(5):
            await door.ended.wait()


async def test_while_draining_nobody_new_is_let_in() -> None:
    handler = FakeHandler(answers_at_once=False)
    async with open_door(handler=handler) as door, door.connect() as busy:
        await busy.send(door.purchase())
        await until(lambda: len(handler.requests) == 1, door=door)
        door.listener.drain()
        await trio.testing.wait_all_tasks_blocked()

        with pytest.raises(OSError):  # noqa: PT011 - refused, whatever trio makes of it
            await trio.open_tcp_stream(*door.address)
        handler.answer("000001")
        await busy.receive()


async def test_draining_answers_what_is_in_flight_even_if_more_was_sent_than_was_read() -> None:
    handler = FakeHandler(answers_at_once=False)
    async with open_door(handler=handler, limits=Limits(max_in_flight=2)) as door, door.connect() as busy:
        await busy.send(*map(door.purchase, range(1, 301)))
        await until(lambda: len(handler.requests) == 2, door=door)
        door.listener.drain()
        await trio.testing.wait_all_tasks_blocked()
        handler.answer("000001")
        handler.answer("000002")
        await until(lambda: door.counted("connections_open") == 0, door=door)

        assert [(await busy.receive())[11], (await busy.receive())[11]] == ["000001", "000002"]
        assert len(handler.requests) == 2
