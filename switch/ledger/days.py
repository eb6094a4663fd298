"""Business days in the books: which one is open, when each ended, and how one is ended.

    begins    by the clock: the first group of a new day opens it
              by command:   a cut-over ends the open day and opens the next one, however early
    ends      with a cut-over, or once the clock has begun a later one

A group decides on the newest day that is open, or on the clock's where that is later, and keeps every cut-over waiting
until it has committed. So once a day is closed nobody decides on it any more, and what is in the books of it stays.
Each function that ends a day waits for the groups under way, and groups wait for it: both for moments.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from switch.ledger import schema
from switch.ledger.database import Database
from switch.ledger.rows import date_of, number_of
from switch.ledger.wanted import DAY

_PATIENCE_MS: Final = 1_000  # for the groups under way; those that come meanwhile wait as long
_NEXT: Final = timedelta(days=1)
_CLAIM_ALONE: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")  # as a group's is shared


class Day(NamedTuple):
    """A business day. Moments are microseconds since 1970, UTC; ``closed_at`` is None while it is open."""

    day: date
    opened_at: int
    closed_at: int | None


class CutOver(NamedTuple):
    """What a cut-over of ``day`` found or did: when that was closed (None: it is not), and the day that is open now.

    ``is_new`` says that it was this one that closed it.
    """

    day: date
    closed_at: int | None
    open_day: date
    is_new: bool


def day_to_decide_on(by_the_clock: date, newest: date, *, is_open: bool) -> date:
    """Return the day of a group, given the newest one in the books."""
    return max(by_the_clock, newest if is_open else newest + _NEXT)


# --- ending one --------------------------------------------------------------------------------------------


def cut_over(database: Database, day: date, now: int) -> CutOver:
    """End ``day`` if it is the open one, and open the next; twice, or in two processes at once, is once.

    A day that has not begun is left alone: nothing is closed by a slip of the hand. Raises `DatabaseError` where the
    groups under way do not come to an end.
    """
    with _alone(database) as connection:
        newest = _newest(connection)
        if newest is None:
            _open(connection, day, now)
        if newest is None or (newest.day == day and newest.closed_at is None):
            _open(connection, day + _NEXT, now)
        closed = _close_past(connection, now)
        found, left = _day(connection, day), _newest(connection)
    assert left is not None
    return CutOver(day, None if found is None else found.closed_at, left.day, is_new=day in closed)


def begin_day(database: Database, day: date, now: int) -> list[date]:
    """Do what the clock asks for although no request comes: open ``day`` unless it or a later one is there.

    The days before the open one are closed and returned. Twice changes nothing.
    """
    with _alone(database) as connection:
        newest = _newest(connection)
        if newest is None or newest.day < day:
            _open(connection, day, now)
        return _close_past(connection, now)


@contextmanager
def _alone(database: Database) -> Iterator[sa.Connection]:
    """Yield a connection in a transaction beside which no group decides."""
    with database.writing() as connection:
        if database.dialect != "sqlite":  # where there is one writer at a time anyway
            connection.execute(sa.text(f"SET LOCAL lock_timeout = {_PATIENCE_MS}"))
            connection.execute(_CLAIM_ALONE, {"name": DAY})
        yield connection


def _open(connection: sa.Connection, day: date, now: int) -> None:
    connection.execute(sa.insert(schema.business_day).values(day=number_of(day), opened_at=now, state="open"))


def _close_past(connection: sa.Connection, now: int) -> list[date]:
    its = schema.business_day.c
    newest = sa.select(sa.func.max(its.day)).scalar_subquery()
    closing = (
        sa.update(schema.business_day)
        .where(its.state == "open", its.day < newest)
        .values(state="closed", closed_at=now)
        .returning(its.day)
    )
    return sorted(date_of(day) for day in connection.scalars(closing))


# --- what there is -----------------------------------------------------------------------------------------


def day_state(database: Database, day: date) -> Day | None:
    """Return what is known of a business day; None for one that has not begun, or was before days were kept."""
    with database.reading() as connection:
        return _day(connection, day)


def newest_day(database: Database) -> Day | None:
    """Return the day that is open, or the last that was: None in books that have decided nothing yet."""
    with database.reading() as connection:
        return _newest(connection)


def last_closed_day(database: Database) -> Day | None:
    """Return the latest day that is closed, None where none is."""
    its = schema.business_day.c
    last = sa.select(sa.func.max(its.day)).where(its.state == "closed").scalar_subquery()
    with database.reading() as connection:
        return _found(connection, its.day == last)


def closed_days_without_statements(database: Database) -> list[date]:
    """Return the closed days, oldest first, that have no clearing file: it is the last thing made of a day."""
    day, file = schema.business_day.c, schema.clearing_file.c
    unfinished = (
        sa.select(day.day)
        .where(day.state == "closed", ~sa.exists().where(file.business_day == day.day))
        .order_by(day.day)
    )
    with database.reading() as connection:
        return [date_of(number) for number in connection.scalars(unfinished)]


def _day(connection: sa.Connection, day: date) -> Day | None:
    return _found(connection, schema.business_day.c.day == number_of(day))


def _newest(connection: sa.Connection) -> Day | None:
    its = schema.business_day.c
    return _found(connection, its.day == sa.select(sa.func.max(its.day)).scalar_subquery())


def _found(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Day | None:
    its = schema.business_day.c
    row = connection.execute(sa.select(its.day, its.opened_at, its.closed_at).where(which)).first()
    return None if row is None else Day(date_of(row.day), row.opened_at, row.closed_at)
