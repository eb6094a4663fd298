"""Fills the working set of a group from the database, in two or three round trips whatever its size.

On PostgreSQL rows are locked here, always in the same order (keys, payments, balances), so that two writers wait
for each other but never in a circle. What a card spent is read only once its account's balance is locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from switch.decisions import Account, Card, Merchant, Needs, Payment, PaymentState, Spent, Terminal
from switch.ledger.books import Books, Entry, original_date
from switch.ledger.rows import JournalRow, Prefix, Probe, Row, TombstoneRow, date_of, days_around, number_of
from switch.ledger.statements import (
    BALANCES,
    CARDS,
    PAYMENTS,
    REQUESTS,
    SALES_BY_RRN,
    SPENT,
    TERMINALS,
    TOMBSTONES,
    Session,
)
from switch.messages.kinds import Kind


def claimed_prefixes(entries: Iterable[Entry], needs: Mapping[Kind, Needs]) -> list[Prefix]:
    """Return the terminals and STANs that a group is about, its originals' included, sorted, each once."""
    prefixes = set()
    for entry in entries:
        request = entry.request
        prefixes.add(Prefix(request.terminal_id, request.merchant_id, request.stan))
        if needs[request.kind].original and request.original and request.original.stan:
            prefixes.add(Prefix(request.terminal_id, request.merchant_id, request.original.stan))
    return sorted(prefixes)


def load(session: Session, books: Books, entries: Sequence[Entry], needs: Mapping[Kind, Needs]) -> None:
    """Load what a group's requests need to be decided; its prefixes are claimed already."""
    probes, burials, sales = _wanted(entries, needs)
    terminals = {(entry.request.terminal_id,) for entry in entries}
    pan_keys = {(entry.pan_key,) for entry in entries if entry.pan_key}
    requests, tombstones, found_terminals, cards, sold = session.read(
        (REQUESTS, probes),
        (TOMBSTONES, burials),
        (TERMINALS, list(terminals)),
        (CARDS, list(pan_keys)),
        (SALES_BY_RRN, sales),
    )
    books.add_requests(JournalRow(*row) for row in requests)
    for stone in tombstones:
        books.add_tombstone(TombstoneRow(*stone))
    for row in found_terminals:
        _add_terminal(books, row)
    for row in cards:
        books.cards[row[0]] = Card(*row[1:])
    books.add_sales(JournalRow(*row) for row in sold)
    _load_payments(session, books, entries, needs)
    _load_money(session, books)


def _wanted(entries: Sequence[Entry], needs: Mapping[Kind, Needs]) -> tuple[list[Row], list[Row], list[Row]]:
    """Return the probes for keys and originals, those for tombstones, and the (merchant, RRN) of refunded sales."""
    probes: dict[Row, None] = {}
    burials: dict[Row, None] = {}
    sales: dict[Row, None] = {}
    for entry in entries:
        request = entry.request
        need = needs[request.kind]
        own = Probe(request.terminal_id, request.merchant_id, request.stan, *days_around(request.local_date))
        if need.keyed:
            probes[own] = burials[own] = None
        if need.original:
            reference = request.original
            stan = reference.stan if reference and reference.stan else request.stan
            around = days_around(original_date(request))
            probes[Probe(request.terminal_id, request.merchant_id, stan, *around)] = None
            if reference and reference.rrn and request.kind is Kind.REFUND:
                sales[request.merchant_id, reference.rrn] = None
            # a second reversal of what never came must not bury it twice
            burials[Probe(request.terminal_id, request.merchant_id, stan, *around)] = None
    return list(probes), list(burials), list(sales)


def _add_terminal(books: Books, row: Row) -> None:
    terminal_id, merchant_id, status, serial, kinds, entry_modes, batch, signed_on = row[:8]
    books.terminals[terminal_id] = Terminal(
        terminal_id,
        merchant_id,
        status,
        serial,
        frozenset(kinds.split()),
        frozenset(entry_modes.split()),
        batch,
        bool(signed_on),
    )
    name, mcc, merchant_status, currency, account_id = row[8:]
    if merchant_id not in books.merchants:
        books.merchants[merchant_id] = Merchant(merchant_id, name, mcc, merchant_status, currency, account_id)


def _load_payments(session: Session, books: Books, entries: Sequence[Entry], needs: Mapping[Kind, Needs]) -> None:
    wanted: set[int] = set()
    for entry in entries:
        if needs[entry.request.kind].original:
            for row in books.originals(entry):
                wanted.add(row.journal_id)
                if row.kind == Kind.REFUND.value and row.original_id is not None:
                    wanted.add(row.original_id)  # undoing a refund gives it back to its sale
    if not wanted:
        return
    (payments,) = session.read((PAYMENTS, [(payment_id,) for payment_id in sorted(wanted)]))
    for payment in payments:
        books.payments[payment[0]] = _payment(payment)


def _payment(row: Row) -> Payment:
    values = list(row)
    values[1] = Kind(row[1])
    values[2] = PaymentState(row[2])
    values[10] = row[10] or b""
    values[12] = date_of(row[12])
    return Payment(*values)


def _load_money(session: Session, books: Books) -> None:
    """Accounts of cards and of originals, and what their cards spent: today, and on the originals' days."""
    today = number_of(books.business_day)
    accounts = {(card.account_id,) for card in books.cards.values()}
    spent = {(card.card_id, today) for card in books.cards.values()}
    for payment in books.payments.values():
        if payment.account_id is not None:
            accounts.add((payment.account_id,))
        if payment.card_id is not None:
            spent.add((payment.card_id, number_of(payment.business_day)))
    if not accounts:
        return
    balances, counters = session.read((BALANCES, sorted(accounts)), (SPENT, sorted(spent)))
    for balance in balances:
        books.accounts[balance[0]] = Account(*balance)
    for card_id, day, amount_minor, count in counters:
        books.spent[card_id, day] = Spent(amount_minor, count)
