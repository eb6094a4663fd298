from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from switch.capture.entry import Direction, Entry, Event
from switch.capture.faults import CaptureCut
from switch.errors import OperatorError
from switch.load.comparing import Comparison, Recorded
from switch.load.keys_given import GivenKeys
from switch.load.matching import Matching
from switch.load.pacing import AsRecorded, AtOnce
from switch.load.plan import Act, Planned
from switch.load.replaying import OpenCapture, Replay, check_dialect, whole
from switch.load.rewriting import Rewriter
from switch.messages.kinds import Kind
from switch.wire.dialect import load_dialect
from switch.wire.framing import Frame
from tests.load.hosts import CODEC, ISO, a_sale, an_answer, framed

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BEGAN_US = 1_763_731_200_000_000


def asked(at_ms: int, stan: int, connection: str = "1", terminal: str = "TERM0001") -> Entry:
    return Entry(BEGAN_US + at_ms * 1_000, connection, Direction.TO_HOST, framed(a_sale(stan, terminal)))


def told(at_ms: int, stan: int, connection: str = "1", code: str = "00") -> Entry:
    answer = framed(an_answer(a_sale(stan), code))
    return Entry(BEGAN_US + at_ms * 1_000, connection, Direction.TO_TERMINAL, answer)


def event(at_ms: int, connection: str, what: Event) -> Entry:
    return Entry(BEGAN_US + at_ms * 1_000, connection, Direction.TO_HOST, b"", event=what)


def replaying(entries: Iterable[Entry] | OpenCapture, rewrite: Iterable[str] = (), **more: object) -> Replay:
    kept = entries if callable(entries) else (lambda found=list(entries): found)
    rewriter = Rewriter(ISO, rewrite, lambda: NOON, 500, GivenKeys(ISO))
    pace = more.pop("pace", AsRecorded())
    return Replay(kept, ISO, pace, rewriter, more.pop("comparison", Comparison(ISO)), **more)  # type: ignore[arg-type]


def fields_of(planned: Planned) -> dict[int, str]:
    frame = whole(planned.frame, ISO)
    assert frame is not None
    return CODEC.decode(frame.body)


def test_messages_to_the_host_are_sent_as_they_were_recorded_and_when() -> None:
    entries = [asked(0, 1), told(3, 1), asked(10, 2), told(14, 2)]

    plan = list(replaying(entries))

    assert [planned.due_us for planned in plan] == [0, 10_000]
    assert [planned.frame for planned in plan] == [entries[0].frame, entries[2].frame]
    assert [planned.key for planned in plan] == [Matching(ISO).of_request(a_sale(stan)) for stan in (1, 2)]


def test_what_is_rewritten_keeps_its_header_and_has_a_key_of_its_own() -> None:
    (planned,) = replaying([asked(0, 1)], ["stan"])

    assert fields_of(planned) == a_sale(500)
    assert planned.key == Matching(ISO).of_request(a_sale(500))
    assert planned.note == Recorded(1, "0200", "000001", Kind.PURCHASE)


def test_connections_are_opened_and_closed_as_recorded() -> None:
    entries = [
        event(0, "a", Event.OPEN), asked(0, 1, "a"), event(1, "b", Event.OPEN), event(5, "a", Event.CLOSE),
        asked(6, 2, "b"), event(7, "a", Event.OPEN), asked(8, 3, "a"),
    ]  # fmt: skip

    plan = [(planned.connection, planned.act) for planned in replaying(entries)]

    assert plan == [
        (0, Act.OPEN), (0, Act.SEND), (1, Act.OPEN), (0, Act.CLOSE), (1, Act.SEND), (2, Act.OPEN), (2, Act.SEND),
    ]  # fmt: skip


def test_over_a_number_of_connections_each_terminal_keeps_to_one() -> None:
    entries = [asked(n, n, "all", f"TERM000{n % 4}") for n in range(20)] + [event(30, "all", Event.CLOSE)]

    plan = list(replaying(entries, connections=3))

    assert [planned.connection for planned in plan] == [0, 1, 2, 0] * 5


def test_a_loop_begins_again_until_its_time_is_over() -> None:
    plan = list(replaying([asked(0, 1), asked(10, 2)], ["stan"], loops=True, until_us=40_000))

    assert [planned.due_us for planned in plan] == [0, 10_000, 11_000, 21_000, 22_000, 32_000, 33_000]
    assert [fields_of(planned)[11] for planned in plan] == [f"{stan:06d}" for stan in range(500, 507)]


def test_at_once_the_clock_ends_it() -> None:
    clock = iter(range(0, 1_000, 10))

    plan = list(replaying([asked(0, 1)], pace=AtOnce(), loops=True, until_us=50, now_us=lambda: next(clock)))

    assert len(plan) == 5


def test_an_empty_capture_is_not_looped_for_ever() -> None:
    assert list(replaying([], loops=True)) == []


def test_the_recorded_answer_is_held_against_the_hosts_whichever_comes_first() -> None:
    comparison = Comparison(ISO)
    replay = replaying([asked(0, 1), told(1, 1), asked(2, 2), told(3, 2, code="51")], comparison=comparison)
    plan = iter(replay)

    first = next(plan)
    replay.answered(first, an_answer(a_sale(1), "05"))
    second = next(plan)
    assert next(plan, None) is None
    replay.answered(second, an_answer(a_sale(2), "51"))

    assert comparison.compared == 2
    assert [(one.message, one.before, one.after) for one in comparison.differences] == [
        ("#1 0200 STAN 000001", "00", "05")
    ]


def test_answers_on_one_connection_are_not_those_of_another() -> None:
    comparison = Comparison(ISO)
    replay = replaying(
        [asked(0, 1, "a"), asked(0, 1, "b"), told(1, 1, "b", code="51"), told(2, 1, "a")], comparison=comparison
    )
    plan = list(replay)

    replay.answered(plan[0], an_answer(a_sale(1)))
    replay.answered(plan[1], an_answer(a_sale(1), "51"))

    assert (comparison.compared, comparison.found) == (2, 0)


def test_a_message_of_another_dialect_is_sent_as_it_is_and_counted() -> None:
    strange = Entry(BEGAN_US, "1", Direction.TO_HOST, b"\x00\x05hello")
    replay = replaying([strange, asked(1, 1)], ["stan"])

    plan = list(replay)

    assert (plan[0].frame, plan[0].key) == (strange.frame, None)
    assert replay.unreadable == 1


def test_what_is_before_the_cut_of_a_capture_is_replayed() -> None:
    def cut_off() -> Iterator[Entry]:
        yield asked(0, 1)
        raise CaptureCut(Path("a.jsonl"), "line 3", "the file ends in the middle of this line")

    replay = replaying(cut_off)

    assert len(list(replay)) == 1
    assert "line 3" in str(replay.cut)


def test_a_capture_of_the_dialect_is_known_by_any_of_its_first_messages() -> None:
    strange = Entry(BEGAN_US, "1", Direction.TO_HOST, b"\x00\x05hello")

    check_dialect(lambda: [strange, told(0, 1), asked(1, 1)], ISO, "a.jsonl")


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([], "a.jsonl: no message to a host is in it"),
        ([told(0, 1)], "a.jsonl: no message to a host is in it"),
        ([asked(0, 1)] * 60, "a.jsonl: none of its first 50 messages is of unionpay-pos; try switch doctor a.jsonl"),
    ],
)
def test_a_capture_of_another_dialect_is_refused(entries: list[Entry], says: str) -> None:
    with pytest.raises(OperatorError, match=says):
        check_dialect(lambda: entries, load_dialect("unionpay-pos"), "a.jsonl")


def test_a_capture_that_is_cut_before_its_first_message_is_refused() -> None:
    def cut_off() -> Iterator[Entry]:
        raise CaptureCut(Path("a.jsonl"), "line 2", "the file ends in the middle of this line")
        yield

    with pytest.raises(OperatorError, match=r"line 2.*; there is no message to a host before it"):
        check_dialect(cut_off, ISO, "a.jsonl")


@pytest.mark.parametrize(
    "data", [b"", b"\x00\x00", framed(a_sale(1))[:-1], framed(a_sale(1)) * 2, b"\xff\xff" + bytes(20)]
)
def test_anything_but_one_whole_frame_is_none(data: bytes) -> None:
    assert whole(data, ISO) is None


def test_one_whole_frame_is_itself() -> None:
    assert whole(framed(a_sale(1)), ISO) == Frame(b"", CODEC.encode(a_sale(1)))
