"""What an approved request does to the books, kind by kind: effects as values, nothing stored here.

Each function is called above the last rung of its ladder, so terminal, merchant, card and account are known.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from switch.decisions import (
    Account,
    Card,
    ChangeTerminal,
    CountRefund,
    CountSpend,
    Effect,
    Facts,
    Merchant,
    OpenHold,
    OpenPayment,
    PaymentState,
    Refusal,
    Transfer,
)
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Balance, Request
from switch.values import Money

REFUND_DAYS: Final = 30
"""A sale can be refunded this many days (domain rule 20)."""

_LEDGER, _AVAILABLE = "01", "02"
"""Amount types of DE 54 (ISO 8583:1987 table A-8): ledger balance, available balance."""


class Posting(NamedTuple):
    """Effects on the books, and what they add to the reply. ``has_approval_code`` puts a DE 38 into it."""

    effects: tuple[Effect, ...] = ()
    balances: tuple[Balance, ...] = ()
    batch: str = ""
    has_approval_code: bool = False


def purchase(request: Request, facts: Facts) -> Posting:
    """Debit the card, credit the merchant, at once."""
    amount, card, account, merchant = _parts(request, facts)
    return Posting(
        effects=(
            Transfer(account.account_id, merchant.account_id, amount, account.currency),
            CountSpend(card.card_id, facts.business_day, amount, 1),
            OpenPayment(PaymentState.POSTED, amount, None),
        ),
        has_approval_code=True,
    )


def authorisation(request: Request, facts: Facts) -> Posting:
    """Set the amount aside; a completion will capture it."""
    amount, card, account, _ = _parts(request, facts)
    return Posting(
        effects=(
            OpenHold(account.account_id, amount, account.currency),
            CountSpend(card.card_id, facts.business_day, amount, 1),
            OpenPayment(PaymentState.HELD, amount, facts.journal_id),
        ),
        has_approval_code=True,
    )


def refund(request: Request, facts: Facts) -> Posting | Refusal:
    """New money back to the card, against a sale that is there, young enough and not yet refunded (domain rule 20)."""
    amount, _, account, merchant = _parts(request, facts)
    sale = facts.original
    if sale is None or sale.kind is not Kind.PURCHASE or sale.state is not PaymentState.POSTED:
        return Refusal(Action.ORIGINAL_NOT_FOUND, "no sale of this card at this merchant is named by the message")
    if (facts.business_day - sale.business_day).days > REFUND_DAYS:
        return Refusal(Action.ORIGINAL_TOO_OLD, f"the sale is of {sale.business_day}, more than {REFUND_DAYS} days ago")
    left = sale.current_minor - sale.refunded_minor
    if amount > left:
        why = f"{Money(amount, account.currency)} asked, {Money(left, account.currency)} of the sale not yet refunded"
        return Refusal(Action.EXCEEDS_ORIGINAL, why)
    return Posting(
        effects=(
            Transfer(merchant.account_id, account.account_id, amount, account.currency),
            OpenPayment(PaymentState.POSTED, amount, None),
            CountRefund(sale.payment_id, amount),
        ),
        has_approval_code=True,
    )


def balance(request: Request, facts: Facts) -> Posting:
    """Nothing moves; the account type asked for (digits 3 and 4 of DE 3) is named in the answer."""
    _, _, account, _ = _parts(request, facts)
    account_type = request.processing_code[2:4]
    return Posting(
        balances=(
            Balance(account_type, _LEDGER, account.currency, account.ledger_minor),
            Balance(account_type, _AVAILABLE, account.currency, account.available_minor),
        )
    )


def sign_on(_: Request, facts: Facts) -> Posting:
    """The terminal may work, under the batch number it is given."""
    return Posting(effects=(ChangeTerminal(signed_on=True),), batch=facts.terminal.batch if facts.terminal else "")


def sign_off(_: Request, __: Facts) -> Posting:
    """The terminal has ended its work; where sign-on is required it must sign on again."""
    return Posting(effects=(ChangeTerminal(signed_on=False),))


def _parts(request: Request, facts: Facts) -> tuple[int, Card, Account, Merchant]:
    """The ladder has seen to it that these exist."""
    assert facts.card is not None
    assert facts.account is not None
    assert facts.merchant is not None
    return request.amount_minor or 0, facts.card, facts.account, facts.merchant
