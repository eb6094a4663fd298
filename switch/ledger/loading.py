"""Fills the working set of a group from the database, in two or three round trips whatever its size.

On PostgreSQL rows are locked here, always in the same order (keys, operators, pay codes, payments, balances), so that
two writers wait for each other but never in a circle. What a card spent, and what its past says of its security, is
read only once its account's balance is locked. What no request of the group asks for costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, Protocol

from switch.decisions import (
    Account,
    Batch,
    BatchState,
    Card,
    CardSecurity,
    Merchant,
    Needs,
    Operator,
    PayCode,
    Payment,
    PaymentState,
    Spent,
    Terminal,
)
from switch.ledger.batches import UNKNOWN_BATCH, BatchKey, Counted, RecordKey, is_domestic
from switch.ledger.books import NOTHING_SPENT, Books, CodeOfCard
from switch.ledger.days import day_to_decide_on
from switch.ledger.entry import Entry
from switch.ledger.ports import Counters, ReadLimits
from switch.ledger.rows import JournalRow, Row, TombstoneRow, date_of, number_of
from switch.ledger.statements import (
    ADJUSTMENTS,
    AUTHORISATIONS,
    BALANCES,
    BATCH_SUMS,
    BATCHES,
    CARD_STATES,
    CARDS,
    CARDS_THAT_PAID,
    INCREMENTS,
    JOURNAL_ROWS,
    KEY_COUNTERS,
    LAST_SETTLED,
    NAMED_SALES,
    NEWEST_DAY,
    OPERATORS,
    PAY_CODES,
    PAYMENTS,
    REQUESTS,
    SECURITY,
    SPENDING,
    SPENT,
    TERMINALS,
    TOMBSTONES,
    UPLOADED,
    Session,
)
from switch.ledger.wanted import Wanted, wanted_by
from switch.messages.kinds import Kind
from switch.messages.settlement import BatchTotals, Totals

_TERMINALS_REMEMBERED: Final = 4096


class Asking(Protocol):
    """What decides what is loaded: a part of `switch.ledger.group.Rules`."""

    @property
    def needs(self) -> Mapping[Kind, Needs]: ...
    @property
    def limits(self) -> ReadLimits: ...
    @property
    def counters(self) -> Counters | None: ...


def load(session: Session, books: Books, entries: Sequence[Entry], rules: Asking) -> None:
    """Load what a group's requests need to be decided; its prefixes are claimed already."""
    wanted = wanted_by(entries, rules.needs)
    days, requests, tombstones, terminals, cards, sales, authorisations, rows, operators, codes, keys = session.read(
        (NEWEST_DAY, [(1,)]),
        (REQUESTS, list(wanted.probes)),
        (TOMBSTONES, list(wanted.burials)),
        (TERMINALS, list(wanted.terminals)),
        (CARDS, list(wanted.cards)),
        (NAMED_SALES, list(wanted.sales)),
        (AUTHORISATIONS, list(wanted.authorisations)),
        (JOURNAL_ROWS, list(wanted.journal_ids)),
        (OPERATORS, list(wanted.operators)),
        (PAY_CODES, list(wanted.pay_codes)),
        (KEY_COUNTERS, list(wanted.key_counters)),
    )
    _begin_day(books, days)
    known = books.known
    known.add_requests(JournalRow(*row) for row in requests)
    known.add_tombstones(TombstoneRow(*row) for row in tombstones)
    known.add_by_rrn(JournalRow(*row) for row in sales)
    known.add_authorisations(JournalRow(*row) for row in authorisations)
    known.add_by_id(JournalRow(*row) for row in rows)
    for row in terminals:
        terminal, merchant = _terminal_and_merchant(row, rules.limits)
        books.terminals[terminal.terminal_id] = terminal
        books.merchants[merchant.merchant_id] = merchant
    for row in cards:
        books.cards[row[0]] = _card(row, rules.limits)
    for merchant_id, operator_id, has_password, failures, status in operators:
        operator = Operator(operator_id, bool(has_password), failures, status == "active")
        books.operators[merchant_id, operator_id] = operator
    for row in codes:
        code_key, expires_at, single_use, used_by, pan_key = row[:5]
        books.cards.setdefault(pan_key, _card(row[4:], rules.limits))
        code = PayCode(code_key, expires_at, bool(single_use), used_by)
        books.pay_codes[code_key] = CodeOfCard(code, pan_key)
    books.key_counters.update(((base, device), counter) for base, device, counter in keys)
    if wanted.with_original:
        _load_payments(session, books, wanted.with_original, rules)
    if wanted.with_batch:
        _load_batches(session, books, wanted.with_batch)
    if rules.counters is not None:
        _ask_counters(books, entries, rules.counters)
    _load_money(session, books, wanted)


def _begin_day(books: Books, newest: Sequence[Row]) -> None:
    """Decide on the newest open day, or on the clock's where that is later; its first group opens it."""
    if not newest:
        books.changes.opens_day = True
        return
    [(_, day, state)] = newest
    books.move_to(day_to_decide_on(books.business_day, date_of(day), is_open=state == "open"))
    books.changes.opens_day = books.day_number != day


# --- who ---------------------------------------------------------------------------------------------------


@lru_cache(_TERMINALS_REMEMBERED)
def _terminal_and_merchant(row: Row, limits: ReadLimits) -> tuple[Terminal, Merchant]:
    """Made anew only where a row is another than last time: few are, from one group to the next."""
    terminal_id, merchant_id, status, serial, kinds, entry_modes, batch, signed_on = row[:8]
    because, manual_entry, fallback, schemes, software, pending, limits_text, last_seen_day, batch_state = row[8:17]
    terminal = Terminal(
        terminal_id,
        merchant_id,
        status,
        serial,
        frozenset(kinds.split()),
        frozenset(entry_modes.split()),
        batch,
        bool(signed_on),
        because,
        manual_entry,
        bool(fallback),
        frozenset(schemes.split()),
        software,
        tuple(pending.split()),
        limits(limits_text) if limits_text else (),
        last_seen_day,
        BatchState(batch_state),
    )
    its_limits = limits(row[-1]) if row[-1] else ()
    return terminal, Merchant(merchant_id, *(*row[17:-1], its_limits))


def _card(row: Row, limits: ReadLimits) -> Card:
    """``row``: the card's key, then the columns of `Card`, its limits as text."""
    limits_text = row[-1]
    return Card(*(*row[1:-1], limits(limits_text) if limits_text else ()))


# --- payments and money ------------------------------------------------------------------------------------


def _load_payments(session: Session, books: Books, entries: Sequence[Entry], rules: Asking) -> None:
    """The payments that requests may be about, with what those are about, and where that is about another, that too.

    Of sales by pay code, which are undone without showing a card, also the cards that paid. Of authorisations also the
    increments, because they are counted on days and at terminals of their own. These are locked out of order: they are
    seldom asked for, and a deadlock is tried again.
    """
    wanted: set[int] = set()
    for entry in entries:
        for row in books.known.originals(entry, any_card=rules.needs[entry.request.kind].any_card):
            wanted.add(row.journal_id)
            if row.original_id is not None:
                wanted.add(row.original_id)
    _read_payments(session, books, wanted)
    about = {payment.original_id for payment in books.payments.values() if payment.original_id is not None}
    _read_payments(session, books, about - wanted)
    by_code = [payment for payment in books.payments.values() if payment.kind is Kind.CODE_PURCHASE]
    if by_code:
        (cards,) = session.read((CARDS_THAT_PAID, sorted({(payment.card_id,) for payment in by_code})))
        for paid in cards:
            books.cards.setdefault(paid[0], _card(paid, rules.limits))
    held = [(payment.payment_id,) for payment in books.payments.values() if payment.kind is Kind.AUTHORISATION]
    if held:
        (increments,) = session.read((INCREMENTS, sorted(held)))
        for *payment, _ in increments:
            books.add_payment(_payment(payment))


def _read_payments(session: Session, books: Books, wanted: Iterable[int]) -> None:
    rows = [(payment_id,) for payment_id in sorted(wanted)]
    if not rows:
        return
    payments, adjustments = session.read((PAYMENTS, rows), (ADJUSTMENTS, rows))
    for *payment, masked_pan in payments:
        books.add_payment(_payment(payment))
        if not is_domestic(masked_pan):
            books.foreign.add(payment[0])
    for payment_id, amount_minor in adjustments:
        books.queued[payment_id] = books.queued.get(payment_id, 0) + amount_minor


def _payment(values: list[Any]) -> Payment:
    values[1] = Kind(values[1])
    values[2] = PaymentState(values[2])
    values[10] = values[10] or b""
    values[12] = date_of(values[12])
    return Payment(*values)


# --- batches -----------------------------------------------------------------------------------------------


def _load_batches(session: Session, books: Books, entries: Sequence[Entry]) -> None:
    """The batches that are named: what a settlement left of them, or the sums of what is in an open one.

    After the payments, which are locked by then: the sums see them as the working set does.
    """
    batches = books.batches
    keys = [(entry, key) for entry in entries if (key := books.batch_key(entry)) is not None]
    named = sorted({key for _, key in keys})
    records = {(*key, record.stan) for entry, key in keys for record in entry.request.extras.records}
    settled, last, uploaded = session.read(
        (BATCHES, named), (LAST_SETTLED, sorted({key[:2] for key in named})), (UPLOADED, sorted(records))
    )
    for row in settled:
        key, state, totals = BatchKey(*row[:3]), BatchState(row[3]), BatchTotals(Totals(*row[4:8]), Totals(*row[8:12]))
        batches.settled[key] = Batch(key.batch, state, totals, row[12])
    batches.last_settled.update(((terminal_id, merchant_id), at) for terminal_id, merchant_id, at in last)
    batches.uploaded.update((BatchKey(*row[:3]), RecordKey(*row[3:])) for row in uploaded)
    batches.loaded = dict(books.payments)
    still_open = [
        key for key in named if key not in batches.settled and key.batch == books.terminals[key.terminal_id].batch
    ]
    unknown = [(*key, UNKNOWN_BATCH, batches.last_settled.get(key[:2], 0)) for key in still_open]
    (sums,) = session.read((BATCH_SUMS, [*((*key, key.batch, 0) for key in still_open), *unknown]))
    for row in sums:
        counted = Counted(Kind(row[3]), bool(row[4]), *row[5:])
        batches.counted.setdefault(BatchKey(*row[:3]), []).append(counted)


def _ask_counters(books: Books, entries: Sequence[Entry], counters: Counters) -> None:
    day = books.business_day
    for entry in entries:
        held_against = counters(entry.request, *books.parties_of(entry), day)
        if held_against:
            books.counted[entry.journal_id] = tuple(held_against)


def _load_money(session: Session, books: Books, wanted: Wanted) -> None:
    """Accounts of cards and of originals, and then what their cards spent: today, and on the originals' days."""
    today = number_of(books.business_day)
    accounts: set[Row] = {(card.account_id,) for card in books.cards.values()}
    spent = {(card.card_id, today) for card in books.cards.values()}
    spending = {counter for counters in books.counted.values() for counter in counters}
    for payment in books.payments.values():
        accounts.add((payment.account_id,))
        spending.update(books.given_back(payment))
        if payment.kind is Kind.TRANSFER:
            accounts.add((payment.merchant_account_id,))  # that of the card it went to
        if payment.card_id is not None:
            spent.add((payment.card_id, number_of(payment.business_day)))
    if not accounts and not spending:
        return
    secured = _cards_of(books, wanted.with_security)
    balances, counters, stripes, security, states = session.read(
        (BALANCES, sorted(accounts)),
        (SPENT, sorted(spent)),
        (SPENDING, sorted(spending)),
        (SECURITY, secured),
        (CARD_STATES, _cards_of(books, wanted.activations)),
    )
    for balance in balances:
        books.accounts[balance[0]] = Account(*balance)
    for card_id, day, amount_minor, count in counters:
        books.spent[card_id, day] = Spent(amount_minor, count)
    for owner, period, amount_minor, count, since in stripes:
        books.counts_since[owner, period] = min(since, books.counts_since.get((owner, period), since))
        sum_before = books.spending.get((owner, period), NOTHING_SPENT)
        books.spending[owner, period] = Spent(sum_before.amount_minor + amount_minor, sum_before.count + count)
    books.security.update((card_id, CardSecurity()) for (card_id,) in secured)
    for card_id, pin_tries, atc in security:
        books.security[card_id] = CardSecurity(pin_tries, atc)
    for pan_key, status in states:  # as another writer left it before this one had the balance
        books.cards[pan_key] = replace(books.cards[pan_key], status=status)


def _cards_of(books: Books, entries: Sequence[Entry]) -> list[Row]:
    cards = (books.parties_of(entry)[2] for entry in entries)
    return sorted({(card.card_id,) for card in cards if card is not None})
