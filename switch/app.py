"""The composition root: builds every object by hand, and runs them all in one nursery."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from typing import Final, TextIO, TypeVar

import trio

from switch.admin.auditing import Auditing
from switch.admin.console_process import ConsoleProcess
from switch.admin.gauging import Gauging, certificate_ends_at
from switch.admin.pages import build_pages, no_console
from switch.admin.readiness import Readiness
from switch.admin.server import serve_admin
from switch.admin.serving import tls_context
from switch.assembly import Doors, KeyDesk
from switch.bookkeeping import in_thread, open_books, tune_interpreter
from switch.chores import Chores, MaintenanceWatch, SettlingProcess
from switch.clock import wall_clock
from switch.config import Settings, masked_url
from switch.errors import OperatorError
from switch.ledger.database import Database, check_keys, check_version, open_database
from switch.ledger.ids import JournalIds
from switch.ledger.parcels import Opening, program
from switch.ledger.ports import Clock
from switch.ledger.writer import Writer
from switch.ledger.writer_apart import WriterApart
from switch.messages.dates import HostCalendar
from switch.ruling import business_days
from switch.security.keys import Keys, load_keys
from switch.security.vault import Vault
from switch.settlement.closing import Closing
from switch.settlement.fees import load_fee_plans
from switch.telemetry import EventLog, Metrics, TransactionLog, configure_logging, open_tracer
from switch.telemetry.process import tell_of_books
from switch.terminals.listener import Listener
from switch.terminals.tapping import Taps
from switch.transactions.table import NEEDS

_T = TypeVar("_T")

LOOKS_MAX: Final = 4
"""Looks at the books beside the writer at a time."""

LOOK_DEADLINE_S: Final = 1.0
"""How long the end of the process waits for them: a database may hang."""

ENDED_AT_ONCE: Final = 1
"""Exit status after a second signal: requests in flight may be without an answer."""


class _Looks:
    """Runs blocking functions that only look off the loop; a cancelled caller does not wait for them."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(LOOKS_MAX)

    async def __call__(self, function: Callable[[], _T], /) -> _T:
        return await trio.to_thread.run_sync(function, abandon_on_cancel=True, limiter=self._limiter)

    async def over(self) -> None:
        """Wait for those that nobody waits for any more, as long as one may take that comes back at all."""
        with trio.move_on_after(LOOK_DEADLINE_S, shield=True):
            for place in range(LOOKS_MAX):  # each is free again when its look is over
                await self._limiter.acquire_on_behalf_of(place)


@asynccontextmanager
async def _opened(database_url: str) -> AsyncIterator[tuple[Database, _Looks]]:
    """Open the books, and close them when nobody looks at them any more."""
    with closing(open_database(database_url)) as database:
        looks = _Looks()
        try:
            yield database, looks
        finally:
            await looks.over()


@dataclass(frozen=True, slots=True)
class Running:
    """A switch that is up: where it listens, and how to end it. Addresses are (host, port)."""

    listeners: Mapping[str, tuple[str, int]]
    admin: tuple[str, int]
    drain: Callable[[], None]
    ended: trio.Event
    metrics: Metrics


def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT: the first drains, the second ends at once."""
    tune_interpreter()
    run_loop(_until_signalled, settings)


def run_loop(main: Callable[..., Awaitable[_T]], *arguments: object) -> _T:
    """`trio.run`, but what an operator has to change comes out as the one error it is, not as a group of one."""
    try:
        return trio.run(main, *arguments)
    except BaseExceptionGroup as group:
        ours, others = group.split(OperatorError)
        if ours is None or others is not None:
            raise
        error: BaseException = ours
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


async def _until_signalled(settings: Settings) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            running = await nursery.start(partial(run, settings, apart=settings.ledger.own_process))
            nursery.start_soon(_obey, signals, running)
            await running.ended.wait()
            nursery.cancel_scope.cancel()


async def _obey(signals: AsyncIterator[int], running: Running) -> None:
    await anext(signals)
    running.drain()
    await anext(signals)
    os._exit(ENDED_AT_ONCE)  # a commit in its thread cannot be called off; the books survive this as they do a kill


async def run(
    settings: Settings,
    *,
    clock: Clock = wall_clock,
    log: TextIO = sys.stderr,
    apart: bool = False,
    task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Open the books, listen, and serve until drained. Reports a `Running` once terminals may connect.

    Requests are settled in a process of their own if ``apart``; that one goes by the wall's clock. Raises
    `OperatorError` for settings, keys, dialects or a database that it cannot work with.
    """
    events = EventLog(configure_logging(settings.log.format, settings.log.level, log))
    transactions = TransactionLog(settings.log.format, settings.log.level, log)
    tracer = open_tracer(**settings.tracing.model_dump(), stream=log, on_trouble=events.tracing_trouble)
    metrics = Metrics(tracer)
    keys = load_keys(settings.keys.file)
    vault = Vault(keys)
    calendar = HostCalendar(settings.zone)
    async with _opened(settings.ledger.database) as (database, looks):
        await in_thread(lambda: check_version(database))
        await in_thread(lambda: check_keys(database, vault))
        maintenance = MaintenanceWatch(database, looks, events)
        await maintenance.look()
        readiness = Readiness(database)
        observer = _Observer(metrics, events, transactions, readiness)
        is_on, at_end = lambda: maintenance.is_on, ExitStack()
        writer, tending = _settling(settings, database, keys, clock, observer, is_on, at_end, apart=apart)
        _show_queue(writer, metrics)
        desk = KeyDesk(settings, database, keys.master, vault.pan_key, in_thread, clock, events)
        await in_thread(desk.read_issuers)
        await in_thread(desk.check_master)
        taps = Taps(database, in_thread, clock, JournalIds(clock), events)
        doors = Doors(writer, desk, calendar, clock, JournalIds(clock), metrics, transactions, events, taps)
        listeners = [doors.listener(listener) for listener in settings.listeners]
        maker = Closing(load_fee_plans(), HostCalendar(settings.zone))
        chores = Chores(
            settings.chores,
            database,
            writer,
            in_thread,
            clock,
            business_days(settings.cut_over, HostCalendar(settings.zone)),
            maker,
            JournalIds(clock),
            events,
            SettlingProcess(settings.ledger.database, settings.zone),
        )
        beside = (Gauging(database, looks, clock, metrics, events), Auditing(settings, database, looks, clock, events))
        tasks = [*tending, *(each.run for each in (desk, chores, maintenance, taps, *beside))]
        try:
            with at_end:
                await _run_all(settings, listeners, tasks, writer, metrics, events, readiness, task_status)
        finally:
            transactions.flush()
            if tracer is not None:
                tracer.close()


def _settling(
    settings: Settings,
    database: Database,
    keys: Keys,
    clock: Clock,
    observer: _Observer,
    in_maintenance: Callable[[], bool],
    at_end: ExitStack,
    *,
    apart: bool,
) -> tuple[Writer | WriterApart, list[Callable[[], Awaitable[None]]]]:
    """Return who settles requests, here or in a process of its own, and what has to run beside it here."""
    if not apart:
        moving = partial(observer.events.unexpected, "moving SQLite's log")
        books = open_books(settings, database, Vault(keys), observer, in_maintenance, moving, clock)
        at_end.enter_context(closing(books.store))
        return books.writer, [books.checkpoints.run]
    opening = Opening(program(), settings, keys)
    unkeyed = frozenset(kind for kind, needs in NEEDS.items() if not needs.keyed)
    ended, queue_max = observer.events.books_ended, settings.ledger.queue_max
    writer = WriterApart(opening, clock, observer, in_maintenance, ended, unkeyed, queue_max)
    observer.readiness.is_settling = lambda: writer.is_up
    figures = observer.metrics.figures
    figures.read_by("switch_books_process_up", lambda: writer.is_up)
    tell_of_books(figures, lambda: writer.pid)
    return writer, []


async def _run_all(
    settings: Settings,
    listeners: Sequence[Listener],
    tasks: Sequence[Callable[[], Awaitable[None]]],
    writer: Writer | WriterApart,
    metrics: Metrics,
    events: EventLog,
    readiness: Readiness,
    task_status: trio.TaskStatus[Running],
) -> None:
    """Start everything from the books outwards, and end it in the opposite order; ``tasks`` run beside it."""
    events.started(masked_url(settings.ledger.database))
    async with trio.open_nursery() as nursery:
        await nursery.start(writer.run)
        for task in tasks:
            nursery.start_soon(task)
        bound = {}
        for listener, its in zip(listeners, settings.listeners, strict=True):
            bound[listener.name] = await listener.open(its.bind.host, its.bind.port)
            events.listening(listener.name, its.dialect, "{}:{}".format(*bound[listener.name]))
        console = ConsoleProcess(settings, events)
        nursery.start_soon(console.run)
        metrics.figures.read_by("switch_console_up", lambda: console.is_up)
        pages = build_pages(
            metrics.registry,
            readiness,
            console.answer if settings.admin.console else no_console,
            console.may_read_metrics if settings.admin.metrics_need_token else None,
        )
        hand_over = console.go_over if settings.admin.console else None
        admin = await nursery.start(serve_admin, settings.admin.bind, pages, tls_context(settings.admin.tls), hand_over)
        if settings.admin.tls is not None:
            ends_at = certificate_ends_at(settings.admin.tls.certificate)
            metrics.figures.set("switch_certificate_expiry_timestamp_seconds", ends_at)
        ended = trio.Event()
        drain = trio.Event()
        task_status.started(Running(bound, (admin.host, admin.port), drain.set, ended, metrics))
        async with trio.open_nursery() as doors:
            for listener in listeners:
                doors.start_soon(listener.run)
            await drain.wait()
            readiness.draining = True
            events.draining(settings.server.drain_deadline_s)
            for listener in listeners:
                listener.drain()
            doors.cancel_scope.deadline = trio.current_time() + settings.server.drain_deadline_s
        with trio.move_on_at(doors.cancel_scope.deadline):
            await writer.drain()
        events.stopped(unfinished=sum(listener.unfinished for listener in listeners))
        ended.set()
        nursery.cancel_scope.cancel()


def _show_queue(writer: Writer | WriterApart, metrics: Metrics) -> None:
    metrics.queue_depth.set_function(lambda: writer.queue_depth)
    metrics.queue_age.set_function(lambda: writer.oldest_age_s)


class _Observer:
    """Counts and logs what the writer tells of its groups."""

    def __init__(self, metrics: Metrics, events: EventLog, transactions: TransactionLog, readiness: Readiness) -> None:
        self.metrics = metrics
        self.events = events
        self._transactions = transactions
        self.readiness = readiness

    def group(self, size: int, duration_s: float, faults: Sequence[str]) -> None:
        self.readiness.stored()
        self.metrics.group_size.observe(size)
        self.metrics.commit_duration.observe(duration_s)
        for fault in faults:
            reason = fault.partition(":")[0]
            self.metrics.commits_failed.labels(reason).inc()
            if reason == "unknown":
                self.events.commit_unknown(size, fault)
            else:
                self.events.commit_failed(size, fault)

    def not_stored(self, fault: str) -> None:
        self.readiness.not_stored(fault)

    def timed(self, began: float, decided: float, settled: float) -> None:
        times = self.metrics.group_times
        times.began, times.decided, times.settled = began, decided, settled
        self.metrics.writer_busy.inc(settled - began)

    def refused(self, rule: str) -> None:
        self.metrics.rule_refusals.labels(rule).inc()

    def delivered(self) -> None:
        self._transactions.flush()

    def shed(self, reason: str) -> None:
        self.metrics.shed.labels(reason).inc()

    def undelivered(self, error: Exception) -> None:
        self.events.unexpected("delivering an outcome", error)
