"""Keeps the counters of what was spent in step with the payments: each is counted on its own day, and given back there.

A card's daily counters (`CountSpend`) hold, for every payment of that day, what is left of it and 1. An authorisation
stands for its increments and, until that is undone, for its completion: both change the amount on the authorisation's
day, never the number. What is declined, voided or reversed counts nothing; what expired stays counted.

The counters that have a limit (`CountSpending`) follow the same steps, those of `switch.rules.limits`. An increment
counts there on its own day; its authorisation, undone as a whole, gives it back on the authorisation's, so that a limit
is held too strictly for a day rather than not at all.
"""

from __future__ import annotations

from switch.decisions import CountSpend, CountSpending, Effect, Facts, Payment
from switch.messages.model import Request
from switch.rules.limits import counter_of, given_back
from switch.rules.rule import Policy


def spent(request: Request, facts: Facts, policy: Policy) -> tuple[Effect, ...]:
    """Count a new payment: its amount and 1, on the business day of the decision."""
    assert facts.card is not None
    by_card = CountSpend(facts.card.card_id, facts.business_day, request.amount_minor or 0, 1)
    return (by_card, *counted(request, facts, policy))


def counted(request: Request, facts: Facts, policy: Policy) -> tuple[CountSpending, ...]:
    """Count a request in the counters that have a limit, its batch's among them; a cancel has none."""
    counters = counter_of(policy.classes)(request, facts.terminal, facts.merchant, facts.card, facts.business_day)
    amount = request.amount_minor or 0
    return tuple([CountSpending(owner, period, amount, 1) for owner, period in counters])


def corrected(payment: Payment, facts: Facts, amount_minor: int, count: int = 0) -> tuple[Effect, ...]:
    """Change what was counted for a payment of whatever day by this much; minus gives back."""
    by_card = corrected_on_its_day(payment, amount_minor, count)
    return (*by_card, *corrected_in_limits(payment, facts, amount_minor, count))


def corrected_on_its_day(payment: Payment, amount_minor: int, count: int = 0) -> tuple[CountSpend, ...]:
    """The same for the card's daily counters only."""
    if payment.card_id is None or not (amount_minor or count):
        return ()
    return (CountSpend(payment.card_id, payment.business_day, amount_minor, count),)


def corrected_in_limits(payment: Payment, facts: Facts, amount_minor: int, count: int = 0) -> tuple[CountSpending, ...]:
    """The same for the counters that have a limit only: those there are of all that the payment may have counted in."""
    if not facts.spending or not (amount_minor or count):
        return ()
    return tuple(
        [
            CountSpending(owner, period, amount_minor, count)
            for owner, period in given_back(payment)
            if (owner, period) in facts.spending
        ]
    )
