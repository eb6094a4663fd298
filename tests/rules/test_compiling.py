"""A compiled ladder decides as climbing it does: the same trace, the same refusal, in the same words."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, Final

import pytest

from switch.decisions import BatchState, CardSecurity, Facts, Refusal, Spent, Trace
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Extras, Request
from switch.messages.verdicts import Finding, KeyUse, Verdicts
from switch.rules import rulebook
from switch.rules.compiling import WORTH_COMPILING, Climber, compiled
from switch.rules.limits import parsed
from switch.rules.rule import NOT_ASKED, Ladder, Policy, Rule, Verdict
from switch.rules.rulebook import SPEND_LADDER, climb
from switch.values import Pan, Secret
from tests.builders import (
    NOW,
    a_card,
    a_chip,
    a_merchant,
    a_pay_code,
    a_request,
    a_terminal,
    an_account,
    an_operator,
    some_facts,
)

LADDERS: Final = {name: ladder for name, ladder in vars(rulebook).items() if name.endswith("_LADDER") and ladder}
CLIMBS: Final = 600
"""Of each ladder: about half of them go far up."""

KEY: Final = KeyUse("base", b"device", 5, 9, is_shown=True)
LIMITS: Final = parsed("single=500 daily=2000 daily_count=3 qr.daily=50 contactless.no_pin=800")
COUNTED: Final = {("card:1", 20261121): Spent(1500, 2), ("batch:TERM0001/000001", 0): Spent(0, 999)}


def verdicts(key: KeyUse | None, name: str, finding: Finding) -> Verdicts:
    found: dict[str, Any] = {name: finding}
    return Verdicts(key_use=key, **found)


# fmt: off
OF_REQUEST: Final[dict[str, Sequence[Any]]] = {
    "kind":          list(Kind),
    "merchant_id":   ["OTHER"],
    "amount_minor":  [None, 0, 1, 501, 10**13],
    "currency":      ["", "840"],
    "entry_mode":    ["", "012", "031", "051", "071", "801"],
    "batch":         ["", "000000", "000001", "000002"],
    "pan":           [None, Pan("4111111111111112"), Pan("6200000000000047")],
    "expiry_yymm":   ["", "3012", "3011"],
    "has_track":     [True, False],
    "service_code":  ["201", "101"],
    "can_read_chip": [True, False],
    "is_fallback":   [True],
    "chip":          [a_chip(), a_chip(atc=None), a_chip(amount_minor=1), a_chip(currency="840"),
                      a_chip(cryptogram_information=0x40), a_chip(cryptogram_information=0), a_chip(cryptogram=b"")],
    "verdicts":      [verdicts(key, name, finding)
                      for key in (None, KEY, KEY._replace(counter=9)) for finding in Finding
                      for name in ("pin", "card_code", "track_code", "cryptogram", "password")],
    "extras":        [Extras(serial="S1"), Extras(software="1.2"), Extras(operator_id="01"),
                      Extras(operator_id="01", password=Secret("1")), Extras(serial="S2", can_tell_serial=False)],
    "has_local_date": [True, False],
}
OF_FACTS: Final[dict[str, Sequence[Any]]] = {
    "terminal":      [None, *(a_terminal(**changes) for changes in (
                         {"status": "locked"}, {"serial": "S1"}, {"software": "1.1"}, {"signed_on": True},
                         {"kinds": frozenset({"purchase", "refund"})}, {"entry_modes": frozenset({"02", "05"})},
                         {"schemes": frozenset({"visa"})}, {"manual_entry": "off"}, {"manual_entry": "with_code"},
                         {"batch_state": BatchState.CLOSED}, {"batch_state": BatchState.UNBALANCED}, {"limits": LIMITS},
                         {"allows_fallback": False}))],
    "merchant":      [None, a_merchant(status="frozen"), a_merchant(currency="840"), a_merchant(limits=LIMITS),
                      a_merchant(manual_entry="off")],
    "card":          [None, *(a_card(**changes) for changes in (
                         {"status": "frozen"}, {"status": "inactive"}, {"expiry_yymm": "2610"}, {"limits": LIMITS},
                         {"account_class": "prepaid"}, {"account_class": "II"}, {"scheme": "visa"},
                         {"single_limit_minor": 5}, {"daily_limit_minor": 5}, {"daily_count": 0}))],
    "account":       [None, an_account(ledger_minor=3), an_account(currency="840")],
    "tombstone":     [True],
    "security":      [CardSecurity(3, 10), CardSecurity(0, 9)],
    "spending":      [COUNTED],
    "to_card":       [a_card(card_id=1), a_card(card_id=2), a_card(card_id=2, status="frozen")],
    "to_account":    [an_account(account_id=200), an_account(account_id=200, currency="840")],
    "operator":      [an_operator(), an_operator(failures=5), an_operator(is_active=False)],
    "pay_code":      [a_pay_code(), a_pay_code(used_by=3), a_pay_code(expires_at=NOW - 1)],
    "key_counter":   [5, 9],
}
POLICIES: Final = [
    Policy(),
    Policy(has_batches=True, classes={"II": LIMITS}),
    Policy(sign_on_required=True, minimum_software="1.2", maximum_amount_minor=900),
    Policy(in_maintenance=True),
]
# fmt: on


def some_of(chance: random.Random, values: dict[str, Sequence[Any]]) -> dict[str, Any]:
    """A few of these differ from what is in order; most often none of those that refuse early."""
    names = chance.sample(list(values), chance.choice((0, 1, 1, 2, 2, 3, 5)))
    return {name: chance.choice(values[name]) for name in names}


def what_comes_of(climbing: Callable[[], tuple[Trace, Refusal | None]]) -> object:
    try:
        return climbing()
    except Exception as error:  # noqa: BLE001 - a rule may ask for what the ladder has seen to: so must the other
        return type(error)


@pytest.mark.parametrize("name", LADDERS)
def test_a_compiled_ladder_decides_as_climbing_it_does(name: str) -> None:
    chance, ladder = random.Random(name), LADDERS[name]
    climb_compiled = compiled(ladder)
    heights = set()
    for _ in range(CLIMBS):
        request = a_request(**some_of(chance, OF_REQUEST))
        facts = some_facts(**some_of(chance, OF_FACTS))
        policy = chance.choice(POLICIES)

        climbed = what_comes_of(lambda: climb(ladder, request, facts, policy))  # noqa: B023 - called at once

        assert what_comes_of(lambda: climb_compiled(request, facts, policy)) == climbed  # noqa: B023 - called at once
        if isinstance(climbed, tuple):
            heights.add((climbed[0][-1][0] if climbed[0] else "", climbed[1] is None))
    refused_by = {rung for rung, passed in heights if not passed}
    assert len(refused_by) >= len(ladder) // 3, "too few rungs were ever reached to compare anything"


def test_every_rule_but_one_is_written_out() -> None:
    """A rule that is called costs what it did: it should be a choice."""
    source = {rule.name for ladder in LADDERS.values() for rule in ladder if is_called(rule)}

    assert source == {"card_code"}


def is_called(rule: Rule) -> bool:
    return any(name.startswith("check_") for name in compiled((rule,)).__globals__)


# --- rules that are not written as the others ----------------------------------------------------------------


def twice(request: Request, facts: Facts, _: Policy) -> Verdict:
    """What follows a condition is reached in two ways."""
    found = "none"
    if request.currency:
        if request.amount_minor == 1:
            return NOT_ASKED
        found = request.currency
    elif facts.tombstone:
        found = "buried"
    return (found, "any", None) if request.stan else verdict_of(found)


def verdict_of(found: str) -> Verdict:
    return (found, "none", Refusal(Action.INVALID_AMOUNT, found)) if found != "buried" else NOT_ASKED


def looking(request: Request, _: Facts, __: Policy) -> Verdict:
    for digit in request.stan:
        if digit == "7":
            return digit, "no seven", Refusal(Action.INVALID_AMOUNT, "a seven")
    return request.stan, "no seven", None


def plain(amount: Request, request: Facts, facts: Policy) -> Verdict:
    """Names that are others' elsewhere."""
    value = [each for each in (amount.stan, request.pan_key) if each]
    return value, facts.sign_on_required, None


def taking(request: Request, facts: Facts, policy: Policy) -> Verdict:
    """Its parameters are others' too, and mean something else afterwards."""
    request, limit = request._replace(stan="taken"), facts.spent.count
    facts, policy = replace(facts, tombstone=True), Policy(sign_on_required=True)
    return request.stan, (limit, facts.tombstone, policy.sign_on_required), None


@lru_cache
def remembered(stan: str) -> str:
    return stan


def told_first(rule: Callable[[Request, Facts, Policy], Verdict]) -> Callable[[Request, Facts, Policy], Verdict]:
    @wraps(rule)
    def telling(request: Request, facts: Facts, policy: Policy) -> Verdict:
        return f"first {rule(request, facts, policy)[0]}", None, None

    return telling


@told_first
def wrapped(request: Request, _: Facts, __: Policy) -> Verdict:
    return remembered(request.stan), "", None


def with_more(request: Request, _: Facts, __: Policy, digits: str = "7") -> Verdict:
    return digits in request.stan, digits, None


limit = "1"


def with_its_own(request: Request, _: Facts, __: Policy) -> Verdict:
    return [limit for limit in request.stan], limit, None  # noqa: C416 - a name that is the module's, too


UNNAMED: Final = (lambda request, _, __: (request.stan, "", None),)
ODD: Final[Ladder] = (
    Rule("twice", twice),
    Rule("looking", looking),
    Rule("plain", plain),
    Rule("taking", taking),
    Rule("unnamed", UNNAMED[0]),
    Rule("wrapped", wrapped),
    Rule("with_more", with_more),
    Rule("with_its_own", with_its_own),
    Rule("again", twice),
)


@pytest.mark.parametrize("stan", ["", "000001", "000007"])
@pytest.mark.parametrize("currency", ["", "156"])
@pytest.mark.parametrize("amount_minor", [1, 2])
@pytest.mark.parametrize("tombstone", [True, False])
def test_whatever_a_rule_is_written_like_it_is_the_same(
    stan: str,
    currency: str,
    amount_minor: int,
    tombstone: bool,  # noqa: FBT001
) -> None:
    request = a_request(stan=stan, currency=currency, amount_minor=amount_minor)
    facts = some_facts(tombstone=tombstone)

    assert compiled(ODD)(request, facts, Policy()) == climb(ODD, request, facts, Policy())


RULES: Final = """
from __future__ import annotations

LEAST = 5


def funds(request, facts, policy):
    if facts.account.ledger_minor >= request.amount_minor:
        return request.amount_minor, facts.account.ledger_minor, None
    return request.amount_minor, facts.account.ledger_minor, "no"


def least(request, facts, policy):
    if request.amount_minor >= LEAST:
        return request.amount_minor, LEAST, None
    return request.amount_minor, LEAST, "too little"
"""
CHANGED: Final = {
    "a line more": RULES.replace("LEAST = 5", "LEAST = 5\n"),
    "one taken away": RULES[: RULES.index("def least")],
    "their names changed": RULES.replace("funds", "x").replace("least", "funds").replace("def x", "def least"),
    "another least": RULES.replace(">= LEAST", ">= MOST"),
    "never": RULES.replace('"no"', "None").replace('"too little"', "None"),
    "no program": "def funds(:",
    "nothing": "",
}


@pytest.mark.parametrize("changed", CHANGED)
def test_what_runs_is_compiled_whatever_its_file_says_by_now(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / f"rules_{changed.replace(' ', '_')}.py"
    file.write_text(RULES)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module(file.stem)
    ladder = Rule("least", module.least), Rule("funds", module.funds)

    file.write_text(CHANGED[changed])

    for amount in (1, 5, 4999, 5001):
        request, facts = a_request(amount_minor=amount), some_facts()
        assert compiled(ladder)(request, facts, Policy()) == climb(ladder, request, facts, Policy())
    assert is_called(ladder[0]) is (changed != "a line more")


def test_without_their_source_rules_are_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "rules_without.py"
    file.write_text(RULES)
    monkeypatch.syspath_prepend(tmp_path)
    rule = Rule("funds", importlib.import_module(file.stem).funds)
    file.unlink()

    assert is_called(rule)


def falls(request: Request, _: Facts, __: Policy) -> Verdict:  # type: ignore[return]  # noqa: RET503
    """Its end is reached, so that its verdict is none."""
    if request.stan:
        return NOT_ASKED


def bare(request: Request, _: Facts, __: Policy) -> Verdict:
    if request.stan:
        return None  # type: ignore[return-value]
    return NOT_ASKED


@pytest.mark.parametrize("rule", [falls, bare])
@pytest.mark.parametrize("stan", ["", "000001"])
def test_a_rule_that_gives_no_verdict_passes_nowhere(
    rule: Callable[[Request, Facts, Policy], Verdict], stan: str
) -> None:
    ladder, request, facts = (Rule("odd", rule),), a_request(stan=stan), some_facts()

    climbed = what_comes_of(lambda: climb(ladder, request, facts, Policy()))

    assert what_comes_of(lambda: compiled(ladder)(request, facts, Policy())) == climbed


def test_a_ladder_is_compiled_once_it_is_climbed_often() -> None:
    climber, request, facts = Climber(SPEND_LADDER), a_request(), some_facts()
    stolen = replace(facts, card=a_card(status="stolen"))
    for _ in range(WORTH_COMPILING):
        assert climber.climb is not compiled(SPEND_LADDER)
        first = climber.climb(request, facts, Policy())

    assert climber.climb is compiled(SPEND_LADDER)
    assert climber.climb(request, facts, Policy()) == first
    assert climber.climb(request, stolen, Policy()) == climb(SPEND_LADDER, request, stolen, Policy())
