"""Questions are answered as the books stand, and move nothing."""

from __future__ import annotations

import pytest

from switch.decisions import PaymentState
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.transactions.decide import decide
from tests.builders import a_payment, a_request, some_facts

QUERY = a_request(kind=Kind.CODE_QUERY, pan=None, amount_minor=None, stan="000043")


def test_a_purchase_by_code_that_stands_is_told_with_its_references() -> None:
    bought = a_payment(kind=Kind.CODE_PURCHASE, rrn="000000000042", approval_code="123456")

    decision = decide(QUERY, some_facts(original=bought, card=None, account=None))

    assert decision.reply.action is Action.APPROVED
    assert (decision.reply.rrn, decision.reply.approval_code) == ("000000000042", "123456")
    assert decision.effects == ()


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (PaymentState.DECLINED, Action.ORIGINAL_NOT_FOUND),
        (PaymentState.VOIDED, Action.ALREADY_REVERSED),
        (PaymentState.REVERSED, Action.ALREADY_REVERSED),
    ],
)
def test_one_that_does_not_stand_is_told_with_the_reason(state: PaymentState, action: Action) -> None:
    decision = decide(QUERY, some_facts(original=a_payment(kind=Kind.CODE_PURCHASE, state=state)))

    assert decision.reply.action is action
    assert decision.because


@pytest.mark.parametrize("original", [None, a_payment()])
def test_a_query_is_about_purchases_by_code_only(original: None) -> None:
    assert decide(QUERY, some_facts(original=original)).reply.action is Action.ORIGINAL_NOT_FOUND
