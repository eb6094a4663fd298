"""Merchants as officers look at them: found by the beginning of their id or name, with what was settled of late.

What a merchant's account stands at is a sum over all that ever moved, which no page can wait for: shown is what its
statements say. `switch merchant show` adds it up.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from switch.errors import NotInBooks
from switch.ledger import schema
from switch.ledger.queries import JournalLine
from switch.office.terminals import newest_transactions
from switch.values import Money

PAGE_ROWS: Final = 50
STATEMENTS_MAX: Final = 7
TERMINALS_MAX: Final = 20
"""Terminals of a merchant that its page shows, and whose newest transactions it shows, the first by id."""

NEWEST_MAX: Final = 15


class MerchantLine(NamedTuple):
    """A merchant as lists show it."""

    merchant_id: str
    name: str
    mcc: str
    status: str
    currency: str


class FoundMerchants(NamedTuple):
    """One page; ``next_after`` is the cursor of the next one, "" where there is none."""

    lines: list[MerchantLine]
    next_after: str = ""


class StatementLine(NamedTuple):
    """What a merchant got for a business day (yyyymmdd)."""

    business_day: int
    gross: Money
    fees: Money
    net: Money
    items: int


class TerminalOf(NamedTuple):
    """A terminal of a merchant, by what its page shows of it."""

    terminal_id: str
    status: str
    batch: str
    last_seen_day: int


class MerchantPage(NamedTuple):
    """One merchant: its row, its first terminals, its newest statements."""

    merchant_id: str
    name: str
    mcc: str
    status: str
    currency: str
    account_id: int
    manual_entry: str
    limits: str
    fee_plan: str
    shares: str
    operators: int
    terminals: list[TerminalOf]
    statements: list[StatementLine]


def list_merchants(connection: sa.Connection, after: str = "") -> FoundMerchants:
    """Return merchants in the order of their ids, from the one after ``after`` on."""
    asked = sa.select(*_LINE).where(_ITS.merchant_id > after).order_by(_ITS.merchant_id).limit(PAGE_ROWS + 1)
    lines = [MerchantLine(*row) for row in connection.execute(asked)]
    if len(lines) > PAGE_ROWS:
        return FoundMerchants(lines[:PAGE_ROWS], lines[PAGE_ROWS - 1].merchant_id)
    return FoundMerchants(lines)


def find_merchants(connection: sa.Connection, beginning: str) -> list[MerchantLine]:
    """Return merchants whose id or name begins like this, each way at most `PAGE_ROWS`."""
    found: dict[str, MerchantLine] = {}
    for column in (_ITS.merchant_id, _ITS.name):
        asked = sa.select(*_LINE).where(column >= beginning).order_by(column, _ITS.merchant_id).limit(PAGE_ROWS)
        for row in connection.execute(asked):
            if getattr(row, column.name).startswith(beginning):
                found.setdefault(row.merchant_id, MerchantLine(*row))
    return list(found.values())


def merchant_page(connection: sa.Connection, merchant_id: str) -> MerchantPage:
    """Show a merchant. Raises `NotInBooks`."""
    operator = schema.operator.c
    row = connection.execute(sa.select(schema.merchant).where(_ITS.merchant_id == merchant_id)).first()
    if row is None:
        raise NotInBooks(f"merchant {merchant_id} is not in the books")
    operators = sa.select(sa.func.count()).where(operator.merchant_id == merchant_id, operator.status == "active")
    return MerchantPage(
        row.merchant_id,
        row.name,
        row.mcc,
        row.status,
        row.currency,
        row.account_id,
        row.manual_entry,
        row.limits,
        row.fee_plan,
        row.shares,
        connection.execute(operators).scalar_one(),
        _terminals(connection, merchant_id),
        _statements(connection, merchant_id),
    )


def newest_of_merchant(connection: sa.Connection, terminals: list[TerminalOf]) -> list[JournalLine]:
    """Return the newest transactions of these terminals, the newest first."""
    return newest_transactions(connection, {one.terminal_id: one.batch for one in terminals}, NEWEST_MAX)


def _terminals(connection: sa.Connection, merchant_id: str) -> list[TerminalOf]:
    its = schema.terminal.c
    asked = sa.select(*(its[name] for name in TerminalOf._fields)).where(its.merchant_id == merchant_id)
    return [TerminalOf(*row) for row in connection.execute(asked.order_by(its.terminal_id).limit(TERMINALS_MAX))]


def _statements(connection: sa.Connection, merchant_id: str) -> list[StatementLine]:
    its = schema.statement.c
    asked = sa.select(its.business_day, its.gross_minor, its.fee_minor, its.net_minor, its.currency, its["items"])
    asked = asked.where(its.merchant_id == merchant_id).order_by(its.business_day.desc()).limit(STATEMENTS_MAX)
    return [_statement(*row) for row in connection.execute(asked)]


def _statement(day: int, gross: int, fees: int, net: int, currency: str, items: int) -> StatementLine:
    return StatementLine(day, Money(gross, currency), Money(fees, currency), Money(net, currency), items)


_ITS: Final = schema.merchant.c
_LINE: Final[tuple[sa.ColumnElement[Any], ...]] = tuple(_ITS[name] for name in MerchantLine._fields)
