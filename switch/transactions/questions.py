"""What only asks, and moves nothing: a card's balance, what became of a purchase by pay code."""

from __future__ import annotations

from typing import Final

from switch.decisions import Facts, PaymentState, Refusal
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Balance, Request
from switch.rules.rule import Policy
from switch.transactions.posting import Posting

_LEDGER, _AVAILABLE = "01", "02"
"""Amount types of DE 54 (ISO 8583:1987 table A-8): ledger balance, available balance."""

_GIVEN_BACK: Final = (PaymentState.VOIDED, PaymentState.REVERSED)


def balance(request: Request, facts: Facts, _: Policy) -> Posting:
    """Nothing moves; the account type asked for (digits 3 and 4 of DE 3) is named in the answer."""
    assert facts.account is not None
    account, account_type = facts.account, request.processing_code[2:4]
    return Posting(
        balances=(
            Balance(account_type, _LEDGER, account.currency, account.ledger_minor),
            Balance(account_type, _AVAILABLE, account.currency, account.available_minor),
        )
    )


def code_query(_: Request, facts: Facts, __: Policy) -> Posting | Refusal:
    """Approved, with the references of the purchase, where it stands; else what became of it."""
    found = facts.original
    if found is None or found.kind is not Kind.CODE_PURCHASE or found.state is PaymentState.DECLINED:
        why = "no purchase by pay code that was approved is named by the message"
        return Refusal(Action.ORIGINAL_NOT_FOUND, why)
    if found.state in _GIVEN_BACK:
        return Refusal(Action.ALREADY_REVERSED, f"the purchase was {found.state}")
    return Posting(quoted=found)
