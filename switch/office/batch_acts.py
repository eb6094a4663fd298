"""The change that ends a batch in its terminal's place: closed by the books, compared, and who wanted it and why."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from switch.errors import OperatorError
from switch.ledger.batches_closed import SettledBatch, batch_to_close, close_batch
from switch.ledger.batches_compared import compare_batches
from switch.ledger.ids import JournalIds
from switch.ledger.sessions import connector
from switch.messages.dates import HostCalendar
from switch.office.acts import Act, Asked, Changed, Desk, Nothing
from switch.office.roles import Permission
from switch.ruling import business_days
from switch.settlement.comparing import compared

_BATCH_DIGITS: Final = 6


def target_of(batch: SettledBatch) -> str:
    """Return how a batch is named as the target of a change."""
    return f"batch:{batch.terminal_id}/{batch.batch}"


def _close(desk: Desk, _connection: sa.Connection, asked: Asked[Nothing]) -> Changed:
    """Close it, and compare what had been uploaded: run again, it compares what was not compared yet."""
    if not asked.because.strip():
        raise OperatorError("because: say why its terminal cannot end it itself; it is kept in the change log")
    terminal_id, _, number = asked.key.rpartition("/")
    if not (terminal_id and len(number) == _BATCH_DIGITS and number.isascii() and number.isdigit()):
        raise OperatorError("a batch is named by its terminal and its number, like T1/000042")
    batch = batch_to_close(desk.database, terminal_id, number)
    ids = JournalIds(desk.clock)
    day_of = business_days(desk.settings.cut_over, HostCalendar(desk.settings.zone))
    done = close_batch(connector(desk.database), day_of, batch, desk.clock, ids)
    compare_batches(desk.database, compared, ids)
    closed = {"state": "closed", "closed_at": done.closed_at, "journal_id": done.journal_id}
    if not done.is_new:
        return Changed({"state": "closed"}, closed)
    return Changed({"state": "unbalanced"}, closed | {"uploaded": done.uploaded})


BATCH_ACTS: Final = (Act("settlement.close_batch", "batch", Permission.SETTLE, Nothing, _close, has_own_commit=True),)
