"""Every rung refuses what it is there for, in the documented order, and says why."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.decisions import CardSecurity, Spent
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.verdicts import Finding, Verdicts
from switch.rules import rulebook
from switch.rules.limits import parsed
from switch.rules.rule import Policy
from switch.rules.rulebook import (
    ADVICE_LADDER,
    BALANCE_LADDER,
    CODE_LADDER,
    COMPLETION_LADDER,
    DOWNLOAD_LADDER,
    REFUND_LADDER,
    REVERSAL_LADDER,
    SPEND_LADDER,
    VOID_LADDER,
    climb,
)
from switch.values import Pan
from tests.builders import a_card, a_merchant, a_pay_code, a_request, a_terminal, an_account, some_facts

LADDERS = [ladder for name, ladder in vars(rulebook).items() if name.endswith("_LADDER")]

# fmt: off
REFUSALS: list[tuple[dict[str, Any], dict[str, Any], Action]] = [
    # request                          facts                                                      action
    ({},                               {"terminal": None},                                        Action.TERMINAL_UNKNOWN),
    ({},                               {"terminal": a_terminal(status="locked")},                 Action.TERMINAL_INACTIVE),
    ({},                               {"terminal": a_terminal(status="dormant")},                Action.TERMINAL_INACTIVE),
    ({"merchant_id": "OTHER"},         {},                                                        Action.MERCHANT_UNKNOWN),
    ({},                               {"terminal": a_terminal(kinds=frozenset({"balance"}))},    Action.NOT_PERMITTED_TERMINAL),
    ({"entry_mode": "012"},            {"terminal": a_terminal(entry_modes=frozenset({"02"}))},   Action.NOT_PERMITTED_TERMINAL),
    ({},                               {"merchant": None},                                        Action.MERCHANT_UNKNOWN),
    ({},                               {"merchant": a_merchant(status="frozen")},                 Action.MERCHANT_FROZEN),
    ({"amount_minor": None},           {},                                                        Action.INVALID_AMOUNT),
    ({"amount_minor": 0},              {},                                                        Action.INVALID_AMOUNT),
    ({"currency": "840"},              {},                                                        Action.CURRENCY_NOT_SUPPORTED),
    ({"pan": Pan("4111111111111112")}, {"card": None, "account": None},                           Action.CARD_UNKNOWN),
    ({},                               {"card": None, "account": None},                           Action.CARD_UNKNOWN),
    ({},                               {"account": an_account(currency="840")},                   Action.CURRENCY_NOT_SUPPORTED),
    ({},                               {"card": a_card(expiry_yymm="2610")},                      Action.CARD_EXPIRED),
    ({"expiry_yymm": "3011"},          {},                                                        Action.CARD_EXPIRED),
    ({},                               {"card": a_card(status="frozen")},                         Action.CARD_FROZEN),
    ({},                               {"card": a_card(status="lost")},                           Action.CARD_LOST),
    ({},                               {"card": a_card(status="stolen")},                         Action.CARD_STOLEN),
    ({},                               {"card": a_card(status="inactive")},                       Action.CARD_INACTIVE),
    ({},                               {"tombstone": True},                                       Action.ALREADY_REVERSED),
    ({},                               {"card": a_card(single_limit_minor=999)},                  Action.EXCEEDS_AMOUNT_LIMIT),
    ({},                               {"card": a_card(daily_limit_minor=1999), "spent": Spent(1000, 1)}, Action.EXCEEDS_AMOUNT_LIMIT),
    ({},                               {"card": a_card(daily_count=2), "spent": Spent(0, 2)},     Action.EXCEEDS_COUNT_LIMIT),
    ({},                               {"account": an_account(ledger_minor=999)},                 Action.INSUFFICIENT_FUNDS),
    ({},                               {"account": an_account(held_minor=4001)},                  Action.INSUFFICIENT_FUNDS),
]
# fmt: on


@pytest.mark.parametrize(("request_changes", "facts_changes", "action"), REFUSALS)
def test_each_rung_refuses_with_its_action_and_a_because(
    request_changes: dict[str, Any], facts_changes: dict[str, Any], action: Action
) -> None:
    trace, refusal = climb(SPEND_LADDER, a_request(**request_changes), some_facts(**facts_changes), Policy())

    assert refusal is not None
    assert refusal.action is action
    assert refusal.because
    assert [passed for _, _, _, passed in trace] == [True] * (len(trace) - 1) + [False]


def test_a_good_purchase_climbs_the_whole_ladder() -> None:
    trace, refusal = climb(SPEND_LADDER, a_request(), some_facts(), Policy())

    assert refusal is None
    assert [rule for rule, _, _, _ in trace] == [
        *("terminal_known", "terminal_active", "terminal_of_merchant", "terminal_signed_on", "terminal_capable"),
        *("merchant_known", "merchant_active", "amount_present", "amount_maximum", "currency_of_merchant"),
        *("card_check_digit", "card_known", "card_currency", "card_expiry", "card_expiry_matches", "card_status"),
        *("not_reversed_before", "single_limit", "daily_amount", "daily_count", "funds"),
    ]


def test_every_rung_of_a_ladder_has_a_name_of_its_own() -> None:
    for ladder in LADDERS:
        names = [rule.name for rule in ladder]

        assert len(names) == len(set(names))


def test_what_has_happened_is_not_refused_for_business_reasons() -> None:
    worst = some_facts(
        terminal=a_terminal(status="locked"),
        merchant=a_merchant(status="frozen"),
        card=a_card(status="stolen", expiry_yymm="2001", single_limit_minor=1, account_class="III"),
        account=an_account(ledger_minor=0),
        security=CardSecurity(pin_tries=3),
    )
    verdicts = Verdicts(pin=Finding.WRONG, card_code=Finding.WRONG, cryptogram=Finding.WRONG)
    policy = Policy(
        maximum_amount_minor=1,
        sign_on_required=True,
        minimum_software="9",
        has_batches=True,
        classes={"III": parsed("single=1")},
    )

    _, refusal = climb(ADVICE_LADDER, a_request(kind=Kind.OFFLINE_SALE, verdicts=verdicts), worst, policy)

    assert refusal is None


@pytest.mark.parametrize(
    ("request_changes", "facts_changes", "action"),
    [
        ({}, {"terminal": None}, Action.TERMINAL_UNKNOWN),
        ({"amount_minor": None}, {}, Action.INVALID_AMOUNT),
        ({}, {"card": None}, Action.CARD_UNKNOWN),
        ({}, {"account": an_account(currency="840")}, Action.CURRENCY_NOT_SUPPORTED),
        ({}, {"tombstone": True}, Action.ALREADY_REVERSED),
    ],
)
def test_an_advice_is_refused_for_its_sender_its_form_its_card_or_its_reversal(
    request_changes: dict[str, Any], facts_changes: dict[str, Any], action: Action
) -> None:
    request = a_request(**{"kind": Kind.OFFLINE_SALE, **request_changes})

    _, refusal = climb(ADVICE_LADDER, request, some_facts(**facts_changes), Policy())

    assert refusal is not None
    assert refusal.action is action


def test_a_void_is_refused_neither_by_its_card_nor_by_a_full_batch() -> None:
    facts = some_facts(card=None, account=None, spending={("batch:TERM0001/000001", 0): Spent(0, 999)})

    _, refusal = climb(VOID_LADDER, a_request(kind=Kind.VOID, batch="000001"), facts, Policy(has_batches=True))

    assert refusal is None


def test_a_completion_reaches_a_blocked_card_over_its_limits() -> None:
    facts = some_facts(card=a_card(status="frozen", single_limit_minor=1), account=an_account(ledger_minor=0))

    _, refusal = climb(COMPLETION_LADDER, a_request(kind=Kind.COMPLETION), facts, Policy())

    assert refusal is None


def test_a_code_purchase_needs_no_card_number() -> None:
    facts = some_facts(pay_code=a_pay_code())

    _, refusal = climb(CODE_LADDER, a_request(kind=Kind.CODE_PURCHASE, pan=None, entry_mode="032"), facts, Policy())

    assert refusal is None


def test_old_software_may_still_fetch_parameters_but_not_sell() -> None:
    facts, policy = some_facts(terminal=a_terminal(software="1.0")), Policy(minimum_software="2.0")

    _, sale = climb(SPEND_LADDER, a_request(), facts, policy)
    _, download = climb(DOWNLOAD_LADDER, a_request(kind=Kind.DOWNLOAD), facts, policy)

    assert sale is not None
    assert sale.action is Action.SOFTWARE_TOO_OLD
    assert download is None


def test_a_stolen_copy_of_a_card_cannot_lock_its_pin() -> None:
    verdicts = Verdicts(pin=Finding.WRONG, track_code=Finding.WRONG)

    _, refusal = climb(SPEND_LADDER, a_request(verdicts=verdicts), some_facts(), Policy())

    assert refusal is not None
    assert refusal.action is Action.CARD_CODE_WRONG


def test_the_earlier_rung_wins() -> None:
    facts = some_facts(terminal=a_terminal(status="locked"), card=a_card(status="stolen"))

    _, refusal = climb(SPEND_LADDER, a_request(amount_minor=0), facts, Policy())

    assert refusal is not None
    assert refusal.action is Action.TERMINAL_INACTIVE


def test_a_card_is_good_until_the_end_of_its_month() -> None:
    _, refusal = climb(SPEND_LADDER, a_request(), some_facts(card=a_card(expiry_yymm="2611")), Policy())

    assert refusal is None


def test_spending_exactly_what_is_there_is_allowed() -> None:
    card = a_card(single_limit_minor=1000, daily_limit_minor=1500, daily_count=2)
    facts = some_facts(card=card, account=an_account(ledger_minor=1000), spent=Spent(500, 1))

    _, refusal = climb(SPEND_LADDER, a_request(), facts, Policy())

    assert refusal is None


def test_a_credit_limit_can_be_spent() -> None:
    account = an_account(ledger_minor=-500, credit_limit_minor=1500)

    _, refusal = climb(SPEND_LADDER, a_request(), some_facts(account=account), Policy())

    assert refusal is None


def test_a_listener_that_demands_it_refuses_a_terminal_that_has_not_signed_on() -> None:
    _, refused = climb(SPEND_LADDER, a_request(), some_facts(), Policy(sign_on_required=True))
    signed_on = some_facts(terminal=a_terminal(signed_on=True))
    _, passed = climb(SPEND_LADDER, a_request(), signed_on, Policy(sign_on_required=True))

    assert refused is not None
    assert refused.action is Action.NOT_SIGNED_ON
    assert passed is None


def test_a_listeners_maximum_refuses_before_the_card_is_looked_at() -> None:
    trace, refusal = climb(SPEND_LADDER, a_request(), some_facts(), Policy(maximum_amount_minor=999))

    assert refusal is not None
    assert refusal.action is Action.INVALID_AMOUNT
    assert "card_known" not in {rule for rule, _, _, _ in trace}


def test_only_the_terminal_can_refuse_a_reversal() -> None:
    worst = some_facts(
        terminal=a_terminal(status="locked"), merchant=a_merchant(status="frozen"), card=a_card(status="stolen")
    )

    _, refusal = climb(REVERSAL_LADDER, a_request(kind=Kind.REVERSAL), worst, Policy())

    assert refusal is None


def test_a_refund_reaches_a_frozen_card_but_an_inquiry_does_not() -> None:
    frozen = some_facts(card=a_card(status="frozen"))

    _, refund = climb(REFUND_LADDER, a_request(kind=Kind.REFUND), frozen, Policy())
    _, inquiry = climb(BALANCE_LADDER, a_request(kind=Kind.BALANCE, amount_minor=None), frozen, Policy())

    assert refund is None
    assert inquiry is not None
    assert inquiry.action is Action.CARD_FROZEN


def test_no_because_or_trace_shows_a_card_number() -> None:
    for request_changes, facts_changes, _ in REFUSALS:
        request = a_request(**request_changes)
        trace, refusal = climb(SPEND_LADDER, request, some_facts(**facts_changes), Policy())

        assert refusal is not None
        assert request.pan is not None
        assert request.pan.reveal() not in refusal.because + repr(trace)


limits = st.none() | st.integers(0, 10_000)


@given(
    amount=st.integers(1, 10_000),
    spent=st.integers(0, 10_000),
    count=st.integers(0, 5),
    single=limits,
    daily=limits,
    times=st.none() | st.integers(0, 6),
    balance=st.integers(-1000, 10_000),
    tighter=st.integers(0, 3000),
)
def test_a_stricter_limit_never_approves_more(
    amount: int,
    spent: int,
    count: int,
    single: int | None,
    daily: int | None,
    times: int | None,
    balance: int,
    tighter: int,
) -> None:
    def refuses(by: int) -> bool:
        card = a_card(
            single_limit_minor=None if single is None else single - by,
            daily_limit_minor=None if daily is None else daily - by,
            daily_count=None if times is None else times - by,
        )
        facts = some_facts(card=card, account=an_account(ledger_minor=balance - by), spent=Spent(spent, count))
        return climb(SPEND_LADDER, a_request(amount_minor=amount), facts, Policy())[1] is not None

    assert refuses(tighter) or not refuses(0)
