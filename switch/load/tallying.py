"""Counts a run as it happens, second by second, and says at its end what it came to."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from switch import __version__
from switch.load.histogram import Histogram
from switch.load.plan import Planned, Stray
from switch.reports.results import ConnectionEvent, Environment, Latency, Percentile, Results, Second
from switch.wire.codec import Fields
from switch.wire.dialect import RESPONSE_CODE

EVENTS_KEPT: Final = 200
"""Connection events that are told one by one; the number of connections is counted beyond."""

_OPEN_SECONDS: Final = 4
"""Seconds whose latencies are kept apart: what comes later than that is told in the run's distribution only."""

_US_PER_S: Final = 1_000_000
_SHARES: Final = (*(step / 20 for step in range(20)), 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 0.99999, 1.0)

OnAnswer = Callable[[Planned, Fields, bool], None]
"""Is given a message, its answer, and whether they are counted."""

OnMissing = Callable[[Planned], None]
"""Is given a message whose answer was not seen."""


@dataclass(slots=True)
class _Second:
    sent: int = 0
    answered: int = 0
    errors: int = 0
    latencies: Histogram | None = field(default_factory=Histogram)
    p50_us: int | None = None
    p99_us: int | None = None

    def close(self) -> None:
        """Keep what is told of its latencies, not the latencies."""
        if self.latencies is not None and self.latencies.count:
            self.p50_us, self.p99_us = self.latencies.values_at([0.5, 0.99])
        self.latencies = None


@dataclass(frozen=True, slots=True)
class Now:
    """How a run is doing, for whoever looks on."""

    elapsed_s: float
    sent: int
    answered: int
    errors: int
    throughput_per_s: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Run:
    """What a run is called, as its results tell."""

    title: str
    command: str
    target: str
    dialect: str
    started_at: datetime


class Tally:
    """A `switch.load.plan.Watch` that counts.

    What is due in the first ``warm_up_us``, and what the plan does not count, is told in the timeline only.
    ``on_answer`` is called with each message and its answer, in order, ``on_missing`` with each that has none.
    """

    def __init__(
        self,
        deadline_us: int,
        *,
        warm_up_us: int = 0,
        on_answer: OnAnswer | None = None,
        on_missing: OnMissing | None = None,
    ) -> None:
        self.sent_messages = self.answered_messages = self.late = self.missed = 0
        self.strays: Counter[Stray] = Counter()
        self.answers: Counter[str] = Counter()
        self.latencies = Histogram()
        self.connections = 0
        self.reconnects = 0
        self.events: list[ConnectionEvent] = []
        self.last_us = 0
        self._deadline_us = deadline_us
        self._warm_up_us = warm_up_us
        self._on_answer = on_answer
        self._on_missing = on_missing
        self._seconds: dict[int, _Second] = {}
        self._number: int | None = None
        self._current = _Second()

    # --- Watch ---------------------------------------------------------------------------------------------

    def sent(self, planned: Planned, due_us: int, at_us: int) -> None:
        self.last_us = at_us
        self._second(at_us).sent += 1
        if planned.counted and due_us >= self._warm_up_us:
            self.sent_messages += 1

    def answered(self, planned: Planned, fields: Fields, due_us: int, at_us: int) -> None:
        self.last_us = at_us
        latency_us = at_us - due_us
        second = self._second(at_us)
        second.answered += 1
        if second.latencies is not None:
            second.latencies.record(latency_us)
        if latency_us > self._deadline_us:
            second.errors += 1
        is_counted = planned.counted and due_us >= self._warm_up_us
        if self._on_answer is not None:
            self._on_answer(planned, fields, is_counted)
        if not is_counted:
            return
        self.latencies.record(latency_us)
        self.answers[fields.get(RESPONSE_CODE, "")] += 1
        if latency_us > self._deadline_us:
            self.late += 1
        else:
            self.answered_messages += 1

    def missing(self, planned: Planned, due_us: int, at_us: int) -> None:
        self._second(at_us).errors += 1
        if self._on_missing is not None:
            self._on_missing(planned)
        if planned.counted and due_us >= self._warm_up_us:
            self.missed += 1

    def stray(self, what: Stray, connection: int, at_us: int) -> None:  # noqa: ARG002 - a watch is told it
        self._second(at_us).errors += 1
        if at_us >= self._warm_up_us:
            self.strays[what] += 1

    def connection(self, connection: int, what: str, at_us: int) -> None:
        if what == "opened":
            self.connections += 1
        elif what == "reopened":
            self.reconnects += 1
        if len(self.events) < EVENTS_KEPT:
            second = round((at_us - self._warm_up_us) / _US_PER_S, 3)
            self.events.append(ConnectionEvent(second=second, connection=f"#{connection}", what=what))

    # --- told ----------------------------------------------------------------------------------------------

    @property
    def errors(self) -> int:
        """Late and missing answers, and those that belong to nothing or cannot be read."""
        return self.late + self.missed + self.strays.total()

    def now(self) -> Now:
        """How it is doing: the throughput and the p99 are those of the newest second that is over."""
        newest = max(self._seconds, default=0)
        over = self._seconds.get(newest - 1, _Second())
        p99_us = over.latencies.at(0.99) if over.latencies is not None else over.p99_us or 0
        return Now(
            self.last_us / _US_PER_S, self.sent_messages, self.answered_messages + self.late, self.errors,
            over.answered, p99_us / 1_000,
        )  # fmt: skip

    def results(self, run: Run, *, interrupted: bool = False) -> Results:
        """Everything that was counted, with what the run is called. The caller adds differences, limits and books."""
        duration_s = max(self.last_us - self._warm_up_us, 0) / _US_PER_S
        return Results(
            title=run.title,
            command=run.command,
            target=run.target,
            dialect=run.dialect,
            started_at=run.started_at,
            duration_s=round(duration_s, 3),
            warm_up_s=self._warm_up_us / _US_PER_S,
            interrupted=interrupted,
            environment=here(),
            connections=self.connections,
            sent=self.sent_messages,
            answered=self.answered_messages,
            late=self.late,
            missing=self.missed,
            unmatched=self.strays[Stray.UNMATCHED],
            duplicates=self.strays[Stray.DUPLICATE],
            unreadable=self.strays[Stray.UNREADABLE],
            throughput_per_s=round((self.answered_messages + self.late) / duration_s, 1) if duration_s else 0.0,
            latency_ms=_latency(self.latencies),
            distribution=_distribution(self.latencies),
            answers=dict(sorted(self.answers.items())),
            timeline=list(self._timeline()),
            connection_events=self.events,
        )

    def _second(self, at_us: int) -> _Second:
        number = (at_us - self._warm_up_us) // _US_PER_S
        if number == self._number:
            return self._current
        second = self._seconds.get(number)
        if second is None:
            second = self._seconds[number] = _Second()
            over = self._seconds.get(number - _OPEN_SECONDS)
            if over is not None:
                over.close()
        self._number, self._current = number, second
        return second

    def _timeline(self) -> Iterator[Second]:
        """Every second from the first to the last, those too in which nothing happened."""
        for number in range(min(self._seconds, default=0), max(self._seconds, default=-1) + 1):
            second = self._seconds.get(number, _Second())
            second.close()
            yield Second(
                second=number,
                sent=second.sent,
                answered=second.answered,
                errors=second.errors,
                p50_ms=_ms(second.p50_us),
                p99_ms=_ms(second.p99_us),
            )


def here() -> Environment:
    """What this program runs on."""
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return Environment(
        switch=__version__, python=platform.python_version(), system=system, cores=len(os.sched_getaffinity(0))
    )


def _latency(latencies: Histogram) -> Latency:
    p50, p90, p99, p999 = (value / 1_000 for value in latencies.values_at([0.5, 0.9, 0.99, 0.999]))
    return Latency(
        p50=p50, p90=p90, p99=p99, p999=p999, max=latencies.max / 1_000, mean=round(latencies.mean / 1_000, 3)
    )


def _distribution(latencies: Histogram) -> list[Percentile]:
    if not latencies.count:
        return []
    values = latencies.values_at(_SHARES)
    return [Percentile(share=share, ms=value / 1_000) for share, value in zip(_SHARES, values, strict=True)]


def _ms(value_us: int | None) -> float | None:
    return None if value_us is None else value_us / 1_000
