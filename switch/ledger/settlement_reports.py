"""Reads batches, discrepancies, business days and statements for people. Everything is masked as it is stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from switch.errors import NotInBooks
from switch.ledger import schema
from switch.ledger.batches import UNKNOWN_BATCH, BatchKey, Counted, totals_of
from switch.ledger.database import Database
from switch.ledger.sessions import connector
from switch.ledger.settlement_tables import TOTALS
from switch.ledger.statements import BATCH_SUMS, LAST_SETTLED
from switch.messages.kinds import Kind
from switch.messages.settlement import BatchTotals, Totals
from switch.values import Money

_SIDE: Final = len(TOTALS) // 2
_AT_ONCE: Final = 500  # open batches that are added up in one query


class BatchLine(NamedTuple):
    """One batch. ``settled_at`` (microseconds since 1970, UTC) and ``terminal`` are None while it is open.

    ``uploaded`` records came; ``said`` is how many the end of the upload announced, None where none did.
    """

    terminal_id: str
    merchant_id: str
    batch: str
    state: str
    currency: str
    host: BatchTotals
    terminal: BatchTotals | None
    settled_at: int | None
    uploaded: int
    said: int | None = None


class DiscrepancyLine(NamedTuple):
    """One difference. ``kind`` and ``rrn`` are the books', "" where they have nothing; amounts None likewise."""

    id: int
    terminal_id: str
    merchant_id: str
    batch: str
    stan: str
    what: str
    kind: str
    rrn: str
    masked_pan: str
    host_masked_pan: str
    host: Money | None
    terminal: Money | None
    state: str
    settled_by: int | None
    because: str


class Upload(NamedTuple):
    """An upload that ended, whose end ``said`` another number of records than came."""

    terminal_id: str
    merchant_id: str
    batch: str
    said: int
    came: int


class DayLine(NamedTuple):
    """One business day (yyyymmdd). ``sha256`` is that of its clearing file, "" where there is none yet."""

    day: int
    state: str
    opened_at: int
    closed_at: int | None
    statements: int
    items: int | None
    sha256: str


class StatementRow(NamedTuple):
    """A merchant's statement as it is kept, with the merchant's name of today."""

    merchant_id: str
    merchant_name: str
    content: str
    made_at: int


# --- batches -----------------------------------------------------------------------------------------------

_RECORDS: Final = (
    sa.select(sa.func.count())
    .where(
        schema.uploaded_record.c.terminal_id == schema.batch.c.terminal_id,
        schema.uploaded_record.c.merchant_id == schema.batch.c.merchant_id,
        schema.uploaded_record.c.batch == schema.batch.c.batch,
    )
    .scalar_subquery()
)


def settled_batches(
    connection: sa.Connection, limit: int, *, terminal: str | None = None, state: str | None = None
) -> list[BatchLine]:
    """Return the batches that were settled last, the latest last."""
    batch, merchant = schema.batch, schema.merchant
    asked = (
        sa.select(batch, merchant.c.currency, _RECORDS.label("records"))
        .join(merchant, merchant.c.merchant_id == batch.c.merchant_id)
        .order_by(batch.c.settled_at.desc(), batch.c.terminal_id.desc(), batch.c.batch.desc())
        .limit(limit)
    )
    if terminal is not None:
        asked = asked.where(batch.c.terminal_id == terminal)
    if state is not None:
        asked = asked.where(batch.c.state == state)
    return [_settled(row) for row in reversed(list(connection.execute(asked)))]


def _settled(row: sa.Row[Any]) -> BatchLine:
    of = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    host, terminal = (_totals([of[f"{whose}_{name}"] for name in TOTALS]) for whose in ("host", "terminal"))
    return BatchLine(
        row.terminal_id,
        row.merchant_id,
        row.batch,
        row.state,
        row.currency,
        host,
        terminal,
        row.settled_at,
        row.records,
        row.said_count,
    )


def _totals(numbers: list[int]) -> BatchTotals:
    return BatchTotals(Totals(*numbers[:_SIDE]), Totals(*numbers[_SIDE:]))


def open_batches(database: Database, limit: int, *, terminal: str | None = None) -> list[BatchLine]:
    """Return terminals' open batches, by terminal, with what the books have in them now."""
    its, merchant = schema.terminal, schema.merchant
    asked = (
        sa.select(its.c.terminal_id, its.c.merchant_id, its.c.batch, merchant.c.currency)
        .join(merchant, merchant.c.merchant_id == its.c.merchant_id)
        .where(its.c.batch_state == "open")
        .order_by(its.c.terminal_id)
        .limit(limit)
    )
    if terminal is not None:
        asked = asked.where(its.c.terminal_id == terminal)
    with database.reading() as connection:
        rows = list(connection.execute(asked))
    totals = _totals_now(database, [BatchKey(*row[:3]) for row in rows])
    return [
        BatchLine(*row[:3], "open", row.currency, totals_of(totals.get(BatchKey(*row[:3]), ())), None, None, 0)
        for row in rows
    ]


def _totals_now(database: Database, keys: list[BatchKey]) -> dict[BatchKey, list[Counted]]:
    """Add up open batches as their settlement would, outside any transaction: no writer waits for it."""
    session, counted = connector(database)(), dict[BatchKey, list[Counted]]()
    try:
        for start in range(0, len(keys), _AT_ONCE):
            part = keys[start : start + _AT_ONCE]
            (last,) = session.read((LAST_SETTLED, sorted({key[:2] for key in part})))
            since = {(terminal_id, merchant_id): at for terminal_id, merchant_id, at in last}
            said = [(*key, key.batch, 0) for key in part]
            said += [(*key, UNKNOWN_BATCH, since.get(key[:2], 0)) for key in part]
            (sums,) = session.read((BATCH_SUMS, said))
            for row in sums:
                line = Counted(Kind(row[3]), bool(row[4]), *row[5:])
                counted.setdefault(BatchKey(*row[:3]), []).append(line)
    finally:
        session.close()
    return counted


# --- what does not agree -----------------------------------------------------------------------------------


def list_discrepancies(
    connection: sa.Connection, *, terminal: str | None = None, also_settled: bool = False
) -> list[DiscrepancyLine]:
    """Return what books and terminals do not agree about, by terminal, batch and STAN."""
    its, journal, merchant = schema.discrepancy, schema.journal, schema.merchant
    asked = (
        sa.select(
            its,
            merchant.c.currency,
            journal.c.kind,
            journal.c.rrn,
            journal.c.masked_pan.label("host_masked_pan"),
        )
        .select_from(
            its.join(merchant, merchant.c.merchant_id == its.c.merchant_id).outerjoin(
                journal, journal.c.journal_id == its.c.journal_id
            )
        )
        .order_by(its.c.terminal_id, its.c.batch, its.c.stan, its.c.id)
    )
    if terminal is not None:
        asked = asked.where(its.c.terminal_id == terminal)
    if not also_settled:
        asked = asked.where(its.c.state == "open")
    return [_difference(row) for row in connection.execute(asked)]


def miscounted_uploads(connection: sa.Connection, lines: Iterable[DiscrepancyLine]) -> list[Upload]:
    """Return the uploads, of the batches of these differences, of which not as many records came as their end said."""
    keys = sorted({(line.terminal_id, line.merchant_id, line.batch) for line in lines})
    its, found = schema.batch.c, list[Upload]()
    for start in range(0, len(keys), _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        asked = (
            sa.select(its.terminal_id, its.merchant_id, its.batch, its.said_count, _RECORDS)
            .where(sa.tuple_(its.terminal_id, its.merchant_id, its.batch).in_(part), its.said_count != _RECORDS)
            .order_by(its.terminal_id, its.batch)
        )
        found += [Upload(*row) for row in connection.execute(asked)]
    return found


def _difference(row: sa.Row[Any]) -> DiscrepancyLine:
    return DiscrepancyLine(
        row.id,
        row.terminal_id,
        row.merchant_id,
        row.batch,
        row.stan,
        row.what,
        row.kind or "",
        row.rrn or "",
        row.masked_pan,
        row.host_masked_pan or "",
        None if row.host_minor is None else Money(row.host_minor, row.currency),
        None if row.terminal_minor is None else Money(row.terminal_minor, row.currency),
        row.state,
        row.settled_by,
        row.because,
    )


# --- days and statements -----------------------------------------------------------------------------------


def list_days(connection: sa.Connection, limit: int) -> list[DayLine]:
    """Return the latest business days, the last one last."""
    day, file, statement = schema.business_day, schema.clearing_file, schema.statement
    statements = (
        sa.select(sa.func.count()).where(statement.c.business_day == day.c.day).scalar_subquery().label("statements")
    )
    asked = (
        sa.select(day, statements, file.c["items"].label("number"), file.c.sha256)
        .outerjoin(file, file.c.business_day == day.c.day)
        .order_by(day.c.day.desc())
        .limit(limit)
    )
    return [
        DayLine(row.day, row.state, row.opened_at, row.closed_at, row.statements, row.number, row.sha256 or "")
        for row in reversed(list(connection.execute(asked)))
    ]


def kept_statement(connection: sa.Connection, merchant_id: str, day: int) -> StatementRow | None:
    """Return a merchant's statement of a day (yyyymmdd), None where there is none; `NotInBooks` for a stranger."""
    statement, merchant = schema.statement.c, schema.merchant.c
    name = connection.execute(sa.select(merchant.name).where(merchant.merchant_id == merchant_id)).scalar()
    if name is None:
        raise NotInBooks(f"merchant {merchant_id} is not in the books")
    asked = sa.select(statement.content, statement.made_at).where(
        statement.merchant_id == merchant_id, statement.business_day == day
    )
    row = connection.execute(asked).first()
    return None if row is None else StatementRow(merchant_id, name, row.content, row.made_at)
