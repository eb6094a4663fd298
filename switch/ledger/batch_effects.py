"""How a decision settles, uploads, closes and opens a terminal's batch, in the working set and in what is saved.

A settlement stores both sides' totals once, under the batch's key; all that comes later of that batch is held against
them. The terminal's row says where its own batch stands, so that a sale needs to load nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from switch.decisions import BatchState, CloseBatch, Facts, FreezeBatch, KeepRecords, OpenBatch
from switch.errors import InternalError
from switch.ledger.batches import BatchKey, Frozen
from switch.ledger.books import Books, TerminalChange
from switch.ledger.rows import JournalRow

_UNCHANGED: Final = TerminalChange()


def _freeze(books: Books, row: JournalRow, _: Facts, effect: FreezeBatch) -> None:
    key = _key(row, effect.batch)
    if key in books.batches.settled:
        raise InternalError(f"batch {key.batch} of terminal {key.terminal_id} would be settled twice")
    frozen = Frozen(books.day_number, row.journal_id, books.decided_at, effect.host, effect.terminal)
    books.batches.freeze(key, effect.state, frozen)
    _move_terminal(books, key, effect.state)


def _keep_records(books: Books, row: JournalRow, _: Facts, effect: KeepRecords) -> None:
    """The first record of a STAN is kept: a message sent again brings the same."""
    key = _settled(books, row, effect.batch)
    for record in effect.records:
        if books.batches.take(key, record.stan):
            pan_key = None if record.pan is None else books.pan_key(record.pan)
            masked = "" if record.pan is None else record.pan.masked
            of_terminal = int(record.is_domestic), record.amount_minor, pan_key or None, masked
            books.changes.uploaded_record.append((*key, record.stan, *of_terminal, row.journal_id))


def _close(books: Books, row: JournalRow, _: Facts, effect: CloseBatch) -> None:
    key = _settled(books, row, effect.batch)
    books.batches.close(key)
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
