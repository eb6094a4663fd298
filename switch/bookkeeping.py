"""Puts together what settles requests; and the process that does so for a switch in another one.

The process is begun by `switch.ledger.writer_apart`, takes requests from its standard input, and tells what came of
them there. It ends when the other end is gone and not before, whatever signals come: what it is committing then stands,
and whoever repeats the request finds it.
"""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar, cast

import trio

from switch.clock import wall_clock
from switch.config import Settings
from switch.decisions import Decision, Facts, Outcome
from switch.errors import InternalError, OperatorError
from switch.ledger.checkpoints import Checkpoints
from switch.ledger.database import Database, open_database
from switch.ledger.ids import JournalIds
from switch.ledger.parcels import Asked, Channel, Opening, Refused, Told, Word, program
from switch.ledger.ports import Clock, Decide, Runner
from switch.ledger.sessions import connector
from switch.ledger.sqlite_library import relieve_sqlite
from switch.ledger.store import Store
from switch.ledger.writer import Observer, Writer
from switch.messages.actions import Action
from switch.messages.dates import HostCalendar
from switch.messages.model import Request
from switch.ruling import rules_of
from switch.security.keys import Keys
from switch.security.vault import Vault
from switch.telemetry import EventLog, configure_logging

_T = TypeVar("_T")

GARBAGE_THRESHOLD: Final = 20_000
"""New objects between two searches for cycles: requests leave none, so looking often finds nothing."""

SWITCH_INTERVAL_S: Final = 0.0005
"""How long a thread keeps the interpreter while the other one waits: the loop and the writer share it."""

POSTING: Final = "posting"
"""Counted where no rule refuses, but what is asked cannot be done with what it is about: a void of a voided sale."""


def tune_interpreter() -> None:
    """Set up the interpreter of a process that serves, once all is imported."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 100)


async def in_thread(function: Callable[[], _T]) -> _T:
    """Run a blocking function off the loop; a cancelled caller still waits for it, so no commit is abandoned."""
    return await trio.to_thread.run_sync(function)


@dataclass(frozen=True, slots=True)
class Books:
    """What settles requests: the writer, the store that it has, and who looks after SQLite's log meanwhile."""

    writer: Writer
    store: Store
    checkpoints: Checkpoints


def open_books(
    settings: Settings,
    database: Database,
    vault: Vault,
    observer: Observer,
    in_maintenance: Callable[[], bool],
    on_trouble: Callable[[Exception], None],
    clock: Clock = wall_clock,
    runner: Runner = in_thread,
) -> Books:
    """Put together what settles the requests of one switch. Raises `ConfigurationError` for data that makes no sense.

    ``on_trouble`` hears what keeps SQLite's log from being moved.
    """
    rules = rules_of(settings, HostCalendar(settings.zone), vault.pan_key, in_maintenance)
    rules = replace(rules, decide=_told(rules.decide, observer))
    checkpoints = Checkpoints(database, in_thread, on_trouble)
    connect = connector(database, checkpoints.care)
    store = Store(connect, rules, vault.pan_key, clock, JournalIds(clock), code_key=vault.code_key)
    writer = Writer(store, runner, clock, observer, settings.ledger.group_max, settings.ledger.queue_max)
    return Books(writer, store, checkpoints)


def _told(decide: Decide, observer: Observer) -> Decide:
    """Return ``decide``, which is pure, with its refusals told by the rule that refused."""

    def decide_and_tell(request: Request, facts: Facts) -> Decision:
        decision = decide(request, facts)
        if decision.reply.action is not Action.APPROVED:
            rungs = [name for name, _, _, passed in decision.trace[-1:] if not passed]
            observer.refused(rungs[0] if rungs else POSTING)
        return decision

    return decide_and_tell


# --- the process -------------------------------------------------------------------------------------------


def main() -> None:
    """Serve whoever has the other end of the standard input, until it is closed."""
    for ignored in (signal.SIGINT, signal.SIGTERM):  # they are for the switch, which lets this process finish
        signal.signal(ignored, signal.SIG_IGN)
    relieve_sqlite()  # the writer has its connection on the loop's thread, and who moves the log has its own on another
    trio.run(_serve, socket.socket(fileno=sys.stdin.fileno()))


async def _in_place(function: Callable[[], _T]) -> _T:
    """Run a blocking function here: nobody waits for this loop but for what it blocks for."""
    return function()


async def _serve(end: socket.socket) -> None:
    channel = Channel(end)
    async with aclosing(channel.parcels()) as incoming:
        opening = await anext(incoming, None)
        if not isinstance(opening, Opening):
            return
        if opening.program != program():
            channel.put(Refused("the program was changed under the running switch: start it anew", is_final=True))
            return
        try:
            await _settle(channel, incoming, cast("Settings", opening.settings), Vault(cast("Keys", opening.keys)))
        except* OperatorError as group:
            channel.put(Refused(f"{group.exceptions[0]}", is_final=False))


async def _settle(channel: Channel, incoming: AsyncIterator[object], settings: Settings, vault: Vault) -> None:
    """Settle what comes in until nobody is there any more."""
    events = EventLog(configure_logging(settings.log.format, settings.log.level, sys.stderr))
    reporter = _Reporter(channel)
    moving = partial(events.unexpected, "moving SQLite's log")
    with closing(open_database(settings.ledger.database)) as database:
        books = open_books(
            settings, database, vault, reporter, lambda: reporter.in_maintenance, moving, runner=_in_place
        )
        tune_interpreter()
        with closing(books.store):
            async with trio.open_nursery() as nursery:
                for task in (channel.run, books.writer.run, books.checkpoints.run, reporter.run):
                    nursery.start_soon(task)
                channel.put(Word.READY)
                async for parcel in incoming:
                    if isinstance(parcel, Asked):
                        reporter.take_in(parcel, books.writer)
                    elif parcel is Word.DRAIN:
                        nursery.start_soon(reporter.drain, books.writer)
                nursery.cancel_scope.cancel()


class _Reporter:
    """An `Observer` that only notes what it is told, and sends that on with the outcomes."""

    def __init__(self, channel: Channel) -> None:
        self.in_maintenance = False
        self._channel = channel
        self._told = Told([], [])
        self._idle = trio.lowlevel.ParkingLot()

    def take_in(self, asked: Asked, writer: Writer) -> None:
        """Have requests settled."""
        self.in_maintenance = asked.in_maintenance
        for number, expires_at, request in asked.requests:
            if not writer.submit(request, partial(self._keep, number), expires_at):
                raise InternalError("the switch asks more at a time than fits into the queue")

    async def run(self) -> None:
        """Send what does not come with a group, until cancelled."""
        while True:
            while not (self._told.outcomes or self._told.notes):
                await self._idle.park()
            self.delivered()

    async def drain(self, writer: Writer) -> None:
        """Have everything settled, and say so after the last outcome."""
        await writer.drain()
        self.delivered()
        self._channel.put(Word.DRAINED)

    def _keep(self, number: int, outcome: Outcome) -> None:
        self._told.outcomes.append((number, outcome[1:]))
        if self._idle:  # asking is a tenth of waking nobody
            self._idle.unpark()

    def _note(self, name: str, *arguments: object) -> None:
        self._told.notes.append((name, arguments))
        if self._idle:
            self._idle.unpark()

    # --- as an observer ------------------------------------------------------------------------------------

    def group(self, size: int, duration_s: float, faults: Sequence[str]) -> None:
        self._note("group", size, duration_s, faults)

    def not_stored(self, fault: str) -> None:
        self._note("not_stored", fault)

    def timed(self, began: float, decided: float, settled: float) -> None:
        self._note("timed", began, decided, settled)

    def refused(self, rule: str) -> None:
        self._note("refused", rule)

    def delivered(self) -> None:
        told, self._told = self._told, Told([], [])
        if told.outcomes or told.notes:
            self._channel.put(told)

    def shed(self, reason: str) -> None:
        self._note("shed", reason)

    def undelivered(self, error: Exception) -> None:
        raise InternalError("an outcome was not noted") from error


if __name__ == "__main__":
    main()
