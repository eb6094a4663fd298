"""The merchant's cancels (domain rules 18, 19 and 21): of a sale, a load, a completion, an authorisation.

Each finds its original, holds amount and card against it, takes the original's step, and is a payment of its own, so
that a reversal can undo it.
"""

from __future__ import annotations

from switch.decisions import BatchState, Facts, OpenPayment, Payment, PaymentState, Refusal
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.rules.limits import UNKNOWN_BATCH
from switch.rules.rule import Policy
from switch.transactions.lifecycle import Step, step_for, take
from switch.transactions.posting import Posting
from switch.values import Money


def cancel(request: Request, facts: Facts, policy: Policy) -> Posting | Refusal:
    """Undo what the terminal did earlier in this batch and on this day: VOID, CODE_CANCEL, COMPLETION_VOID."""
    original, step = facts.original, step_for(request.kind, facts)
    if original is None or step is None or original.refunded_minor:
        return _not_found(request, original)
    if not _is_of_this_batch(request, facts, policy, original):
        return _not_found(request, original)
    return _differs(request, facts, original) or _cancelled(step, original, facts)


def cancel_load(request: Request, facts: Facts, policy: Policy) -> Posting | Refusal:
    """The same for a load, if what was loaded is still there: its cash is handed back."""
    posted = cancel(request, facts, policy)
    if isinstance(posted, Refusal):
        return posted
    amount, available = request.amount_minor or 0, facts.account.available_minor if facts.account else 0
    if amount > available:
        currency = facts.account.currency if facts.account else ""
        why = f"{Money(amount, currency)} was loaded, {Money(available, currency)} is left of it"
        return Refusal(Action.INSUFFICIENT_FUNDS, why)
    return posted


def cancel_authorisation(request: Request, facts: Facts, _: Policy) -> Posting | Refusal:
    """Release a hold that is still open, whichever day it is of, from whichever terminal of the merchant.

    The amount is what is held now: with its increments, and without what was reversed of it. What waits for an operator
    to be released is left to him.
    """
    original, step = facts.original, step_for(request.kind, facts)
    if original is None or step is None:
        return _not_found(request, original)
    if facts.queued_minor:
        return Refusal(Action.ORIGINAL_NOT_FOUND, "the authorisation was reversed, and waits for an operator")
    return _differs(request, facts, original) or _cancelled(step, original, facts)


def _cancelled(step: Step, original: Payment, facts: Facts) -> Posting:
    own = OpenPayment(PaymentState.POSTED, original.current_minor, None)
    return Posting(effects=(*take(step, original, facts, remaining_minor=0), own), has_approval_code=True)


def _is_of_this_batch(request: Request, facts: Facts, policy: Policy, original: Payment) -> bool:
    """Whether it is of this terminal, this day and the open batch: the one given out at sign-on, else the request's."""
    terminal = facts.terminal
    given_out = terminal.batch if terminal is not None else ""
    is_given_out = policy.has_batches and terminal is not None and terminal.signed_on
    open_batch = given_out if is_given_out or request.batch == UNKNOWN_BATCH else request.batch
    of_batch = given_out if original.batch == UNKNOWN_BATCH else original.batch
    is_settled = terminal is not None and of_batch == given_out and terminal.batch_state is not BatchState.OPEN
    if policy.has_batches and is_settled:
        return False  # its totals are frozen (domain rule 19)
    here = (request.terminal_id, open_batch, facts.business_day)
    return (original.terminal_id, of_batch, original.business_day) == here


def _not_found(request: Request, original: Payment | None) -> Refusal:
    if original is None:
        return Refusal(Action.ORIGINAL_NOT_FOUND, f"the message names nothing that a {request.kind} could be of")
    why = f"the original is a {original.kind} of {original.business_day}, {original.state}"
    refunded = ", refunded in part or as a whole" if original.refunded_minor else ""
    batch = f", of batch {original.batch}" if original.batch != request.batch else ""
    elsewhere = ", of another terminal" if original.terminal_id != request.terminal_id else ""
    return Refusal(Action.ORIGINAL_NOT_FOUND, why + refunded + batch + elsewhere)


def _differs(request: Request, facts: Facts, original: Payment) -> Refusal | None:
    """Amount before card (domain rule 19); who cancels a payment by code has no card to show."""
    if request.amount_minor != original.current_minor:
        said, left = (
            Money(request.amount_minor or 0, original.currency),
            Money(original.current_minor, original.currency),
        )
        return Refusal(Action.AMOUNT_MISMATCH, f"{left} is left of the original, the {request.kind} says {said}")
    if request.kind is not Kind.CODE_CANCEL and facts.pan_key != original.pan_key:
        return Refusal(Action.CARD_MISMATCH, f"the original is of another card than the {request.kind}")
    return None
