"""Prepaid cards, activation and pay codes."""

from __future__ import annotations

from typing import Any

import pytest

from switch.decisions import PayCode
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.rules.cards import pay_code_is_good
from switch.rules.rule import Policy
from switch.rules.rulebook import ACTIVATION_LADDER, LOAD_LADDER, LOAD_VOID_LADDER, climb
from tests.builders import NOW, a_card, a_pay_code, a_request, some_facts


def answer(ladder: Any, kind: Kind, **card: Any) -> Action:
    amount = None if kind is Kind.ACTIVATION else 1000
    _, refusal = climb(ladder, a_request(kind=kind, amount_minor=amount), some_facts(card=a_card(**card)), Policy())
    return refusal.action if refusal is not None else Action.APPROVED


@pytest.mark.parametrize(("ladder", "kind"), [(LOAD_LADDER, Kind.LOAD), (LOAD_VOID_LADDER, Kind.LOAD_VOID)])
@pytest.mark.parametrize("account_class", ["", "I", "III"])
def test_only_a_prepaid_card_is_loaded(ladder: Any, kind: Kind, account_class: str) -> None:
    assert answer(ladder, kind, account_class=account_class) is Action.CARD_NOT_PERMITTED
    assert answer(ladder, kind, account_class="prepaid") is Action.APPROVED


def test_an_inactive_prepaid_card_is_activated_once() -> None:
    def activated(**card: Any) -> Action:
        return answer(ACTIVATION_LADDER, Kind.ACTIVATION, **card)

    assert activated(account_class="prepaid", status="inactive") is Action.APPROVED
    assert activated(account_class="prepaid", status="active") is Action.CARD_NOT_PERMITTED
    assert activated(account_class="prepaid", status="stolen") is Action.CARD_NOT_PERMITTED
    assert activated(account_class="I", status="inactive") is Action.CARD_NOT_PERMITTED
    assert activated(account_class="prepaid", status="inactive", expiry_yymm="2610") is Action.CARD_EXPIRED


def test_a_card_that_was_not_activated_is_not_loaded() -> None:
    assert answer(LOAD_LADDER, Kind.LOAD, account_class="prepaid", status="inactive") is Action.CARD_INACTIVE


@pytest.mark.parametrize(
    ("code", "because"),
    [
        (None, "the pay code is not in the books"),
        (a_pay_code(used_by=11), "the pay code was used before"),
        (a_pay_code(expires_at=NOW - 5_000_000), "the pay code expired 5 s ago"),
    ],
)
def test_a_pay_code_that_is_no_good_is_refused_by_its_reason(code: PayCode | None, because: str) -> None:
    _, _, refusal = pay_code_is_good(a_request(kind=Kind.CODE_PURCHASE), some_facts(pay_code=code), Policy())

    assert refusal is not None
    assert refusal.action is Action.PAY_CODE_INVALID
    assert refusal.because == because


@pytest.mark.parametrize(
    "code", [a_pay_code(), a_pay_code(expires_at=NOW), a_pay_code(used_by=11, is_single_use=False)]
)
def test_a_pay_code_is_good_to_its_last_moment_and_some_more_than_once(code: PayCode) -> None:
    assert pay_code_is_good(a_request(kind=Kind.CODE_PURCHASE), some_facts(pay_code=code), Policy())[2] is None
