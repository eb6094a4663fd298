"""Group commit: how requests gather, how they are shed, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
import trio
import trio.testing

from switch.decisions import Outcome, Standing
from switch.ledger.entry import Entry
from switch.ledger.store import Prepared, Report
from switch.ledger.writer import Writer
from switch.messages.actions import Action
from switch.messages.model import Reply, Request
from tests.ledger.shop import purchase

T = TypeVar("T")


@dataclass
class FakeStore:
    """Approves everything and remembers its groups; ``prompt`` prepares them, as an embedded database can."""

    groups: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    prompt: bool = False
    prepared: int = 0

    def prepare(self, requests: Sequence[Request], /) -> Prepared | None:
        self.prepared += self.prompt
        return Prepared(0.0, [Entry(request, 1, b"") for request in requests], []) if self.prompt else None

    def finish(self, prepared: Prepared, /) -> Report:
        return self.run([entry.request for entry in prepared.entries])

    def run(self, requests: Sequence[Request], /) -> Report:
        self.groups.append(len(requests))
        outcomes = [
            Outcome(request, Standing.FIRST, Reply(Action.APPROVED, 0), "", int(request.stan), 0)
            for request in requests
        ]
        return Report(outcomes, self.faults, 0.001)


@dataclass
class FakeObserver:
    groups: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    sheds: list[str] = field(default_factory=list)
    sweeps: int = 0
    timings: int = 0
    unstored: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def group(self, size: int, duration_s: float, faults: Sequence[str]) -> None:
        assert duration_s > 0
        self.groups.append(size)
        self.faults.extend(faults)

    def not_stored(self, fault: str) -> None:
        self.unstored.append(fault)

    def timed(self, began: float, decided: float, settled: float) -> None:
        assert began <= decided <= settled
        self.timings += 1

    def refused(self, rule: str) -> None:
        raise AssertionError(rule)

    def delivered(self) -> None:
        self.sweeps += 1

    def shed(self, reason: str) -> None:
        self.sheds.append(reason)

    def undelivered(self, error: Exception) -> None:
        self.errors.append(error)


async def slow_commit(function: Callable[[], T], /) -> T:
    """Runs in place, and takes a second of the mock clock."""
    await trio.sleep(1)
    return function()


@dataclass
class Desk:
    """A writer with fakes around it, and the outcomes that it delivered."""

    clock: trio.testing.MockClock
    group_max: int = 256
    queue_max: int = 4096
    store: FakeStore = field(default_factory=FakeStore)
    observer: FakeObserver = field(default_factory=FakeObserver)
    delivered: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.writer = Writer(
            self.store,
            slow_commit,
            self.microseconds,
            self.observer,
            group_max=self.group_max,
            queue_max=self.queue_max,
        )

    def microseconds(self) -> int:
        return int(self.clock.current_time() * 1_000_000)

    def submit(self, stan: int, within_s: float = 100) -> bool:
        return self.writer.submit(
            purchase(stan), self.delivered.append, self.microseconds() + int(within_s * 1_000_000)
        )

    @property
    def stans(self) -> list[int]:
        return [int(outcome.request.stan) for outcome in self.delivered]


async def test_requests_gather_while_a_group_commits(autojump_clock: trio.testing.MockClock) -> None:
    desk = Desk(autojump_clock)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.writer.run)
        desk.submit(1)
        await trio.sleep(0.5)
        for stan in range(2, 7):
            desk.submit(stan)
        await desk.writer.drain()

    assert desk.store.groups == desk.observer.groups == [1, 5]
    assert desk.observer.sweeps == 2
    assert desk.stans == [1, 2, 3, 4, 5, 6]


async def test_a_group_that_need_not_wait_goes_to_the_runner_for_its_commit_only(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk(autojump_clock, store=FakeStore(prompt=True))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.writer.run)
        desk.submit(1)
        await trio.sleep(0.5)
        while_committing = (desk.store.prepared, desk.store.groups.copy())
        await desk.writer.drain()

    assert while_committing == (1, [])
    assert desk.store.groups == [1]
    assert desk.stans == [1]


async def test_a_group_has_a_largest_size(autojump_clock: trio.testing.MockClock) -> None:
    desk = Desk(autojump_clock, group_max=4)
    for stan in range(10):
        desk.submit(stan)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.writer.run)
        await desk.writer.drain()

    assert desk.store.groups == [4, 4, 2]
    assert desk.stans == list(range(10))


async def test_a_full_queue_refuses(autojump_clock: trio.testing.MockClock) -> None:
    desk = Desk(autojump_clock, queue_max=2)

    assert [desk.submit(stan) for stan in range(3)] == [True, True, False]
    assert desk.observer.sheds == ["queue_full"]
    assert desk.writer.queue_depth == 2


async def test_a_request_that_waited_too_long_is_dropped_undecided(autojump_clock: trio.testing.MockClock) -> None:
    desk = Desk(autojump_clock, group_max=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.writer.run)
        desk.submit(1)
        desk.submit(2, within_s=0.5)
        desk.submit(3)
        await desk.writer.drain()

    assert desk.store.groups == [1, 1]
    by_stan = {int(outcome.request.stan): outcome for outcome in desk.delivered}
    assert (by_stan[2].standing, by_stan[2].reply) == (Standing.SHED, None)
    assert desk.observer.sheds == ["too_old"]


async def test_a_waiter_that_raises_costs_its_neighbours_nothing(autojump_clock: trio.testing.MockClock) -> None:
    desk = Desk(autojump_clock)

    def broken(_: Outcome) -> None:
        raise ValueError

    desk.submit(1)
    desk.writer.submit(purchase(2), broken, 10**12)
    desk.submit(3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.writer.run)
        await desk.writer.drain()

    assert desk.stans == [1, 3]
    assert [type(error) for error in desk.observer.errors] == [ValueError]


async def test_faults_are_told_to_the_observer(autojump_clock: trio.testing.MockClock) -> None:
    desk = Desk(autojump_clock, store=FakeStore(faults=["retry: DeadlockDetected"]))
    desk.submit(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.writer.run)
        await desk.writer.drain()

    assert desk.observer.faults == ["retry: DeadlockDetected"]


async def test_draining_settles_what_was_taken_and_takes_no_more(autojump_clock: trio.testing.MockClock) -> None:
    desk = Desk(autojump_clock, group_max=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.writer.run)
        desk.submit(1)
        desk.submit(2)
        nursery.start_soon(desk.writer.drain)
        await trio.sleep(0.1)

        assert not desk.submit(3)

    assert desk.stans == [1, 2]


@pytest.mark.parametrize("waiting", [0, 3])
async def test_an_idle_writer_drains_at_once(autojump_clock: trio.testing.MockClock, waiting: int) -> None:
    desk = Desk(autojump_clock)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.writer.run)
        await trio.testing.wait_all_tasks_blocked()
        for stan in range(waiting):
            desk.submit(stan)
        await desk.writer.drain()

    assert len(desk.delivered) == waiting


@dataclass
class FullStore(FakeStore):
    """Stores nothing of those whose STAN is among ``lost``."""

    lost: frozenset[int] = frozenset()

    def run(self, requests: Sequence[Request], /) -> Report:
        report = super().run(requests)
        outcomes = [
            outcome._replace(reply=Reply(Action.SYSTEM_ERROR, 0)) if int(outcome.request.stan) in self.lost else outcome
            for outcome in report.outcomes
        ]
        return Report(outcomes, ["down: OperationalError"], 0.001)


@pytest.mark.parametrize(("lost", "told"), [({1, 2}, ["down: OperationalError"]), ({1}, []), (set(), [])])
async def test_a_group_of_which_nothing_is_stored_is_told_to_the_observer(
    autojump_clock: trio.testing.MockClock, lost: set[int], told: list[str]
) -> None:
    desk = Desk(autojump_clock, store=FullStore(lost=frozenset(lost)))
    desk.submit(1)
    desk.submit(2)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.writer.run)
        await desk.writer.drain()

    assert desk.observer.unstored == told


async def test_the_oldest_request_ages_until_it_is_settled(autojump_clock: trio.testing.MockClock) -> None:
    desk = Desk(autojump_clock)
    ages = [desk.writer.oldest_age_s]
    desk.writer.submit(purchase(1)._replace(received_at=desk.microseconds()), desk.delivered.append, 10**12)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.writer.run)
        await trio.sleep(0.5)
        desk.writer.submit(purchase(2)._replace(received_at=desk.microseconds()), desk.delivered.append, 10**12)
        ages.append(desk.writer.oldest_age_s)
        await trio.sleep(0.75)
        ages.append(desk.writer.oldest_age_s)
        await desk.writer.drain()
    ages.append(desk.writer.oldest_age_s)

    assert ages == [0.0, 0.5, 0.75, 0.0]
    assert desk.observer.timings == 2
