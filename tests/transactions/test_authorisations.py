"""A hold grows by increments, is captured once and at most 15 % above, and expires after thirty days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from switch.decisions import (
    ChangePayment,
    CountSpend,
    EndHold,
    OpenHold,
    OpenPayment,
    Payment,
    PaymentState,
    Transfer,
)
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import OriginalReference, Request
from switch.transactions.decide import decide
from tests.builders import JOURNAL_ID, TODAY, a_hold, a_payment, a_request, some_facts

OF_THE_HOLD = OriginalReference("1", "000042", TODAY, "", "", "123456")


def a_completion(kind: Kind = Kind.COMPLETION, **changes: Any) -> Request:
    return a_request(**{"kind": kind, "stan": "000043", "original": OF_THE_HOLD, **changes})


def aged(days: int, **changes: Any) -> Payment:
    return a_hold(**{"business_day": TODAY - timedelta(days=days), **changes})


def test_a_completion_takes_what_is_asked_and_releases_the_rest() -> None:
    decision = decide(a_completion(amount_minor=700), some_facts(original=a_hold()))

    assert decision.reply.approval_code
    assert decision.effects == (
        EndHold(11, 100, 1000, "captured"),
        Transfer(100, 900, 700, "156"),
        CountSpend(1, TODAY, -300, 0),
        ChangePayment(11, PaymentState.CAPTURED, 1000, None),
        OpenPayment(PaymentState.POSTED, 700, None),
    )


def test_a_completion_counts_on_the_day_of_its_authorisation() -> None:
    hold = aged(3)

    decision = decide(a_completion(amount_minor=700), some_facts(original=hold))

    assert CountSpend(1, hold.business_day, -300, 0) in decision.effects


@pytest.mark.parametrize("kind", [Kind.COMPLETION, Kind.COMPLETION_ADVICE])
def test_a_completion_is_at_most_fifteen_percent_above(kind: Kind) -> None:
    most = decide(a_completion(kind, amount_minor=1150), some_facts(original=a_hold()))
    more = decide(a_completion(kind, amount_minor=1151), some_facts(original=a_hold()))

    assert most.effects[1] == Transfer(100, 900, 1150, "156", forced=True)
    assert more.reply.action is Action.AMOUNT_MISMATCH
    assert more.effects == ()


def test_increments_count_as_authorised() -> None:
    enlarged = a_hold(current_minor=2000, hold_id=12)

    decision = decide(a_completion(amount_minor=2300), some_facts(original=enlarged))

    assert decision.reply.action is Action.APPROVED
    assert decision.effects[0] == EndHold(12, 100, 2000, "captured")


NOT_OPEN: list[Payment | None] = [
    None,
    a_payment(),
    a_hold(pan_key=b"x"),
    a_hold(state=PaymentState.CAPTURED, hold_id=None),
    a_hold(state=PaymentState.VOIDED, hold_id=None),
    a_hold(state=PaymentState.REVERSED, hold_id=None),
    a_hold(state=PaymentState.DECLINED, hold_id=None),
]


@pytest.mark.parametrize("original", NOT_OPEN)
@pytest.mark.parametrize("kind", [Kind.COMPLETION, Kind.COMPLETION_ADVICE, Kind.INCREMENT])
def test_only_an_open_hold_of_the_card_is_found(kind: Kind, original: Payment | None) -> None:
    decision = decide(a_completion(kind), some_facts(original=original))

    assert decision.reply.action is Action.ORIGINAL_NOT_FOUND
    assert decision.effects == ()


@pytest.mark.parametrize("kind", [Kind.COMPLETION, Kind.INCREMENT])
def test_a_hold_is_good_for_thirty_days(kind: Kind) -> None:
    last_day = decide(a_completion(kind), some_facts(original=aged(30)))
    too_late = decide(a_completion(kind), some_facts(original=aged(31)))

    assert last_day.reply.action is Action.APPROVED
    assert too_late.reply.action is Action.ORIGINAL_TOO_OLD


def test_an_advice_tells_of_what_has_happened_and_is_not_refused_for_its_age() -> None:
    decision = decide(a_completion(Kind.COMPLETION_ADVICE), some_facts(original=aged(31)))

    assert decision.reply.action is Action.APPROVED


def test_an_advice_is_charged_although_the_hold_has_expired() -> None:
    expired = aged(40, state=PaymentState.EXPIRED, hold_id=None)

    advice = decide(a_completion(Kind.COMPLETION_ADVICE, amount_minor=900), some_facts(original=expired))
    request = decide(a_completion(amount_minor=900), some_facts(original=expired))

    assert advice.effects == (
        Transfer(100, 900, 900, "156", forced=True),
        CountSpend(1, expired.business_day, -100, 0),
        ChangePayment(11, PaymentState.CAPTURED, 1000, None),
        OpenPayment(PaymentState.POSTED, 900, None),
    )
    assert request.reply.action is Action.ORIGINAL_NOT_FOUND


def test_an_increment_makes_the_hold_larger_and_counts_on_its_own_day() -> None:
    hold = aged(2)

    decision = decide(a_completion(Kind.INCREMENT, amount_minor=500), some_facts(original=hold))

    assert decision.reply.approval_code
    assert decision.effects == (
        EndHold(11, 100, 1000, "replaced"),
        OpenHold(100, 1500, "156"),
        CountSpend(1, TODAY, 500, 0),
        ChangePayment(11, PaymentState.HELD, 1500, JOURNAL_ID),
        OpenPayment(PaymentState.POSTED, 500, None),
    )


def test_an_increment_needs_its_funds() -> None:
    decision = decide(a_completion(Kind.INCREMENT, amount_minor=5001), some_facts(original=a_hold()))

    assert decision.reply.action is Action.INSUFFICIENT_FUNDS


def test_a_hold_expires_after_thirty_days_and_stays_counted() -> None:
    expiry = a_request(kind=Kind.EXPIRY, pan=None, amount_minor=None)

    too_soon = decide(expiry, some_facts(original=aged(30), card=None, account=None))
    decision = decide(expiry, some_facts(original=aged(31), card=None, account=None))

    assert too_soon.reply.action is Action.INVALID_TRANSACTION
    assert decision.effects == (
        EndHold(11, 100, 1000, "expired"),
        ChangePayment(11, PaymentState.EXPIRED, 1000, None),
    )


@pytest.mark.parametrize("state", [PaymentState.CAPTURED, PaymentState.VOIDED, PaymentState.REVERSED])
def test_what_ended_before_it_expired_is_left_alone(state: PaymentState) -> None:
    decision = decide(a_request(kind=Kind.EXPIRY), some_facts(original=aged(31, state=state, hold_id=None)))

    assert (decision.reply.action, decision.effects) == (Action.APPROVED, ())
