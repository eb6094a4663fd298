"""What a running switch does by itself: it begins business days, settles those that ended, and cleans up once a day.

All of it can be done again at any time and by several switches at once: what is done already is not found again, and a
hold is ended by a request that is decided like any other.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from typing import Final, NamedTuple, Protocol, TypeVar
from zoneinfo import ZoneInfo

import orjson
import trio

from switch.config import ChoreSettings
from switch.decisions import Outcome
from switch.errors import DatabaseError, OperatorError
from switch.ledger.database import Database
from switch.ledger.days import begin_day, closed_days_without_statements
from switch.ledger.maintenance import read_maintenance
from switch.ledger.ports import Ids
from switch.ledger.settling import Maker, settle_day
from switch.ledger.sweeping import expired_authorisations, sweep_dormant
from switch.messages.model import Request
from switch.telemetry import EventLog

_T = TypeVar("_T")

LOOK_EVERY_S: Final = 60.0
"""How soon after a day's end its statements are begun at the latest."""

EXPIRIES_MAX: Final = 256
"""Holds ended at a time: they wait for a group among the terminals' requests."""

ANSWER_DEADLINE_US: Final = 50_000_000


class Runner(Protocol):
    """Runs a blocking function off the event loop."""

    def __call__(self, function: Callable[[], _T], /) -> Awaitable[_T]: ...


class Ledger(Protocol):
    """What decides: `switch.ledger.writer`."""

    def submit(self, request: Request, deliver: Callable[[Outcome], None], expires_at: int, /) -> bool: ...


class Settled(NamedTuple):
    """What settling a day made: statements, and differences between uploads and the books."""

    statements: int
    differences: int


class Settler(Protocol):
    """Settles a closed day as far as that is not done yet. Raises `OperatorError` as `settle_day` does."""

    def __call__(self, day: date, /) -> Awaitable[Settled]: ...


class Chores:
    """Does each day's chores once. ``today`` tells the business day of a moment of ``clock``.

    Days are settled by ``settler``, or on the runner where there is none.
    """

    def __init__(
        self,
        settings: ChoreSettings,
        database: Database,
        ledger: Ledger,
        runner: Runner,
        clock: Callable[[], int],
        today: Callable[[int], date],
        maker: Maker,
        ids: Ids,
        events: EventLog,
        settler: Settler | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._ledger = ledger
        self._runner = runner
        self._clock = clock
        self._today = today
        self._maker = maker
        self._ids = ids
        self._events = events
        self._settler = settler or self._settle_here
        self._done: date | None = None

    async def run(self) -> None:
        """Look after the day until cancelled."""
        while True:
            await self.look()
            await trio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Do what is to be done; what fails is tried again at the next look."""
        today = self._today(self._clock())
        try:
            await self._runner(partial(begin_day, self._database, today, self._clock()))
            if today != self._done:
                await self._sleepers(today)
                await self._holds(today)
                self._done = today
            await self._days()
        except DatabaseError as error:
            self._events.unexpected("the day's chores", error)

    async def _days(self) -> None:
        """Settle every day that has ended and is not settled yet; one that cannot be keeps no other waiting."""
        for day in await self._runner(partial(closed_days_without_statements, self._database)):
            try:
                done = await self._settler(day)
            except OperatorError as error:  # a merchant's terms make no sense: an operator mends them
                self._events.unsettled(str(day), str(error))
            else:
                self._events.settled(str(day), done.statements, done.differences)

    async def _settle_here(self, day: date) -> Settled:
        report = await self._runner(partial(settle_day, self._database, day, self._maker, self._ids, self._clock))
        return Settled(report.statements, report.compared.differences)

    async def _sleepers(self, today: date) -> None:
        dormant = await self._runner(partial(sweep_dormant, self._database, today, self._settings.dormant_days))
        if dormant:
            self._events.dormant(dormant)

    async def _holds(self, today: date) -> None:
        before, after, ended = today - timedelta(days=self._settings.expire_days), 0, 0
        while due := await self._due(before, after):
            ended += await self._ended(due)
            last = due[-1].original
            assert last is not None
            assert last.journal_id is not None
            after = last.journal_id
        if ended:
            self._events.expired(ended)

    async def _due(self, before: date, after: int) -> list[Request]:
        look = partial(expired_authorisations, self._database, before, EXPIRIES_MAX, after=after, clock=self._clock)
        return await self._runner(look)

    async def _ended(self, due: Sequence[Request]) -> int:
        """Have them decided; returns once all are. Those that the queue has no room for wait for tomorrow."""
        outcomes: list[Outcome] = []
        all_there = trio.Event()
        expected = 0

        def deliver(outcome: Outcome) -> None:
            outcomes.append(outcome)
            if len(outcomes) == expected:
                all_there.set()

        for request in due:
            expected += self._ledger.submit(request, deliver, self._clock() + ANSWER_DEADLINE_US)
        if expected > len(outcomes):
            await all_there.wait()
        return sum(outcome.journal_id is not None for outcome in outcomes)


# --- maintenance mode --------------------------------------------------------------------------------------

MAINTENANCE_LOOK_EVERY_S: Final = 1.0
"""How soon every process of an installation minds that maintenance mode was switched on or off."""


class MaintenanceWatch:
    """Knows whether the switch is in maintenance, from a look into the books each second: asking it costs nothing."""

    def __init__(self, database: Database, runner: Runner, events: EventLog) -> None:
        self._database = database
        self._runner = runner
        self._events = events
        self._is_blind = False
        self.is_on = False

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await trio.sleep(MAINTENANCE_LOOK_EVERY_S)

    async def look(self) -> None:
        """Read how it stands; while the books cannot be read it stays as it was, which is logged once."""
        try:
            self.is_on = await self._runner(self._read)
        except DatabaseError as error:
            if not self._is_blind:
                self._events.unexpected("reading maintenance mode", error)
            self._is_blind = True
        else:
            self._is_blind = False

    def _read(self) -> bool:
        with self._database.reading() as connection:
            return read_maintenance(connection).is_on


# --- a day's settlement beside the switch ------------------------------------------------------------------

_HEARD_MAX: Final = 4_096
"""How much of what it writes is kept: a line of the log is no longer."""

_REFUSED: Final = 2  # exit status of a command that an operator has to mend something for


class SettlingProcess:
    """A `Settler` that works in a process of its own: statements of a million entries would take the loop's time.

    The process ends with the switch, however that ends: its standard input is a pipe that nobody else holds, and it
    ends when that does. What it was broken off in is gone on with at the next look.
    """

    def __init__(
        self, database_url: str, zone: ZoneInfo, command: Sequence[str] = (sys.executable, "-m", "switch")
    ) -> None:
        self._url = database_url
        self._zone = zone
        self._command = command

    async def __call__(self, day: date, /) -> Settled:
        command = [*self._command, "settlement", "settle-closed", f"{day}", "--zone", self._zone.key]
        pipe = subprocess.PIPE
        try:
            process = await trio.lowlevel.open_process(command, stdin=pipe, stdout=pipe, stderr=pipe)
        except OSError as error:  # no memory, no file: payments go on without
            raise OperatorError(f"the process that settles it cannot be started: {error.strerror}") from error
        assert process.stdin is not None
        try:
            with suppress(trio.BrokenResourceError):
                await process.stdin.send_all(self._url.encode() + b"\n")  # it may hold a password: no argument shows it
            said, complained = await _both(process)
            status = await process.wait()
        finally:
            process.kill()
            with trio.CancelScope(shield=True):  # a killed process ends at once
                await process.wait()
                await process.stdin.aclose()
        complaint = complained.decode(errors="replace").strip().removeprefix("switch: ")
        if status == _REFUSED:
            raise OperatorError(complaint)
        if status:
            last = complaint.rpartition("\n")[2] or "nothing said why"
            raise OperatorError(f"the process that settles it ended with status {status}: {last}; it is begun again")
        try:
            return Settled(**orjson.loads(said))
        except (orjson.JSONDecodeError, TypeError) as error:
            raise OperatorError("the process that settles it did not say what it did; it is looked at again") from error


async def _both(process: trio.Process) -> tuple[bytes, bytes]:
    """Read what a process writes to its two outputs until it closes them; of each the last `_HEARD_MAX` bytes."""
    said, complained = bytearray(), bytearray()

    async def read(stream: trio.abc.ReceiveStream | None, into: bytearray) -> None:
        assert stream is not None
        async with stream:
            async for part in stream:
                into += part
                del into[:-_HEARD_MAX]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read, process.stdout, said)
        nursery.start_soon(read, process.stderr, complained)
    return bytes(said), bytes(complained)
