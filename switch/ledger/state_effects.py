"""How a decision changes what is known of terminals, cards, operators, pay codes and counters, and what it keeps.

Each change is made in the working set too, so that the next request of the group sees it: a second wrong PIN is
the second, and a pay code that is used is used. See `switch.ledger.effects` for money and payments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from switch.decisions import (
    ChangeCard,
    ChangeCardSecurity,
    ChangeOperator,
    ChangeTerminal,
    CountSpending,
    Facts,
    KeepKeys,
    KeepUpload,
    RaiseKeyCounter,
    SeeTerminal,
    Spent,
    UsePayCode,
)
from switch.errors import InternalError
from switch.ledger.books import NOTHING_SPENT, Books, TerminalChange
from switch.ledger.rows import JournalRow
from switch.ledger.statements import UNBLOCKED

_UNCHANGED: Final = TerminalChange()


# --- terminals ---------------------------------------------------------------------------------------------


def _change_terminal(books: Books, row: JournalRow, _: Facts, effect: ChangeTerminal) -> None:
    terminal_id = row.terminal_id
    terminal = books.terminals[terminal_id]
    books.terminals[terminal_id] = replace(
        terminal,
        signed_on=terminal.signed_on if effect.signed_on is None else effect.signed_on,
        software=terminal.software if effect.software is None else effect.software,
        pending=tuple(what for what in terminal.pending if what not in effect.done),
    )
    changed = books.changes.terminals.get(terminal_id, _UNCHANGED)
    books.changes.terminals[terminal_id] = changed._replace(
        signed_on=changed.signed_on if effect.signed_on is None else int(effect.signed_on),
        software=changed.software if effect.software is None else effect.software,
        operator_id=changed.operator_id if effect.operator_id is None else effect.operator_id,
    )
    done = [what for what in effect.done if what in terminal.pending]
    if done:
        books.changes.done.setdefault(terminal_id, []).extend(done)


def _see_terminal(books: Books, row: JournalRow, _: Facts, effect: SeeTerminal) -> None:
    terminal_id = row.terminal_id
    books.terminals[terminal_id] = replace(books.terminals[terminal_id], last_seen_day=effect.day)
    changed = books.changes.terminals.get(terminal_id, _UNCHANGED)
    books.changes.terminals[terminal_id] = changed._replace(last_seen_day=effect.day)


def _keep_keys(books: Books, row: JournalRow, _: Facts, effect: KeepKeys) -> None:
    """Of two sign-ons in one group the later one's are kept, beside those of before the group."""
    for usage, check_value, block in effect.keys:
        books.changes.keys[row.terminal_id, usage] = check_value, block


def _raise_key_counter(books: Books, _: JournalRow, __: Facts, effect: RaiseKeyCounter) -> None:
    books.raise_key_counter(effect.base, effect.device, effect.counter)


def _change_operator(books: Books, row: JournalRow, _: Facts, effect: ChangeOperator) -> None:
    key = row.merchant_id, effect.operator_id
    operator = books.operators.get(key)
    if operator is None:
        raise InternalError(f"an effect is about operator {effect.operator_id!r}, whom this group has not loaded")
    books.operators[key] = replace(operator, failures=effect.failures)
    books.changes.operators.add(key)


# --- cards -------------------------------------------------------------------------------------------------


def _change_card(books: Books, _: JournalRow, __: Facts, effect: ChangeCard) -> None:
    """A card that is blocked stays so; one that this group has not loaded is seen by the database alone."""
    for pan_key, card in books.cards.items():
        if card.card_id == effect.card_id and card.status in UNBLOCKED:
            books.cards[pan_key] = replace(card, status=effect.status)
            break
    books.changes.cards[effect.card_id] = effect.status


def _change_card_security(books: Books, _: JournalRow, __: Facts, effect: ChangeCardSecurity) -> None:
    security = books.security.get(effect.card_id)
    if security is None:
        raise InternalError(f"an effect is about card {effect.card_id}, whose past this group has not loaded")
    books.security[effect.card_id] = security._replace(
        pin_tries=security.pin_tries if effect.pin_tries is None else effect.pin_tries,
        atc=security.atc if effect.atc is None else effect.atc,
    )
    books.changes.security.add(effect.card_id)


def _use_pay_code(books: Books, row: JournalRow, _: Facts, effect: UsePayCode) -> None:
    known = books.pay_codes.get(effect.code_key)
    if known is None:
        raise InternalError("an effect is about a pay code that this group has not loaded")
    used_by = row.journal_id if effect.used else None
    books.pay_codes[effect.code_key] = known._replace(code=replace(known.code, used_by=used_by))
    books.changes.pay_codes[effect.code_key] = used_by


def _count_spending(books: Books, row: JournalRow, _: Facts, effect: CountSpending) -> None:
    """What is given back takes a counter to zero at most: it may be younger than the payment."""
    counter = effect.owner, effect.period
    there = books.spending.get(counter, NOTHING_SPENT)
    amount_minor = max(effect.amount_minor, -max(there.amount_minor, 0))
    count = max(effect.count, -max(there.count, 0))
    books.spending[counter] = Spent(there.amount_minor + amount_minor, there.count + count)
    books.counts_since.setdefault(counter, row.journal_id)
    added = books.changes.spending.get(counter, NOTHING_SPENT)
    books.changes.spending[counter] = Spent(added.amount_minor + amount_minor, added.count + count)


# --- what is kept ------------------------------------------------------------------------------------------


def _keep_upload(books: Books, row: JournalRow, _: Facts, effect: KeepUpload) -> None:
    books.changes.upload.append((row.journal_id, effect.what, effect.original_id, effect.content))


STATE_EFFECTS: Final[Mapping[type, Callable[[Books, JournalRow, Facts, Any], None]]] = {
    ChangeTerminal: _change_terminal,
    SeeTerminal: _see_terminal,
    KeepKeys: _keep_keys,
    RaiseKeyCounter: _raise_key_counter,
    ChangeOperator: _change_operator,
    ChangeCard: _change_card,
    ChangeCardSecurity: _change_card_security,
    UsePayCode: _use_pay_code,
    CountSpending: _count_spending,
    KeepUpload: _keep_upload,
}
