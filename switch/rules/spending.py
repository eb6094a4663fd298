"""Rules about how much, how often: the limits of account class, card, terminal and merchant, by day and month.

Each rung holds one party's limits against the counters in the facts; what it found stands in the trace in the words
that the limits were written in (`switch.rules.limits`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from switch.decisions import Refusal, Spent
from switch.messages.actions import Action
from switch.rules.limits import channel_for, day_of, month_of
from switch.rules.rule import NOT_ASKED
from switch.values import Money

if TYPE_CHECKING:
    from switch.decisions import Facts, Limit, Limits
    from switch.messages.model import Request
    from switch.rules.rule import Policy, Verdict


def within_class_limits(request: Request, facts: Facts, policy: Policy) -> Verdict:
    """The card stays within the limits of its account's class; a class that no limits are known of has none."""
    card = facts.card
    if card is None or not card.account_class:
        return NOT_ASKED
    limits = policy.classes.get(card.account_class, ())
    return _within(limits, f"card:{card.card_id}", f"the account class {card.account_class}", request, facts)


def within_card_limits(request: Request, facts: Facts, _: Policy) -> Verdict:
    """The card stays within its own limits."""
    card = facts.card
    if card is None or not card.limits:
        return NOT_ASKED
    return _within(card.limits, f"card:{card.card_id}", "the card", request, facts)


def within_terminal_limits(request: Request, facts: Facts, _: Policy) -> Verdict:
    """The terminal stays within its limits, whoever's cards it takes."""
    terminal = facts.terminal
    if terminal is None or not terminal.limits:
        return NOT_ASKED
    return _within(terminal.limits, f"terminal:{terminal.terminal_id}", "the terminal", request, facts)


def within_merchant_limits(request: Request, facts: Facts, _: Policy) -> Verdict:
    """All terminals of a merchant together stay within the merchant's limits."""
    merchant = facts.merchant
    if merchant is None or not merchant.limits:
        return NOT_ASKED
    return _within(merchant.limits, f"merchant:{merchant.merchant_id}", "the merchant", request, facts)


class _Measure(NamedTuple):
    """One way to measure spending: the limit's name, its place in `Limit`, and what it is over."""

    name: str
    place: int
    over: str
    is_count: bool


_AT_ONCE, _TODAY, _THIS_MONTH = "at once", "today", "this month"

# fmt: off
_MEASURES: Final = (
    _Measure("single",        0, _AT_ONCE,    False),
    _Measure("daily",         1, _TODAY,      False),
    _Measure("daily_count",   2, _TODAY,      True),
    _Measure("monthly",       3, _THIS_MONTH, False),
    _Measure("monthly_count", 4, _THIS_MONTH, True),
)
# fmt: on
_NOTHING: Final = Spent(0, 0)


def _within(limits: Limits, owner: str, whose: str, request: Request, facts: Facts) -> Verdict:
    channel = channel_for(request.kind, request.entry_mode)
    found: list[str] = []
    against: list[str] = []
    for limited, limit in limits:
        if limited and limited != channel:
            continue
        counter = f"{owner}/{limited}" if limited else owner
        for measure in _MEASURES:
            most = _most(limit, measure)
            if most is None:
                continue
            total = _total(measure, counter, request, facts)
            if total > most:
                return total, most, _refusal(measure, total, most, limited, whose, facts)
            name = f"{limited}.{measure.name}" if limited else measure.name
            found.append(f"{name}={total}")
            against.append(f"{name}={most}")
    return (" ".join(found), " ".join(against), None) if found else NOT_ASKED


def _most(limit: Limit, measure: _Measure) -> int | None:
    return limit[measure.place]


def _total(measure: _Measure, counter: str, request: Request, facts: Facts) -> int:
    """What would have been spent, this request included."""
    amount = request.amount_minor or 0
    if measure.over == _AT_ONCE:
        return amount
    period = day_of(facts.business_day) if measure.over == _TODAY else month_of(facts.business_day)
    spent = facts.spending.get((counter, period), _NOTHING)
    return spent.count + 1 if measure.is_count else spent.amount_minor + amount


def _refusal(measure: _Measure, total: int, most: int, channel: str, whose: str, facts: Facts) -> Refusal:
    over = f"{measure.over} by {channel}" if channel else measure.over
    if measure.is_count:
        why = f"transaction {total} {over} against a limit of {most} for {whose}"
        return Refusal(Action.EXCEEDS_COUNT_LIMIT, why)
    currency = facts.merchant.currency if facts.merchant else ""
    why = f"{Money(total, currency)} {over} against a limit of {Money(most, currency)} for {whose}"
    return Refusal(Action.EXCEEDS_AMOUNT_LIMIT, why)
