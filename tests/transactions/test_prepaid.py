"""A prepaid card is made usable, then loaded; neither counts as spending."""

from __future__ import annotations

from switch.decisions import ChangeCard, OpenPayment, PaymentState, Transfer
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.transactions.decide import decide
from tests.builders import a_card, a_request, some_facts


def test_an_issued_card_becomes_active() -> None:
    card = a_card(status="inactive", account_class="prepaid")

    decision = decide(a_request(kind=Kind.ACTIVATION, amount_minor=None), some_facts(card=card))

    assert decision.reply.approval_code
    assert decision.effects == (ChangeCard(1, "active"), OpenPayment(PaymentState.POSTED, 0, None))


def test_a_load_credits_the_card() -> None:
    decision = decide(a_request(kind=Kind.LOAD), some_facts(card=a_card(account_class="prepaid")))

    assert decision.effects == (Transfer(900, 100, 1000, "156"), OpenPayment(PaymentState.POSTED, 1000, None))


def test_only_a_prepaid_card_is_loaded() -> None:
    decision = decide(a_request(kind=Kind.LOAD), some_facts())

    assert (decision.reply.action, decision.effects) == (Action.CARD_NOT_PERMITTED, ())
