"""Keeps the counters of what was spent in step with the payments: each is counted on its own day, and given back there.

A card's daily counters (`CountSpend`) hold, for every payment of that day, what is left of it and 1. An authorisation
stands for its completion until that is undone. What is declined, voided or reversed counts nothing; what expired stays
counted. The counters that have a limit (`CountSpending`) follow the same steps, those of `switch.rules.limits`.

An increment makes its authorisation larger, but is counted on its own day, and where it came from: whoever enlarges an
old hold spends today. It is a request of its own only for the counters with a limit. So what is counted for an
authorisation has `shares`, and whatever changes it changes those. What it is completed for above all of them is counted
with the authorisation, and so is what was refunded of a completion that was undone.
"""

from __future__ import annotations

from collections.abc import Sequence

from switch.decisions import CountSpend, CountSpending, Effect, Facts, Payment
from switch.messages.model import Request
from switch.rules.limits import counters_of, given_back
from switch.rules.rule import Policy


def spent(request: Request, facts: Facts, policy: Policy) -> tuple[Effect, ...]:
    """Count a new payment: its amount and 1, on the business day of the decision."""
    assert facts.card is not None
    by_card = CountSpend(facts.card.card_id, facts.business_day, request.amount_minor or 0, 1)
    return (by_card, *counted(request, facts, policy))


def counted(request: Request, facts: Facts, policy: Policy) -> tuple[CountSpending, ...]:
    """Count a request in the counters that have a limit, its batch's among them; a cancel has none."""
    day = facts.business_day
    counters = counters_of(policy.classes, request, facts.terminal, facts.merchant, facts.card, day)
    amount = request.amount_minor or 0
    return tuple([CountSpending(owner, period, amount, 1) for owner, period in counters])


def counted_today(payment: Payment, facts: Facts, amount_minor: int) -> tuple[CountSpend, ...]:
    """Count an increment of an authorisation: on the day of the decision, and as no payment of its own."""
    if payment.card_id is None:
        return ()
    return (CountSpend(payment.card_id, facts.business_day, amount_minor, 0),)


def corrected(payment: Payment, facts: Facts, amount_minor: int, count: int = 0) -> tuple[Effect, ...]:
    """Change what was counted for a payment of whatever day by this much; minus gives back."""
    return (*_on_its_day(payment, amount_minor, count), *_in_limits(payment, facts, amount_minor, count))


def recounted(
    authorisation: Payment,
    facts: Facts,
    before_minor: int,
    after_minor: int,
    count: int = 0,
    *,
    undone: Payment | None = None,
    beside_minor: int = 0,
) -> tuple[Effect, ...]:
    """Change what was counted for an authorisation and its increments from one amount to another, each on its own day.

    ``count`` is -1 where they all count no more, 1 where they count again. ``undone`` is an increment as it is
    afterwards, and ``beside_minor`` what is counted with the authorisation beside that amount from now on.
    """
    increments = [undone if undone and undone.payment_id == one.payment_id else one for one in facts.increments]
    before = shares(before_minor, authorisation, facts.increments)
    after = shares(after_minor, authorisation, increments)
    after[authorisation.payment_id] += beside_minor
    changed: list[Effect] = []
    for payment in (authorisation, *increments):
        more = after[payment.payment_id] - before[payment.payment_id]
        times = count if payment.current_minor or payment is authorisation else -1
        changed += _on_its_day(payment, more, count if payment is authorisation else 0)
        changed += _in_limits(payment, facts, more, times)
    return tuple(changed)


def shares(counted_minor: int, authorisation: Payment, increments: Sequence[Payment]) -> dict[int, int]:
    """Divide what is counted for an authorisation, by payment: the latest increments' first, the rest is its own.

    So a further increment leaves the others' as they are, and what is given back is the oldest part.
    """
    found, left = {}, counted_minor
    for increment in reversed(increments):
        found[increment.payment_id] = min(increment.current_minor, left)
        left -= found[increment.payment_id]
    return {**found, authorisation.payment_id: left}


def _on_its_day(payment: Payment, amount_minor: int, count: int = 0) -> tuple[CountSpend, ...]:
    """The card's daily counters."""
    if payment.card_id is None or not (amount_minor or count):
        return ()
    return (CountSpend(payment.card_id, payment.business_day, amount_minor, count),)


def _in_limits(payment: Payment, facts: Facts, amount_minor: int, count: int = 0) -> tuple[CountSpending, ...]:
    """The counters that have a limit: those there are of all that the payment may have counted in."""
    if not facts.spending or not (amount_minor or count):
        return ()
    return tuple(
        [
            CountSpending(owner, period, amount_minor, count)
            for owner, period in given_back(payment)
            if (owner, period) in facts.spending
        ]
    )
