"""Terminals' batches as a group knows them: which payments count, on which side, and where a batch stands. Pure.

The host's totals of a batch are what the books have, not a count kept beside them (domain rule 27). A payment that was
reversed is out, but for what had been refunded of it, which stays a debit beside its refund; of what is left of the
others

    sales and completions                    are debits
    their cancels                            are credits, and the sale that each voided stays a debit of its amount
    refunds                                  are credits

Loads, transfers and holds are no part of it. A cancel is always of its sale's own batch, so the cancel alone says what
the voided sale was of: no total depends on two payments.

A terminal that does not know its batch says `UNKNOWN_BATCH`, and means the open one: what it made since its last
settlement counts there. "Since" goes by journal ids, which rise with time as far as the hosts' clocks agree; between a
settlement and the next sale lies a sign-on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from switch.decisions import Batch, BatchState, Payment, PaymentState, Terminal
from switch.ledger.rows import Row
from switch.messages.kinds import Kind
from switch.messages.settlement import DOMESTIC_PREFIX, BatchTotals, Totals

SALES: Final = frozenset(
    {Kind.PURCHASE, Kind.CODE_PURCHASE, Kind.OFFLINE_SALE, Kind.COMPLETION, Kind.COMPLETION_ADVICE}
)
CANCELS: Final = frozenset({Kind.VOID, Kind.CODE_CANCEL, Kind.COMPLETION_VOID})
REFUNDS: Final = frozenset({Kind.REFUND})
COUNTED: Final = SALES | CANCELS | REFUNDS
"""Kinds whose payments are part of a batch's totals while they are posted."""

UNKNOWN_BATCH: Final = "000000"
"""What a terminal sends that was never told its batch; the open one is meant."""


class BatchKey(NamedTuple):
    """What a batch is known by; ``batch`` is its number, six digits."""

    terminal_id: str
    merchant_id: str
    batch: str


class RecordKey(NamedTuple):
    """What an uploaded record is known by: sent again it is the same; a batch over midnight may have a STAN twice."""

    stan: str
    amount_minor: int
    masked_pan: str


class Counted(NamedTuple):
    """What payments of one kind, by domestic or by foreign cards, add to a batch (or take off it)."""

    kind: Kind
    is_domestic: bool
    minor: int
    times: int


def totals_of(counted: Iterable[Counted]) -> BatchTotals:
    """Add up a batch."""
    sums = {True: Totals(), False: Totals()}
    for kind, is_domestic, minor, count in counted:
        debit_minor, debit_count, credit_minor, credit_count = sums[is_domestic]
        if kind not in REFUNDS:
            debit_minor, debit_count = debit_minor + minor, debit_count + count
        if kind not in SALES:
            credit_minor, credit_count = credit_minor + minor, credit_count + count
        sums[is_domestic] = Totals(debit_minor, debit_count, credit_minor, credit_count)
    return BatchTotals(domestic=sums[True], foreign=sums[False])


def is_domestic(masked_pan: str) -> bool:
    """Whether a card counts as domestic; without one (a purchase by pay code) it does."""
    return not masked_pan or masked_pan.startswith(DOMESTIC_PREFIX)


def counts(payment: Payment) -> bool:
    """Whether a payment is part of its batch's totals, as `switch.ledger.statements.BATCH_SUMS` has it."""
    if payment.state is PaymentState.REVERSED:
        return payment.kind in SALES and payment.current_minor > 0
    return payment.kind in COUNTED and payment.state is PaymentState.POSTED


def number_named(said: str, terminal: Terminal) -> str:
    """Return the number of the batch that a terminal means, "" where it says none."""
    return terminal.batch if said == UNKNOWN_BATCH else said


class Frozen(NamedTuple):
    """What a settlement left: a row of ``batch`` without its key and state."""

    business_day: int
    journal_id: int
    settled_at: int
    host: BatchTotals
    terminal: BatchTotals


@dataclass(slots=True)
class Batches:
    """The batches that the requests of a group name, by `BatchKey`, and what becomes of them.

    ``settled`` are those that have a row of their own, ``counted`` the sums of the open ones as they were loaded, which
    saw the group's payments as in ``loaded``; ``uploaded`` those of the group's records that are there already;
    ``last_settled`` the journal id of the last settlement by terminal and merchant.
    """

    settled: dict[BatchKey, Batch] = field(default_factory=dict)
    counted: dict[BatchKey, list[Counted]] = field(default_factory=dict)
    loaded: Mapping[int, Payment] = field(default_factory=dict)
    uploaded: set[tuple[BatchKey, RecordKey]] = field(default_factory=set)
    last_settled: dict[tuple[str, str], int] = field(default_factory=dict)
    frozen: dict[BatchKey, Frozen] = field(default_factory=dict)  # to be inserted
    moved: set[BatchKey] = field(default_factory=set)  # to be updated: another state
    said: dict[BatchKey, int | None] = field(default_factory=dict)  # records of the uploads that ended

    def named(self, key: BatchKey, terminal: Terminal, touched: Iterable[tuple[Payment, bool]]) -> Batch | None:
        """Return the batch as it stands now: settled, or the terminal's open one; None for any other.

        A terminal that was settled for another merchant, and bound to this one since, has none open until it signs on.
        ``touched`` are the payments that the group has made or changed so far, and whether each is of a domestic card.
        """
        settled = self.settled.get(key)
        is_open = key.batch == terminal.batch and terminal.batch_state is BatchState.OPEN
        if settled is not None or not key.batch or not is_open:
            return settled
        totals = totals_of((*self.counted.get(key, ()), *self._changes(key, touched)))
        return Batch(key.batch, terminal.batch_state, totals)

    def freeze(self, key: BatchKey, state: BatchState, frozen: Frozen) -> None:
        """Settle an open batch."""
        self.settled[key] = Batch(key.batch, state, frozen.host)
        self.frozen[key] = frozen
        self.last_settled[key[:2]] = frozen.journal_id

    def close(self, key: BatchKey, said_count: int | None) -> None:
        """Close a settled one, of whose records the terminal has counted so many, if it says."""
        self.said[key] = said_count
        self.settled[key] = self.settled[key]._replace(state=BatchState.CLOSED)
        if key not in self.frozen:
            self.moved.add(key)

    def take(self, key: BatchKey, record: RecordKey) -> bool:
        """Count an uploaded record of a settled one; False where it is there already."""
        if (key, record) in self.uploaded:
            return False
        self.uploaded.add((key, record))
        self.settled[key] = self.settled[key]._replace(uploaded=self.settled[key].uploaded + 1)
        return True

    def rows(self) -> list[Row]:
        """Return the rows of ``batch`` to insert."""
        return [
            (
                *(*key, self.settled[key].state.value, *frozen[:3]),
                *(*_numbers(frozen.host), *_numbers(frozen.terminal), 0, self.said.get(key)),
            )
            for key, frozen in sorted(self.frozen.items())
        ]

    def changes(self) -> list[Row]:
        """Return the rows of ``batch`` to update: key, state, and what the end of the upload said."""
        return [(*key, self.settled[key].state.value, self.said[key]) for key in sorted(self.moved)]

    def _changes(self, key: BatchKey, touched: Iterable[tuple[Payment, bool]]) -> Iterator[Counted]:
        """Yield what the group's payments are now, and take off what the sums have of them."""
        for payment, is_domestic in touched:
            if not self.is_of(key, payment):
                continue
            for each, sign in ((payment, 1), (self.loaded.get(payment.payment_id), -1)):
                if each is not None and counts(each):
                    yield Counted(each.kind, is_domestic, sign * each.current_minor, sign)

    def is_of(self, key: BatchKey, payment: Payment) -> bool:
        """Whether a payment is of the batch that is open, or was until now."""
        if (payment.terminal_id, payment.merchant_id) != key[:2]:
            return False
        if payment.batch == UNKNOWN_BATCH:
            return payment.payment_id > self.last_settled.get(key[:2], 0)
        return payment.batch == key.batch


def _numbers(totals: BatchTotals) -> tuple[int, ...]:
    return (*totals.domestic, *totals.foreign)
