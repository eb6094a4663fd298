"""The working set of one group: what the books say about its requests, and what those change, in order.

Loaded before the first request of a group is decided, saved after the last. In between each request sees the
books as the requests before it left them: a repeat finds the first, a reversal finds an original that is not
committed yet, and two spends of one card cannot both have its last cent. Pure: no SQL, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from switch.decisions import Account, Card, Facts, Merchant, Payment, PaymentState, Spent, Terminal
from switch.ledger.rows import JournalRow, Prefix, Row, TombstoneRow, date_of, days_around, number_of
from switch.messages.kinds import Kind
from switch.messages.model import Request

NOTHING_SPENT: Final = Spent(0, 0)
_FINANCIAL_CLASSES: Final = "12"  # what a reversal or refund can be about: authorisation, financial (ISO 8583 MTI)
_MIDNIGHT_WINDOW_US: Final = 3_600_000_000  # a repeat without a date comes this soon after the first, or is another


@dataclass(frozen=True, slots=True)
class Entry:
    """One request on its way through the books, under the identity that it keeps over every retry."""

    request: Request
    journal_id: int
    pan_key: bytes  # b"" without a PAN


@dataclass(slots=True)
class Changes:
    """Rows to insert, in the order of their tables' columns; what is updated is found in `Books`."""

    journal: list[JournalRow] = field(default_factory=list)
    request_key: list[Row] = field(default_factory=list)
    tombstone: list[TombstoneRow] = field(default_factory=list)
    transfer: list[Row] = field(default_factory=list)
    hold: list[Row] = field(default_factory=list)
    hold_end: list[Row] = field(default_factory=list)
    adjustment: list[Row] = field(default_factory=list)
    accounts: set[int] = field(default_factory=set)
    spent: set[tuple[int, int]] = field(default_factory=set)
    opened_payments: list[int] = field(default_factory=list)
    changed_payments: set[int] = field(default_factory=set)
    terminals: set[str] = field(default_factory=set)


class Books:
    """What one group knows (public dictionaries, filled by the loader) and what it changes (``changes``)."""

    def __init__(self, decided_at: int, business_day: date, rule_set: str = "") -> None:
        self.decided_at = decided_at
        self.rule_set = rule_set
        self.business_day = business_day
        self.day_number = number_of(business_day)
        self.terminals: dict[str, Terminal] = {}
        self.merchants: dict[str, Merchant] = {}
        self.cards: dict[bytes, Card] = {}
        self.accounts: dict[int, Account] = {}
        self.spent: dict[tuple[int, int], Spent] = {}
        self.payments: dict[int, Payment] = {}
        self.requests: dict[Prefix, list[JournalRow]] = {}
        self.by_rrn: dict[tuple[str, str], list[JournalRow]] = {}
        self.tombstones: dict[Prefix, list[TombstoneRow]] = {}
        self.changes = Changes()

    # --- finding -------------------------------------------------------------------------------------------

    def add_requests(self, rows: Iterable[JournalRow]) -> None:
        for row in rows:
            self.requests.setdefault(Prefix(row.terminal_id, row.merchant_id, row.stan), []).append(row)

    def add_sales(self, rows: Iterable[JournalRow]) -> None:
        for row in rows:
            self.by_rrn.setdefault((row.merchant_id, row.rrn), []).append(row)

    def add_tombstone(self, row: TombstoneRow) -> None:
        self.tombstones.setdefault(Prefix(row.terminal_id, row.merchant_id, row.stan), []).append(row)

    def earlier(self, entry: Entry) -> JournalRow | None:
        """Return the journalled request that has the same key, if any.

        A request without a date of its own also repeats one of the day before, if that was moments ago and
        is the same in every respect: its terminal sent it again just after midnight.
        """
        request = entry.request
        found = self.requests.get(Prefix(request.terminal_id, request.merchant_id, request.stan))
        if not found:
            return None
        today = number_of(request.local_date)
        yesterday = days_around(request.local_date)[0]
        for row in found:
            if row.mti[1] != request.message_class or row.batch != request.batch:
                continue
            if row.local_date == today:
                return row
            if (
                row.local_date == yesterday
                and not request.has_local_date
                and request.received_at - row.received_at <= _MIDNIGHT_WINDOW_US
                and is_same(row, entry)
            ):
                return row
        return None

    def originals(self, entry: Entry) -> list[JournalRow]:
        """Return the journalled requests that this one may be about: those of the day it names, the latest first.

        A refund looks for the RRN that it names before anything else: it may be years away from its sale. One that
        names no STAN either is about nothing.
        """
        request, reference = entry.request, entry.request.original
        if request.kind is Kind.REFUND:
            if reference is None:
                return []
            found = self.by_rrn.get((request.merchant_id, reference.rrn)) if reference.rrn else None
            candidates = [row for row in found or () if _may_be_of_card(row, entry)]
            if candidates or not reference.stan:
                return sorted(candidates, reverse=True)
        stan = reference.stan if reference and reference.stan else request.stan
        classes = reference.message_class if reference and reference.message_class else _FINANCIAL_CLASSES
        batch = reference.batch if reference else ""
        named = number_of(original_date(request))
        first, last = days_around(original_date(request))
        return sorted(
            (
                row
                for row in self.requests.get(Prefix(request.terminal_id, request.merchant_id, stan), ())
                if row.mti[1] in classes
                and first <= row.local_date <= last
                and batch in ("", row.batch)
                and row.journal_id != entry.journal_id
                and _may_be_of_card(row, entry)
            ),
            key=lambda row: (row.local_date == named, row.journal_id),
            reverse=True,
        )

    def _original(self, entry: Entry) -> tuple[int, Payment] | None:
        rows = self.originals(entry)
        if not rows:
            return None
        row = rows[0]
        return row.journal_id, self.payments.get(row.journal_id) or _declined(row)

    def _is_buried(self, request: Request) -> bool:
        found = self.tombstones.get(Prefix(request.terminal_id, request.merchant_id, request.stan))
        if not found or request.message_class not in _FINANCIAL_CLASSES:
            return False
        first, last = days_around(request.local_date)
        return any(
            first <= row.local_date <= last
            and row.message_class in ("", request.message_class)
            and row.batch in ("", request.batch)
            for row in found
        )

    def facts_for(self, entry: Entry, *, with_original: bool) -> Facts:
        """Return what the books say now. ``account`` is the original's where there is one, else the card's."""
        request = entry.request
        found = self._original(entry) if with_original else None
        original = found[1] if found else None
        card = self.cards.get(entry.pan_key)
        account_id = original.account_id if original and original.account_id is not None else None
        if account_id is None and card is not None:
            account_id = card.account_id
        terminal = self.terminals.get(request.terminal_id)
        is_pair = terminal is not None and terminal.merchant_id == request.merchant_id
        merchant = self.merchants.get(request.merchant_id) if is_pair else None
        return Facts(
            entry.journal_id,
            self.decided_at,
            self.business_day,
            terminal,
            merchant,
            card,
            None if account_id is None else self.accounts.get(account_id),
            NOTHING_SPENT if card is None else self.spent.get((card.card_id, self.day_number), NOTHING_SPENT),
            original,
            self._is_buried(request),
            entry.pan_key,
            self.payments.get(original.original_id) if original and original.original_id is not None else None,
        )


def is_same(row: JournalRow, entry: Entry) -> bool:
    """Whether a request under a stored key is that request again: same card, amount and processing code.

    One of the two without a PAN is another request: a repeat is sent as the first was.
    """
    request = entry.request
    return (
        (row.pan_key or b"") == entry.pan_key
        and row.amount_minor == request.amount_minor
        and row.processing_code == request.processing_code
    )


def original_date(request: Request) -> date:
    """Return the local date of the request that this one is about, as far as it says."""
    reference = request.original
    return reference.local_date if reference and reference.local_date else request.local_date


def _may_be_of_card(row: JournalRow, entry: Entry) -> bool:
    return not entry.pan_key or not row.pan_key or row.pan_key == entry.pan_key


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
    )
