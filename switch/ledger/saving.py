"""Writes what a group changed: one statement for each table that changed, whatever the group's size."""

from __future__ import annotations

from switch.ledger.books import Books
from switch.ledger.rows import Row
from switch.ledger.statements import (
    BALANCE_CHANGE,
    BATCH_CHANGE,
    CARD_CHANGE,
    DAY_OPENED,
    KEY_CHANGE,
    KEY_COUNTER_CHANGE,
    OPERATOR_CHANGE,
    PAY_CODE_CHANGE,
    PAYMENT_CHANGE,
    PENDING_DONE,
    SECURITY_CHANGE,
    SPENDING_CHANGE,
    SPENT_CHANGE,
    TERMINAL_CHANGE,
    Session,
)


def save(session: Session, books: Books) -> None:
    """Insert and update, parents before children. Database constraints have the last word: they raise."""
    changes = books.changes
    opened = set(changes.opened_payments)
    session.insert("journal", changes.journal)
    session.insert("request_key", changes.request_key)
    session.insert("tombstone", changes.tombstone)
    session.insert("transfer", changes.transfer)
    session.insert("hold", changes.hold)
    session.insert("hold_end", changes.hold_end)
    session.insert("payment", [_payment_row(books, payment_id) for payment_id in changes.opened_payments])
    session.insert("adjustment", changes.adjustment)
    session.insert("authorisation", changes.authorisation)
    session.insert("chip_record", changes.chip_record)
    session.insert("upload", changes.upload)
    session.insert("batch", books.batches.rows())
    session.insert("uploaded_record", changes.uploaded_record)
    session.change(
        PAYMENT_CHANGE,
        [_payment_change(books, payment_id) for payment_id in sorted(changes.changed_payments - opened)],
    )
    session.change(BALANCE_CHANGE, [_balance_change(books, account_id) for account_id in sorted(changes.accounts)])
    session.change(SPENT_CHANGE, [_spent_change(books, key) for key in sorted(changes.spent)])
    session.change(SECURITY_CHANGE, [(card_id, *books.security[card_id]) for card_id in sorted(changes.security)])
    session.change(CARD_CHANGE, sorted(changes.cards.items()))
    session.change(PAY_CODE_CHANGE, sorted(changes.pay_codes.items()))
    session.change(OPERATOR_CHANGE, [(*key, books.operators[key].failures) for key in sorted(changes.operators)])
    _save_terminals(session, books)
    session.change(KEY_COUNTER_CHANGE, [(*key, books.key_counters[key]) for key in sorted(changes.key_counters)])
    session.change(BATCH_CHANGE, books.batches.changes())
    if changes.opens_day:
        session.change(DAY_OPENED, [(books.day_number, books.decided_at, "open")])
    if changes.spending:
        session.change(SPENDING_CHANGE, _spending_changes(books, session.stripes))
    session.flush()


def _save_terminals(session: Session, books: Books) -> None:
    changes = books.changes
    session.change(TERMINAL_CHANGE, [(name, *change) for name, change in sorted(changes.terminals.items())])
    for place in range(max(map(len, changes.done.values()), default=0)):
        told = [(name, done[place]) for name, done in sorted(changes.done.items()) if place < len(done)]
        session.change(PENDING_DONE, told)
    keys = sorted(changes.keys.items())
    session.change(KEY_CHANGE, [(*key, *kept, books.decided_at) for key, kept in keys])


def _spending_changes(books: Books, stripes: int) -> list[Row]:
    """Each worker adds to a stripe of its own as far as there are enough: its tag ends the ids that it makes."""
    stripe = books.changes.journal[0].journal_id % stripes
    added = sorted(books.changes.spending.items())
    since = books.counts_since
    return [(*counter, stripe, change.amount_minor, change.count, since[counter]) for counter, change in added]


def _payment_row(books: Books, payment_id: int) -> Row:
    payment = books.payments[payment_id]
    return (
        payment_id,
        str(payment.state),
        payment.amount_minor,
        payment.current_minor,
        payment.refunded_minor,
        payment.account_id,
        payment.merchant_account_id,
        payment.hold_id,
    )


def _payment_change(books: Books, payment_id: int) -> Row:
    payment = books.payments[payment_id]
    return payment_id, str(payment.state), payment.current_minor, payment.refunded_minor, payment.hold_id


def _balance_change(books: Books, account_id: int) -> Row:
    account = books.accounts[account_id]
    return account_id, account.ledger_minor, account.held_minor


def _spent_change(books: Books, key: tuple[int, int]) -> Row:
    spent = books.spent[key]
    return *key, spent.amount_minor, spent.count
