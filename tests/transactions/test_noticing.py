"""Wrong PINs and passwords count although they are declined; a chip's counter and a sign of life are noted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switch.decisions import CardSecurity, ChangeCardSecurity, ChangeOperator, CountSpending, SeeTerminal, Spent
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Extras
from switch.messages.verdicts import Finding, Verdicts
from switch.rules.limits import day_of
from switch.rules.rule import Policy
from switch.rules.tries import CODE_TRIES_MAX
from switch.transactions.decide import decide
from tests.builders import (
    a_chip,
    a_request,
    a_reversal,
    a_terminal,
    an_account,
    an_operator,
    some_facts,
)

RIGHT_PIN, WRONG_PIN = Verdicts(pin=Finding.RIGHT), Verdicts(pin=Finding.WRONG)
RIGHT_CHIP = Verdicts(cryptogram=Finding.RIGHT)
POOR = an_account(ledger_minor=0)


def test_a_wrong_pin_counts_although_it_is_declined() -> None:
    decision = decide(a_request(verdicts=WRONG_PIN), some_facts(security=CardSecurity(pin_tries=1)))

    assert decision.reply.action is Action.PIN_WRONG
    assert decision.effects == (ChangeCardSecurity(1, pin_tries=2),)
    assert decision.journalled


@pytest.mark.parametrize("verdicts", [RIGHT_PIN, WRONG_PIN])
def test_after_three_wrong_pins_no_other_counts(verdicts: Verdicts) -> None:
    decision = decide(a_request(verdicts=verdicts), some_facts(security=CardSecurity(pin_tries=3)))

    assert (decision.reply.action, decision.effects) == (Action.PIN_TRIES_EXCEEDED, ())


@pytest.mark.parametrize("account", [an_account(), POOR])
def test_a_right_pin_clears_the_count_also_where_funds_decline_it(account: object) -> None:
    facts = some_facts(security=CardSecurity(pin_tries=2), account=account)

    assert ChangeCardSecurity(1, pin_tries=0) in decide(a_request(verdicts=RIGHT_PIN), facts).effects


def test_a_right_pin_without_wrong_ones_before_changes_nothing() -> None:
    decision = decide(a_request(verdicts=RIGHT_PIN), some_facts(account=POOR))

    assert decision.effects == ()


@pytest.mark.parametrize("account", [an_account(), POOR])
def test_a_right_cryptogram_raises_the_chips_counter_approved_or_not(account: object) -> None:
    request = a_request(entry_mode="051", chip=a_chip(atc=10), verdicts=RIGHT_CHIP)

    assert ChangeCardSecurity(1, atc=10) in decide(request, some_facts(account=account)).effects


def test_a_wrong_or_replayed_cryptogram_does_not() -> None:
    wrong = a_request(entry_mode="051", chip=a_chip(atc=10), verdicts=Verdicts(cryptogram=Finding.WRONG))
    replayed = a_request(entry_mode="051", chip=a_chip(atc=10), verdicts=RIGHT_CHIP)

    decisions = decide(wrong, some_facts()), decide(replayed, some_facts(security=CardSecurity(atc=10)))

    assert [decision.reply.action for decision in decisions] == [Action.CRYPTOGRAM_WRONG, Action.CRYPTOGRAM_WRONG]
    assert [decision.effects for decision in decisions] == [(), ()]


def test_an_offline_sale_that_comes_late_does_not_lower_the_counter() -> None:
    late = a_request(kind=Kind.OFFLINE_SALE, mti="0220", entry_mode="051", chip=a_chip(atc=10), verdicts=RIGHT_CHIP)

    decision = decide(late, some_facts(security=CardSecurity(atc=12)))

    assert decision.reply.action is Action.APPROVED
    assert not any(isinstance(effect, ChangeCardSecurity) for effect in decision.effects)


def test_pin_and_counter_are_one_change() -> None:
    both = Verdicts(pin=Finding.RIGHT, cryptogram=Finding.RIGHT)
    request = a_request(entry_mode="051", chip=a_chip(atc=10), verdicts=both)

    decision = decide(request, some_facts(security=CardSecurity(pin_tries=1)))

    assert ChangeCardSecurity(1, pin_tries=0, atc=10) in decision.effects


@pytest.mark.parametrize(
    ("password", "action", "effects"),
    [
        (Finding.WRONG, Action.OPERATOR_WRONG, (ChangeOperator("01", 3),)),
        (Finding.ABSENT, Action.OPERATOR_WRONG, ()),
    ],
)
def test_a_wrong_password_counts_and_a_missing_one_does_not(
    password: Finding, action: Action, effects: tuple[object, ...]
) -> None:
    request = a_request(kind=Kind.SIGN_ON, extras=Extras(operator_id="01"), verdicts=Verdicts(password=password))

    decision = decide(request, some_facts(operator=an_operator(operator_id="01", has_password=True, failures=2)))

    assert (decision.reply.action, decision.effects) == (action, effects)


def test_a_right_password_clears_the_count() -> None:
    request = a_request(kind=Kind.SIGN_ON, extras=Extras(operator_id="01"), verdicts=Verdicts(password=Finding.RIGHT))

    decision = decide(request, some_facts(operator=an_operator(operator_id="01", has_password=True, failures=2)))

    assert ChangeOperator("01", 0) in decision.effects


# --- the terminal -----------------------------------------------------------------------------------------


def test_a_terminal_is_seen_once_a_day_whatever_is_answered() -> None:
    unseen = a_terminal(last_seen_day=20261120)

    approved = decide(a_request(), some_facts(terminal=unseen))
    declined = decide(a_request(), some_facts(terminal=unseen, account=POOR))
    again = decide(a_request(), some_facts())

    assert SeeTerminal(20261121) in approved.effects
    assert declined.effects == (SeeTerminal(20261121),)
    assert not any(isinstance(effect, SeeTerminal) for effect in again.effects)


def test_a_stranger_is_not_seen() -> None:
    strange = a_terminal(merchant_id="OTHER", last_seen_day=0)

    assert decide(a_request(), some_facts(terminal=strange)).effects == ()


def test_an_expiry_is_no_sign_of_life() -> None:
    assert decide(a_request(kind=Kind.EXPIRY), some_facts(terminal=a_terminal(last_seen_day=0))).effects == ()


def test_the_first_thing_pending_is_wished_for_in_every_answer() -> None:
    busy = some_facts(terminal=a_terminal(pending=("parameters", "aids")), account=POOR)

    assert decide(a_request(), busy).reply.wish == "parameters"
    assert decide(a_reversal(), busy).reply.wish == "parameters"


def test_what_would_help_a_refused_request_is_wished_for_first() -> None:
    terminal = a_terminal(pending=("parameters",), software="1.0")

    unsigned = decide(a_request(), some_facts(terminal=terminal), Policy(sign_on_required=True))
    in_batch = some_facts(terminal=replace(terminal, signed_on=True))
    other_batch = decide(a_request(batch="000009"), in_batch, Policy(has_batches=True))
    old = decide(a_request(), some_facts(terminal=terminal), Policy(minimum_software="2.0"))

    assert (unsigned.reply.action, unsigned.reply.wish) == (Action.NOT_SIGNED_ON, "sign_on")
    assert (other_batch.reply.action, other_batch.reply.wish) == (Action.BATCH_MISMATCH, "sign_on")
    assert (old.reply.action, old.reply.wish) == (Action.SOFTWARE_TOO_OLD, "software")


# --- what is tried, and told, too often --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "owners"),
    [
        (Verdicts(card_code=Finding.WRONG), ["code:1/typed"]),
        (Verdicts(track_code=Finding.WRONG), ["code:1/read"]),
        (Verdicts(card_code=Finding.WRONG, track_code=Finding.WRONG), ["code:1/typed", "code:1/read"]),
        (Verdicts(card_code=Finding.RIGHT, track_code=Finding.WRONG), ["code:1/read"]),
        (Verdicts(card_code=Finding.RIGHT), []),
        (Verdicts(card_code=Finding.UNCHECKED), []),
    ],
)
def test_wrong_codes_count_for_their_day_although_they_are_declined(verdicts: Verdicts, owners: list[str]) -> None:
    facts = some_facts()
    decision = decide(a_request(verdicts=verdicts), facts)

    found = [effect for effect in decision.effects if isinstance(effect, CountSpending)]
    assert found == [CountSpending(owner, day_of(facts.business_day), 0, 1) for owner in owners]


def test_codes_are_counted_up_to_where_none_is_taken() -> None:
    day = day_of(some_facts().business_day)
    facts = some_facts(spending={("code:1/typed", day): Spent(0, CODE_TRIES_MAX)})

    for finding in (Finding.WRONG, Finding.RIGHT):
        decision = decide(a_request(verdicts=Verdicts(card_code=finding)), facts)
        assert decision.reply.action is Action.CARD_CODE_WRONG
        assert not any(isinstance(effect, CountSpending) for effect in decision.effects)


def test_a_sale_that_the_chip_approved_counts_once_and_only_where_it_is_stored() -> None:
    told = a_request(kind=Kind.OFFLINE_SALE, chip=a_chip(atc=95), verdicts=Verdicts(cryptogram=Finding.RIGHT))
    first = decide(told, some_facts(security=CardSecurity(atc=100)))
    again = decide(told, some_facts(security=CardSecurity(atc=100), spending={("chip:1/95", 0): Spent(0, 1)}))
    online = decide(told._replace(kind=Kind.PURCHASE), some_facts(security=CardSecurity(atc=94)))

    counted = CountSpending("chip:1/95", 0, 0, 1)
    assert first.reply.action is Action.APPROVED
    assert counted in first.effects
    assert again.reply.action is Action.DUPLICATE_CONFLICT
    assert again.because == "the chip's transaction 95 is in the books already"
    assert counted not in again.effects
    assert counted not in online.effects
