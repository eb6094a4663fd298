from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence

import pytest
import trio

from switch.load.engine import Engine, NobodyListens, drive
from switch.load.plan import Act, Planned, Stray, Target
from switch.wire.codec import Fields
from tests.load.hosts import ISO, Answering, Told, a_host, a_sale, an_answer, approving, framed, planned

PATIENCE_S = 20.0


async def driven(target: Target, *plan: Planned, connections: int = 0, in_flight: int | None = None) -> Told:
    told = Told()
    with trio.fail_after(PATIENCE_S):
        await drive(plan, target, told, connections=connections, in_flight=in_flight)
    return told


def answering_only(*stans: int) -> Answering:
    return lambda fields: approving(fields) if int(fields[11]) in stans else []


async def test_every_message_is_answered_on_its_connection() -> None:
    async with a_host() as target:
        told = await driven(target, *(planned(stan, stan * 100, stan % 7) for stan in range(1, 301)))

    assert told.sent_notes == list(range(1, 301))
    assert told.answers == dict.fromkeys(range(1, 301), "00")
    assert (told.missed, told.strays) == ([], [])
    assert {connection for connection, what in told.events if what == "opened"} == set(range(7))


async def test_connections_that_are_wanted_from_the_start_are_opened_before_anything_is_sent() -> None:
    async with a_host() as target:
        told = await driven(target, planned(1), connections=5)

    assert sorted(told.events[:5]) == [(number, "opened") for number in range(5)]


async def test_latency_counts_from_when_a_message_was_due_also_where_we_are_behind_ourselves() -> None:
    async with a_host() as target:
        told = await driven(target, planned(1, -2_000_000), planned(2, -1_000_000))

    assert told.latencies_us[1] >= 2_000_000
    assert told.latencies_us[2] >= 1_000_000


async def test_latency_counts_from_when_a_message_was_due_however_long_the_host_stalled() -> None:
    arrived: list[Fields] = []

    def stalling(fields: Fields) -> Sequence[bytes]:
        """Hold everything until the last one is there, as a host that stalls does."""
        arrived.append(fields)
        return [framed(an_answer(one)) for one in arrived] if len(arrived) == 10 else []

    async with a_host(stalling) as target:
        told = await driven(target, *(planned(stan, stan * 20_000) for stan in range(1, 11)))

    assert len(told.answers) == 10
    for stan in range(1, 11):
        assert told.latencies_us[stan] >= (10 - stan) * 20_000


async def test_no_more_messages_are_in_flight_than_allowed_and_all_are_drained() -> None:
    held: list[Fields] = []
    most = 0

    def in_fours(fields: Fields) -> Sequence[bytes]:
        nonlocal most
        held.append(fields)
        most = max(most, len(held))
        if len(held) < 4:
            return []
        answers = [framed(an_answer(one)) for one in held]
        held.clear()
        return answers

    async with a_host(in_fours) as target:
        told = await driven(target, *(planned(stan) for stan in range(1, 41)), in_flight=4)

    assert most == 4
    assert len(told.answers) == 40


async def test_what_is_never_answered_is_missing_once_it_is_late() -> None:
    async with a_host(answering_only(1, 3), deadline_s=0.05) as target:
        told = await driven(target, planned(1), planned(2), planned(3))

    assert sorted(told.answers) == [1, 3]
    assert told.missed == [2]


async def test_an_answer_after_the_deadline_is_still_taken_while_the_run_lasts() -> None:
    held: list[Fields] = []

    def first_after_second(fields: Fields) -> Sequence[bytes]:
        held.append(fields)
        return [framed(an_answer(one)) for one in held] if len(held) == 2 else []

    async with a_host(first_after_second, deadline_s=0.1) as target:
        told = await driven(target, planned(1), planned(2, 250_000))

    assert sorted(told.answers) == [1, 2]
    assert told.latencies_us[1] > 100_000
    assert told.missed == []


async def test_a_second_answer_is_a_duplicate_and_one_to_nothing_unmatched() -> None:
    def too_much(fields: Fields) -> Sequence[bytes]:
        return [framed(an_answer(fields)), framed(an_answer(fields)), framed(an_answer(a_sale(999)))]

    async with a_host(too_much) as target:
        told = await driven(target, planned(1), planned(2, 50_000), planned(3, 100_000))

    assert told.strays[:2] == [Stray.DUPLICATE, Stray.UNMATCHED]
    assert sorted(told.answers) == [1, 2, 3]


async def test_two_messages_with_one_key_are_answered_in_their_order() -> None:
    async with a_host(lambda fields: [framed(an_answer(fields))]) as target:
        told = await driven(target, planned(1, note="first"), planned(1, note="again"))

    assert list(told.answers) == ["first", "again"]


async def test_what_does_not_parse_is_unreadable_and_its_message_missing() -> None:
    async with a_host(lambda _: [ISO.framing.wrap_request(b"0210 is not a message")], deadline_s=0.05) as target:
        told = await driven(target, planned(1))

    assert told.strays == [Stray.UNREADABLE]
    assert told.missed == [1]


async def test_garbage_that_cannot_be_cut_ends_its_connection_and_the_next_message_opens_another() -> None:
    def garbage_first(fields: Fields) -> Sequence[bytes]:
        return [b"\xff" * 9000] if fields[11] == "000001" else approving(fields)

    async with a_host(garbage_first) as target:
        told = await driven(target, planned(1), planned(2, 200_000))

    assert told.missed == [1]
    assert told.answers == {2: "00"}
    whats = [what for _, what in told.events]
    assert whats[0] == "opened"
    assert whats[1].startswith("what comes in cannot be cut")
    assert whats[2] == "reopened"


async def test_what_waits_on_a_connection_that_the_host_closes_is_missing_at_once() -> None:
    async with a_host(lambda _: [b""], deadline_s=3_600) as target:
        told = await driven(target, planned(1))

    assert told.missed == [1]
    assert (0, "closed by the host") in told.events


async def test_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        target = Target("127.0.0.1", held.getsockname()[1], ISO)

        with pytest.raises(NobodyListens, match=r"nobody listens on 127\.0\.0\.1:\d+ \(.*refused"):
            await drive([planned(1)], target, Told())


async def test_a_connection_is_closed_once_its_messages_are_answered() -> None:
    async with a_host() as target:
        told = await driven(target, planned(1), Planned(0, 0, b"", act=Act.CLOSE), planned(2, 200_000))

    assert told.answers == {1: "00", 2: "00"}
    assert [what for _, what in told.events] == ["opened", "closed by us", "opened"]


async def test_a_connection_that_is_broken_off_leaves_its_messages_unanswered() -> None:
    async with a_host() as target:
        told = await driven(target, planned(1), Planned(0, 0, b"", act=Act.BREAK))

    assert told.missed == [1]
    assert told.events[-1] == (0, "broken off by us")


async def test_half_a_frame_is_sent_as_it_is_and_the_rest_completes_it() -> None:
    whole = planned(1)
    half = whole._replace(frame=whole.frame[:20])
    rest = Planned(50_000, 0, whole.frame[20:])

    async with a_host() as target:
        told = await driven(target, half, rest)

    assert told.answers == {1: "00"}


async def test_a_connection_that_is_held_reads_its_answers_later() -> None:
    plan = [Planned(0, 0, b"", act=Act.HOLD), planned(1), Planned(150_000, 0, b"", act=Act.READ)]

    async with a_host() as target:
        told = await driven(target, *plan)

    assert told.answers == {1: "00"}
    assert told.latencies_us[1] >= 150_000


async def test_a_host_that_does_not_read_does_not_keep_a_run_from_ending() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        target = Target("127.0.0.1", listener.getsockname()[1], ISO, 100_000)
        plenty = bytes(1 << 19)

        told = await driven(target, *(planned(stan, frame=plenty) for stan in range(1, 41)))

    assert sorted(told.missed) == list(range(1, 41))


async def test_a_stop_ends_the_run_at_once_and_what_is_in_flight_is_missing() -> None:
    told = Told()

    def endless() -> Iterator[Planned]:
        yield planned(1)
        engine.stop()
        while True:
            yield planned(2, 3_600_000_000)

    async with a_host(lambda _: [], deadline_s=3_600) as target:
        engine = Engine(endless(), target, told)
        with trio.fail_after(PATIENCE_S):
            await engine.run()

    assert told.missed == [1]


async def test_other_tasks_run_while_the_engine_is_busy() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with a_host() as target, trio.open_nursery() as nursery:
        nursery.start_soon(count)
        await driven(target, *(planned(stan, stan * 100) for stan in range(1, 501)))
        nursery.cancel_scope.cancel()

    assert turns > 1


async def test_what_a_plan_raises_comes_out_once_what_was_sent_is_answered() -> None:
    def broken() -> Iterator[Planned]:
        yield planned(1)
        raise OSError("the capture is gone")

    told = Told()
    async with a_host() as target:
        with pytest.raises(OSError, match="the capture is gone"):
            await drive(broken(), target, told)

    assert told.answers == {1: "00"}
