"""Compares uploaded batches with the books: what they do not agree about is written down, once.

A batch that was closed by the end of its upload is compared. One that balanced in the end, at once or after the
terminal had counted again, has nothing to compare: its totals are those of the books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from switch.decisions.closing import Booked, Difference, Uploaded
from switch.ledger import schema
from switch.ledger.batches import UNKNOWN_BATCH
from switch.ledger.database import Database
from switch.ledger.ports import Ids
from switch.messages.actions import Action
from switch.messages.kinds import Kind

Compare = Callable[[Sequence[Booked], Iterable[Uploaded]], Sequence[Difference]]
"""`switch.settlement.comparing.compared`."""


class Compared(NamedTuple):
    """How many batches were compared, and how many differences were found in them."""

    batches: int
    differences: int


class _Name(NamedTuple):
    terminal_id: str
    merchant_id: str
    batch: str


_WAITING: Final = sa.text(
    f"""
    SELECT b.terminal_id, b.merchant_id, b.batch
      FROM batch AS b
     WHERE b.state = 'closed' AND b.compared = 0
       AND EXISTS (SELECT 1 FROM journal AS j
                    WHERE j.terminal_id = b.terminal_id AND j.batch IN (b.batch, '{UNKNOWN_BATCH}') AND j.batch <> ''
                      AND j.merchant_id = b.merchant_id AND j.kind = '{Kind.BATCH_END}'
                      AND j.action = '{Action.APPROVED}' AND j.journal_id > b.journal_id
                      AND (j.batch = b.batch
                           OR NOT EXISTS (SELECT 1 FROM batch AS o
                                           WHERE o.terminal_id = b.terminal_id AND o.merchant_id = b.merchant_id
                                             AND o.journal_id > b.journal_id AND o.journal_id < j.journal_id)))
     ORDER BY b.terminal_id, b.merchant_id, b.batch"""
)
_BOOKED: Final = sa.text(
    f"""
    SELECT j.journal_id, j.kind, j.original_id, j.stan, p.state,
           CASE WHEN p.state IN ('voided', 'reversed') THEN p.amount_minor ELSE p.current_minor END,
           j.pan_key, j.masked_pan
      FROM batch AS b
      JOIN journal AS j
        ON j.terminal_id = b.terminal_id AND j.merchant_id = b.merchant_id AND j.batch <> ''
       AND j.batch IN (b.batch, '{UNKNOWN_BATCH}')
      JOIN payment AS p ON p.payment_id = j.journal_id
     WHERE b.terminal_id = :terminal_id AND b.merchant_id = :merchant_id AND b.batch = :batch
       AND j.action = '{Action.APPROVED}'
       AND (j.batch = b.batch
            OR (j.journal_id < b.journal_id
                AND j.journal_id > coalesce((SELECT max(o.journal_id) FROM batch AS o
                                              WHERE o.terminal_id = b.terminal_id AND o.merchant_id = b.merchant_id
                                                AND o.journal_id < b.journal_id), 0)))
     ORDER BY j.journal_id"""
)
_UPLOADED: Final = sa.text(
    """
    SELECT stan, amount_minor, pan_key, masked_pan
      FROM uploaded_record
     WHERE terminal_id = :terminal_id AND batch = :batch AND merchant_id = :merchant_id
     ORDER BY stan"""
)


def compare_batches(database: Database, compare: Compare, ids: Ids) -> Compared:
    """Compare every uploaded batch that waits for it, each in a transaction of its own; twice is once."""
    with database.reading() as connection:
        waiting = [_Name(*row) for row in connection.execute(_WAITING)]
    done = [found for name in waiting if (found := _compare_batch(database, name, compare, ids)) is not None]
    return Compared(len(done), sum(done))


def _compare_batch(database: Database, name: _Name, compare: Compare, ids: Ids) -> int | None:
    """Return how many differences were found, None where somebody else has looked already."""
    its = schema.batch.c
    mark = (
        sa.update(schema.batch)
        .where(its.terminal_id == name.terminal_id, its.merchant_id == name.merchant_id, its.batch == name.batch)
        .where(its.compared == 0)
        .values(compared=1)
    )
    with database.writing() as connection:
        if not connection.execute(mark).rowcount:
            return None
        booked = [Booked(*row) for row in connection.execute(_BOOKED, name._asdict())]
        uploaded = [Uploaded(*row) for row in connection.execute(_UPLOADED, name._asdict())]
        found = compare(booked, uploaded)
        if found:
            connection.execute(sa.insert(schema.discrepancy), [_row(name, each, ids()) for each in found])
    return len(found)


def _row(name: _Name, difference: Difference, its_id: int) -> dict[str, Any]:
    return {
        "id": its_id,
        **name._asdict(),
        "stan": difference.stan,
        "what": difference.what,
        "journal_id": difference.journal_id,
        "host_minor": difference.host_minor,
        "terminal_minor": difference.terminal_minor,
        "pan_key": difference.pan_key,
        "masked_pan": difference.masked_pan,
    }
