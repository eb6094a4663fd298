"""How a card may be shown to a terminal: which scheme, typed, swiped past its chip, held against the reader."""

from __future__ import annotations

from typing import Any

import pytest

from switch.messages.actions import Action
from switch.messages.chip import ChipData
from switch.messages.verdicts import Finding, Verdicts
from switch.rules.limits import parsed
from switch.rules.presentation import small_or_with_pin
from switch.rules.rule import NOT_ASKED, Policy
from switch.rules.rulebook import SPEND_LADDER, climb
from tests.builders import a_card, a_chip, a_merchant, a_request, a_terminal, some_facts


def answer(request: dict[str, Any], policy: Policy | None = None, **facts: Any) -> Action:
    _, refusal = climb(SPEND_LADDER, a_request(**request), some_facts(**facts), policy or Policy())
    return refusal.action if refusal is not None else Action.APPROVED


@pytest.mark.parametrize(
    ("taken", "scheme", "action"),
    [
        ("", "visa", Action.APPROVED),
        ("", "", Action.APPROVED),
        ("unionpay visa", "visa", Action.APPROVED),
        ("unionpay", "visa", Action.CARD_NOT_PERMITTED),
        ("unionpay", "", Action.CARD_NOT_PERMITTED),
    ],
)
def test_a_terminal_takes_the_schemes_it_is_registered_for(taken: str, scheme: str, action: Action) -> None:
    terminal = a_terminal(schemes=frozenset(taken.split()))

    assert answer({}, terminal=terminal, card=a_card(scheme=scheme)) is action


@pytest.mark.parametrize(
    ("terminals", "merchants", "code", "action"),
    [
        ("free", "free", Finding.ABSENT, Action.APPROVED),
        ("off", "free", Finding.RIGHT, Action.NOT_PERMITTED_TERMINAL),
        ("free", "off", Finding.RIGHT, Action.NOT_PERMITTED_TERMINAL),
        ("with_code", "off", Finding.ABSENT, Action.NOT_PERMITTED_TERMINAL),
        ("with_code", "free", Finding.ABSENT, Action.CARD_CODE_WRONG),
        ("free", "with_code", Finding.ABSENT, Action.CARD_CODE_WRONG),
        ("with_code", "with_code", Finding.RIGHT, Action.APPROVED),
        ("with_code", "free", Finding.WRONG, Action.CARD_CODE_WRONG),
    ],
)
def test_a_typed_card_is_taken_as_the_stricter_of_terminal_and_merchant_says(
    terminals: str, merchants: str, code: Finding, action: Action
) -> None:
    parties: dict[str, Any] = {
        "terminal": a_terminal(manual_entry=terminals),
        "merchant": a_merchant(manual_entry=merchants),
    }

    assert answer({"entry_mode": "012", "verdicts": Verdicts(card_code=code)}, **parties) is action
    assert answer({"entry_mode": "021", "has_track": True}, **parties) is Action.APPROVED


@pytest.mark.parametrize("entry_mode", ["021", "051", "071", "801", "001", ""])
@pytest.mark.parametrize("chip", [None, a_chip(cryptogram=b"")])
def test_a_number_of_which_nothing_was_read_is_as_good_as_typed(entry_mode: str, chip: ChipData | None) -> None:
    request = {"entry_mode": entry_mode, "chip": chip}

    assert answer(request) is Action.APPROVED
    assert answer(request, terminal=a_terminal(manual_entry="off")) is Action.NOT_PERMITTED_TERMINAL
    assert answer(request, merchant=a_merchant(manual_entry="with_code")) is Action.CARD_CODE_WRONG


@pytest.mark.parametrize("read", [{"has_track": True}, {"chip": a_chip(cryptogram=bytes(8))}])
def test_a_card_that_was_read_is_not_typed(read: dict[str, Any]) -> None:
    off = a_terminal(manual_entry="off")

    assert answer({"entry_mode": "051", **read}, terminal=off) is Action.APPROVED
    assert answer({"entry_mode": "012", **read}, terminal=off) is Action.NOT_PERMITTED_TERMINAL


@pytest.mark.parametrize(
    ("request_changes", "allowed", "action"),
    [
        ({"service_code": "201"}, True, Action.INSERT_CHIP),
        ({"service_code": "620"}, True, Action.INSERT_CHIP),
        ({"service_code": "101"}, True, Action.APPROVED),
        ({"service_code": ""}, True, Action.APPROVED),
        ({"service_code": "201", "can_read_chip": False}, True, Action.APPROVED),
        ({"service_code": "201", "can_read_chip": None}, True, Action.APPROVED),
        ({"service_code": "201", "entry_mode": "051"}, True, Action.APPROVED),
        ({"service_code": "201", "is_fallback": True, "entry_mode": "801"}, True, Action.APPROVED),
        ({"service_code": "201", "is_fallback": True, "entry_mode": "801"}, False, Action.INSERT_CHIP),
    ],
)
def test_a_chip_is_passed_over_only_as_a_fallback_that_is_allowed(
    request_changes: dict[str, Any],
    allowed: bool,  # noqa: FBT001 - a table cell
    action: Action,
) -> None:
    terminal = a_terminal(allows_fallback=allowed)

    assert answer({"can_read_chip": True, **request_changes}, terminal=terminal) is action


@pytest.mark.parametrize("entry_mode", ["071", "911", "961"])
@pytest.mark.parametrize(
    ("amount", "pin", "action"),
    [
        (500, Finding.ABSENT, Action.APPROVED),
        (501, Finding.ABSENT, Action.PIN_REQUIRED),
        (501, Finding.RIGHT, Action.APPROVED),
    ],
)
def test_contactless_above_the_limit_asks_for_a_pin(entry_mode: str, amount: int, pin: Finding, action: Action) -> None:
    request = {"entry_mode": entry_mode, "amount_minor": amount, "verdicts": Verdicts(pin=pin)}

    assert answer(request, terminal=a_terminal(limits=parsed("contactless.no_pin=500"))) is action


def test_the_lowest_limit_without_pin_applies_whoever_set_it() -> None:
    facts = some_facts(
        card=a_card(account_class="I", limits=parsed("no_pin=400")),
        terminal=a_terminal(limits=parsed("no_pin=300")),
        merchant=a_merchant(limits=parsed("contactless.no_pin=200")),
    )
    request = a_request(entry_mode="071", amount_minor=150)

    assert small_or_with_pin(request, facts, Policy()) == (150, 200, None)
    assert small_or_with_pin(request, facts, Policy(classes={"I": parsed("no_pin=100")}))[1] == 100


def test_without_a_limit_or_by_another_channel_no_pin_is_asked_for() -> None:
    limited = some_facts(terminal=a_terminal(limits=parsed("no_pin=1")))

    assert small_or_with_pin(a_request(entry_mode="071"), some_facts(), Policy()) is NOT_ASKED
    assert small_or_with_pin(a_request(entry_mode="051"), limited, Policy()) is NOT_ASKED
