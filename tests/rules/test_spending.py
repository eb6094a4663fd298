"""Class, card, terminal and merchant each limit what is spent, and a stricter limit never approves more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.decisions import Facts, Limit, Limits, Spent
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.rules import spending
from switch.rules.limits import CHANNELS, counter_of, parsed
from switch.rules.rule import NOT_ASKED, Policy, Verdict
from switch.rules.rulebook import SPEND_LADDER, climb
from tests.builders import TODAY, a_card, a_merchant, a_request, a_terminal, some_facts

DAY, MONTH = 20261121, 202611
CARD = "card:1"


def within_card(limits: str, spent: dict[tuple[str, int], Spent], **request: Any) -> Verdict:
    facts = some_facts(card=a_card(limits=parsed(limits)), spending=spent)
    return spending.within_card_limits(a_request(**request), facts, Policy())


# fmt: off
REFUSALS: list[tuple[str, dict[tuple[str, int], Spent], str]] = [
    ("single=999",       {},                                  "10.00 CNY at once against a limit of 9.99 CNY for the card"),
    ("swipe.single=999", {},                                  "10.00 CNY at once by swipe against a limit of 9.99 CNY for the card"),
    ("daily=1999",       {(CARD, DAY): Spent(1000, 1)},       "20.00 CNY today against a limit of 19.99 CNY for the card"),
    ("swipe.daily=1499", {(f"{CARD}/swipe", DAY): Spent(500, 1)}, "15.00 CNY today by swipe against a limit of 14.99 CNY for the card"),
    ("daily_count=2",    {(CARD, DAY): Spent(0, 2)},          "transaction 3 today against a limit of 2 for the card"),
    ("monthly=1999",     {(CARD, MONTH): Spent(1000, 1)},     "20.00 CNY this month against a limit of 19.99 CNY for the card"),
    ("monthly_count=0",  {},                                  "transaction 1 this month against a limit of 0 for the card"),
]
# fmt: on


@pytest.mark.parametrize(("limits", "spent", "because"), REFUSALS)
def test_each_limit_refuses_and_says_why(limits: str, spent: dict[tuple[str, int], Spent], because: str) -> None:
    _, _, refusal = within_card(limits, spent)

    assert refusal is not None
    assert refusal.because == because
    assert refusal.action is (Action.EXCEEDS_COUNT_LIMIT if "count" in limits else Action.EXCEEDS_AMOUNT_LIMIT)


def test_spending_exactly_a_limit_is_allowed_and_the_trace_says_what_was_compared() -> None:
    spent = {(CARD, DAY): Spent(500, 1), (f"{CARD}/swipe", MONTH): Spent(0, 7)}

    found = within_card("daily=1500 daily_count=2 swipe.monthly_count=8", spent)

    assert found == (
        "daily=1500 daily_count=2 swipe.monthly_count=8",
        "daily=1500 daily_count=2 swipe.monthly_count=8",
        None,
    )


def test_a_limit_of_another_channel_asks_nothing() -> None:
    assert within_card("qr.single=1 chip.daily=1", {}) is NOT_ASKED


def test_a_pay_code_is_held_against_the_limits_for_qr() -> None:
    _, _, refusal = within_card("qr.single=1", {}, kind=Kind.CODE_PURCHASE)

    assert refusal is not None
    assert "by qr" in refusal.because


def test_the_class_refuses_first_then_card_terminal_and_merchant() -> None:
    tight = parsed("single=1")
    limited: dict[str, Any] = {
        "card": a_card(account_class="III", limits=tight),
        "terminal": a_terminal(limits=tight),
        "merchant": a_merchant(limits=tight),
    }
    free: dict[str, Any] = {"terminal": a_terminal(), "merchant": a_merchant()}
    policy = Policy(classes={"III": tight})

    def refused_by(facts: Facts, policy: Policy) -> str:
        trace, refusal = climb(SPEND_LADDER, a_request(), facts, policy)
        assert refusal is not None
        return f"{trace[-1][0]}: {refusal.because.partition('for ')[2]}"

    assert refused_by(some_facts(**limited), policy) == "class_limits: the account class III"
    assert refused_by(some_facts(**limited), Policy()) == "card_limits: the card"
    limited["card"] = a_card()
    assert refused_by(some_facts(**limited), policy) == "terminal_limits: the terminal"
    limited["terminal"] = free["terminal"]
    assert refused_by(some_facts(**limited), policy) == "merchant_limits: the merchant"


def tightened(limits: Limits, by: int) -> Limits:
    return tuple(
        (channel, Limit(*(None if most is None else max(0, most - by) for most in limit))) for channel, limit in limits
    )


maybe = st.none() | st.integers(0, 4000)
a_limit = st.builds(Limit, maybe, maybe, st.none() | st.integers(0, 6), maybe, st.none() | st.integers(0, 9), maybe)
some_limits = st.dictionaries(st.sampled_from(["", *CHANNELS]), a_limit, max_size=3).map(
    lambda found: tuple(found.items())
)
past = st.builds(Spent, st.integers(0, 4000), st.integers(0, 9))


@given(
    amount=st.integers(1, 4000),
    entry_mode=st.sampled_from(["011", "021", "051", "071", "031", ""]),
    limits=st.tuples(some_limits, some_limits, some_limits, some_limits),
    by=st.integers(0, 2000),
    whose=st.integers(0, 3),
    data=st.data(),
)
def test_a_stricter_limit_never_approves_more(
    amount: int, entry_mode: str, limits: tuple[Limits, ...], by: int, whose: int, data: st.DataObject
) -> None:
    request = a_request(amount_minor=amount, entry_mode=entry_mode)
    owners = ("card:1", "terminal:TERM0001", "merchant:MERCHANT0000001")
    suffixes = ("", *(f"/{channel}" for channel in CHANNELS))
    keys = [(owner + suffix, period) for owner in owners for suffix in suffixes for period in (DAY, MONTH)]
    spent = {key: data.draw(past) for key in data.draw(st.lists(st.sampled_from(keys), max_size=4, unique=True))}

    def refuses(limits: tuple[Limits, ...]) -> bool:
        of_class, of_card, of_terminal, of_merchant = limits
        facts = some_facts(
            card=a_card(account_class="II", limits=of_card),
            terminal=a_terminal(limits=of_terminal),
            merchant=a_merchant(limits=of_merchant),
            spending=spent,
        )
        return climb(SPEND_LADDER, request, facts, Policy(classes={"II": of_class}))[1] is not None

    stricter = tuple(tightened(one, by) if place == whose else one for place, one in enumerate(limits))

    assert refuses(stricter) or not refuses(limits)


@given(limits=some_limits, amounts=st.lists(st.integers(1, 500), max_size=12))
def test_a_day_of_purchases_never_exceeds_a_limit(limits: Limits, amounts: list[int]) -> None:
    card, counters = a_card(limits=limits), counter_of({})
    spent: dict[tuple[str, int], Spent] = {}
    approved: list[int] = []
    for amount in amounts:
        request = a_request(amount_minor=amount)
        _, _, refusal = spending.within_card_limits(request, some_facts(card=card, spending=spent), Policy())
        if refusal is None:
            approved.append(amount)
            for counter in counters(request, None, None, card, TODAY):
                before = spent.get(counter, Spent(0, 0))
                spent[counter] = Spent(before.amount_minor + amount, before.count + 1)

    for channel, limit in limits:
        if channel in ("", "swipe"):
            assert limit.single_minor is None or max(approved, default=0) <= limit.single_minor
            assert limit.daily_minor is None or sum(approved) <= limit.daily_minor
            assert limit.daily_count is None or len(approved) <= limit.daily_count
            assert limit.monthly_minor is None or sum(approved) <= limit.monthly_minor
            assert limit.monthly_count is None or len(approved) <= limit.monthly_count
