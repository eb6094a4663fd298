"""What a switch does once a business day, on real books."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
import trio

from switch.chores import Chores
from switch.config import ChoreSettings
from switch.decisions import Outcome, Standing
from switch.ledger.database import Database, open_database
from switch.ledger.ids import JournalIds
from switch.ledger.schema import terminal
from switch.messages.actions import Action
from switch.messages.model import Reply, Request
from switch.telemetry import EventLog, configure_logging
from tests.ledger.closed_days import MAKER
from tests.ledger.sample_books import fill
from tests.ledger.shop import NOON, TODAY

_T = TypeVar("_T")


class FakeLedger:
    """Takes requests and approves them in the next moment."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.requests: list[Request] = []
        self._nursery = nursery

    def submit(self, request: Request, deliver: Callable[[Outcome], None], expires_at: int) -> bool:
        self.requests.append(request)
        outcome = Outcome(request, Standing.FIRST, Reply(Action.APPROVED, 0), "", expires_at, 0)

        async def approve() -> None:
            deliver(outcome)

        self._nursery.start_soon(approve)
        return True


async def in_place(function: Callable[[], _T]) -> _T:
    return function()


async def look(database: Database, today: date, times: int = 1) -> tuple[list[Request], list[str]]:
    """Look after the day; returns what was asked of the ledger, and the events logged."""
    log = StringIO()
    events = EventLog(configure_logging("json", "info", log))
    async with trio.open_nursery() as nursery:
        ledger = FakeLedger(nursery)
        chores = Chores(
            ChoreSettings(),
            database,
            ledger,
            in_place,
            lambda: NOON,
            lambda _: today,
            MAKER,
            JournalIds(lambda: NOON),
            events,
        )
        for _ in range(times):
            await chores.look()
    return ledger.requests, [json.loads(line)["event"] for line in log.getvalue().splitlines()]


def heard(database: Database, day: date) -> None:
    with database.writing() as connection:
        connection.execute(sa.update(terminal).values(last_seen_day=int(f"{day:%Y%m%d}")))


def statuses(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(connection.scalars(sa.select(terminal.c.status)))


async def test_silent_terminals_fall_asleep_and_old_holds_are_ended_once_a_day(
    sqlite_database: str, tmp_path: Path
) -> None:
    with closing(open_database(sqlite_database)) as database:
        fill(database, tmp_path)
        heard(database, TODAY)

        requests, events = await look(database, TODAY + timedelta(days=91), times=2)

        assert {request.original.stan for request in requests if request.original} == {""}
        assert len(requests) == 2
        assert events == ["terminals dormant", "authorisations expired", "day settled"]
        assert statuses(database) == {"dormant"}


async def test_on_an_ordinary_day_nothing_happens(sqlite_database: str, tmp_path: Path) -> None:
    with closing(open_database(sqlite_database)) as database:
        fill(database, tmp_path)
        heard(database, TODAY)

        requests, events = await look(database, TODAY)

        assert (requests, events) == ([], [])
        assert statuses(database) == {"active"}
