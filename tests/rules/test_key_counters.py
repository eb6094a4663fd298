"""Each key of a device is good for one transaction, and its counter is believed of who has it alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.decisions import Facts, RaiseKeyCounter
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import OriginalReference, Request
from switch.messages.verdicts import UNCHECKED, Finding, KeyUse, Verdicts
from switch.rules.rule import Policy
from switch.rules.rulebook import ADVICE_LADDER, REVERSAL_LADDER, climb
from switch.transactions.decide import decide
from tests.builders import a_request, an_account, some_facts

LAST = 0x1FF800


def under(counter: int, *, is_shown: bool = True, **others: object) -> Request:
    use = KeyUse("08D7B4", b"device", counter, LAST, is_shown)
    return a_request(verdicts=Verdicts(key_use=use, pin=Finding.RIGHT), **others)


def raised(request: Request, facts: Facts) -> list[int]:
    effects = decide(request, facts).effects
    return [effect.counter for effect in effects if isinstance(effect, RaiseKeyCounter)]


@given(st.integers(1, LAST), st.integers(0, LAST))
def test_a_counter_above_the_highest_is_taken_and_remembered_and_no_other(counter: int, seen: int) -> None:
    request, facts = under(counter), some_facts(key_counter=seen)

    action = decide(request, facts).reply.action

    assert (action is Action.APPROVED) == (counter > seen) == (raised(request, facts) == [counter])
    assert action in {Action.APPROVED, Action.KEY_SERIAL_WRONG}


def test_a_declined_request_has_used_its_key_up_as_well() -> None:
    poor = some_facts(key_counter=6, account=an_account(ledger_minor=0))

    assert decide(under(7), poor).reply.action is Action.INSUFFICIENT_FUNDS
    assert raised(under(7), poor) == [7]


def test_a_counter_that_nobody_vouches_for_is_not_remembered() -> None:
    assert raised(under(7, is_shown=False), some_facts(key_counter=6)) == []


def test_keys_that_are_used_up_are_told_from_copies() -> None:
    used_up = decide(under(LAST), some_facts(key_counter=LAST))
    copied = decide(under(6), some_facts(key_counter=7))

    assert "needs another initial key" in used_up.because
    assert copied.because == "the key serial number's counter did not increase: 6 after 7"


def test_a_copy_counts_no_pin_try() -> None:
    use = KeyUse("08D7B4", b"device", 6, LAST, is_shown=True)
    request = a_request(verdicts=Verdicts(pin=Finding.WRONG, key_use=use))

    assert decide(request, some_facts(key_counter=6)).effects == ()


@pytest.mark.parametrize(("ladder", "kind"), [(REVERSAL_LADDER, Kind.REVERSAL), (ADVICE_LADDER, Kind.TIP)])
def test_what_has_happened_is_not_refused_for_its_key(ladder: object, kind: Kind) -> None:
    trace, refusal = climb(ladder, under(6, kind=kind), some_facts(key_counter=7), Policy())  # type: ignore[arg-type]

    assert refusal is None
    assert "key_counter" not in {name for name, *_ in trace}


DATED = OriginalReference("2", "000001", date(2026, 3, 4), "", "")


@pytest.mark.parametrize(
    ("has_local_date", "original", "action"),
    [
        (True, None, Action.APPROVED),
        (False, DATED, Action.APPROVED),
        (False, replace(DATED, local_date=None), Action.FORMAT_ERROR),
        (False, replace(DATED, message_class=""), Action.FORMAT_ERROR),  # its date is the day on which it was received
        (False, None, Action.FORMAT_ERROR),
    ],
)
def test_a_reversal_under_such_a_key_says_of_which_day_it_is(
    *, has_local_date: bool, original: OriginalReference | None, action: Action
) -> None:
    request = under(7, kind=Kind.REVERSAL, has_local_date=has_local_date, original=original)

    assert decide(request, some_facts()).reply.action is action
    assert decide(request._replace(verdicts=UNCHECKED), some_facts()).reply.action is Action.APPROVED
