"""The chip's cryptogram is its own, its counter rises, and what it approved offline is seen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.decisions import CardSecurity, Refusal
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.verdicts import Finding, Verdicts
from switch.rules.chips import (
    ATC_WINDOW,
    chip_decided_so,
    counter_increased,
    cryptogram_is_right,
    floor_limit,
    signed_amount_is_asked,
    signed_currency_is_asked,
)
from switch.rules.limits import parsed
from switch.rules.rule import NOT_ASKED, Policy, Verdict
from switch.rules.rulebook import OFFLINE_LADDER, climb
from tests.builders import a_chip, a_request, a_terminal, some_facts

RIGHT = Verdicts(cryptogram=Finding.RIGHT)


@pytest.mark.parametrize("finding", [Finding.WRONG, Finding.MALFORMED])
def test_a_cryptogram_that_is_not_the_chips_is_refused(finding: Finding) -> None:
    request = a_request(chip=a_chip(), verdicts=Verdicts(cryptogram=finding))

    _, _, refusal = cryptogram_is_right(request, some_facts(), Policy())

    assert refusal is not None
    assert refusal.action is Action.CRYPTOGRAM_WRONG
    assert finding.value in refusal.because


def test_a_cryptogram_without_a_key_passes_and_is_seen() -> None:
    def found(finding: Finding) -> Verdict:
        return cryptogram_is_right(a_request(verdicts=Verdicts(cryptogram=finding)), some_facts(), Policy())

    assert found(Finding.RIGHT) == ("right", "right", None)
    assert found(Finding.UNCHECKED) == ("unchecked", "right", None)
    assert found(Finding.ABSENT) is NOT_ASKED


# --- what a right cryptogram vouches for -------------------------------------------------------------------

SIGNED_RUNGS = (signed_amount_is_asked, signed_currency_is_asked, chip_decided_so)
ANOTHER: dict[str, Any] = {"amount_minor": 1001, "currency": "840", "cryptogram_information": 0x00}


def climbed(kind: Kind, verdicts: Verdicts = RIGHT, asked_in: str = "156", **chip: Any) -> list[Verdict]:
    request = a_request(kind=kind, chip=a_chip(**chip), verdicts=verdicts, currency=asked_in, entry_mode="051")
    return [rung(request, some_facts(), Policy()) for rung in SIGNED_RUNGS]


@pytest.mark.parametrize("kind", [Kind.PURCHASE, Kind.AUTHORISATION, Kind.INCREMENT, Kind.TRANSFER])
def test_a_chip_that_saw_this_payment_vouches_for_it(kind: Kind) -> None:
    as_it_should_be = [(1000, 1000, None), ("156", "156", None), ("ARQC", "ARQC", None)]

    assert climbed(kind) == as_it_should_be
    assert climbed(kind, asked_in="") == as_it_should_be


@pytest.mark.parametrize(
    ("chip", "because"),
    [
        ({"amount_minor": 100}, "the chip signed an amount of 100, the message asks for 1000 (minor units)"),
        ({"currency": "840"}, "the chip signed currency 840, the message asks for 156"),
        ({"cryptogram_information": 0x00}, "the chip declined the payment and does not ask for it (AAC)"),
        ({"cryptogram_information": 0x40}, "the chip approved the payment by itself and does not ask for it (TC)"),
    ],
)
def test_a_chip_that_saw_another_payment_does_not_vouch_for_this_one(chip: dict[str, Any], because: str) -> None:
    refusals = [refusal for _, _, refusal in climbed(Kind.PURCHASE, **chip) if refusal is not None]

    assert refusals == [Refusal(Action.CRYPTOGRAM_WRONG, because)]


def test_an_offline_sale_that_the_chip_saw_otherwise_passes_and_is_seen() -> None:
    assert climbed(Kind.OFFLINE_SALE, cryptogram_information=0x40)[2] == ("TC", "TC", None)
    assert climbed(Kind.OFFLINE_SALE, **ANOTHER) == [(1001, 1000, None), ("840", "156", None), ("AAC", "TC", None)]


@pytest.mark.parametrize(
    ("kind", "finding", "chip"),
    [
        (Kind.PURCHASE, Finding.UNCHECKED, ANOTHER),
        (Kind.BALANCE, Finding.RIGHT, ANOTHER),
        (Kind.COMPLETION, Finding.RIGHT, ANOTHER),
        (Kind.PURCHASE, Finding.RIGHT, {"amount_minor": None, "currency": "", "cryptogram_information": None}),
    ],
)
def test_only_what_a_right_cryptogram_of_a_payment_says_is_asked(
    kind: Kind, finding: Finding, chip: dict[str, Any]
) -> None:
    assert all(verdict is NOT_ASKED for verdict in climbed(kind, Verdicts(cryptogram=finding), **chip))


@pytest.mark.parametrize("kind", [Kind.OFFLINE_SALE, Kind.COMPLETION_ADVICE, Kind.TIP])
def test_a_wrong_cryptogram_of_what_has_happened_is_in_its_trace(kind: Kind) -> None:
    told = a_request(kind=kind, chip=a_chip(), verdicts=Verdicts(cryptogram=Finding.WRONG), entry_mode="051")

    trace, refusal = climb(OFFLINE_LADDER, told, some_facts(), Policy())

    assert refusal is None
    assert ("cryptogram", "wrong", "right", True) in trace


# --- counters ----------------------------------------------------------------------------------------------


def counted(atc: int | None, seen: int, kind: Kind = Kind.PURCHASE, verdicts: Verdicts = RIGHT) -> Verdict:
    request = a_request(kind=kind, chip=a_chip(atc=atc), verdicts=verdicts)
    return counter_increased(request, some_facts(security=CardSecurity(atc=seen)), Policy())


def test_a_counter_that_did_not_increase_is_a_copy() -> None:
    _, _, same = counted(10, 10)
    _, _, lower = counted(9, 10)

    assert counted(11, 10)[2] is None
    assert counted(0, -1)[2] is None
    assert same is not None
    assert lower is not None
    assert same.action is lower.action is Action.CRYPTOGRAM_WRONG
    assert lower.because == "the chip's counter did not increase: 9 after 10"


def test_an_offline_sale_may_come_late_but_not_very() -> None:
    assert counted(100 - ATC_WINDOW + 1, 100, Kind.OFFLINE_SALE)[2] is None
    assert counted(100 - ATC_WINDOW, 100, Kind.OFFLINE_SALE)[2] is not None


def test_an_offline_sale_with_the_highest_counter_is_there_already() -> None:
    _, _, refusal = counted(100, 100, Kind.OFFLINE_SALE)

    assert refusal is not None
    assert refusal.action is Action.DUPLICATE_CONFLICT
    assert refusal.because == "the chip's transaction 100 is in the books already"


def test_only_a_right_cryptogram_vouches_for_a_counter() -> None:
    assert counted(1, 10, verdicts=Verdicts(cryptogram=Finding.UNCHECKED)) is NOT_ASKED
    assert counted(None, 10) is NOT_ASKED
    assert counter_increased(a_request(verdicts=RIGHT), some_facts(), Policy()) is NOT_ASKED


@given(atc=st.integers(0, 65_535), seen=st.integers(-1, 65_535), later=st.integers(0, 100), kind=st.sampled_from(Kind))
def test_who_has_seen_more_never_takes_more(atc: int, seen: int, later: int, kind: Kind) -> None:
    is_told_twice = kind is Kind.OFFLINE_SALE and atc == seen

    assert is_told_twice or counted(atc, seen, kind)[2] is None or counted(atc, seen + later, kind)[2] is not None


def test_an_offline_sale_above_the_floor_limit_passes_and_is_seen() -> None:
    request = a_request(kind=Kind.OFFLINE_SALE, chip=a_chip(cryptogram_information=0x40), entry_mode="051")
    facts = some_facts(terminal=a_terminal(limits=parsed("chip.floor=300")))

    assert floor_limit(request, facts, Policy()) == (1000, 300, None)
    assert floor_limit(request, some_facts(), Policy()) is NOT_ASKED
    assert floor_limit(request._replace(kind=Kind.PURCHASE), facts, Policy()) is NOT_ASKED
