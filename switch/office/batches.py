"""Terminals' batches as finance looks for them: settled and open, by cursor, each way of asking with an index."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from switch.errors import NotInBooks
from switch.ledger import schema
from switch.ledger.database import Database
from switch.ledger.queries import JournalLine, line_of
from switch.ledger.settlement_reports import open_batches
from switch.ledger.settlement_tables import TOTALS
from switch.messages.settlement import BatchTotals, Totals

PAGE_ROWS: Final = 50

ADDED_UP_MAX: Final = 2_000
"""An open batch of more transactions is not added up for a page: a terminal's has at most 999."""

_SIDE: Final = len(TOTALS) // 2
_OPEN: Final[sa.ColumnClause[str]] = sa.literal_column("'open'")  # a literal: what is bound finds no index of some rows
_UNBALANCED: Final[sa.ColumnClause[str]] = sa.literal_column("'unbalanced'")


class BatchRow(NamedTuple):
    """One batch. ``journal_id`` (of its settlement), ``settled_at`` and the totals are None while it is open."""

    terminal_id: str
    merchant_id: str
    batch: str
    state: str
    currency: str
    journal_id: int | None
    settled_at: int | None
    business_day: int | None
    host: BatchTotals | None
    terminal: BatchTotals | None

    @property
    def differs(self) -> bool:
        """Whether books and terminal came to different totals."""
        return self.host != self.terminal


class Batches(NamedTuple):
    """One page; ``after`` is the cursor of the next, "" where there is none."""

    rows: list[BatchRow]
    after: str


def settled_page(
    connection: sa.Connection, *, terminal_id: str = "", unbalanced: bool = False, before_id: int | None = None
) -> Batches:
    """Return the batches settled last, the latest first."""
    its = schema.batch.c
    asked = _settled_batches().order_by(its.journal_id.desc()).limit(PAGE_ROWS + 1)
    if terminal_id:
        asked = asked.where(its.journal_id.in_(sa.select(its.journal_id).where(its.terminal_id == terminal_id)))
    if unbalanced:
        asked = asked.where(its.state == _UNBALANCED)
    if before_id is not None:
        asked = asked.where(its.journal_id < before_id)
    rows = [_batch(row) for row in connection.execute(asked)]
    return Batches(rows[:PAGE_ROWS], str(rows[PAGE_ROWS - 1].journal_id) if len(rows) > PAGE_ROWS else "")


def open_page(connection: sa.Connection, *, terminal_id: str = "", after: str = "") -> Batches:
    """Return the batches that terminals are filling, by terminal, without their totals."""
    its, merchant = schema.terminal.c, schema.merchant.c
    asked = (
        sa.select(its.terminal_id, its.merchant_id, its.batch, its.batch_state, merchant.currency)
        .join(schema.merchant, merchant.merchant_id == its.merchant_id)
        .where(its.batch_state == _OPEN)
        .order_by(its.terminal_id)
        .limit(PAGE_ROWS + 1)
    )
    if terminal_id:
        asked = asked.where(its.terminal_id == terminal_id)
    if after:
        asked = asked.where(its.terminal_id > after)
    rows = [BatchRow(*row, None, None, None, None, None) for row in connection.execute(asked)]
    return Batches(rows[:PAGE_ROWS], rows[PAGE_ROWS - 1].terminal_id if len(rows) > PAGE_ROWS else "")


def one_batch(database: Database, terminal_id: str, merchant_id: str, batch: str) -> BatchRow:
    """Return a batch with its totals, of an open one those of now. Raises `NotInBooks`."""
    its = schema.batch.c
    with database.reading() as connection:
        this = (its.terminal_id == terminal_id, its.merchant_id == merchant_id, its.batch == batch)
        settled = connection.execute(_settled_batches().where(*this)).first()
        if settled is not None:
            return _batch(settled)
        found = [row for row in open_page(connection, terminal_id=terminal_id).rows if row[1:3] == (merchant_id, batch)]
        if not found:
            raise NotInBooks(f"terminal {terminal_id} has no batch {batch} of merchant {merchant_id}")
        if _is_long(connection, terminal_id, batch):
            return found[0]
    totals = open_batches(database, 1, terminal=terminal_id)
    return found[0]._replace(host=totals[0].host) if totals else found[0]


def batch_transactions(
    connection: sa.Connection, terminal_id: str, batch: str, before_id: int | None = None
) -> list[JournalLine]:
    """Return the newest transactions under a batch's number; one more than a page where there are more."""
    its = schema.journal.c
    asked = sa.select(schema.journal).where(its.terminal_id == terminal_id, its.batch == batch, schema.HAS_BATCH)
    if before_id is not None:
        asked = asked.where(its.journal_id < before_id)
    rows = connection.execute(asked.order_by(its.journal_id.desc()).limit(PAGE_ROWS + 1))
    return [line_of(row) for row in rows]


def _is_long(connection: sa.Connection, terminal_id: str, batch: str) -> bool:
    its = schema.journal.c
    of_batch = sa.select(its.journal_id).where(its.terminal_id == terminal_id, its.batch == batch, schema.HAS_BATCH)
    some = of_batch.limit(ADDED_UP_MAX + 1)
    counted = connection.execute(sa.select(sa.func.count()).select_from(some.subquery())).scalar_one()
    return bool(counted > ADDED_UP_MAX)


def _settled_batches() -> sa.Select[Any]:
    merchant = schema.merchant
    return sa.select(schema.batch, merchant.c.currency).join(
        merchant, merchant.c.merchant_id == schema.batch.c.merchant_id
    )


def _batch(row: sa.Row[Any]) -> BatchRow:
    of = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    host, terminal = (_totals([of[f"{whose}_{name}"] for name in TOTALS]) for whose in ("host", "terminal"))
    return BatchRow(
        row.terminal_id,
        row.merchant_id,
        row.batch,
        row.state,
        row.currency,
        row.journal_id,
        row.settled_at,
        row.business_day,
        host,
        terminal,
    )


def _totals(numbers: list[int]) -> BatchTotals:
    return BatchTotals(Totals(*numbers[:_SIDE]), Totals(*numbers[_SIDE:]))
