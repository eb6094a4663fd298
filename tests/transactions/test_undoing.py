"""A merchant cancels what the terminal did in this batch and on this day, wholly, once, with the same card."""

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
from switch.messages.model import Request
from switch.rules.rule import Policy
from switch.transactions.decide import decide
from tests.builders import (
    JOURNAL_ID,
    TODAY,
    a_card,
    a_hold,
    a_payment,
    a_request,
    a_terminal,
    about,
    an_account,
    some_facts,
)

YESTERDAY = TODAY - timedelta(days=1)
CAPTURED = a_hold(payment_id=5, state=PaymentState.CAPTURED, hold_id=None)
PREPAID = a_card(account_class="prepaid")


def a_cancel(kind: Kind = Kind.VOID, **changes: Any) -> Request:
    return a_request(**{"kind": kind, "processing_code": "200000", "stan": "000043", **changes})


@pytest.mark.parametrize(
    ("sale", "cancel"), [(Kind.PURCHASE, Kind.VOID), (Kind.CODE_PURCHASE, Kind.CODE_CANCEL)], ids=str
)
def test_a_sale_is_mirrored_and_its_day_gets_its_counters_back(sale: Kind, cancel: Kind) -> None:
    decision = decide(a_cancel(cancel), some_facts(original=a_payment(kind=sale)))

    assert decision.reply.action is Action.APPROVED
    assert decision.reply.approval_code
    assert decision.effects == (
        Transfer(900, 100, 1000, "156"),
        CountSpend(1, TODAY, -1000, -1),
        ChangePayment(11, PaymentState.VOIDED, 0, None),
        OpenPayment(PaymentState.POSTED, 1000, None),
    )


def test_a_load_is_taken_off_the_card_and_counts_nothing() -> None:
    decision = decide(a_cancel(Kind.LOAD_VOID), some_facts(original=a_payment(kind=Kind.LOAD), card=PREPAID))

    assert decision.effects == (
        Transfer(100, 900, 1000, "156"),
        ChangePayment(11, PaymentState.VOIDED, 0, None),
        OpenPayment(PaymentState.POSTED, 1000, None),
    )


def test_a_load_that_is_spent_is_not_handed_back() -> None:
    facts = some_facts(original=a_payment(kind=Kind.LOAD), card=PREPAID, account=an_account(ledger_minor=999))

    decision = decide(a_cancel(Kind.LOAD_VOID), facts)

    assert decision.reply.action is Action.INSUFFICIENT_FUNDS
    assert decision.effects == ()


@pytest.mark.parametrize("kind", [Kind.COMPLETION, Kind.COMPLETION_ADVICE])
def test_a_completion_is_mirrored_and_the_whole_hold_is_open_again(kind: Kind) -> None:
    completion = about(CAPTURED, kind=kind, amount_minor=700)

    decision = decide(
        a_cancel(Kind.COMPLETION_VOID, amount_minor=700), some_facts(original=completion, parent=CAPTURED)
    )

    assert decision.effects == (
        Transfer(900, 100, 700, "156"),
        OpenHold(100, 1000, "156", forced=True),
        CountSpend(1, TODAY, 300, 0),
        ChangePayment(5, PaymentState.HELD, 1000, JOURNAL_ID),
        ChangePayment(6, PaymentState.VOIDED, 0, None),
        OpenPayment(PaymentState.POSTED, 700, None),
    )


def test_an_authorisation_is_released_also_on_a_later_day_and_from_another_terminal() -> None:
    hold = a_hold(business_day=YESTERDAY, terminal_id="TERM0002", batch="000007")

    decision = decide(a_cancel(Kind.AUTHORISATION_VOID), some_facts(original=hold))

    assert decision.effects == (
        EndHold(11, 100, 1000, "released"),
        CountSpend(1, YESTERDAY, -1000, -1),
        ChangePayment(11, PaymentState.VOIDED, 0, None),
        OpenPayment(PaymentState.POSTED, 1000, None),
    )


def test_an_authorisation_is_cancelled_by_what_it_holds_now() -> None:
    enlarged = a_hold(current_minor=1500, hold_id=12)

    by_first = decide(a_cancel(Kind.AUTHORISATION_VOID, amount_minor=1000), some_facts(original=enlarged))
    by_sum = decide(a_cancel(Kind.AUTHORISATION_VOID, amount_minor=1500), some_facts(original=enlarged))

    assert by_first.reply.action is Action.AMOUNT_MISMATCH
    assert by_sum.effects[0] == EndHold(12, 100, 1500, "released")


# fmt: off
NOT_TO_BE_CANCELLED: list[tuple[Payment | None, str]] = [
    (None,                                        "nothing is named"),
    (a_payment(state=PaymentState.DECLINED),      "declined"),
    (a_payment(state=PaymentState.VOIDED),        "cancelled before"),
    (a_payment(state=PaymentState.REVERSED),      "reversed"),
    (a_payment(refunded_minor=1),                 "refunded in part"),
    (a_payment(business_day=YESTERDAY),           "of another day"),
    (a_payment(batch="000007"),                   "of another batch"),
    (a_payment(terminal_id="TERM0002"),           "of another terminal"),
    (a_payment(kind=Kind.REFUND),                 "no sale"),
    (a_hold(),                                    "no sale either"),
]
# fmt: on


@pytest.mark.parametrize(("original", "what_is_wrong"), NOT_TO_BE_CANCELLED)
def test_what_cannot_be_cancelled_is_not_found(original: Payment | None, what_is_wrong: str) -> None:
    decision = decide(a_cancel(), some_facts(original=original))

    assert decision.reply.action is Action.ORIGINAL_NOT_FOUND, what_is_wrong
    assert decision.because
    assert decision.effects == ()


@pytest.mark.parametrize("kind", [Kind.VOID, Kind.AUTHORISATION_VOID])
def test_amount_and_card_are_the_originals_and_the_amount_comes_first(kind: Kind) -> None:
    original = a_payment() if kind is Kind.VOID else a_hold()

    amount = decide(a_cancel(kind, amount_minor=999), some_facts(original=original, pan_key=b"x"))
    card = decide(a_cancel(kind), some_facts(original=original, pan_key=b"x"))

    assert amount.reply.action is Action.AMOUNT_MISMATCH
    assert card.reply.action is Action.CARD_MISMATCH


def test_a_purchase_by_code_is_cancelled_without_a_card() -> None:
    bought = a_payment(kind=Kind.CODE_PURCHASE, pan_key=b"")

    decision = decide(a_cancel(Kind.CODE_CANCEL, pan=None), some_facts(original=bought, card=None, pan_key=b""))

    assert decision.reply.action is Action.APPROVED


def test_what_is_left_after_a_reversal_in_part_is_cancelled() -> None:
    decision = decide(a_cancel(amount_minor=400), some_facts(original=a_payment(current_minor=400)))

    assert decision.effects[0] == Transfer(900, 100, 400, "156")


def test_a_terminal_that_was_never_told_its_batch_cancels_in_the_open_one() -> None:
    facts = some_facts(original=a_payment(batch="000001"))

    assert decide(a_cancel(batch="000000"), facts).reply.action is Action.APPROVED


def test_a_batch_that_is_no_longer_the_open_one_is_closed_whatever_the_request_says() -> None:
    facts = some_facts(original=a_payment(batch="000007"), terminal=a_terminal(signed_on=True, batch="000008"))

    closed = decide(a_cancel(batch="000007"), facts, Policy(has_batches=True))
    open_still = decide(a_cancel(batch="000007"), facts, Policy(has_batches=False))

    assert closed.reply.action is Action.ORIGINAL_NOT_FOUND
    assert open_still.reply.action is Action.APPROVED
