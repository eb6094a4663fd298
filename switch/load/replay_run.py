"""One replay from beginning to end: what was asked for, the parts that do it, and what it came to."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from zoneinfo import ZoneInfo

from switch.capture.entry import Entry
from switch.capture.reading import read_any
from switch.errors import OperatorError
from switch.load.booking import WireAgainstBooks
from switch.load.comparing import IGNORED, Comparison, Recorded
from switch.load.descriptors import make_room
from switch.load.engine import Engine
from switch.load.key_pair import NO_KEYS, read_key_pair
from switch.load.keys_given import GivenKeys
from switch.load.pacing import AsRecorded, AtOnce, AtRate, Pace
from switch.load.plan import Planned, Target
from switch.load.replaying import Replay, check_dialect, whole
from switch.load.rewriting import Rewriter
from switch.load.sign_ons import SignedOn, needs_sign_on, sign_on, terminals_in
from switch.load.tallying import Run, Tally
from switch.messages.kinds import Kind
from switch.reports.results import Limit, Results
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect

ZONE: Final = ZoneInfo("Asia/Shanghai")
"""Where terminals keep their time, unless something else is said: the one of a fresh installation."""

_US_PER_S: Final = 1_000_000
_STANS: Final = 999_999


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a replay is asked to do. ``speed`` None: as fast as ``in_flight`` messages at once allow.

    ``rate_per_s`` takes the place of ``speed``. ``connections`` None: as recorded. ``signs_on`` None: where the dialect
    gives out keys. Times are in seconds.
    """

    capture: Path
    host: str
    port: int
    dialect: str = ""
    speed: float | None = 1.0
    rate_per_s: float | None = None
    connections: int | None = None
    in_flight: int = 64
    duration_s: float | None = None
    warm_up_s: float = 0.0
    deadline_s: float = 10.0
    loops: bool = False
    rewrite: frozenset[str] = frozenset()
    keys: Path | None = None
    signs_on: bool | None = None
    ignored: frozenset[int] = frozenset()
    differences_max: int = 0
    errors_max: int = 0
    ledger: str = ""
    zone: ZoneInfo = ZONE


class ReplayRun:
    """A replay that is about to be made, under way, or over; a context manager, for the books that it may hold open.

    Raises `OperatorError` for a capture, key file or database that cannot be used.
    """

    def __init__(self, wanted: Wanted) -> None:
        make_room(wanted.connections or 0)
        name = wanted.dialect or self._dialect_of(wanted.capture)
        self.wanted = wanted
        self.dialect = load_dialect(name)
        self._codec = Codec(self.dialect)
        self.started_at = datetime.now(UTC)
        self.signed_on: SignedOn | None = None
        check_dialect(self._capture, self.dialect, str(wanted.capture))
        keys = GivenKeys(self.dialect, read_key_pair(wanted.keys) if wanted.keys else NO_KEYS)
        self._stan_ahead = secrets.randbelow(_STANS) + 1  # a run soon after another does not repeat its numbers
        first_stan = self._stan_ahead % _STANS + 1
        self._rewriter = Rewriter(self.dialect, wanted.rewrite, lambda: datetime.now(wanted.zone), first_stan, keys)
        self.comparison = Comparison(self.dialect, IGNORED | self._rewriter.changed_fields | wanted.ignored)
        self.tally = Tally(
            int(wanted.deadline_s * _US_PER_S),
            warm_up_us=int(wanted.warm_up_s * _US_PER_S),
            on_answer=self._answered,
            on_missing=self._missing,
        )
        self.target = Target(wanted.host, wanted.port, self.dialect, int(wanted.deadline_s * _US_PER_S))
        self._replay = self._plan()
        self._engine = self._made(self._replay)
        self._stack = ExitStack()
        self._books = (
            self._stack.enter_context(WireAgainstBooks(wanted.ledger, self.dialect)) if wanted.ledger else None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stack.close()

    async def run(self) -> None:
        """Sign on where that is wanted, then replay. Raises `NobodyListens`, `OperatorError`."""
        if needs_sign_on(self.dialect) if self.wanted.signs_on is None else self.wanted.signs_on:
            terminals = terminals_in(self._capture, self.dialect)
            now = datetime.now(self.wanted.zone)
            self.signed_on = await sign_on(self.dialect, terminals, self.target, self._stan_ahead, now)
            for answer in self.signed_on.answers:
                self._rewriter.learn(answer)
                if self._books is not None:
                    self._books.seen_of(Kind.SIGN_ON, answer)
            for message in self.signed_on.unanswered:
                if self._books is not None:
                    self._books.unseen(message)
        self.started_at = datetime.now(UTC)
        await self._engine.run()

    def stop(self) -> None:
        """End the run early."""
        self._engine.stop()

    def notes(self) -> Iterator[str]:
        """What whoever reads the results has to know besides, in sentences."""
        if self.signed_on is not None:
            codes = ", ".join(f"{code} {count:,}" for code, count in sorted(self.signed_on.codes.items()))
            yield f"signed on before the run, by answer: {codes or 'nobody'}"
        if self._replay.unreadable:
            yield f"{self._replay.unreadable:,} recorded messages are not of {self.dialect.name}: sent as they are"
        alone = self.comparison.taken - self.comparison.compared
        if alone:
            yield f"{alone:,} of {self.comparison.taken:,} answers had none in the capture to be compared with"
        if self._replay.cut is not None:
            yield f"{self._replay.cut}; what is before it was replayed"

    def results(self, command: str, *, interrupted: bool = False) -> Results:
        """What it came to, held against the limits; the books are compared and audited now."""
        tally, wanted = self.tally, self.wanted
        run = Run(f"Replay of {wanted.capture.name}", command, str(self.target), self.dialect.name, self.started_at)
        results = tally.results(run, interrupted=interrupted)
        books = self._books.compared() if self._books is not None else None
        found = self.comparison.found
        return results.model_copy(
            update={
                "differences": found,
                "difference_list": self.comparison.differences,
                "books": books,
                "limits": [
                    _limit("differences", found, wanted.differences_max),
                    _limit("errors", tally.errors, wanted.errors_max),
                ],
            }
        )

    # --- the parts -----------------------------------------------------------------------------------------

    def _plan(self) -> Replay:
        wanted = self.wanted
        until_s = None if wanted.duration_s is None else wanted.warm_up_s + wanted.duration_s
        return Replay(
            self._capture,
            self.dialect,
            _pace(wanted),
            self._rewriter,
            self.comparison,
            connections=wanted.connections,
            loops=wanted.loops,
            until_us=None if until_s is None else int(until_s * _US_PER_S),
            now_us=(lambda: self._engine.now_us) if self._is_bounded else (lambda: 0),  # what is due is sent, if late
        )

    @property
    def _is_bounded(self) -> bool:
        """Whether messages are sent as fast as answers come, not when they are due."""
        return self.wanted.speed is None and self.wanted.rate_per_s is None

    def _made(self, plan: Iterable[Planned]) -> Engine:
        return Engine(
            plan,
            self.target,
            self.tally,
            connections=self.wanted.connections or 1,
            in_flight=self.wanted.in_flight if self._is_bounded else None,
        )

    def _answered(self, planned: Planned, answer: Fields, _is_counted: bool) -> None:  # noqa: FBT001 - as it is told
        self._replay.answered(planned, answer)
        if self._books is not None and isinstance(planned.note, Recorded):
            self._books.seen_of(planned.note.kind, answer)

    def _missing(self, planned: Planned) -> None:
        frame = whole(planned.frame, self.dialect) if self._books is not None else None
        if frame is not None and self._books is not None:
            self._books.unseen(self._codec.decode(frame.body))

    def _capture(self) -> Iterator[Entry]:
        with read_any(self.wanted.capture, self.dialect.name) as source:
            yield from source

    @staticmethod
    def _dialect_of(path: Path) -> str:
        with read_any(path) as source:
            if not source.head.dialect:
                raise OperatorError(f"{path}: does not say which dialect was spoken; name it with --dialect")
            return source.head.dialect


def _pace(wanted: Wanted) -> Pace:
    if wanted.rate_per_s is not None:
        return AtRate(wanted.rate_per_s)
    return AtOnce() if wanted.speed is None else AsRecorded(wanted.speed)


def _limit(name: str, found: int, at_most: int) -> Limit:
    return Limit(name=name, limit=f"at most {at_most:,}", value=f"{found:,}", held=found <= at_most)
