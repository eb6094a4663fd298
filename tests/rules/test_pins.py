"""PIN and card codes: what is given must be right, and what cannot be checked stands in the trace."""

from __future__ import annotations

import pytest

from switch.decisions import CardSecurity, Facts, Spent
from switch.messages.actions import Action
from switch.messages.verdicts import Finding, Verdicts
from switch.rules.limits import day_of
from switch.rules.pins import card_codes_are_right, pin_is_right
from switch.rules.rule import NOT_ASKED, Policy
from switch.rules.tries import tries_of
from tests.builders import a_card, a_request, some_facts


@pytest.mark.parametrize(
    ("pin", "tries", "action"),
    [
        (Finding.RIGHT, 0, None),
        (Finding.RIGHT, 2, None),
        (Finding.RIGHT, 3, Action.PIN_TRIES_EXCEEDED),
        (Finding.WRONG, 0, Action.PIN_WRONG),
        (Finding.WRONG, 2, Action.PIN_WRONG),
        (Finding.WRONG, 3, Action.PIN_TRIES_EXCEEDED),
        (Finding.MALFORMED, 0, Action.PIN_FORMAT),
        (Finding.MALFORMED, 3, Action.PIN_TRIES_EXCEEDED),
        (Finding.UNCHECKED, 0, None),
        (Finding.UNCHECKED, 3, Action.PIN_TRIES_EXCEEDED),
    ],
)
def test_a_pin_is_right_and_in_time(pin: Finding, tries: int, action: Action | None) -> None:
    facts = some_facts(security=CardSecurity(pin_tries=tries))

    _, _, refusal = pin_is_right(a_request(verdicts=Verdicts(pin=pin)), facts, Policy())

    assert (refusal.action if refusal else None) is action


def test_the_because_counts_the_wrong_pins() -> None:
    facts = some_facts(security=CardSecurity(pin_tries=1))

    _, _, refusal = pin_is_right(a_request(verdicts=Verdicts(pin=Finding.WRONG)), facts, Policy())

    assert refusal is not None
    assert refusal.because == "wrong PIN number 2 of 3"


def test_no_pin_is_no_wrong_pin_even_after_too_many() -> None:
    facts = some_facts(security=CardSecurity(pin_tries=3))

    assert pin_is_right(a_request(), facts, Policy()) is NOT_ASKED
    assert pin_is_right(a_request(verdicts=Verdicts(card_code=Finding.RIGHT)), facts, Policy()) is NOT_ASKED


def test_a_pin_that_cannot_be_checked_is_seen_in_the_trace() -> None:
    found = pin_is_right(a_request(verdicts=Verdicts(pin=Finding.UNCHECKED)), some_facts(), Policy())

    assert found == ("unchecked", "right", None)


@pytest.mark.parametrize("bad", [Finding.WRONG, Finding.MALFORMED])
@pytest.mark.parametrize("good", [Finding.RIGHT, Finding.ABSENT, Finding.UNCHECKED])
def test_either_code_of_a_card_can_be_wrong(bad: Finding, good: Finding) -> None:
    for verdicts in (Verdicts(card_code=bad, track_code=good), Verdicts(card_code=good, track_code=bad)):
        _, _, refusal = card_codes_are_right(a_request(verdicts=verdicts), some_facts(), Policy())

        assert refusal is not None
        assert refusal.action is Action.CARD_CODE_WRONG


def test_codes_that_are_right_or_not_to_be_checked_pass() -> None:
    def found(verdicts: Verdicts) -> object:
        return card_codes_are_right(a_request(verdicts=verdicts), some_facts(), Policy())

    assert found(Verdicts(card_code=Finding.RIGHT)) == ("right", "right", None)
    assert found(Verdicts(track_code=Finding.UNCHECKED)) == ("unchecked", "right", None)
    assert found(Verdicts(pin=Finding.RIGHT)) is NOT_ASKED


# --- codes that are guessed --------------------------------------------------------------------------------

TODAY = day_of(some_facts().business_day)


def after(typed: int = 0, read: int = 0) -> Facts:
    counted = {("code:1/typed", TODAY): Spent(0, typed), ("code:1/read", TODAY): Spent(0, read)}
    return some_facts(card=a_card(), spending=counted)


def refused(verdicts: Verdicts, facts: Facts) -> str:
    _, _, refusal = card_codes_are_right(a_request(verdicts=verdicts), facts, Policy())
    assert refusal is None or refusal.action is Action.CARD_CODE_WRONG
    return refusal.because if refusal else ""


@pytest.mark.parametrize("finding", [Finding.RIGHT, Finding.WRONG])
def test_after_too_many_wrong_codes_the_right_one_is_refused_like_another(finding: Finding) -> None:
    because = "there were 5 wrong codes as typed today"

    assert refused(Verdicts(card_code=finding), after(typed=5)) == because
    assert refused(Verdicts(card_code=finding), after(typed=4)) != because


def test_what_cannot_be_checked_passes_however_many_were_wrong() -> None:
    assert refused(Verdicts(card_code=Finding.UNCHECKED), after(typed=9, read=9)) == ""


def test_typed_and_read_codes_are_counted_apart() -> None:
    assert refused(Verdicts(card_code=Finding.RIGHT), after(read=5)) == ""
    assert refused(Verdicts(track_code=Finding.RIGHT), after(typed=5)) == ""
    assert (
        refused(Verdicts(track_code=Finding.RIGHT), after(read=5))
        == "there were 5 wrong codes as read from the card today"
    )


def test_others_guesses_at_a_stripe_do_not_stop_the_cards_own_chip() -> None:
    own = Verdicts(track_code=Finding.RIGHT, cryptogram=Finding.RIGHT)

    assert refused(own, after(read=5)) == ""
    assert tries_of(a_request(verdicts=own), a_card(), some_facts().business_day) == ()
