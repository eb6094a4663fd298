"""How a decision settles, uploads, closes and opens a terminal's batch, in the working set and in what is saved.

A settlement stores both sides' totals once, under the batch's key; all that comes later of that batch is held against
them. The terminal's row says where its own batch stands, so that a sale needs to load nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from switch.decisions import BatchState, CloseBatch, Facts, FreezeBatch, KeepRecords, OpenBatch
from switch.errors import InternalError
from switch.ledger.batches import UNKNOWN_BATCH, BatchKey, Frozen, RecordKey
from switch.ledger.books import Books, TerminalChange
from switch.ledger.rows import JournalRow
from switch.messages.settlement import UploadedRecord

_UNCHANGED: Final = TerminalChange()


def _freeze(books: Books, row: JournalRow, _: Facts, effect: FreezeBatch) -> None:
    key = _key(row, effect.batch)
    if key in books.batches.settled:
        raise InternalError(f"batch {key.batch} of terminal {key.terminal_id} would be settled twice")
    for payment in tuple(books.payments.values()):
        if payment.batch == UNKNOWN_BATCH and books.batches.is_of(key, payment):
            books.payments[payment.payment_id] = payment._replace(batch=key.batch)  # as whoever loads it next sees it
    frozen = Frozen(books.day_number, row.journal_id, books.decided_at, effect.host, effect.terminal)
    books.batches.freeze(key, effect.state, frozen)
    _move_terminal(books, key, effect.state)


def keep_repeated(books: Books, row: JournalRow, key: BatchKey | None, records: Sequence[UploadedRecord]) -> None:
    """Keep what an upload under a key that is known already (``row``) brings beyond what the first one brought.

    An upload has neither card nor amount of its own that would tell another one from a repeat.
    """
    batch = None if key is None else books.batches.settled.get(key)
    if key is not None and batch is not None and batch.state is BatchState.UNBALANCED:
        _keep(books, row, key, records)


def _keep_records(books: Books, row: JournalRow, _: Facts, effect: KeepRecords) -> None:
    _keep(books, row, _settled(books, row, effect.batch), effect.records)


def _keep(books: Books, row: JournalRow, key: BatchKey, records: Sequence[UploadedRecord]) -> None:
    """Keep each record once: a message sent again brings the same."""
    for record in records:
        masked = "" if record.pan is None else record.pan.masked
        if books.batches.take(key, RecordKey(record.stan, record.amount_minor, masked)):
            pan_key = None if record.pan is None else books.pan_key(record.pan)
            of_terminal = int(record.is_domestic), record.amount_minor, pan_key or None, masked
            books.changes.uploaded_record.append((*key, record.stan, *of_terminal, row.journal_id))


def _close(books: Books, row: JournalRow, _: Facts, effect: CloseBatch) -> None:
    key = _settled(books, row, effect.batch)
    books.batches.close(key, effect.said_count)
    _move_terminal(books, key, BatchState.CLOSED)


def _open(books: Books, row: JournalRow, _: Facts, effect: OpenBatch) -> None:
    terminal = books.terminals[row.terminal_id]
    books.terminals[row.terminal_id] = replace(terminal, batch=effect.batch, batch_state=BatchState.OPEN)
    changed = books.changes.terminals.get(row.terminal_id, _UNCHANGED)
    state = BatchState.OPEN.value
    books.changes.terminals[row.terminal_id] = changed._replace(batch=effect.batch, batch_state=state)


def _key(row: JournalRow, batch: str) -> BatchKey:
    return BatchKey(row.terminal_id, row.merchant_id, batch)


def _settled(books: Books, row: JournalRow, batch: str) -> BatchKey:
    key = _key(row, batch)
    if key not in books.batches.settled:
        raise InternalError(f"batch {key.batch} of terminal {key.terminal_id} is not settled")
    return key


def _move_terminal(books: Books, key: BatchKey, state: BatchState) -> None:
    """An earlier batch of the terminal may be closed while the next one is open already."""
    terminal = books.terminals[key.terminal_id]
    if terminal.batch != key.batch:
        return
    books.terminals[key.terminal_id] = replace(terminal, batch_state=state)
    changed = books.changes.terminals.get(key.terminal_id, _UNCHANGED)
    books.changes.terminals[key.terminal_id] = changed._replace(batch_state=state.value)


BATCH_EFFECTS: Final[Mapping[type, Callable[[Books, JournalRow, Facts, Any], None]]] = {
    FreezeBatch: _freeze,
    KeepRecords: _keep_records,
    CloseBatch: _close,
    OpenBatch: _open,
}
