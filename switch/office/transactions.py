"""Transactions as people look for them: filters, pages by cursor, one transaction with everything about it.

Each way of asking has an index that it goes by; what has none is looked for among the newest rows only, and how
far back that was is told. So a page takes the same time whatever the journal's length.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import sqlalchemy as sa

from switch.errors import NotInBooks
from switch.ledger import schema
from switch.ledger.queries import JournalEntry, JournalLine, entry_of, line_of, sent_by

PAGE_ROWS: Final = 50
SEARCHED_ROWS: Final = 2_000
"""Rows that an index finds and that are looked at, at a time, for what else is wanted of them."""

SCANNED_ROWS: Final = 10_000
"""Rows of the journal looked at, at a time, for what no index finds."""

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
    its = schema.journal.c
    filters = _filters(wanted)
    lead = next((each for each in filters if each.by_index is not None), None)
    others = [each.condition for each in filters if each is not lead or not each.is_exact]
    looked_at = (SCANNED_ROWS if lead is None else SEARCHED_ROWS) if others else PAGE_ROWS + 1
    journal_id: sa.ColumnElement[int] = its.journal_id
    order = journal_id
    if lead is not None and lead.by_index is not None:
        journal_id = lead.by_index.subquery().c.journal_id
        order = journal_id + 0  # so that no planner walks the whole journal backwards until it has met enough of them
    ids = sa.select(journal_id)
    if before_id is not None:
        ids = ids.where(journal_id < before_id)
    newest = ids.order_by(order.desc()).limit(looked_at).cte("newest").prefix_with("MATERIALIZED", dialect="postgresql")
    asked = sa.select(schema.journal).join(newest, newest.c.journal_id == its.journal_id).where(*others)
    rows = connection.execute(asked.order_by(its.journal_id.desc()).limit(PAGE_ROWS + 1)).all()
    lines = [line_of(row) for row in rows[:PAGE_ROWS]]
    if len(rows) > PAGE_ROWS:
        return Found(lines, lines[-1].journal_id)
    last = _last_looked_at(connection, newest, looked_at) if others else None
    return Found(lines, None) if last is None else Found(lines, last.journal_id, last.decided_at)


class _Filter(NamedTuple):
    """One thing that is asked for, and the ids that an index finds for it: exactly those, or more than those."""

    condition: sa.ColumnElement[bool]
    by_index: sa.Select[tuple[int]] | sa.CompoundSelect[tuple[int]] | None = None
    is_exact: bool = True


def _filters(wanted: Wanted) -> list[_Filter]:
    """Return what is asked for, what finds least first."""
    its, terminal = schema.journal.c, schema.terminal.c
    filters = []
    if wanted.rrn:
        filters.append(_Filter(its.rrn == wanted.rrn, _ids(its.rrn == wanted.rrn)))
    if wanted.card_id is not None:
        of_card = its.card_id == wanted.card_id
        is_declined = wanted.action not in {"", _APPROVED}
        filters.append(_Filter(of_card, _ids(of_card, its.action != _APPROVED) if is_declined else None))
    if wanted.terminal_id:
        filters.append(_Filter(its.terminal_id == wanted.terminal_id, sent_by([wanted.terminal_id])))
    if wanted.merchant_id:
        of_merchant = sa.select(terminal.terminal_id).where(terminal.merchant_id == wanted.merchant_id)
        terminals = of_merchant.order_by(terminal.terminal_id).limit(OF_MERCHANT_MAX)
        filters.append(_Filter(its.merchant_id == wanted.merchant_id, sent_by(terminals), is_exact=False))
    if wanted.action not in {"", _APPROVED, DECLINED}:
        is_action = its.action == wanted.action
        filters.append(_Filter(is_action, _ids(is_action, its.action != _APPROVED)))
    if wanted.action in {_APPROVED, DECLINED}:
        is_approved = its.action == _APPROVED
        filters.append(_Filter(is_approved if wanted.action == _APPROVED else ~is_approved))
    if wanted.kind:
        filters.append(_Filter(its.kind == wanted.kind))
    if wanted.stan:
        filters.append(_Filter(its.stan == wanted.stan))
    return filters


def _ids(*where: sa.ColumnElement[bool]) -> sa.Select[tuple[int]]:
    return sa.select(schema.journal.c.journal_id).where(*where)


class _Last(NamedTuple):
    journal_id: int
    decided_at: int


def _last_looked_at(connection: sa.Connection, newest: sa.CTE, looked_at: int) -> _Last | None:
    """Return the row at which the search ended for now; None where it met the journal's beginning."""
    its = schema.journal.c
    count, last_id = connection.execute(sa.select(sa.func.count(), sa.func.min(newest.c.journal_id))).one()
    if count < looked_at:
        return None
    return _Last(last_id, connection.execute(sa.select(its.decided_at).where(its.journal_id == last_id)).scalar_one())


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
