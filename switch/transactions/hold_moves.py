"""What a step in its life does to the hold of an authorisation, to the money of its completion, and to the counters.

`switch.transactions.lifecycle` says when. Each function returns the effects beside the change of the payment itself.
"""

from __future__ import annotations

from typing import Final

from switch.decisions import ChangePayment, Effect, Facts, Payment, PaymentState
from switch.transactions.counting import counted_today, recounted
from switch.transactions.moves import Change, end_hold, from_card, hold_instead, open_hold, to_card

AUTHORISATION_DAYS: Final = 30
"""An authorisation can be completed this many days (domain rule 18); after them its hold expires."""


def is_too_old(authorisation: Payment, facts: Facts) -> bool:
    """Whether the days in which it can be completed are over."""
    return (facts.business_day - authorisation.business_day).days > AUTHORISATION_DAYS


def enlarge_hold(change: Change) -> tuple[Effect, ...]:
    """Hold an increment too, which is counted today, whatever day its authorisation is of."""
    hold, remaining = change.payment, change.remaining_minor
    return (*hold_instead(hold, remaining), *counted_today(hold, change.facts, -change.given_back_minor))


def release_hold(change: Change) -> tuple[Effect, ...]:
    """Hold only what remains: less, or nothing any more."""
    hold, remaining = change.payment, change.remaining_minor
    count = 0 if remaining else -1
    return (*hold_instead(hold, remaining), *recounted(hold, change.facts, hold.current_minor, remaining, count))


def let_expire(change: Change) -> tuple[Effect, ...]:
    """Release a hold that nobody captured; its day's counters are history."""
    return (end_hold(change.payment, "expired"),)


def capture(change: Change) -> tuple[Effect, ...]:
    """End the hold as a whole and debit what was asked: less, as much, or a little more (then forced)."""
    hold, amount = change.payment, change.moved_minor
    return (
        end_hold(hold, "captured"),
        *from_card(hold, amount, forced=amount > hold.current_minor),
        *recounted(hold, change.facts, hold.current_minor, amount),
    )


def charge(change: Change) -> tuple[Effect, ...]:
    """Debit what was completed although the hold has expired."""
    expired, amount = change.payment, change.moved_minor
    counted = recounted(expired, change.facts, expired.current_minor, amount)
    return (*from_card(expired, amount, forced=True), *counted)


def hold_again(change: Change) -> tuple[Effect, ...]:
    """A cancelled authorisation is held again."""
    authorisation, amount = change.parent, change.payment.current_minor
    return (
        open_hold(change.payment, amount, forced=True),
        *recounted(authorisation, change.facts, 0, amount, 1),
        ChangePayment(authorisation.payment_id, PaymentState.HELD, amount, change.facts.journal_id),
    )


def shrink_hold(change: Change) -> tuple[Effect, ...]:
    """Take an increment off its authorisation's hold; the authorisation ends where nothing is left of it."""
    authorisation, back = change.parent, change.given_back_minor
    remaining = max(authorisation.current_minor - back, 0)
    state = PaymentState.HELD if remaining else PaymentState.REVERSED
    hold_id = change.facts.journal_id if remaining else None
    count, undone = 0 if remaining else -1, change.payment._replace(current_minor=change.remaining_minor)
    return (
        *hold_instead(authorisation, remaining),
        *recounted(authorisation, change.facts, authorisation.current_minor, remaining, count, undone=undone),
        ChangePayment(authorisation.payment_id, state, remaining, hold_id),
    )


# --- a completion ------------------------------------------------------------------------------------------


def reopen_hold(change: Change) -> tuple[Effect, ...]:
    """Mirror what is given back of a completion; as a whole, and the authorisation is held again.

    One that is too old to be completed again stays without its hold: it has expired. So does that of a completion of a
    closed day, all of which was refunded.
    """
    authorisation, completed, facts = change.parent, change.payment.current_minor, change.facts
    if not change.is_last:
        return (*to_card(change), *recounted(authorisation, facts, completed, change.remaining_minor))
    held = authorisation.current_minor
    counted = recounted(authorisation, facts, completed, held, beside_minor=change.remaining_minor)
    if is_too_old(authorisation, facts) or change.payment.business_day != facts.business_day:
        expired = ChangePayment(authorisation.payment_id, PaymentState.EXPIRED, held, None)
        return (*to_card(change), *counted, expired)
    hold = open_hold(authorisation, held, forced=True)
    is_held = ChangePayment(authorisation.payment_id, PaymentState.HELD, held, facts.journal_id)
    return (*to_card(change), hold, *counted, is_held)


def capture_again(change: Change) -> tuple[Effect, ...]:
    """A cancelled completion stands again: it takes the hold that its cancel had opened."""
    return (end_hold(_authorisation(change), "captured"), *charge_again(change))


def charge_again(change: Change) -> tuple[Effect, ...]:
    """The same where its cancel had opened none: the authorisation was too old, and had expired."""
    completion, authorisation, amount = change.parent, _authorisation(change), change.payment.current_minor
    held = authorisation.current_minor
    return (
        *from_card(change.payment, amount, forced=True),
        *recounted(authorisation, change.facts, held, amount),
        ChangePayment(completion.payment_id, PaymentState.POSTED, completion.current_minor + amount, None),
        ChangePayment(authorisation.payment_id, PaymentState.CAPTURED, held, None),
    )


def _authorisation(change: Change) -> Payment:
    """The one of a completion that a cancel is about."""
    assert change.facts.grandparent is not None
    return change.facts.grandparent
