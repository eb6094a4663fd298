"""Writes what a group changed: one statement for each table that changed, whatever the group's size."""

from __future__ import annotations

from switch.ledger.books import Books
from switch.ledger.rows import Row
from switch.ledger.statements import BALANCE_CHANGE, PAYMENT_CHANGE, SPENT_CHANGE, TERMINAL_CHANGE, Session


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
    session.change(
        PAYMENT_CHANGE,
        [_payment_change(books, payment_id) for payment_id in sorted(changes.changed_payments - opened)],
    )
    session.change(BALANCE_CHANGE, [_balance_change(books, account_id) for account_id in sorted(changes.accounts)])
    session.change(SPENT_CHANGE, [_spent_change(books, key) for key in sorted(changes.spent)])
    session.change(
        TERMINAL_CHANGE, [(name, int(books.terminals[name].signed_on)) for name in sorted(changes.terminals)]
    )
    session.flush()


def _payment_row(books: Books, payment_id: int) -> Row:
    payment = books.payments[payment_id]
    return (
        payment_id,
        payment.state.value,
        payment.amount_minor,
        payment.current_minor,
        payment.refunded_minor,
        payment.account_id,
        payment.merchant_account_id,
        payment.hold_id,
    )


def _payment_change(books: Books, payment_id: int) -> Row:
    payment = books.payments[payment_id]
    return payment_id, payment.state.value, payment.current_minor, payment.refunded_minor, payment.hold_id


def _balance_change(books: Books, account_id: int) -> Row:
    account = books.accounts[account_id]
    return account_id, account.ledger_minor, account.held_minor


def _spent_change(books: Books, key: tuple[int, int]) -> Row:
    spent = books.spent[key]
    return *key, spent.amount_minor, spent.count
