"""Money moves at once, to the merchant or another card, and what is told afterwards is not refused for want of it."""

from __future__ import annotations

from typing import Any

import pytest

from switch.decisions import (
    ChangePayment,
    CountRefund,
    CountSpend,
    CountSpending,
    Limit,
    OpenPayment,
    PayCode,
    PaymentState,
    Spent,
    Transfer,
    UsePayCode,
)
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Extras, Request
from switch.transactions.decide import decide
from switch.values import Pan
from tests.builders import (
    NOW,
    TODAY,
    a_card,
    a_hold,
    a_payment,
    a_request,
    a_reversal,
    about,
    an_account,
    some_facts,
)

SHOWN = PayCode(b"c", NOW + 60_000_000, is_single_use=True)
EMPTY = an_account(ledger_minor=0)
CAPTURED = a_hold(payment_id=5, state=PaymentState.CAPTURED, hold_id=None)


def an_adjustment(kind: Kind = Kind.ADJUSTMENT, **changes: Any) -> Request:
    return a_request(**{"kind": kind, "mti": "0220", "stan": "000043", **changes})


def test_a_purchase_by_code_uses_the_code_up() -> None:
    decision = decide(a_request(kind=Kind.CODE_PURCHASE, pan=None), some_facts(pay_code=SHOWN, pan_key=b""))

    assert decision.effects == (
        Transfer(100, 900, 1000, "156"),
        CountSpend(1, TODAY, 1000, 1),
        OpenPayment(PaymentState.POSTED, 1000, None),
        UsePayCode(b"c", used=True),
    )


def test_a_code_that_is_good_for_many_purchases_stays_good() -> None:
    standing = PayCode(b"c", NOW + 60_000_000, is_single_use=False)

    decision = decide(a_request(kind=Kind.CODE_PURCHASE, pan=None), some_facts(pay_code=standing, pan_key=b""))

    assert decision.reply.action is Action.APPROVED
    assert not any(isinstance(effect, UsePayCode) for effect in decision.effects)


@pytest.mark.parametrize("changes", [{"account": EMPTY}, {"card": a_card(status="frozen")}])
def test_an_offline_sale_has_happened_and_is_posted_whatever_the_card_says(changes: dict[str, Any]) -> None:
    decision = decide(a_request(kind=Kind.OFFLINE_SALE, mti="0220"), some_facts(**changes))

    assert decision.effects == (
        Transfer(100, 900, 1000, "156", forced=True),
        CountSpend(1, TODAY, 1000, 1),
        OpenPayment(PaymentState.POSTED, 1000, None),
    )


@pytest.mark.parametrize(
    ("changes", "action"),
    [
        ({"card": None, "account": None}, Action.CARD_UNKNOWN),
        ({"tombstone": True}, Action.ALREADY_REVERSED),
        ({"account": an_account(currency="840")}, Action.CURRENCY_NOT_SUPPORTED),
    ],
)
def test_an_offline_sale_needs_a_card_to_debit_and_no_reversal_before_it(
    changes: dict[str, Any], action: Action
) -> None:
    decision = decide(a_request(kind=Kind.OFFLINE_SALE, mti="0220"), some_facts(**changes))

    assert (decision.reply.action, decision.effects) == (action, ())


def test_a_transfer_debits_one_card_and_credits_the_other() -> None:
    other = a_card(card_id=2, account_id=200)
    request = a_request(kind=Kind.TRANSFER, extras=Extras(to_pan=Pan("6200000000000047")))

    decision = decide(request, some_facts(to_card=other, to_account=an_account(account_id=200)))

    assert decision.effects == (
        Transfer(100, 200, 1000, "156"),
        CountSpend(1, TODAY, 1000, 1),
        OpenPayment(PaymentState.POSTED, 1000, None),
    )


def test_what_has_a_limit_is_counted_and_given_back() -> None:
    card = a_card(limits=(("", Limit(daily_minor=9000, monthly_count=20)),))
    day, month = ("card:1", 20261121), ("card:1", 202611)

    bought = decide(a_request(), some_facts(card=card))
    undone = decide(a_reversal(), some_facts(card=card, original=a_payment(), spending={day: Spent(1000, 1)}))

    counted = [effect for effect in bought.effects if isinstance(effect, CountSpending)]
    given_back = [effect for effect in undone.effects if isinstance(effect, CountSpending)]
    assert counted == [CountSpending(*day, 1000, 1), CountSpending(*month, 1000, 1)]
    assert given_back == [CountSpending(*day, -1000, -1)]


# --- refunds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.PURCHASE, Kind.CODE_PURCHASE, Kind.OFFLINE_SALE, Kind.COMPLETION])
def test_every_sale_can_be_refunded(kind: Kind) -> None:
    refund = a_request(kind=Kind.REFUND, processing_code="200000")

    assert decide(refund, some_facts(original=a_payment(kind=kind))).reply.action is Action.APPROVED


@pytest.mark.parametrize("kind", [Kind.VOID, Kind.LOAD, Kind.TRANSFER, Kind.REFUND, Kind.INCREMENT])
def test_nothing_else_can(kind: Kind) -> None:
    refund = a_request(kind=Kind.REFUND, processing_code="200000")

    assert decide(refund, some_facts(original=a_payment(kind=kind))).reply.action is Action.ORIGINAL_NOT_FOUND


def test_what_an_operator_may_give_back_is_not_refunded_as_well() -> None:
    refund = a_request(kind=Kind.REFUND, processing_code="200000", amount_minor=500)

    assert decide(refund, some_facts(original=a_payment(), queued_minor=501)).reply.action is Action.EXCEEDS_ORIGINAL


def test_a_refund_goes_to_the_card_that_paid() -> None:
    bought_by_code = a_payment(kind=Kind.CODE_PURCHASE, pan_key=b"", card_id=2)
    refund = a_request(kind=Kind.REFUND, processing_code="200000")

    assert decide(refund, some_facts(original=bought_by_code)).reply.action is Action.ORIGINAL_NOT_FOUND


def test_a_refund_of_what_a_code_paid_shows_no_card() -> None:
    bought_by_code = a_payment(kind=Kind.CODE_PURCHASE, pan_key=b"")
    refund = a_request(kind=Kind.REFUND, processing_code="200000", pan=None, entry_mode="032")

    decision = decide(refund, some_facts(original=bought_by_code, pan_key=b""))

    assert decision.effects == (
        Transfer(900, 100, 1000, "156"),
        CountRefund(11, 1000),
        OpenPayment(PaymentState.POSTED, 1000, None),
    )


def test_a_refund_that_shows_no_card_and_finds_no_sale_by_code_has_no_original() -> None:
    refund = a_request(kind=Kind.REFUND, processing_code="200000", pan=None, entry_mode="032")

    decision = decide(refund, some_facts(card=None, account=None, original=None, pan_key=b""))

    assert decision.reply.action is Action.ORIGINAL_NOT_FOUND


# --- other totals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.ADJUSTMENT, Kind.TIP])
def test_a_higher_total_debits_the_difference_whatever_the_card_has_left(kind: Kind) -> None:
    decision = decide(an_adjustment(kind, amount_minor=1200), some_facts(original=a_payment(), account=EMPTY))

    assert decision.effects == (
        Transfer(100, 900, 200, "156", forced=True),
        CountSpend(1, TODAY, 200, 0),
        ChangePayment(11, PaymentState.POSTED, 1200, None),
    )


def test_a_tip_that_is_named_by_itself_comes_on_top() -> None:
    tip = an_adjustment(Kind.TIP, amount_minor=150, extras=Extras(tip_minor=150))

    assert decide(tip, some_facts(original=a_payment())).effects[-1] == ChangePayment(
        11, PaymentState.POSTED, 1150, None
    )


def test_a_lower_total_credits_the_difference_but_never_what_was_refunded() -> None:
    sale = a_payment(refunded_minor=600)

    decision = decide(an_adjustment(amount_minor=500), some_facts(original=sale))

    assert decision.effects == (
        Transfer(900, 100, 400, "156"),
        CountSpend(1, TODAY, -400, 0),
        ChangePayment(11, PaymentState.POSTED, 600, None),
    )


def test_the_total_it_has_already_changes_nothing() -> None:
    decision = decide(an_adjustment(), some_facts(original=a_payment()))

    assert (decision.reply.action, decision.effects) == (Action.APPROVED, ())


def test_a_completions_new_total_is_counted_with_its_authorisation() -> None:
    completion = about(CAPTURED, kind=Kind.COMPLETION)

    decision = decide(an_adjustment(amount_minor=1100), some_facts(original=completion, parent=CAPTURED))

    assert decision.effects[-1] == ChangePayment(6, PaymentState.POSTED, 1100, None)
    assert CountSpend(1, CAPTURED.business_day, 100, 0) in decision.effects


def test_what_is_undone_has_no_total() -> None:
    decision = decide(an_adjustment(), some_facts(original=a_payment(state=PaymentState.VOIDED)))

    assert decision.reply.action is Action.ORIGINAL_NOT_FOUND
