"""Business days and what was made of them, as finance looks for them: pages by cursor, each found by an index."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from switch.errors import NotInBooks
from switch.ledger import schema
from switch.ledger.settlement_reports import DayLine

DAYS: Final = 20
STATEMENTS: Final = 50


class ClearingLine(NamedTuple):
    """A day's clearing file without its content; amounts are sums of minor units of whatever currency."""

    items: int
    debit_minor: int
    credit_minor: int
    sha256: str
    made_at: int


class StatementLine(NamedTuple):
    """What a merchant's statement of a day comes to, in minor units."""

    merchant_id: str
    merchant_name: str
    business_day: int
    currency: str
    gross_minor: int
    credit_minor: int
    fee_minor: int
    share_minor: int
    net_minor: int
    items: int
    made_at: int


def days_page(connection: sa.Connection, before: int | None = None) -> list[DayLine]:
    """Return business days, the latest first, before another one (yyyymmdd); one more than a page if there are more."""
    day = schema.business_day.c.day
    asked = _days().order_by(day.desc()).limit(DAYS + 1)
    return [_day(row) for row in connection.execute(asked if before is None else asked.where(day < before))]


def one_day(connection: sa.Connection, day: int) -> tuple[DayLine, ClearingLine | None]:
    """Return a business day (yyyymmdd) and its clearing file. Raises `NotInBooks`."""
    row = connection.execute(_days().where(schema.business_day.c.day == day)).first()
    if row is None:
        raise NotInBooks(f"no business day {day} is in the books")
    its = schema.clearing_file.c
    columns = (its["items"], its.debit_minor, its.credit_minor, its.sha256, its.made_at)
    file = connection.execute(sa.select(*columns).where(its.business_day == day)).first()
    return _day(row), None if file is None else ClearingLine(*file)


def statements_of(
    connection: sa.Connection, day: int, *, merchant_id: str = "", after: str = ""
) -> list[StatementLine]:
    """Return a day's statements by merchant, after one or of one alone; one more than a page where there are more."""
    its = schema.statement.c
    asked = _statements().where(its.business_day == day).order_by(its.merchant_id).limit(STATEMENTS + 1)
    if merchant_id:
        asked = asked.where(its.merchant_id == merchant_id)
    if after:
        asked = asked.where(its.merchant_id > after)
    return [StatementLine(*row) for row in connection.execute(asked)]


def one_statement(connection: sa.Connection, merchant_id: str, day: int) -> StatementLine:
    """Return what a statement comes to. Raises `NotInBooks`."""
    its = schema.statement.c
    row = connection.execute(_statements().where(its.merchant_id == merchant_id, its.business_day == day)).first()
    if row is None:
        raise NotInBooks(f"merchant {merchant_id} has no statement of {day}")
    return StatementLine(*row)


def _days() -> sa.Select[Any]:
    day, file, statement = schema.business_day, schema.clearing_file, schema.statement
    statements = (
        sa.select(sa.func.count()).where(statement.c.business_day == day.c.day).scalar_subquery().label("statements")
    )
    return sa.select(day, statements, file.c["items"].label("number"), file.c.sha256).outerjoin(
        file, file.c.business_day == day.c.day
    )


def _day(row: sa.Row[Any]) -> DayLine:
    return DayLine(row.day, row.state, row.opened_at, row.closed_at, row.statements, row.number, row.sha256 or "")


def _statements() -> sa.Select[Any]:
    """All but the content, which may be long."""
    its, merchant = schema.statement, schema.merchant
    columns = ("currency", "gross_minor", "credit_minor", "fee_minor", "share_minor", "net_minor", "items", "made_at")
    return sa.select(its.c.merchant_id, merchant.c.name, its.c.business_day, *(its.c[name] for name in columns)).join(
        merchant, merchant.c.merchant_id == its.c.merchant_id
    )
