"""A reversal has one effect at most, the right one, whatever it finds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from switch.decisions import (
    ChangePayment,
    CountRefund,
    CountSpend,
    EndHold,
    LayTombstone,
    OpenHold,
    PaymentState,
    QueueAdjustment,
    Transfer,
)
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.transactions.decide import decide
from tests.builders import JOURNAL_ID, TODAY, a_hold, a_payment, a_reversal, a_terminal, some_facts


def test_a_purchase_is_mirrored_and_its_day_gets_its_counters_back() -> None:
    decision = decide(a_reversal(), some_facts(original=a_payment()))

    assert decision.reply.action is Action.APPROVED
    assert decision.effects == (
        Transfer(900, 100, 1000, "156"),
        CountSpend(1, TODAY, -1000, -1),
        ChangePayment(11, PaymentState.REVERSED, 0, None),
    )


def test_a_hold_is_released() -> None:
    decision = decide(a_reversal(), some_facts(original=a_hold()))

    assert decision.effects == (
        EndHold(11, 100, 1000, "released"),
        CountSpend(1, TODAY, -1000, -1),
        ChangePayment(11, PaymentState.REVERSED, 0, None),
    )


def test_a_partial_reversal_replaces_the_hold_by_a_smaller_one() -> None:
    decision = decide(a_reversal(new_amount_minor=400), some_facts(original=a_hold()))

    assert decision.effects == (
        EndHold(11, 100, 1000, "replaced"),
        OpenHold(100, 400, "156"),
        CountSpend(1, TODAY, -600, 0),
        ChangePayment(11, PaymentState.HELD, 400, JOURNAL_ID),
    )


def test_a_partial_reversal_of_a_purchase_mirrors_the_difference() -> None:
    decision = decide(a_reversal(new_amount_minor=400), some_facts(original=a_payment()))

    assert decision.effects[0] == Transfer(900, 100, 600, "156")
    assert decision.effects[-1] == ChangePayment(11, PaymentState.POSTED, 400, None)


def test_a_new_amount_of_zero_means_the_whole() -> None:
    whole = decide(a_reversal(), some_facts(original=a_hold()))
    zero = decide(a_reversal(new_amount_minor=0), some_facts(original=a_hold()))

    assert zero.effects == whole.effects


@pytest.mark.parametrize("state", [PaymentState.DECLINED, PaymentState.REVERSED])
def test_what_is_declined_or_reversed_already_is_left_alone_and_answered_00(state: PaymentState) -> None:
    decision = decide(a_reversal(), some_facts(original=a_payment(state=state)))

    assert decision.reply.action is Action.APPROVED
    assert decision.effects == ()


def test_an_unknown_original_gets_a_tombstone() -> None:
    decision = decide(a_reversal(), some_facts(original=None))

    assert decision.reply.action is Action.APPROVED
    assert decision.effects == (LayTombstone("2", "000042", TODAY, ""),)


def test_another_amount_without_a_new_one_is_refused_without_effect() -> None:
    decision = decide(a_reversal(amount_minor=999), some_facts(original=a_payment()))

    assert decision.reply.action is Action.AMOUNT_MISMATCH
    assert decision.effects == ()


def test_a_new_amount_above_what_is_left_is_refused() -> None:
    decision = decide(a_reversal(new_amount_minor=1001), some_facts(original=a_hold()))

    assert decision.reply.action is Action.AMOUNT_MISMATCH


def test_an_original_of_a_closed_day_waits_for_an_operator() -> None:
    yesterday = TODAY - timedelta(days=1)

    decision = decide(a_reversal(), some_facts(original=a_payment(business_day=yesterday)))

    assert decision.reply.action is Action.ORIGINAL_CLOSED
    (queued,) = decision.effects
    assert isinstance(queued, QueueAdjustment)
    assert (queued.payment_id, queued.amount_minor) == (11, 1000)


def test_a_locked_terminal_can_still_reverse() -> None:
    facts = some_facts(original=a_payment(), terminal=a_terminal(status="locked"))

    assert decide(a_reversal(), facts).reply.action is Action.APPROVED


def test_reversing_a_refund_takes_the_money_back_even_where_it_is_spent() -> None:
    refund = a_payment(kind=Kind.REFUND, original_id=5)

    decision = decide(a_reversal(), some_facts(original=refund))

    assert decision.effects == (
        Transfer(100, 900, 1000, "156", forced=True),
        CountRefund(5, -1000),
        ChangePayment(11, PaymentState.REVERSED, 0, None),
    )


def test_what_was_refunded_is_not_given_back_a_second_time() -> None:
    sale = a_payment(refunded_minor=300)

    decision = decide(a_reversal(), some_facts(original=sale))

    assert decision.effects[0] == Transfer(900, 100, 700, "156")
    assert decision.effects[-1] == ChangePayment(11, PaymentState.REVERSED, 300, None)


def test_a_second_reversal_finds_nothing_left_to_do() -> None:
    facts = some_facts(original=a_hold())
    changed = decide(a_reversal(), facts).effects[-1]
    assert isinstance(changed, ChangePayment)
    assert facts.original is not None
    after = facts.original._replace(state=changed.state, current_minor=changed.current_minor, hold_id=changed.hold_id)

    assert decide(a_reversal(stan="000044"), some_facts(original=after)).effects == ()


def test_a_sale_refunded_whole_still_ends_reversed_without_moving_money() -> None:
    decision = decide(a_reversal(), some_facts(original=a_payment(refunded_minor=1000)))

    assert decision.reply.action is Action.APPROVED
    assert decision.effects == (CountSpend(1, TODAY, 0, -1), ChangePayment(11, PaymentState.REVERSED, 1000, None))


def test_a_refund_whose_sale_was_reversed_stays_given() -> None:
    sale = a_payment(payment_id=5, state=PaymentState.REVERSED, current_minor=300, refunded_minor=300)
    refund = a_payment(kind=Kind.REFUND, amount_minor=300, current_minor=300, original_id=5)

    decision = decide(a_reversal(amount_minor=300), some_facts(original=refund, sale=sale))

    assert decision.reply.action is Action.APPROVED
    assert decision.effects == ()
