"""The working set of one group: what the books say about its requests, and what those change, in order.

Loaded before the first request of a group is decided, saved after the last. In between each request sees the
books as the requests before it left them: a repeat finds the first, a reversal finds an original that is not
committed yet, and two spends of one card cannot both have its last cent. Pure: no SQL, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple, TypedDict

from switch.decisions import (
    Account,
    Batch,
    Card,
    CardSecurity,
    Facts,
    Merchant,
    Needs,
    Operator,
    PayCode,
    Payment,
    PaymentState,
    Spent,
    Terminal,
)
from switch.ledger.batches import Batches, BatchKey, number_named
from switch.ledger.entry import Entry
from switch.ledger.finding import Known
from switch.ledger.ports import Counter, GivenBack, PanKey
from switch.ledger.rows import JournalRow, Row, TombstoneRow, date_of, number_of
from switch.messages.kinds import Kind
from switch.messages.model import NO_EXTRAS

NOTHING_SPENT: Final = Spent(0, 0)
_NEW_CARD: Final = CardSecurity()


class CodeOfCard(NamedTuple):
    """A pay code, and the key of the card that it stands for."""

    code: PayCode
    pan_key: bytes


class _More(TypedDict):
    """What only some requests are about: fields of `Facts`."""

    parent: Payment | None
    grandparent: Payment | None
    increments: tuple[Payment, ...]
    spending: Mapping[Counter, Spent]
    to_card: Card | None
    to_account: Account | None
    operator: Operator | None
    pay_code: PayCode | None
    key_counter: int
    queued_minor: int


@dataclass(slots=True)
class Changes:
    """Rows to insert, in the order of their tables' columns; what is updated is found in `Books` under these keys.

    Of a terminal only what a request changes is written (None: as it is); counters change by what was added.
    """

    journal: list[JournalRow] = field(default_factory=list)
    request_key: list[Row] = field(default_factory=list)
    tombstone: list[TombstoneRow] = field(default_factory=list)
    transfer: list[Row] = field(default_factory=list)
    hold: list[Row] = field(default_factory=list)
    hold_end: list[Row] = field(default_factory=list)
    adjustment: list[Row] = field(default_factory=list)
    authorisation: list[Row] = field(default_factory=list)
    chip_record: list[Row] = field(default_factory=list)
    upload: list[Row] = field(default_factory=list)
    uploaded_record: list[Row] = field(default_factory=list)
    accounts: set[int] = field(default_factory=set)
    spent: set[tuple[int, int]] = field(default_factory=set)
    opened_payments: list[int] = field(default_factory=list)
    changed_payments: set[int] = field(default_factory=set)
    terminals: dict[str, TerminalChange] = field(default_factory=dict)
    done: dict[str, list[str]] = field(default_factory=dict)
    keys: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    cards: dict[int, str] = field(default_factory=dict)
    security: set[int] = field(default_factory=set)
    operators: set[tuple[str, str]] = field(default_factory=set)
    pay_codes: dict[bytes, int | None] = field(default_factory=dict)
    spending: dict[Counter, Spent] = field(default_factory=dict)
    key_counters: set[tuple[str, bytes]] = field(default_factory=set)
    opens_day: bool = False


class TerminalChange(NamedTuple):
    """What becomes of a terminal's row; None: as it is."""

    signed_on: int | None = None
    software: str | None = None
    operator_id: str | None = None
    last_seen_day: int | None = None
    batch: str | None = None
    batch_state: str | None = None


class Books:
    """What one group knows (public dictionaries, filled by the loader) and what it changes (``changes``).

    ``queued`` has what waits, or waited, for an operator, by payment; ``spending`` the counters that exist,
    each ``counts_since`` the journal id that it counted first; ``counted`` those that a request is held against, by its
    journal id; ``foreign`` the payments by foreign cards.
    """

    def __init__(
        self, decided_at: int, business_day: date, rule_set: str, given_back: GivenBack, pan_key: PanKey
    ) -> None:
        self.decided_at = decided_at
        self.rule_set = rule_set
        self.business_day = business_day
        self.day_number = number_of(business_day)
        self.given_back = given_back
        self.pan_key = pan_key
        self.known = Known()
        self.terminals: dict[str, Terminal] = {}
        self.merchants: dict[str, Merchant] = {}
        self.cards: dict[bytes, Card] = {}
        self.accounts: dict[int, Account] = {}
        self.spent: dict[tuple[int, int], Spent] = {}
        self.payments: dict[int, Payment] = {}
        self.increments: dict[int, set[int]] = {}  # of authorisations
        self.queued: dict[int, int] = {}
        self.security: dict[int, CardSecurity] = {}
        self.operators: dict[tuple[str, str], Operator] = {}
        self.key_counters: dict[tuple[str, bytes], int] = {}
        self.pay_codes: dict[bytes, CodeOfCard] = {}
        self.spending: dict[Counter, Spent] = {}
        self.counts_since: dict[Counter, int] = {}
        self.counted: dict[int, tuple[Counter, ...]] = {}
        self.foreign: set[int] = set()
        self.batches = Batches()
        self.changes = Changes()

    def move_to(self, business_day: date) -> None:
        """Decide on that day instead: another than the clock says is open."""
        self.business_day = business_day
        self.day_number = number_of(business_day)

    def add_payment(self, payment: Payment) -> None:
        """Know a payment that was loaded, or has been made."""
        self.payments[payment.payment_id] = payment
        if payment.kind is Kind.INCREMENT and payment.original_id is not None:
            self.increments.setdefault(payment.original_id, set()).add(payment.payment_id)

    def raise_key_counter(self, base: str, device: bytes, counter: int) -> None:
        """Know the counter of a device's key, if it is the highest by now."""
        key = base, device
        if counter > self.key_counters.get(key, 0):
            self.key_counters[key] = counter
            self.changes.key_counters.add(key)

    # --- who ---------------------------------------------------------------------------------------------------

    def parties_of(self, entry: Entry) -> tuple[Terminal | None, Merchant | None, Card | None]:
        """Return who a request comes from and whose card it is of: the one behind its pay code, else its own.

        A merchant is only named by a terminal of its own.
        """
        request = entry.request
        terminal = self.terminals.get(request.terminal_id)
        is_pair = terminal is not None and terminal.merchant_id == request.merchant_id
        pan_key = entry.pan_key
        if entry.code_key:
            code = self.pay_codes.get(entry.code_key)
            pan_key = b"" if code is None else code.pan_key
        card = self.cards.get(pan_key)
        return terminal, self.merchants.get(request.merchant_id) if is_pair else None, card

    # --- facts -------------------------------------------------------------------------------------------------

    def facts_for(self, entry: Entry, need: Needs) -> Facts:
        """Return what the books say now. ``account`` is the original's where there is one, else the card's.

        ``card`` of what shows none (a refund, a cancel) and is about a sale by pay code: the one that paid.
        """
        request = entry.request
        original = self._original(entry, need) if need.original else None
        terminal, merchant, card = self.parties_of(entry)
        if card is None and request.pan is None and original is not None and original.kind is Kind.CODE_PURCHASE:
            card = next((paid for paid in self.cards.values() if paid.card_id == original.card_id), None)
        account_id = original.account_id if original is not None else None
        if account_id is None and card is not None:
            account_id = card.account_id
        common = (
            entry.journal_id,
            self.decided_at,
            self.business_day,
            terminal,
            merchant,
            card,
            None if account_id is None else self.accounts.get(account_id),
            NOTHING_SPENT if card is None else self.spent.get((card.card_id, self.day_number), NOTHING_SPENT),
            original,
            self.known.is_buried(request),
            entry.pan_key,
            _NEW_CARD if card is None else self.security.get(card.card_id, _NEW_CARD),
        )
        if original is not None or self.counted or request.extras is not NO_EXTRAS or request.verdicts.key_use:
            return Facts(*common, batch=self._batch(entry) if need.batch else None, **self._more(original, entry))
        return Facts(*common, batch=self._batch(entry)) if need.batch else Facts(*common)

    def _original(self, entry: Entry, need: Needs) -> Payment | None:
        rows = self.known.originals(entry, any_card=need.any_card)
        return (self.payments.get(rows[0].journal_id) or _declined(rows[0])) if rows else None

    def _more(self, original: Payment | None, entry: Entry) -> _More:
        """Return what only some requests are about."""
        parent = self._about(original)
        grandparent = self._about(parent)
        to_card = self.cards.get(entry.to_key)
        code = self.pay_codes.get(entry.code_key)
        line = [payment for payment in (original, parent, grandparent) if payment is not None]
        increments = self._increments(line)
        use = entry.request.verdicts.key_use
        return {
            "parent": parent,
            "grandparent": grandparent,
            "increments": increments,
            "spending": self._spending(self.counted.get(entry.journal_id, ()), (*line, *increments)),
            "to_card": to_card,
            "to_account": None if to_card is None else self.accounts.get(to_card.account_id),
            "operator": self.operators.get((entry.request.merchant_id, entry.request.extras.operator_id)),
            "pay_code": None if code is None else code.code,
            "key_counter": 0 if use is None else self.key_counters.get(use[:2], 0),
            "queued_minor": 0 if original is None else self.queued.get(original.payment_id, 0),
        }

    def batch_key(self, entry: Entry) -> BatchKey | None:
        """Return what the batch that a request names is known by, None where its terminal is not one of ours."""
        request = entry.request
        terminal = self.terminals.get(request.terminal_id)
        if terminal is None or terminal.merchant_id != request.merchant_id:
            return None
        return BatchKey(terminal.terminal_id, terminal.merchant_id, number_named(request.batch, terminal))

    def _batch(self, entry: Entry) -> Batch | None:
        key = self.batch_key(entry)
        return None if key is None else self.batches.named(key, self.terminals[key.terminal_id], self._touched())

    def _touched(self) -> Iterator[tuple[Payment, bool]]:
        for payment_id in {*self.changes.opened_payments, *self.changes.changed_payments}:
            yield self.payments[payment_id], payment_id not in self.foreign

    def _about(self, payment: Payment | None) -> Payment | None:
        if payment is None or payment.original_id is None:
            return None
        return self.payments.get(payment.original_id)

    def _increments(self, line: Iterable[Payment]) -> tuple[Payment, ...]:
        """Those of the authorisation among these payments that were not undone."""
        held = next((payment.payment_id for payment in line if payment.kind is Kind.AUTHORISATION), 0)
        found = [self.payments[payment_id] for payment_id in sorted(self.increments.get(held, ()))]
        return tuple([payment for payment in found if payment.state is PaymentState.POSTED])

    def _spending(self, held_against: Iterable[Counter], about: Iterable[Payment]) -> Mapping[Counter, Spent]:
        """Return the counters of a request, those at zero too, and of the payments it is about those they count in."""
        spending = {counter: _shown(self.spending.get(counter, NOTHING_SPENT)) for counter in held_against}
        for payment in about:
            for counter in self.given_back(payment):
                if self.counts_since.get(counter, payment.payment_id + 1) <= payment.payment_id:
                    spending[counter] = _shown(self.spending[counter])
        return spending


def _shown(sum_of_stripes: Spent) -> Spent:
    """Return a counter as rules see it: what two writers gave back at once may have taken it below zero."""
    return Spent(max(sum_of_stripes.amount_minor, 0), max(sum_of_stripes.count, 0))


def _declined(row: JournalRow) -> Payment:
    """A request that has no payment was declined, or moves no money: undoing it has no effect."""
    return Payment(
        payment_id=row.journal_id,
        kind=Kind(row.kind),
        state=PaymentState.DECLINED,
        amount_minor=row.amount_minor or 0,
        current_minor=0,
        refunded_minor=0,
        currency=row.currency,
        account_id=None,
        merchant_account_id=None,
        card_id=row.card_id,
        pan_key=row.pan_key or b"",
        hold_id=None,
        business_day=date_of(row.business_day),
        batch=row.batch,
        merchant_id=row.merchant_id,
        rrn=row.rrn,
        approval_code=row.approval_code,
        original_id=row.original_id,
        terminal_id=row.terminal_id,
        entry_mode=row.entry_mode,
    )
