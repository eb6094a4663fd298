"""Authorisations: an amount set aside, made larger, captured by a completion, or let go after its time."""

from __future__ import annotations

from typing import Final

from switch.decisions import Facts, OpenHold, OpenPayment, Payment, PaymentState, Refusal
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.rules.rule import Policy
from switch.transactions.counting import counted, spent
from switch.transactions.hold_moves import AUTHORISATION_DAYS, is_too_old
from switch.transactions.lifecycle import step_for, take
from switch.transactions.posting import NOTHING, Posting, parties_to
from switch.values import Money

COMPLETION_PERCENT: Final = 115
"""A completion may be this much of what was authorised, in hundredths (domain rule 18)."""


def authorisation(request: Request, facts: Facts, policy: Policy) -> Posting:
    """Set the amount aside; a completion will capture it."""
    amount, _card, account, _merchant = parties_to(request, facts)
    return Posting(
        effects=(
            OpenHold(account.account_id, amount, account.currency),
            *spent(request, facts, policy),
            OpenPayment(PaymentState.HELD, amount, facts.journal_id, is_authorisation=True),
        ),
        has_approval_code=True,
    )


def increment(request: Request, facts: Facts, policy: Policy) -> Posting | Refusal:
    """Add to the hold of an authorisation that is still open and may still be completed."""
    amount = request.amount_minor or 0
    original, step = facts.original, step_for(request.kind, facts)
    if original is None or step is None or facts.pan_key != original.pan_key:
        return _not_found(original)
    if is_too_old(original, facts):
        return _too_old(original)
    held = take(step, original, facts, original.current_minor + amount)
    own = OpenPayment(PaymentState.POSTED, amount, None)
    return Posting(effects=(*held, *counted(request, facts, policy), own), has_approval_code=True)


def completion(request: Request, facts: Facts, policy: Policy) -> Posting | Refusal:
    """Capture an authorisation of this card, once: at most 115 % of what is authorised now; the rest is released.

    What was reversed on a later day, and waits for an operator to release it, is not authorised any more.

    An advice tells of what has happened, so that age does not refuse it, nor that its hold has expired meanwhile
    (domain rule 15). What no authorisation covers is no business of its card's: that is refused to both.
    """
    amount = request.amount_minor or 0
    original, step = facts.original, step_for(request.kind, facts)
    if original is None or step is None or facts.pan_key != original.pan_key:
        return _not_found(original)
    if request.kind is Kind.COMPLETION and is_too_old(original, facts):
        return _too_old(original)
    authorised = original.current_minor
    open_minor = authorised - facts.queued_minor
    if open_minor <= 0:
        return Refusal(Action.ORIGINAL_NOT_FOUND, "the authorisation was reversed, and waits for an operator")
    if amount * 100 > open_minor * COMPLETION_PERCENT:
        said, most = Money(amount, original.currency), Money(open_minor, original.currency)
        why = f"{said} is more than {COMPLETION_PERCENT} % of the {most} authorised"
        return Refusal(Action.AMOUNT_MISMATCH, why)
    captured = take(step, original, facts, authorised, amount)
    own = OpenPayment(PaymentState.POSTED, amount, None)
    return Posting(effects=(*captured, *counted(request, facts, policy), own), has_approval_code=True)


def expiry(_: Request, facts: Facts, __: Policy) -> Posting | Refusal:
    """Release a hold that nobody may capture any more; one that has ended meanwhile is left alone."""
    original, step = facts.original, step_for(Kind.EXPIRY, facts)
    if original is None or step is None:
        return NOTHING
    if not is_too_old(original, facts):
        why = f"the authorisation is of {original.business_day}, good for {AUTHORISATION_DAYS} days"
        return Refusal(Action.INVALID_TRANSACTION, why)
    return Posting(effects=take(step, original, facts, original.current_minor))


def _not_found(original: Payment | None) -> Refusal:
    what = "" if original is None else f": it is a {original.kind}, {original.state}, perhaps of another card"
    return Refusal(Action.ORIGINAL_NOT_FOUND, f"the message names no open authorisation of this card{what}")


def _too_old(original: Payment) -> Refusal:
    why = f"the authorisation is of {original.business_day}, more than {AUTHORISATION_DAYS} days ago"
    return Refusal(Action.ORIGINAL_TOO_OLD, why)
