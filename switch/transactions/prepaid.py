"""Prepaid cards: made usable at the till, and loaded with what was paid there."""

from __future__ import annotations

from switch.decisions import ChangeCard, Facts, OpenPayment, PaymentState, Transfer
from switch.messages.model import Request
from switch.rules.rule import Policy
from switch.transactions.counting import counted
from switch.transactions.posting import Posting, parties_to


def activation(request: Request, facts: Facts, policy: Policy) -> Posting:
    """The card may be used from now on. No money moves, whatever amount the message names: a load does that.

    It is a payment of nothing, so that a reversal finds it.
    """
    assert facts.card is not None
    active = ChangeCard(facts.card.card_id, "active")
    own = OpenPayment(PaymentState.POSTED, 0, None)
    return Posting(effects=(active, *counted(request, facts, policy), own), has_approval_code=True)


def load(request: Request, facts: Facts, policy: Policy) -> Posting:
    """Credit the card with what its holder paid; the merchant, who has the cash, owes it."""
    amount, _card, account, merchant = parties_to(request, facts)
    return Posting(
        effects=(
            Transfer(merchant.account_id, account.account_id, amount, account.currency),
            *counted(request, facts, policy),
            OpenPayment(PaymentState.POSTED, amount, None),
        ),
        has_approval_code=True,
    )
