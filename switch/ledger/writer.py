"""Group commit: requests wait for the group before theirs to become durable, then go together.

There is no artificial wait. While one group commits the next one gathers, so groups grow with the load: one
request when the switch is idle, hundreds when it is busy, one fsync for each.

Deciding a group is work for the interpreter, and two threads that both want the interpreter mostly wait for each
other: a group took two and a half times as long beside a busy loop. So where nothing before the commit has to wait (the
embedded database), a group is decided on the loop's own thread, and only the commit, which is the disk's work, goes
to the runner, while the loop reads the requests of the next group. Else the whole group goes there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

import trio

from switch.decisions import Outcome, Standing
from switch.ledger.ports import Clock, Deliver, Runner
from switch.ledger.store import Prepared, Report
from switch.messages.actions import Action
from switch.messages.model import Request

GROUP_MAX: Final = 256
"""Requests that share one commit: more would only make the first of them wait longer."""

QUEUE_MAX: Final = 4096
"""Requests waiting for a group: at a few thousand a second more than these would be answered too late."""

_MICROSECONDS: Final = 1_000_000


class GroupStore(Protocol):
    """Makes a group durable; `switch.ledger.store.Store` is the one."""

    def run(self, requests: Sequence[Request], /) -> Report:
        """Settle a group from beginning to end; may wait for the database."""
        ...

    def prepare(self, requests: Sequence[Request], /) -> Prepared | None:
        """Settle a group up to its commit without waiting; None where that cannot be."""
        ...

    def finish(self, prepared: Prepared, /) -> Report:
        """Commit what was prepared; may wait for the database."""
        ...


class Observer(Protocol):
    """Told on the loop's thread what the writer does, for metrics and the log."""

    def group(self, size: int, duration_s: float, faults: Sequence[str]) -> None:
        """A group of ``size`` requests is settled; ``faults`` names what went wrong on the way."""
        ...

    def not_stored(self, fault: str) -> None:
        """Nothing of that group could be stored; ``fault`` is the last thing that went wrong."""
        ...

    def timed(self, began: float, decided: float, settled: float) -> None:
        """When that group began, was decided, and was known to be durable (`time.perf_counter`)."""
        ...

    def refused(self, rule: str) -> None:
        """A request is declined by the rule of that name; told while it is decided, be it before a retry."""
        ...

    def delivered(self) -> None:
        """All answers of a group have been handed over."""
        ...

    def shed(self, reason: str) -> None:
        """A request is dropped undecided: ``queue_full``, ``too_old``, or ``books_down`` where nobody can decide it."""
        ...

    def undelivered(self, error: Exception) -> None:
        """A ``deliver`` raised: its request is in the books, its answer was not taken."""
        ...


class _Ticket(NamedTuple):
    request: Request
    deliver: Deliver
    expires_at: int


class Writer:
    """Takes requests on the event loop's thread, settles them in groups on the runner's."""

    def __init__(
        self,
        store: GroupStore,
        runner: Runner,
        clock: Clock,
        observer: Observer,
        group_max: int = GROUP_MAX,
        queue_max: int = QUEUE_MAX,
    ) -> None:
        self._store = store
        self._runner = runner
        self._clock = clock
        self._observer = observer
        self._group_max = group_max
        self._queue_max = queue_max
        self._waiting: deque[_Ticket] = deque()
        self._under_way: Sequence[_Ticket] = ()
        self._idle = trio.lowlevel.ParkingLot()
        self._draining = False
        self._drained = trio.Event()

    @property
    def queue_depth(self) -> int:
        """Requests that wait for a group."""
        return len(self._waiting)

    @property
    def oldest_age_s(self) -> float:
        """Since when the oldest request waits that is not settled yet, in a group or for one; 0 where none does."""
        oldest = self._under_way or self._waiting
        return max(self._clock() - oldest[0].request.received_at, 0) / _MICROSECONDS if oldest else 0.0

    def submit(self, request: Request, deliver: Deliver, expires_at: int) -> bool:
        """Queue a request; its outcome goes to ``deliver`` once durable. False: the queue is full, or draining.

        After ``expires_at`` (microseconds since 1970, UTC) the request is dropped undecided: its sender has
        given up waiting by then.
        """
        if len(self._waiting) >= self._queue_max or self._draining:
            self._observer.shed("queue_full")
            return False
        self._waiting.append(_Ticket(request, deliver, expires_at))
        if self._idle:  # asking is a tenth of waking nobody
            self._idle.unpark()
        return True

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Settle groups until drained. One task runs this for the life of the writer."""
        task_status.started()
        while True:
            while not self._waiting:
                if self._draining:
                    self._drained.set()
                    return
                await self._idle.park()
            tickets = self._next_group()
            if tickets:
                await self._settle(tickets)

    async def drain(self) -> None:
        """Take no more requests; return when those that were taken are settled and delivered."""
        self._draining = True
        self._idle.unpark()
        await self._drained.wait()

    def _next_group(self) -> list[_Ticket]:
        waiting = self._waiting
        taken = [waiting.popleft() for _ in range(min(self._group_max, len(waiting)))]
        now = self._clock()
        if all(ticket.expires_at > now for ticket in taken):
            return taken
        for ticket in taken:
            if ticket.expires_at <= now:
                self._observer.shed("too_old")
                because = "older than its deadline when its turn came"
                self._deliver(ticket, Outcome(ticket.request, Standing.SHED, None, because, None, now))
        return [ticket for ticket in taken if ticket.expires_at > now]

    async def _settle(self, tickets: list[_Ticket]) -> None:
        requests = [ticket.request for ticket in tickets]
        self._under_way = tickets
        began = time.perf_counter()
        prepared = self._store.prepare(requests)
        decided = time.perf_counter()
        rest = partial(self._store.run, requests) if prepared is None else partial(self._store.finish, prepared)
        report = await self._runner(rest)
        settled = time.perf_counter()
        if prepared is None:  # the runner decided it, too
            decided = min(decided + report.duration_s - report.commit_s, settled)
        self._under_way = ()
        self._observer.timed(began, decided, settled)
        self._observer.group(len(requests), report.duration_s, report.faults)
        if report.faults and not any(map(_is_settled, report.outcomes)):
            self._observer.not_stored(report.faults[-1])
        for ticket, outcome in zip(tickets, report.outcomes, strict=True):
            self._deliver(ticket, outcome)
        self._observer.delivered()

    def _deliver(self, ticket: _Ticket, outcome: Outcome) -> None:
        try:
            ticket.deliver(outcome)
        except Exception as error:  # noqa: BLE001 - one waiter's fault must not cost its neighbours their answers
            self._observer.undelivered(error)


def _is_settled(outcome: Outcome) -> bool:
    """Whether a request came to a decision, be it a decline."""
    return outcome.reply is not None and outcome.reply.action is not Action.SYSTEM_ERROR
