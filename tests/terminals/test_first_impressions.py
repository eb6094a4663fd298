"""What a listener says in its log of a peer that speaks otherwise than it expects."""

from __future__ import annotations

import json

import pytest
import trio
import trio.testing

from switch.telemetry import STRANGERS_PER_SECOND, EventLog, configure_logging
from switch.terminals.limits import Limits
from switch.wire.framing import Framing
from tests.terminals.door import Door, open_door

PAN = "4111111111111111"


@pytest.fixture
def hurried_clock() -> trio.testing.MockClock:
    """A clock that jumps only after the loopback has had real time to deliver what is on its way."""
    return trio.testing.MockClock(autojump_threshold=0.05)


def written(door: Door, event: str) -> list[dict[str, str]]:
    lines = [json.loads(line) for line in door.log.getvalue().splitlines()]
    return [line for line in lines if line["event"] == event]


async def test_another_length_is_named_where_the_stream_cannot_be_cut() -> None:
    async with open_door(length="ascii4") as door, door.connect() as peer:
        await peer.stream.send_all(Framing("bcd2", tpdu=True).wrap_request(door.codec.encode(door.purchase())))

        assert await peer.is_closed()
        (line,) = written(door, "frame refused")
        assert line["doctor"] == (
            "looks like 2-byte BCD length + TPDU + ASCII with hex bitmap; "
            "this listener expects 4 ASCII digits + ASCII with hex bitmap"
        )
        assert PAN not in door.log.getvalue()


async def test_another_encoding_is_named_where_the_message_does_not_decode() -> None:
    async with open_door() as ascii_door, open_door("unionpay-pos") as door, door.connect() as peer:
        await peer.stream.send_all(ascii_door.frame(ascii_door.purchase()))

        assert await peer.is_closed()
        (line,) = written(door, "undecodable")
        assert line["doctor"] == (
            "looks like 2-byte binary length + ASCII with hex bitmap; "
            "this listener expects 2-byte binary length + TPDU + 6-byte header + BCD with binary bitmap"
        )


async def test_a_frame_that_would_never_end_is_looked_at_too(hurried_clock: trio.testing.MockClock) -> None:  # noqa: ARG001
    async with open_door(length="bcd2", limits=Limits(partial_frame_deadline_s=10)) as door, door.connect() as peer:
        await peer.stream.send_all(Framing("ascii4").wrap_request(door.codec.encode(door.purchase())))

        assert await peer.is_closed()
        (line,) = written(door, "frame refused")
        assert line["reason"] == "incomplete"
        assert line["doctor"].startswith("looks like 4 ASCII digits + ASCII with hex bitmap; ")


async def test_only_the_first_frame_of_a_connection_is_looked_at() -> None:
    async with open_door() as door, door.connect() as peer:
        await peer.send(door.purchase())
        await peer.receive()
        await peer.stream.send_all(b"\0\x20" + b"\x16" * 32)

        assert await peer.is_closed()
        (line,) = written(door, "undecodable")
        assert "doctor" not in line


async def test_a_fault_in_the_expected_form_is_not_explained_by_another() -> None:
    async with open_door() as door, door.connect() as peer:
        await peer.stream.send_all(door.frame(door.purchase()).replace(b"000000001000", b"00000000100x"))

        await peer.receive()
        (line,) = written(door, "undecodable")
        assert "doctor" not in line


async def test_lines_that_are_not_written_cost_no_look() -> None:
    async with open_door() as door:
        events = EventLog(configure_logging("json", "info", door.log), lambda: 0.0)
        looked = []

        def doctor() -> str:
            looked.append(1)
            return "looks like anything"

        for _ in range(100):
            events.frame_refused("door", "peer", "too_long", "announced", doctor)

        assert len(looked) == STRANGERS_PER_SECOND
