"""Transactions as people look for them: filters, pages by cursor, one transaction with everything about it.

Each way of asking has an index that it goes by; what has none is looked for among the newest rows only, and how
far back that was is told. So a page takes the same time whatever the journal's length.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import sqlalchemy as sa

from switch.errors import NotInBooks
from switch.ledger import schema
from switch.ledger.queries import JournalEntry, JournalLine, entry_of, line_of

PAGE_ROWS: Final = 50
SEARCHED_ROWS: Final = 5_000
"""Rows looked at, at a time, for what no index finds."""

OF_MERCHANT_MAX: Final = 500
"""Terminals of a merchant that are looked at, the first by id: a chain's are found one by one."""

DECLINED: Final = "declined"

_RELATED_MAX: Final = 20
_APPROVED: Final = "approved"


class Wanted(NamedTuple):
    """What is looked for; "" does not matter. ``action`` "declined" is every one but approved."""

    terminal_id: str = ""
    merchant_id: str = ""
    card_id: int | None = None
    kind: str = ""
    action: str = ""
    stan: str = ""
    rrn: str = ""


EVERYTHING: Final = Wanted()


class Found(NamedTuple):
    """One page, the newest first.

    ``next_id`` is the cursor of the next page, None where there is none. ``searched_to`` is the moment (microseconds
    since 1970, UTC) back to which was looked; None where an index found all there is.
    """

    lines: list[JournalLine]
    next_id: int | None
    searched_to: int | None = None


def find_transactions(connection: sa.Connection, wanted: Wanted, before_id: int | None = None) -> Found:
    """Return the newest transactions that fit, older than ``before_id``."""
    journal = schema.journal
    asked = sa.select(journal).where(*_conditions(wanted))
    if before_id is not None:
        asked = asked.where(journal.c.journal_id < before_id)
    last = None
    ids = _ids_by_index(wanted)
    if ids is not None:
        asked = asked.where(journal.c.journal_id.in_(ids))
    elif wanted != EVERYTHING:
        last = _last_to_look_at(connection, before_id)
        if last is not None:
            asked = asked.where(journal.c.journal_id >= last.journal_id)
    rows = connection.execute(asked.order_by(journal.c.journal_id.desc()).limit(PAGE_ROWS + 1)).all()
    lines = [line_of(row) for row in rows[:PAGE_ROWS]]
    if len(rows) > PAGE_ROWS:
        return Found(lines, lines[-1].journal_id)
    return Found(lines, None) if last is None else Found(lines, last.journal_id, last.decided_at)


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    its = schema.journal.c
    named = [(its[name], getattr(wanted, name)) for name in ("terminal_id", "merchant_id", "kind", "stan", "rrn")]
    conditions = [column == value for column, value in named if value]
    if wanted.card_id is not None:
        conditions.append(its.card_id == wanted.card_id)
    if wanted.action == DECLINED:
        conditions.append(its.action != _APPROVED)
    elif wanted.action:
        conditions.append(its.action == wanted.action)
    return conditions


def _ids_by_index(wanted: Wanted) -> sa.Select[tuple[int]] | None:
    """Return what finds the rows by an index; None where only looking at them does."""
    its, terminal = schema.journal.c, schema.terminal.c
    ids = sa.select(its.journal_id)
    if wanted.rrn:
        return ids.where(its.rrn == wanted.rrn)
    if wanted.card_id is not None:
        return ids.where(its.card_id == wanted.card_id, its.card_id.is_not(None))
    if wanted.terminal_id:
        return ids.where(its.terminal_id == wanted.terminal_id)
    if wanted.merchant_id:
        of_merchant = sa.select(terminal.terminal_id).where(terminal.merchant_id == wanted.merchant_id)
        return ids.where(its.terminal_id.in_(of_merchant.order_by(terminal.terminal_id).limit(OF_MERCHANT_MAX)))
    if wanted.action not in {"", _APPROVED, DECLINED}:
        return ids.where(its.action == wanted.action, its.action != _APPROVED)
    return None


class _Last(NamedTuple):
    journal_id: int
    decided_at: int


def _last_to_look_at(connection: sa.Connection, before_id: int | None) -> _Last | None:
    """Return the row that ends the search for now; None where the journal ends before."""
    its = schema.journal.c
    newest = sa.select(its.journal_id, its.decided_at).order_by(its.journal_id.desc())
    if before_id is not None:
        newest = newest.where(its.journal_id < before_id)
    found = connection.execute(newest.offset(SEARCHED_ROWS - 1).limit(1)).first()
    return None if found is None else _Last(*found)


# --- one -----------------------------------------------------------------------------------------------------


class Story(NamedTuple):
    """A transaction, and those it is about or that are about it (its reversal, its refund ...), the oldest first."""

    entry: JournalEntry
    related: list[JournalLine]


def story_of(connection: sa.Connection, journal_id: int) -> Story:
    """Return a transaction with its relations. Raises `NotInBooks`."""
    journal = schema.journal
    row = connection.execute(sa.select(journal).where(journal.c.journal_id == journal_id)).first()
    if row is None:
        raise NotInBooks(f"there is no transaction {journal_id}")
    root = row.journal_id if row.original_id is None else row.original_id
    others = connection.execute(
        sa.select(journal)
        .where((journal.c.journal_id == root) | (journal.c.original_id.in_([root, row.journal_id])))
        .where(journal.c.journal_id != row.journal_id)
        .order_by(journal.c.journal_id)
        .limit(_RELATED_MAX)
    )
    return Story(entry_of(connection, row), [line_of(other) for other in others])
