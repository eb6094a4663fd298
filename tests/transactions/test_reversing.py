"""A reversal has one effect at most, the right one, whatever it finds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from switch.decisions import (
    ChangeCard,
    ChangePayment,
    CountRefund,
    CountSpend,
    EndHold,
    LayTombstone,
    OpenHold,
    PayCode,
    PaymentState,
    QueueAdjustment,
    Transfer,
    UsePayCode,
)
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.transactions.decide import decide
from tests.builders import JOURNAL_ID, NOW, TODAY, a_card, a_hold, a_payment, a_reversal, a_terminal, about, some_facts


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


def test_a_second_reversal_of_a_closed_day_queues_nothing_more() -> None:
    original = a_payment(business_day=TODAY - timedelta(days=1))

    part = decide(a_reversal(new_amount_minor=400), some_facts(original=original))
    whole = decide(a_reversal(stan="000044"), some_facts(original=original, queued_minor=600))
    again = decide(a_reversal(stan="000045"), some_facts(original=original, queued_minor=1000))

    assert [effect.amount_minor for effect in part.effects if isinstance(effect, QueueAdjustment)] == [600]
    assert [effect.amount_minor for effect in whole.effects if isinstance(effect, QueueAdjustment)] == [400]
    assert again.reply.action is Action.ORIGINAL_CLOSED
    assert again.effects == ()


def test_a_locked_terminal_can_still_reverse() -> None:
    facts = some_facts(original=a_payment(), terminal=a_terminal(status="locked"))

    assert decide(a_reversal(), facts).reply.action is Action.APPROVED


def test_reversing_a_refund_takes_the_money_back_even_where_it_is_spent() -> None:
    sale = a_payment(payment_id=5, refunded_minor=1000)
    refund = a_payment(kind=Kind.REFUND, original_id=5)

    decision = decide(a_reversal(), some_facts(original=refund, parent=sale))

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

    decision = decide(a_reversal(amount_minor=300), some_facts(original=refund, parent=sale))

    assert decision.reply.action is Action.APPROVED
    assert decision.effects == ()


# --- one level of what is about another payment -----------------------------------------------------------

SALE = a_payment(payment_id=5, state=PaymentState.VOIDED, current_minor=0)
HOLD = a_hold(payment_id=5, hold_id=5)


@pytest.mark.parametrize("cancel", [Kind.VOID, Kind.CODE_CANCEL])
def test_a_cancelled_sale_stands_again_whatever_the_card_has_left(cancel: Kind) -> None:
    facts = some_facts(original=about(SALE, kind=cancel), parent=SALE)

    decision = decide(a_reversal(), facts)

    assert decision.effects == (
        Transfer(100, 900, 1000, "156", forced=True),
        CountSpend(1, TODAY, 1000, 1),
        ChangePayment(5, PaymentState.POSTED, 1000, None),
        ChangePayment(6, PaymentState.REVERSED, 0, None),
    )


def test_a_cancelled_load_is_on_the_card_again() -> None:
    load = a_payment(payment_id=5, kind=Kind.LOAD, state=PaymentState.VOIDED, current_minor=0)

    decision = decide(a_reversal(), some_facts(original=about(load, kind=Kind.LOAD_VOID), parent=load))

    assert decision.effects == (
        Transfer(900, 100, 1000, "156"),
        ChangePayment(5, PaymentState.POSTED, 1000, None),
        ChangePayment(6, PaymentState.REVERSED, 0, None),
    )


def test_a_cancelled_authorisation_is_held_again() -> None:
    cancelled = HOLD._replace(state=PaymentState.VOIDED, current_minor=0, hold_id=None)
    facts = some_facts(original=about(cancelled, kind=Kind.AUTHORISATION_VOID), parent=cancelled)

    assert decide(a_reversal(), facts).effects == (
        OpenHold(100, 1000, "156", forced=True),
        CountSpend(1, TODAY, 1000, 1),
        ChangePayment(5, PaymentState.HELD, 1000, JOURNAL_ID),
        ChangePayment(6, PaymentState.REVERSED, 0, None),
    )


def test_a_completion_is_mirrored_and_its_authorisation_held_again() -> None:
    captured = HOLD._replace(state=PaymentState.CAPTURED, hold_id=None)
    completion = about(captured, kind=Kind.COMPLETION, amount_minor=700)

    decision = decide(a_reversal(amount_minor=700), some_facts(original=completion, parent=captured))

    assert decision.effects == (
        Transfer(900, 100, 700, "156"),
        OpenHold(100, 1000, "156", forced=True),
        CountSpend(1, TODAY, 300, 0),
        ChangePayment(5, PaymentState.HELD, 1000, JOURNAL_ID),
        ChangePayment(6, PaymentState.REVERSED, 0, None),
    )


def test_a_completion_reversed_in_part_keeps_its_authorisation_captured() -> None:
    captured = HOLD._replace(state=PaymentState.CAPTURED, hold_id=None)
    completion = about(captured, kind=Kind.COMPLETION, amount_minor=700)

    decision = decide(a_reversal(new_amount_minor=500), some_facts(original=completion, parent=captured))

    assert decision.effects == (
        Transfer(900, 100, 200, "156"),
        CountSpend(1, TODAY, -200, 0),
        ChangePayment(6, PaymentState.POSTED, 500, None),
    )


def test_an_authorisation_too_old_to_be_completed_again_is_not_held_again() -> None:
    captured = HOLD._replace(state=PaymentState.CAPTURED, hold_id=None, business_day=TODAY - timedelta(days=31))
    completion = about(captured, kind=Kind.COMPLETION_ADVICE)

    decision = decide(a_reversal(), some_facts(original=completion, parent=captured))

    assert not any(isinstance(effect, OpenHold) for effect in decision.effects)
    assert ChangePayment(5, PaymentState.EXPIRED, 1000, None) in decision.effects


def test_a_cancelled_completion_takes_its_hold_again() -> None:
    completion = about(HOLD, kind=Kind.COMPLETION, state=PaymentState.VOIDED, amount_minor=700)._replace(
        current_minor=0
    )
    cancel = about(completion, kind=Kind.COMPLETION_VOID, amount_minor=700)
    facts = some_facts(original=cancel, parent=completion, grandparent=HOLD)

    assert decide(a_reversal(amount_minor=700), facts).effects == (
        EndHold(5, 100, 1000, "captured"),
        Transfer(100, 900, 700, "156", forced=True),
        CountSpend(1, TODAY, -300, 0),
        ChangePayment(6, PaymentState.POSTED, 700, None),
        ChangePayment(5, PaymentState.CAPTURED, 1000, None),
        ChangePayment(7, PaymentState.REVERSED, 0, None),
    )


@pytest.mark.parametrize("state", [PaymentState.CAPTURED, PaymentState.VOIDED])
def test_a_cancelled_completion_stays_cancelled_once_its_hold_is_gone(state: PaymentState) -> None:
    completion = about(HOLD, kind=Kind.COMPLETION, state=PaymentState.VOIDED, amount_minor=700)._replace(
        current_minor=0
    )
    cancel = about(completion, kind=Kind.COMPLETION_VOID, amount_minor=700)
    facts = some_facts(original=cancel, parent=completion, grandparent=HOLD._replace(state=state, hold_id=None))

    decision = decide(a_reversal(amount_minor=700), facts)

    assert decision.reply.action is Action.APPROVED
    assert decision.effects == ()


def test_a_late_completion_whose_cancel_opened_no_hold_stands_again_without_one() -> None:
    completion = about(HOLD, kind=Kind.COMPLETION_ADVICE, state=PaymentState.VOIDED)._replace(current_minor=0)
    cancel = about(completion, kind=Kind.COMPLETION_VOID)
    expired = HOLD._replace(state=PaymentState.EXPIRED, hold_id=None)

    assert decide(a_reversal(), some_facts(original=cancel, parent=completion, grandparent=expired)).effects == (
        Transfer(100, 900, 1000, "156", forced=True),
        ChangePayment(6, PaymentState.POSTED, 1000, None),
        ChangePayment(5, PaymentState.CAPTURED, 1000, None),
        ChangePayment(7, PaymentState.REVERSED, 0, None),
    )


def test_an_increment_is_taken_off_the_hold() -> None:
    enlarged = HOLD._replace(current_minor=1500, hold_id=6)
    increment = about(enlarged, kind=Kind.INCREMENT, amount_minor=500)

    decision = decide(a_reversal(amount_minor=500), some_facts(original=increment, parent=enlarged))

    assert decision.effects == (
        EndHold(6, 100, 1500, "replaced"),
        OpenHold(100, 1000, "156"),
        CountSpend(1, TODAY, -500, 0),
        ChangePayment(5, PaymentState.HELD, 1000, JOURNAL_ID),
        ChangePayment(6, PaymentState.REVERSED, 0, None),
    )


def test_an_increment_takes_no_more_off_the_hold_than_there_is() -> None:
    reduced = HOLD._replace(current_minor=300, hold_id=7)
    increment = about(reduced, kind=Kind.INCREMENT, amount_minor=500)

    decision = decide(a_reversal(amount_minor=500), some_facts(original=increment, parent=reduced))

    assert decision.effects[0] == EndHold(7, 100, 300, "released")
    assert ChangePayment(5, PaymentState.REVERSED, 0, None) in decision.effects


@pytest.mark.parametrize("state", [PaymentState.CAPTURED, PaymentState.VOIDED, PaymentState.EXPIRED])
def test_an_increment_goes_with_its_authorisation(state: PaymentState) -> None:
    ended = HOLD._replace(state=state, hold_id=None)
    increment = about(ended, kind=Kind.INCREMENT, amount_minor=500)

    decision = decide(a_reversal(amount_minor=500), some_facts(original=increment, parent=ended))

    assert (decision.reply.action, decision.effects) == (Action.APPROVED, ())


@pytest.mark.parametrize("kind", [Kind.PURCHASE, Kind.CODE_PURCHASE, Kind.COMPLETION, Kind.LOAD, Kind.AUTHORISATION])
def test_what_was_cancelled_and_is_reversed_too_does_not_stand_again_with_the_reversal_of_its_cancel(
    kind: Kind,
) -> None:
    cancelled = a_payment(kind=kind, state=PaymentState.VOIDED, current_minor=0)

    decision = decide(a_reversal(), some_facts(original=cancelled))

    assert decision.reply.action is Action.APPROVED
    assert decision.effects == (ChangePayment(11, PaymentState.REVERSED, 0, None),)


def test_a_sale_of_a_closed_day_that_was_refunded_is_marked_and_moves_nothing() -> None:
    yesterday = TODAY - timedelta(days=1)
    refunded = a_payment(business_day=yesterday, refunded_minor=1000)

    decision = decide(a_reversal(), some_facts(original=refunded))

    assert decision.reply.action is Action.APPROVED
    assert decision.effects == (
        CountSpend(1, yesterday, 0, -1),
        ChangePayment(11, PaymentState.REVERSED, 1000, None),
    )


@pytest.mark.parametrize("state", [PaymentState.EXPIRED, PaymentState.CAPTURED])
def test_what_ended_otherwise_is_left_alone_and_answered_00(state: PaymentState) -> None:
    decision = decide(a_reversal(), some_facts(original=a_hold(state=state, hold_id=None)))

    assert (decision.reply.action, decision.effects) == (Action.APPROVED, ())


# --- what is no sale ---------------------------------------------------------------------------------------


def test_a_load_is_taken_off_the_card_even_where_it_is_spent() -> None:
    decision = decide(a_reversal(), some_facts(original=a_payment(kind=Kind.LOAD)))

    assert decision.effects == (
        Transfer(100, 900, 1000, "156", forced=True),
        ChangePayment(11, PaymentState.REVERSED, 0, None),
    )


def test_a_transfer_goes_back_to_the_card_it_came_from() -> None:
    transfer = a_payment(kind=Kind.TRANSFER, merchant_account_id=200)

    assert decide(a_reversal(), some_facts(original=transfer)).effects == (
        Transfer(200, 100, 1000, "156", forced=True),
        CountSpend(1, TODAY, -1000, -1),
        ChangePayment(11, PaymentState.REVERSED, 0, None),
    )


def test_a_card_whose_activation_is_reversed_is_inactive_again() -> None:
    activation = a_payment(kind=Kind.ACTIVATION, amount_minor=0, current_minor=0)

    decision = decide(a_reversal(amount_minor=None), some_facts(original=activation))

    assert decision.effects == (ChangeCard(1, "inactive"), ChangePayment(11, PaymentState.REVERSED, 0, None))


def test_a_card_blocked_since_its_activation_stays_blocked() -> None:
    activation = a_payment(kind=Kind.ACTIVATION, amount_minor=0, current_minor=0)

    decision = decide(a_reversal(amount_minor=None), some_facts(original=activation, card=a_card(status="lost")))

    assert decision.effects == (ChangePayment(11, PaymentState.REVERSED, 0, None),)


def test_a_pay_code_can_be_shown_again_after_the_reversal_of_its_purchase() -> None:
    used = PayCode(b"c", NOW, is_single_use=True, used_by=11)
    bought = a_payment(kind=Kind.CODE_PURCHASE, pan_key=b"")

    decision = decide(a_reversal(), some_facts(original=bought, pay_code=used))
    of_another = decide(a_reversal(), some_facts(original=bought, pay_code=replace(used, used_by=10)))

    assert UsePayCode(b"c", used=False) in decision.effects
    assert not any(isinstance(effect, UsePayCode) for effect in of_another.effects)


def test_what_can_only_be_undone_as_a_whole_is_not_undone_in_part() -> None:
    facts = some_facts(original=about(SALE, kind=Kind.VOID), parent=SALE)

    decision = decide(a_reversal(new_amount_minor=400), facts)

    assert decision.reply.action is Action.AMOUNT_MISMATCH
    assert decision.effects == ()
