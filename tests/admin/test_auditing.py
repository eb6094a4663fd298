"""The daily audit: made when it is due, by a process of its own, and kept in the books."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa
import trio

from switch.admin.auditing import Auditing
from switch.config import Settings
from switch.ledger.audit_kept import KeptAudit, keep_audit, read_kept_audit
from switch.ledger.database import Database, open_database, read_meta
from switch.telemetry import EventLog, configure_logging
from tests.scenarios.stage import Clock, install
from tests.scenarios.transcript import Transcript

_T = TypeVar("_T")
HOUR = 3_600_000_000


async def in_place(function: Callable[[], _T], /) -> _T:
    return function()


@pytest.fixture
def settings(sqlite_database: str, tmp_path: Path) -> Settings:
    books = Transcript("audited", cards={"C1": {"balance": "10.00"}})
    return install(books, sqlite_database, "iso8583-1987-ascii", tmp_path, Clock())


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    with closing(open_database(settings.ledger.database)) as opened:
        yield opened


def kept(database: Database) -> KeptAudit | None:
    with database.reading() as connection:
        return read_kept_audit(read_meta(connection))


def auditing(settings: Settings, database: Database, now: int, log: StringIO, *command: str) -> Auditing:
    events = EventLog(configure_logging("json", "info", log))
    return Auditing(settings, database, in_place, lambda: now, events, command or (sys.executable, "-m", "switch"))


async def test_books_that_were_never_audited_are_audited_and_the_result_is_kept(
    settings: Settings, database: Database
) -> None:
    log = StringIO()

    with trio.fail_after(60):
        await auditing(settings, database, 0, log).look()

    found = kept(database)
    assert found is not None
    assert (found.broken, found.invariants) == (0, ())
    assert log.getvalue() == ""


async def test_what_is_broken_is_counted_and_is_no_trouble_of_the_process(
    settings: Settings, database: Database
) -> None:
    log = StringIO()
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE balance SET ledger_minor = ledger_minor + 1"))

    with trio.fail_after(60):
        await auditing(settings, database, 0, log).look()

    found = kept(database)
    assert found is not None
    assert (found.broken, found.invariants) == (1, ("I2",))
    assert log.getvalue() == ""


@pytest.mark.parametrize(
    ("hours", "age_h", "is_made"), [(24, 23, False), (24, 24, True), (1, 2, True), (0, 999, False)]
)
async def test_the_next_audit_is_due_so_long_after_the_last(
    settings: Settings, database: Database, tmp_path: Path, *, hours: int, age_h: int, is_made: bool
) -> None:
    chores = settings.chores.model_copy(update={"audit_hours": hours})
    settings = settings.model_copy(update={"chores": chores})
    keep_audit(database, 0, [])
    made = tmp_path / "made"

    await auditing(settings, database, age_h * HOUR, StringIO(), "sh", "-c", f"touch {made}").look()

    assert made.exists() is is_made


async def test_a_process_that_does_not_come_to_its_end_is_told_in_the_log(
    settings: Settings, database: Database
) -> None:
    log = StringIO()

    await auditing(settings, database, 0, log, "sh", "-c", "exit 7").look()

    assert '"audit ended"' in log.getvalue()
    assert kept(database) is None
