from __future__ import annotations

from collections import Counter, deque
from datetime import date, datetime
from itertools import pairwise
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from switch.errors import ConfigurationError
from switch.load.messages import Messages
from switch.load.plan import Act, Planned, Stray
from switch.load.population import TerminalNumber, populate
from switch.load.scenario import Entry, Scenario, changed, load_scenario
from switch.load.simulation import FAULT_LINES, ROW_OF_SALES, Note, Simulation
from switch.load.tills import tills
from switch.messages.kinds import Kind
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=ZONE).timestamp()
MASTER = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
SALES = [{"kind": "purchase"}]


class Watcher:
    """What the tally is told."""

    def __init__(self) -> None:
        self.strays = 0
        self.events: list[str] = []

    def sent(self, planned: Planned, due_us: int, at_us: int) -> None: ...

    def answered(self, planned: Planned, fields: Fields, due_us: int, at_us: int) -> None: ...

    def missing(self, planned: Planned, due_us: int, at_us: int) -> None: ...

    def stray(self, what: Stray, connection: int, at_us: int) -> None:  # noqa: ARG002 - a watch is told it
        self.strays += 1

    def connection(self, connection: int, what: str, at_us: int) -> None:  # noqa: ARG002 - the same
        self.events.append(what)


class Stage:
    """A simulation, and a host that answers each message ``takes_us`` after it came, or after it was due.

    ``answer`` may change what it answers; it says None to let a message go unanswered.
    """

    def __init__(self, name: str = "purchase", *, takes_us: int = 1_000, dialect: str = "", **changes: Any) -> None:
        base = {"connections": 4, "warm_up_s": 0, "mix": SALES, "terminals": {"only": ["TERM0001", "TERM0005"]}}
        base |= {"duration_s": 2, "arrival": {"rate": 50}} | ({"dialect": dialect} if dialect else {})
        self.scenario: Scenario = changed(load_scenario(name), base | changes)
        self.dialect = load_dialect(self.scenario.dialect)
        population = populate(self.scenario, date(2026, 11, 21))
        messages = Messages(self.dialect, population, "156", ZONE, lambda: NOON)
        self.tills = tills(population.terminals, self.dialect, Random(1))
        self.watcher = Watcher()
        self.simulation = Simulation(
            self.scenario, self.dialect, population, messages, self.tills, MASTER, self.watcher
        )
        self.codec = Codec(self.dialect)
        self.sent: list[tuple[int, Planned]] = []
        self.takes_us = takes_us
        self.rrn = 0
        self.codes: dict[str, str] = {}

    def run(self) -> Stage:
        """Do what an engine does: each thing when it is due, or as soon as it is planned, and answers in between."""
        now_us, coming = 0, deque[tuple[int, Planned]]()
        for planned in self.simulation.plan():
            now_us = max(now_us, planned.due_us)
            while coming and coming[0][0] <= now_us:
                self._answer(*coming.popleft())
            self.sent.append((now_us, planned))
            if planned.key is not None:
                coming.append((now_us + self.takes_us, planned))
        while coming:
            self._answer(*coming.popleft())
        return self

    @property
    def messages(self) -> list[tuple[int, Planned]]:
        return [(at_us, planned) for at_us, planned in self.sent if planned.key is not None]

    def kinds(self) -> Counter[Kind]:
        return Counter(note.payment.kind for _, planned in self.messages if isinstance(note := planned.note, Note))

    def fields(self, planned: Planned) -> Fields:
        (frame,) = self.dialect.framing.framer().feed(planned.frame)
        return self.codec.decode(frame.body)

    def _answer(self, at_us: int, planned: Planned) -> None:
        note = planned.note
        assert isinstance(note, Note)
        code = self.codes.get(note.fault, "00")
        if code == "none":
            self.simulation.missing(planned, planned.due_us, at_us)
            return
        self.rrn += 1
        rrn = note.rrn if note.fault == "repeat" and not self.codes.get("rrn") else f"{self.rrn:012d}"
        answer = {0: "0210", 37: rrn, 38: f"{self.rrn:06d}", 39: code}
        self.simulation.answered(planned, answer, planned.due_us, at_us)


def test_without_think_times_messages_are_due_as_scheduled_however_late_the_host_is() -> None:
    stage = Stage(takes_us=60_000_000).run()

    assert [planned.due_us for _, planned in stage.messages] == [*stage.scenario.due_us()]
    assert all(at_us == planned.due_us for at_us, planned in stage.messages)


def test_the_same_seed_is_the_same_load_and_another_one_is_not() -> None:
    first, again, other = (Stage(seed=seed).run() for seed in (1, 1, 2))

    assert [planned for _, planned in first.sent] == [planned for _, planned in again.sent]
    assert [planned.frame for _, planned in first.sent] != [planned.frame for _, planned in other.sent]


def test_a_terminal_that_thinks_sends_nothing_before_it_has_its_answer_and_has_thought() -> None:
    terminals = {"pattern": "T##", "count": 20, "think_s": 0.2}

    stage = Stage(takes_us=50_000, terminals=terminals).run()

    by_till: dict[int, list[int]] = {}
    for at_us, planned in stage.messages:
        assert isinstance(planned.note, Note)
        by_till.setdefault(planned.note.till, []).append(at_us)
    assert len(by_till) > 10
    assert all(b - a >= 250_000 for times in by_till.values() for a, b in pairwise(times))
    assert len(stage.messages) == 100


def test_customers_who_find_no_terminal_free_wait_in_order_and_are_due_all_the_same() -> None:
    terminals = {"pattern": "T##", "count": 10, "think_s": 0.1}

    stage = Stage(takes_us=1_000_000, terminals=terminals).run()

    assert [planned.due_us for _, planned in stage.messages] == [*stage.scenario.due_us()]
    waited = [at_us - planned.due_us for at_us, planned in stage.messages]
    assert waited[0] == 0
    assert max(waited) > 5_000_000  # 100 customers, of whom ten terminals serve nine a second
    assert all(a <= b for (a, _), (b, _) in pairwise(stage.messages))
    in_between = [planned for _, planned in stage.sent if planned.key is None]
    assert all(planned.act is Act.READ and planned.connection == 0 for planned in in_between)


def test_terminals_keep_to_their_connections_where_there_are_enough_of_them() -> None:
    stage = Stage(terminals={"pattern": "T##", "count": 12}).run()

    lines: dict[int, set[int]] = {}
    for _, planned in stage.messages:
        assert isinstance(planned.note, Note)
        lines.setdefault(planned.note.till, set()).add(planned.connection)
    assert all(len(found) == 1 for found in lines.values())
    assert set.union(*lines.values()) == {0, 1, 2, 3}
    few = {planned.connection for _, planned in Stage().run().messages}
    assert few == {0, 1, 2, 3}


def test_the_mix_is_as_weighted_and_entries_within_it_too() -> None:
    mix = [{"kind": "purchase", "weight": 3, "entry": {"swipe": 1, "manual": 3}}, {"kind": "balance", "weight": 1}]

    stage = Stage(mix=mix, arrival={"rate": 1000}).run()

    kinds = stage.kinds()
    assert kinds[Kind.PURCHASE] / kinds[Kind.BALANCE] == pytest.approx(3, rel=0.15)
    ways = Counter(
        planned.note.payment.entry
        for _, planned in stage.messages
        if isinstance(planned.note, Note) and planned.note.payment.kind is Kind.PURCHASE
    )
    assert ways[Entry.MANUAL] / ways[Entry.SWIPE] == pytest.approx(3, rel=0.2)


@pytest.mark.parametrize("dialect", ["unionpay-pos", "iso8583-1987-ascii"])
def test_what_is_cancelled_was_approved_before_at_the_same_terminal_and_only_once(dialect: str) -> None:
    mix = [{"kind": kind} for kind in ("purchase", "void", "refund", "reversal")]

    stage = Stage(dialect=dialect, mix=mix, arrival={"rate": 200}).run()

    kinds = stage.kinds()
    assert min(kinds[Kind.VOID], kinds[Kind.REFUND], kinds[Kind.REVERSAL]) > 20
    assert kinds[Kind.PURCHASE] >= kinds[Kind.VOID] + kinds[Kind.REFUND] + kinds[Kind.REVERSAL]
    named = [
        fields.get(90, "")[4:10] or (fields[11] if fields[0] == "0400" else fields[61][6:12])
        for _, planned in stage.messages
        if (fields := stage.fields(planned))[0] == "0400" or 90 in fields or 61 in fields
    ]
    assert len(named) == len(set(named))


def test_what_was_not_approved_is_not_cancelled() -> None:
    stage = Stage(mix=[{"kind": "purchase"}, {"kind": "void"}])
    stage.codes[""] = "51"

    assert [*stage.run().kinds()] == [Kind.PURCHASE]


FAULTS = ("bad_mac", "duplicate_stan", "repeat", "late_reversal")


def test_faults_among_the_rest_have_to_be_answered_as_they_deserve() -> None:
    stage = Stage("abuse", faults=dict.fromkeys(FAULTS, 0.1), arrival={"rate": 500})
    stage.codes |= {"bad_mac": "A0", "duplicate_stan": "94"}

    stage.run()

    assert set(stage.simulation.effects.sent) == set(FAULTS)
    assert all(50 < sent < 150 for sent in stage.simulation.effects.sent.values())
    assert stage.simulation.effects.wrong == {}
    assert all(limit.held for limit in stage.simulation.effects.limits())


@pytest.mark.parametrize(
    ("fault", "answer", "said"),
    [
        ("bad_mac", "00", "answered 00"),
        ("duplicate_stan", "00", "answered 00"),
        ("late_reversal", "25", "answered 25"),
        ("repeat", "94", "answered 94"),
        ("repeat", "none", "unanswered"),
        ("slow_reader", "96", "answered 96"),
        ("dropped_connection", "none", "unanswered"),
    ],
)
def test_a_fault_that_is_answered_otherwise_breaks_its_limit(fault: str, answer: str, said: str) -> None:
    stage = Stage("abuse", faults={fault: 0.2})
    stage.codes[fault] = answer

    stage.run()

    (limit,) = stage.simulation.effects.limits()
    assert not limit.held
    assert f"{stage.simulation.effects.sent[fault]} {said}" in limit.value


def test_a_repeat_with_another_reference_was_done_twice() -> None:
    stage = Stage("abuse", faults={"repeat": 0.2})
    stage.codes["rrn"] = "another"

    stage.run()

    assert "another reference" in stage.simulation.effects.wrong["repeat"]


def test_a_dropped_connection_is_broken_off_right_behind_its_message_which_comes_again_elsewhere() -> None:
    stage = Stage("abuse", faults={"dropped_connection": 1, "hold_s": 0.5}, arrival={"rate": 1}).run()

    by_line: dict[bool, list[Planned]] = {True: [], False: []}
    for _, planned in stage.sent:
        by_line[planned.connection >= FAULT_LINES].append(planned)
    own = [planned for planned in by_line[True] if planned.connection == FAULT_LINES]
    assert [planned.act for planned in own] == [Act.OPEN, Act.SEND, Act.BREAK]
    assert own[1].due_us == own[2].due_us
    assert own[1].key is None
    again = by_line[False][0]
    assert again.frame == own[1].frame
    assert again.due_us == own[1].due_us + 500_000
    assert [*stage.simulation.dropped()] == []


def test_a_slow_reader_asks_a_row_of_sales_before_it_reads() -> None:
    stage = Stage("abuse", faults={"slow_reader": 1, "hold_s": 0.5}, arrival={"rate": 1}, duration_s=1).run()

    acts = [planned.act for _, planned in stage.sent]
    assert acts == [Act.OPEN, Act.HOLD, *[Act.SEND] * ROW_OF_SALES, Act.READ, Act.CLOSE]
    assert not any(planned.counted for _, planned in stage.messages)
    assert len({planned.key for _, planned in stage.messages}) == ROW_OF_SALES


@pytest.mark.parametrize("fault", ["half_frame", "malformed"])
def test_what_is_no_message_waits_for_no_answer_and_is_broken_off(fault: str) -> None:
    stage = Stage("abuse", faults={fault: 1}).run()

    assert stage.messages == []
    assert stage.simulation.effects.sent == {fault: 100}
    for _, planned in stage.sent:
        if planned.frame and fault == "half_frame":
            framer = stage.dialect.framing.framer()
            assert framer.feed(planned.frame) == []
            assert framer.has_partial
    simulation = stage.simulation
    simulation.stray(Stray.UNMATCHED, FAULT_LINES, 1)
    simulation.connection(FAULT_LINES, "closed by the host", 1)
    assert stage.watcher.strays == 0
    assert stage.watcher.events == []
    assert bool(simulation.effects.wrong) is (fault == "half_frame")
    simulation.connection(FAULT_LINES, "refused: connection refused", 1)
    assert simulation.effects.wrong[fault]["refused a connection"] == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mix": [{"kind": "completion"}]}, "no completion is sent in dialect iso8583-1987-ascii; there are purchase"),
        ({"mix": [{"kind": "purchase", "entry": {"qr": 1}}]}, "cannot be shown as qr"),
        (
            {
                "dialect": "unionpay-pos",
                "mix": [{"kind": "purchase", "entry": {"qr": 1}}],
                "cards": {"prefix": "620000"},
            },
            "cards.pay_codes: needed",
        ),
    ],
)
def test_what_a_dialect_does_not_have_is_told_before_the_run(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Stage(**changes)


def test_first_numbers_are_drawn_so_that_runs_of_a_day_hardly_ever_share_them() -> None:
    numbers = tuple(TerminalNumber(f"T{at:07d}", "M") for at in range(100))
    dialect = load_dialect("unionpay-pos")

    first = [till.next_stan() for till in tills(numbers, dialect, Random(1))]
    second = [till.next_stan() for till in tills(numbers, dialect, Random(2))]

    assert len(set(first) | set(second)) == 200


@pytest.mark.parametrize("names", [("TERMINAL9", "M"), ("T", "MERCHANT00000016"), ("T\u00e9", "M")])
def test_a_terminal_whose_name_has_no_room_in_its_field_is_refused(names: tuple[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="characters of ASCII"):
        tills((TerminalNumber(*names),), load_dialect("unionpay-pos"), Random(1))
