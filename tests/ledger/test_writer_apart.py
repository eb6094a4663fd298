"""A writer in a process of its own: what is asked is answered, by the next process where one ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from switch.decisions import Outcome, Standing
from switch.errors import OperatorError
from switch.ledger.writer_apart import ATTEMPTS, DOWN_S, FRUITLESS_MAX, REST_S, START_DEADLINE_S, WriterApart
from switch.messages.kinds import Kind
from tests.ledger.shop import purchase

DEADLINE_S = 60.0
LATER = 10**18
DOUBLE = Path(__file__).with_name("books_double.py")


@dataclass
class Heard:
    """An observer that remembers."""

    groups: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    sheds: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def group(self, size: int, duration_s: float, faults: Sequence[str]) -> None:
        assert duration_s == 0.5
        self.groups.append(size)
        self.faults.extend(faults)

    def not_stored(self, fault: str) -> None:
        raise AssertionError(fault)

    def timed(self, began: float, decided: float, settled: float) -> None:
        raise AssertionError((began, decided, settled))

    def refused(self, rule: str) -> None:
        self.refusals.append(rule)

    def delivered(self) -> None: ...

    def shed(self, reason: str) -> None:
        self.sheds.append(reason)

    def undelivered(self, error: Exception) -> None:
        self.errors.append(error)


@dataclass
class Desk:
    """A writer whose processes behave in some way, and the outcomes that it delivered."""

    marks: Path
    way: str = "answers"
    queue_max: int = 100
    command: tuple[str, ...] = ()
    rest_s: float = REST_S
    start_deadline_s: float = START_DEADLINE_S
    heard: Heard = field(default_factory=Heard)
    outcomes: list[Outcome] = field(default_factory=list)
    asked_once: frozenset[Kind] = frozenset()
    in_maintenance: bool = False
    now: int = 5_000_000
    ends: int = 0

    def __post_init__(self) -> None:
        self.writer = WriterApart(
            "the settings",
            lambda: self.now,
            self.heard,
            lambda: self.in_maintenance,
            self.on_end,
            self.asked_once,
            self.queue_max,
            self.command or (sys.executable, str(DOUBLE), self.way, str(self.marks)),
            rest_s=self.rest_s,
            start_deadline_s=self.start_deadline_s,
        )

    def on_end(self) -> None:
        self.ends += 1

    def submit(self, stan: int) -> bool:
        return self.writer.submit(purchase(stan), self.outcomes.append, LATER)

    async def settled(self, nursery: trio.Nursery) -> None:
        """Run until all that was submitted, now and before, has its outcome."""
        with trio.fail_after(DEADLINE_S):
            await nursery.start(self.writer.run)
            await self.writer.drain()

    @property
    def stans(self) -> list[int]:
        return [int(outcome.request.stan) for outcome in self.outcomes]


async def test_each_request_gets_its_own_outcome(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for stan in range(1, 21):
        desk.submit(stan)
    async with trio.open_nursery() as nursery:
        await desk.settled(nursery)

    assert desk.stans == list(range(1, 21))
    assert {outcome.standing for outcome in desk.outcomes} == {Standing.FIRST}
    assert desk.writer.queue_depth == 0
    assert desk.writer.oldest_age_s == 0


async def test_what_its_writer_tells_is_told_here(tmp_path: Path) -> None:
    desk = Desk(tmp_path, in_maintenance=True)
    desk.submit(1)
    async with trio.open_nursery() as nursery:
        await desk.settled(nursery)

    assert desk.heard.groups == [1]
    assert desk.heard.refusals == ["funds"]
    assert desk.outcomes[0].because == "True"


async def test_what_a_process_ended_over_is_asked_of_the_next_one(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "ends once")
    for stan in range(1, 6):
        desk.submit(stan)
    async with trio.open_nursery() as nursery:
        await desk.settled(nursery)

    assert desk.stans == [1, 2, 3, 4, 5]
    assert desk.ends == 1
    assert [outcome.reply.answered_at for outcome in desk.outcomes if outcome.reply] == [1] * 5  # the second process


async def test_what_every_process_ends_over_stays_without_an_answer(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "always ends")
    desk.submit(1)
    async with trio.open_nursery() as nursery:
        await desk.settled(nursery)

    (outcome,) = desk.outcomes
    assert (outcome.standing, outcome.reply) == (Standing.UNKNOWN, None)
    assert desk.ends == ATTEMPTS
    assert (desk.heard.groups, desk.heard.faults) == ([1], ["unknown"])


async def test_a_process_that_never_begins_is_the_operators_to_mend(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "never begins")

    with trio.fail_after(DEADLINE_S), pytest.raises(OperatorError, match="cannot be begun, as the lines above"):
        await desk.writer.run()


async def test_a_process_that_cannot_serve_says_why(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "cannot serve")

    with trio.fail_after(DEADLINE_S), pytest.raises(OperatorError, match="the program was changed"):
        await desk.writer.run()


async def test_no_process_of_another_program_is_waited_for(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "is changed")
    desk.submit(1)

    with trio.fail_after(DEADLINE_S), pytest.raises(OperatorError, match="the program was changed"):
        await desk.writer.run()

    assert desk.ends == 1


async def test_a_process_that_is_not_ready_in_time_is_ended(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "is never ready", start_deadline_s=0.1)

    with trio.fail_after(DEADLINE_S), pytest.raises(OperatorError, match="cannot be begun"):
        await desk.writer.run()

    assert desk.writer.pid is None


async def test_a_process_that_cannot_be_begun_says_why(tmp_path: Path) -> None:
    desk = Desk(tmp_path, command=("/nowhere/python",))

    with trio.fail_after(DEADLINE_S), pytest.raises(OperatorError, match="cannot be begun: No such file"):
        await desk.writer.run()


async def test_one_that_cannot_be_begun_anew_again_and_again_ends_the_switch(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, "begins once", rest_s=0.0)
    desk.submit(1)

    with trio.fail_after(DEADLINE_S), pytest.raises(OperatorError, match="cannot be begun"):
        await desk.writer.run()

    assert desk.ends == FRUITLESS_MAX


async def test_without_a_process_for_long_requests_are_refused_at_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    in_time = desk.submit(1)
    desk.now += int((DOWN_S + 0.1) * 1_000_000)

    assert (in_time, desk.submit(2)) == (True, False)
    assert desk.heard.sheds == ["books_down"]
    assert not desk.writer.is_up


async def test_what_has_no_repeats_is_not_asked_twice(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "ends once", asked_once=frozenset({Kind.SIGN_ON}))
    desk.writer.submit(purchase(1, kind=Kind.SIGN_ON), desk.outcomes.append, LATER)
    desk.submit(2)
    async with trio.open_nursery() as nursery:
        await desk.settled(nursery)

    assert [(int(outcome.request.stan), outcome.standing) for outcome in desk.outcomes] == [
        (1, Standing.UNKNOWN),
        (2, Standing.FIRST),
    ]


async def test_what_nobody_waits_for_any_more_is_not_asked_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "ends once")
    desk.writer.submit(purchase(1), desk.outcomes.append, desk.now)
    desk.submit(2)
    async with trio.open_nursery() as nursery:
        await desk.settled(nursery)

    assert [outcome.standing for outcome in desk.outcomes] == [Standing.UNKNOWN, Standing.FIRST]


async def test_who_hears_that_it_was_given_up_may_ask_something_else_at_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "ends thrice")

    def go_on(outcome: Outcome) -> None:
        desk.outcomes.append(outcome)
        for stan in range(2, 22):
            desk.submit(stan)

    desk.writer.submit(purchase(1), go_on, LATER)
    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            await nursery.start(desk.writer.run)
            while len(desk.outcomes) < 21:
                await trio.lowlevel.checkpoint()
            await desk.writer.drain()

    assert desk.stans == list(range(1, 22))
    assert [outcome.standing for outcome in desk.outcomes] == [Standing.UNKNOWN, *[Standing.FIRST] * 20]


async def test_no_more_wait_than_the_queue_takes(tmp_path: Path) -> None:
    desk = Desk(tmp_path, queue_max=2)

    taken = [desk.submit(stan) for stan in (1, 2, 3)]

    assert taken == [True, True, False]
    assert desk.heard.sheds == ["queue_full"]
    assert desk.writer.queue_depth == 2


async def test_one_who_does_not_take_its_outcome_costs_the_others_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.writer.submit(purchase(1), [].__getitem__, LATER)  # type: ignore[arg-type]
    desk.submit(2)
    async with trio.open_nursery() as nursery:
        await desk.settled(nursery)

    assert desk.stans == [2]
    assert [type(error) for error in desk.heard.errors] == [TypeError]
