"""The chip's cryptogram is its own, its counter rises, and what it approved offline is seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.decisions import CardSecurity
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.verdicts import Finding, Verdicts
from switch.rules.chips import ATC_WINDOW, counter_increased, cryptogram_is_right, floor_limit
from switch.rules.limits import parsed
from switch.rules.rule import NOT_ASKED, Policy, Verdict
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


def test_only_a_right_cryptogram_vouches_for_a_counter() -> None:
    assert counted(1, 10, verdicts=Verdicts(cryptogram=Finding.UNCHECKED)) is NOT_ASKED
    assert counted(None, 10) is NOT_ASKED
    assert counter_increased(a_request(verdicts=RIGHT), some_facts(), Policy()) is NOT_ASKED


@given(atc=st.integers(0, 65_535), seen=st.integers(-1, 65_535), later=st.integers(0, 100), kind=st.sampled_from(Kind))
def test_who_has_seen_more_never_takes_more(atc: int, seen: int, later: int, kind: Kind) -> None:
    assert counted(atc, seen, kind)[2] is None or counted(atc, seen + later, kind)[2] is not None


def test_an_offline_sale_above_the_floor_limit_passes_and_is_seen() -> None:
    request = a_request(kind=Kind.OFFLINE_SALE, chip=a_chip(cryptogram_information=0x40), entry_mode="051")
    facts = some_facts(terminal=a_terminal(limits=parsed("chip.floor=300")))

    assert floor_limit(request, facts, Policy()) == (1000, 300, None)
    assert floor_limit(request, some_facts(), Policy()) is NOT_ASKED
    assert floor_limit(request._replace(kind=Kind.PURCHASE), facts, Policy()) is NOT_ASKED
