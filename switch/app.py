"""The composition root: builds every object by hand, and runs them all in one nursery."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, TextIO, TypeVar

import trio

from switch.admin.console_process import ConsoleProcess
from switch.admin.pages import build_pages, no_console
from switch.admin.server import serve_admin
from switch.admin.serving import tls_context
from switch.assembly import Doors, KeyDesk, rules_of
from switch.chores import Chores, MaintenanceWatch, SettlingProcess
from switch.config import Settings, masked_url
from switch.errors import DatabaseError, OperatorError
from switch.ledger.database import Database, check_keys, check_version, open_database
from switch.ledger.ids import JournalIds
from switch.ledger.sessions import connector
from switch.ledger.store import Store
from switch.ledger.writer import Writer
from switch.messages.dates import HostCalendar
from switch.security.keys import load_keys
from switch.security.vault import Vault
from switch.settlement.closing import Closing
from switch.settlement.fees import load_fee_plans
from switch.telemetry import EventLog, Metrics, TransactionLog, configure_logging
from switch.terminals.listener import Listener

_T = TypeVar("_T")

GARBAGE_THRESHOLD: Final = 20_000
"""New objects between two searches for cycles: requests leave none, so looking often finds nothing."""

SWITCH_INTERVAL_S: Final = 0.0005
"""How long a thread keeps the interpreter while the other one waits: the loop and the writer share it."""

ENDED_AT_ONCE: Final = 1
"""Exit status after a second signal: requests in flight may be without an answer."""


def wall_clock() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1000


async def in_thread(function: Callable[[], _T]) -> _T:
    """Run a blocking function off the loop; a cancelled caller still waits for it, so no commit is abandoned."""
    return await trio.to_thread.run_sync(function)


async def in_thread_or_not(function: Callable[[], _T]) -> _T:
    """Run a blocking function that only looks off the loop; a cancelled caller does not wait for it."""
    return await trio.to_thread.run_sync(function, abandon_on_cancel=True)


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
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 100)
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
            running = await nursery.start(run, settings)
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
    clock: Callable[[], int] = wall_clock,
    log: TextIO = sys.stderr,
    task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Open the books, listen, and serve until drained. Reports a `Running` once terminals may connect.

    Raises `OperatorError` for settings, keys, dialects or a database that it cannot work with.
    """
    events = EventLog(configure_logging(settings.log.format, settings.log.level, log))
    transactions = TransactionLog(settings.log.format, settings.log.level, log)
    metrics = Metrics()
    keys = load_keys(settings.keys.file)
    vault = Vault(keys)
    calendar = HostCalendar(settings.zone)
    with closing(open_database(settings.ledger.database)) as database:
        await in_thread(lambda: check_version(database))
        await in_thread(lambda: check_keys(database, vault))
        maintenance = MaintenanceWatch(database, in_thread_or_not, events)
        await maintenance.look()
        rules = rules_of(settings, HostCalendar(settings.zone), vault.pan_key, lambda: maintenance.is_on)
        store = Store(connector(database), rules, vault.pan_key, clock, JournalIds(clock), code_key=vault.code_key)
        observer = _Observer(metrics, events, transactions)
        writer = Writer(store, in_thread, clock, observer, settings.ledger.group_max, settings.ledger.queue_max)
        metrics.queue_depth.set_function(lambda: writer.queue_depth)
        metrics.queue_age.set_function(lambda: writer.oldest_age_s)
        desk = KeyDesk(settings, database, keys.master, vault.pan_key, in_thread, clock, events)
        await in_thread(desk.read_issuers)
        await in_thread(desk.check_master)
        doors = Doors(writer, desk, calendar, clock, JournalIds(clock), metrics, transactions, events)
        listeners = [doors.listener(listener) for listener in settings.listeners]
        maker = Closing(load_fee_plans())
        settler = SettlingProcess(settings.ledger.database)
        chores = Chores(
            settings.chores,
            database,
            writer,
            in_thread,
            clock,
            rules.business_day,
            maker,
            JournalIds(clock),
            events,
            settler,
        )
        state = _State(database)
        try:
            with closing(store):
                await _run_all(
                    settings, listeners, desk, chores, maintenance, writer, metrics, events, state, task_status
                )
        finally:
            transactions.flush()


async def _run_all(
    settings: Settings,
    listeners: Sequence[Listener],
    desk: KeyDesk,
    chores: Chores,
    maintenance: MaintenanceWatch,
    writer: Writer,
    metrics: Metrics,
    events: EventLog,
    state: _State,
    task_status: trio.TaskStatus[Running],
) -> None:
    """Start everything from the books outwards, and end it in the opposite order."""
    events.started(masked_url(settings.ledger.database))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run)
        nursery.start_soon(desk.run)
        nursery.start_soon(chores.run)
        nursery.start_soon(maintenance.run)
        bound = {}
        for listener, its in zip(listeners, settings.listeners, strict=True):
            bound[listener.name] = await listener.open(its.bind.host, its.bind.port)
            events.listening(listener.name, its.dialect, "{}:{}".format(*bound[listener.name]))
        console = ConsoleProcess(settings, events)
        nursery.start_soon(console.run)
        pages = build_pages(
            metrics.registry,
            state,
            console.answer if settings.admin.console else no_console,
            console.may_read_metrics if settings.admin.metrics_need_token else None,
        )
        admin = await nursery.start(serve_admin, settings.admin.bind, pages, tls_context(settings.admin.tls))
        ended = trio.Event()
        drain = trio.Event()
        task_status.started(Running(bound, (admin.host, admin.port), drain.set, ended, metrics))
        async with trio.open_nursery() as doors:
            for listener in listeners:
                doors.start_soon(listener.run)
            await drain.wait()
            state.draining = True
            events.draining(settings.server.drain_deadline_s)
            for listener in listeners:
                listener.drain()
            doors.cancel_scope.deadline = trio.current_time() + settings.server.drain_deadline_s
        with trio.move_on_at(doors.cancel_scope.deadline):
            await writer.drain()
        events.stopped(unfinished=sum(listener.unfinished for listener in listeners))
        ended.set()
        nursery.cancel_scope.cancel()


class _State:
    """Whether terminals may connect, for the load balancer.

    A database that hangs must hold up neither the answer nor the writer: a question is given up when its asker
    gives up, and at most one waits for the database at a time, in a thread that is not the writer's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._one = trio.CapacityLimiter(1)
        self.draining = False

    async def unready_because(self) -> str:
        if self.draining:
            return "draining"
        try:
            await trio.to_thread.run_sync(check_version, self._database, abandon_on_cancel=True, limiter=self._one)
        except DatabaseError as error:
            return str(error)
        return ""


class _Observer:
    """Counts and logs what the writer tells of its groups."""

    def __init__(self, metrics: Metrics, events: EventLog, transactions: TransactionLog) -> None:
        self._metrics = metrics
        self._events = events
        self._transactions = transactions

    def group(self, size: int, duration_s: float, faults: Sequence[str]) -> None:
        self._metrics.group_size.observe(size)
        self._metrics.commit_duration.observe(duration_s)
        for fault in faults:
            reason = fault.partition(":")[0]
            self._metrics.commits_failed.labels(reason).inc()
            if reason == "unknown":
                self._events.commit_unknown(size, fault)
            else:
                self._events.commit_failed(size, fault)

    def timed(self, began: float, decided: float, settled: float) -> None:
        times = self._metrics.group_times
        times.began, times.decided, times.settled = began, decided, settled
        self._metrics.writer_busy.inc(settled - began)

    def delivered(self) -> None:
        self._transactions.flush()

    def shed(self, reason: str) -> None:
        self._metrics.shed.labels(reason).inc()

    def undelivered(self, error: Exception) -> None:
        self._events.unexpected("delivering an outcome", error)
