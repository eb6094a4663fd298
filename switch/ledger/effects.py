"""How a decision changes the working set: its journal row first, then effect by effect.

An effect that does not fit the books is a fault of the program, not of the request: it raises `InternalError`,
the group is rolled back, and the request that asked for it is refused alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from switch.decisions import (
    Account,
    ChangePayment,
    CountRefund,
    CountSpend,
    Decision,
    EndHold,
    Facts,
    LayTombstone,
    OpenHold,
    OpenPayment,
    Payment,
    QueueAdjustment,
    Spent,
    Transfer,
)
from switch.errors import InternalError
from switch.ledger.batch_effects import BATCH_EFFECTS
from switch.ledger.batches import is_domestic
from switch.ledger.books import NOTHING_SPENT, Books
from switch.ledger.entry import Entry
from switch.ledger.rows import JournalRow, Prefix, TombstoneRow, chip_text, number_of, reply_text, trace_text
from switch.ledger.state_effects import STATE_EFFECTS
from switch.messages.kinds import Kind

_KINDS: Final = {kind.value: kind for kind in Kind}


def apply(books: Books, entry: Entry, facts: Facts, decision: Decision, *, keyed: bool) -> None:
    """Put a journalled decision into the books; ``keyed`` claims the request's key for it."""
    row = _journal_row(books, entry, facts, decision)
    books.changes.journal.append(row)
    if keyed:
        prefix = Prefix(row.terminal_id, row.merchant_id, row.stan)
        books.changes.request_key.append((*prefix, row.local_date, row.mti[1], row.batch, row.journal_id))
        books.known.keep(prefix, row)
    if entry.request.chip is not None:
        _keep_chip(books, entry, facts)
    for leg, effect in enumerate(decision.effects):
        if type(effect) is Transfer:
            _transfer(books, row, leg, effect)
        else:
            _APPLIED[type(effect)](books, row, facts, effect)


def _journal_row(books: Books, entry: Entry, facts: Facts, decision: Decision) -> JournalRow:
    request, reply, card = entry.request, decision.reply, facts.card
    return JournalRow(
        entry.journal_id,
        str(request.kind),
        str(reply.action),
        request.mti,
        request.processing_code,
        request.terminal_id,
        request.merchant_id,
        request.stan,
        request.batch,
        number_of(request.local_date),
        request.local_time,
        books.day_number,
        request.received_at,
        reply.answered_at,
        request.amount_minor,
        request.currency,
        None if card is None else card.card_id,
        entry.pan_key or None,
        "" if request.pan is None else request.pan.masked,
        request.entry_mode,
        request.condition_code,
        reply.rrn,
        reply.approval_code,
        request.reason,
        None if facts.original is None else facts.original.payment_id,
        decision.because,
        trace_text(decision.trace),
        reply_text(reply),
        books.rule_set,
    )


def _keep_chip(books: Books, entry: Entry, facts: Facts) -> None:
    request, scheme = entry.request, "" if facts.card is None else facts.card.scheme
    assert request.chip is not None
    content = chip_text(request.chip, request.verdicts.cryptogram, scheme)
    books.changes.chip_record.append((entry.journal_id, content))


# --- money -------------------------------------------------------------------------------------------------


def _transfer(books: Books, row: JournalRow, leg: int, effect: Transfer) -> None:
    """``leg`` is the effect's place in its decision: unique in it, and rising."""
    debit, credit, amount = effect.debit_account_id, effect.credit_account_id, effect.amount_minor
    books.changes.transfer.append((row.journal_id, leg, debit, credit, amount, effect.currency, int(effect.forced)))
    accounts = books.accounts
    if debit in accounts:  # merchants' accounts keep no balance: they are sums over transfers
        _change(books, accounts[debit], -amount, 0)
    if credit in accounts:
        _change(books, accounts[credit], amount, 0)


def _open_hold(books: Books, row: JournalRow, _: Facts, effect: OpenHold) -> None:
    account = _account(books, effect.account_id)
    held = row.journal_id, effect.account_id, effect.amount_minor, effect.currency, int(effect.forced)
    books.changes.hold.append(held)
    _change(books, account, 0, effect.amount_minor)


def _end_hold(books: Books, row: JournalRow, _: Facts, effect: EndHold) -> None:
    account = _account(books, effect.account_id)
    books.changes.hold_end.append((effect.hold_id, row.journal_id, effect.how))
    _change(books, account, 0, -effect.amount_minor)


def _count_spend(books: Books, _: JournalRow, __: Facts, effect: CountSpend) -> None:
    key = effect.card_id, number_of(effect.business_day)
    spent = books.spent.get(key, NOTHING_SPENT)
    books.spent[key] = Spent(spent.amount_minor + effect.amount_minor, spent.count + effect.count)
    books.changes.spent.add(key)


def _account(books: Books, account_id: int) -> Account:
    account = books.accounts.get(account_id)
    if account is None:
        raise InternalError(f"an effect is about account {account_id}, which has no balance in this group")
    return account


def _change(books: Books, account: Account, ledger_minor: int, held_minor: int) -> None:
    account_id = account.account_id
    books.accounts[account_id] = Account(
        account_id,
        account.currency,
        account.ledger_minor + ledger_minor,
        account.held_minor + held_minor,
        account.credit_limit_minor,
    )
    books.changes.accounts.add(account_id)


# --- payments ----------------------------------------------------------------------------------------------


def _open_payment(books: Books, row: JournalRow, facts: Facts, effect: OpenPayment) -> None:
    """Its other account is the merchant's, or that of the card which a transfer goes to."""
    if facts.account is None or facts.merchant is None:
        raise InternalError("a payment needs an account and a merchant")
    other = facts.merchant if facts.to_account is None else facts.to_account
    payment = Payment(
        row.journal_id,
        _KINDS[row.kind],
        effect.state,
        effect.amount_minor,
        effect.amount_minor,
        0,
        facts.account.currency,
        facts.account.account_id,
        other.account_id,
        row.card_id,
        facts.pan_key,
        effect.hold_id,
        books.business_day,
        row.batch,
        row.merchant_id,
        row.rrn,
        row.approval_code,
        row.original_id,
        row.terminal_id,
        row.entry_mode,
    )
    books.add_payment(payment)
    books.changes.opened_payments.append(row.journal_id)
    if row.batch and not is_domestic(row.masked_pan):
        books.foreign.add(row.journal_id)
    if effect.is_authorisation:
        books.known.add_authorisations((row,))
        books.changes.authorisation.append((row.merchant_id, row.approval_code, row.journal_id))


def _change_payment(books: Books, _: JournalRow, __: Facts, effect: ChangePayment) -> None:
    payment = _payment(books, effect.payment_id)._replace(
        state=effect.state,
        current_minor=effect.current_minor,
        hold_id=effect.hold_id,
    )
    books.payments[effect.payment_id] = payment
    books.changes.changed_payments.add(effect.payment_id)


def _count_refund(books: Books, _: JournalRow, __: Facts, effect: CountRefund) -> None:
    payment = _payment(books, effect.payment_id)
    refunded = payment.refunded_minor + effect.amount_minor
    books.payments[effect.payment_id] = payment._replace(refunded_minor=refunded)
    books.changes.changed_payments.add(effect.payment_id)


def _payment(books: Books, payment_id: int) -> Payment:
    payment = books.payments.get(payment_id)
    if payment is None:
        raise InternalError(f"an effect is about payment {payment_id}, which this group has not loaded")
    return payment


# --- what is left behind -----------------------------------------------------------------------------------


def _lay_tombstone(books: Books, row: JournalRow, _: Facts, effect: LayTombstone) -> None:
    prefix = row.terminal_id, row.merchant_id, effect.stan
    day = number_of(effect.local_date)
    stone = TombstoneRow(*prefix, day, effect.message_class, effect.batch, row.journal_id)
    if books.known.bury(stone):
        books.changes.tombstone.append(stone)


def _queue_adjustment(books: Books, row: JournalRow, _: Facts, effect: QueueAdjustment) -> None:
    books.queued[effect.payment_id] = books.queued.get(effect.payment_id, 0) + effect.amount_minor
    books.changes.adjustment.append((row.journal_id, effect.payment_id, effect.amount_minor, effect.why, "open"))


_APPLIED: Final[dict[type, Callable[[Books, JournalRow, Facts, Any], None]]] = {
    OpenHold: _open_hold,
    EndHold: _end_hold,
    CountSpend: _count_spend,
    OpenPayment: _open_payment,
    ChangePayment: _change_payment,
    CountRefund: _count_refund,
    LayTombstone: _lay_tombstone,
    QueueAdjustment: _queue_adjustment,
    **STATE_EFFECTS,
    **BATCH_EFFECTS,
}
