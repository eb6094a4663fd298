"""How fast terminals' batches are settled, uploaded and compared, through the store that a running switch has."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.day_books import BATCH, Ledger, amount_of, asked, card, card_of, ledger, prepare
from switch.ledger.batches_compared import compare_batches
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Extras, Request
from switch.messages.settlement import BALANCED, NOT_BALANCED, BatchTotals, Totals, UploadedRecord
from switch.settlement.comparing import compared

BALANCED_BATCHES, UPLOADED_BATCHES = 1_000, 100
SALES: Final = 100  # in each batch
RECORDS: Final = 8  # in each message of an upload, as many as its field 48 has room for
GROUP: Final = 64  # as from so many terminals at a time
SETTLEMENT_STAN, UPLOAD_STAN = 500_000, 600_000


@dataclass(frozen=True, slots=True)
class Batches:
    """What was measured. ``differences`` were found by the comparison: one for each upload."""

    settled: int
    settled_s: float
    uploaded: int
    messages: int
    uploaded_s: float
    compared_s: float
    differences: int


def measure(folder: Path, *, balanced: int, uploaded: int, say: Callable[[str], None]) -> Batches:
    """Settle ``balanced`` batches that balance; then those that do not, upload and compare them.

    Raises RuntimeError where something was answered otherwise than it has to be.
    """
    say(f"books of {balanced + uploaded:,} batches")
    terminals = balanced + uploaded
    prepare(folder, terminals=terminals, entries=terminals * SALES)
    right, wrong = range(balanced), range(balanced, terminals)
    settlements = [_settlement(terminal, terminals) for terminal in right]
    openings = [_settlement(terminal, terminals, more_minor=1) for terminal in wrong]
    uploads = list(_uploads(wrong, terminals))
    with ledger(folder) as books:
        say("settlement, upload, comparison")
        settled_s = _run(books, settlements, 2 * BALANCED)
        _run(books, openings, BALANCED + NOT_BALANCED)
        uploaded_s = _run(books, uploads)
        begun = time.perf_counter()
        found = compare_batches(books.database, compared, books.ids)
        compared_s = time.perf_counter() - begun
    if found != (uploaded, uploaded):
        raise RuntimeError(f"{found.differences} differences were found in {found.batches} batches, not one in each")
    return Batches(balanced, settled_s, uploaded, len(uploads), uploaded_s, compared_s, found.differences)


def _run(books: Ledger, requests: Sequence[Request], results: str = "") -> float:
    """Return the seconds that requests take, in groups; each has to be approved, with ``results``."""
    groups = [requests[start : start + GROUP] for start in range(0, len(requests), GROUP)]
    begun = time.perf_counter()
    reports = [books.store.run(group) for group in groups]
    took = time.perf_counter() - begun
    outcomes = [outcome for report in reports for outcome in report.outcomes]
    expected = Action.APPROVED, results
    wrong = [each for each in outcomes if each.reply is None or (each.reply.action, each.reply.results) != expected]
    if wrong:
        raise RuntimeError(f"{len(wrong)} of {len(outcomes)} were answered otherwise: {wrong[0].because}")
    return took


def _settlement(terminal: int, terminals: int, *, more_minor: int = 0) -> Request:
    """A 0500 of a terminal that counts what it sold, and ``more_minor`` on top: all its cards are foreign ones."""
    total = sum(map(amount_of, _entries(terminal, terminals)))
    extras = Extras(totals=BatchTotals(foreign=Totals(total + more_minor, SALES, 0, 0)))
    return asked(Kind.SETTLEMENT, "0500", terminal, f"{SETTLEMENT_STAN:06d}", batch=BATCH, extras=extras)


def _uploads(places: Sequence[int], terminals: int) -> Iterator[Request]:
    """Yield the messages of all terminals' uploads in turns, the end last; each has one amount wrong."""
    records = {terminal: _records(terminal, terminals) for terminal in places}
    turns = -(-SALES // RECORDS)
    for turn in range(turns):
        part = slice(turn * RECORDS, (turn + 1) * RECORDS)
        for terminal in places:
            yield _upload(Kind.BATCH_UPLOAD, terminal, turn, Extras(records=records[terminal][part]))
    for terminal in places:
        yield _upload(Kind.BATCH_END, terminal, turns, Extras(record_count=SALES))


def _upload(kind: Kind, terminal: int, turn: int, extras: Extras) -> Request:
    return asked(kind, "0320", terminal, f"{UPLOAD_STAN + turn:06d}", batch=BATCH, extras=extras)


def _records(terminal: int, terminals: int) -> tuple[UploadedRecord, ...]:
    return tuple(
        UploadedRecord(
            is_domestic=False,
            stan=f"{number:06d}",
            pan=card(card_of(entry)),
            amount_minor=amount_of(entry) + (number == SALES),
        )
        for number, entry in enumerate(_entries(terminal, terminals), start=1)
    )


def _entries(terminal: int, terminals: int) -> range:
    """The purchases of a terminal, as `benchmarks.day_books` deals them out."""
    return range(terminal, SALES * terminals, terminals)
