"""Reversals: the network undoes a request whose answer never arrived (domain rules 7 to 10).

    original is ...        a full reversal                             a partial one (DE 95)
    ---------------------  ------------------------------------------  -------------------------------------------
    unknown                tombstone: it is declined if it comes       the same
    open in its life       the step of `switch.transactions.lifecycle` leaves the new amount, where the step allows it
    cancelled              nothing moves, but it is gone for good      the same
    refunded as a whole    the same                                    nothing, 00
    anywhere else          nothing, 00                                 nothing, 00
    of a closed day        nothing: an operator adjusts, and the answer says so

What was cancelled or refunded is given back already, and no reversal gives it back again. But what the network has
undone does not come back with the reversal of the cancel or the refund, whatever day that is of (domain rule 8). The
effect gives the counters of the original's day back. Nothing else refuses a reversal but an amount that is not its
original's.
"""

from __future__ import annotations

from switch.decisions import BatchState, Effect, Facts, LayTombstone, Payment, PaymentState, QueueAdjustment, Refusal
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.rules.limits import UNKNOWN_BATCH
from switch.rules.rule import Policy
from switch.transactions.lifecycle import step_for, take
from switch.transactions.posting import NOTHING, Posting
from switch.values import Money


def reversal(request: Request, facts: Facts, _: Policy) -> Posting | Refusal:
    """Undo the original, wholly or in part, at most once."""
    original = facts.original
    if original is None:
        return _bury(request)
    step = step_for(Kind.REVERSAL, facts)
    if step is None:
        return NOTHING
    if original.state is PaymentState.VOIDED:
        return Posting(effects=take(step, original, facts, 0))
    remaining = _remaining(request, original)
    refusal = _other_amount(request, original, remaining, in_part=step.in_part)
    if refusal is not None:
        return refusal
    closed = _what_is_closed(original, facts) if original.current_minor > 0 else ""
    is_last = remaining == original.refunded_minor
    if remaining == original.current_minor and not is_last:
        return NOTHING
    if closed and remaining != original.current_minor:
        return Refusal(Action.ORIGINAL_CLOSED, f"the original is of {closed}")
    return Posting(effects=take(step, original, facts, remaining, is_last=is_last))


def after_refusal(refusal: Refusal, request: Request, facts: Facts) -> tuple[Effect, ...]:
    """What a refused reversal leaves behind: one of a closed day waits for an operator (domain rule 8), once."""
    original = facts.original
    if refusal.action is not Action.ORIGINAL_CLOSED or request.kind is not Kind.REVERSAL or original is None:
        return ()
    amount = original.current_minor - _remaining(request, original) - facts.queued_minor
    return (QueueAdjustment(original.payment_id, amount, refusal.because),) if amount > 0 else ()


def _what_is_closed(original: Payment, facts: Facts) -> str:
    """The business day or the settled batch that the original is of, "" where both are open (domain rule 8).

    A hold is in no batch's totals. A terminal that was given no number settles nothing, whatever it calls its batches.
    """
    if original.business_day != facts.business_day:
        return f"{original.business_day}, a day already closed"
    terminal = facts.terminal
    if terminal is None or original.state is PaymentState.HELD or original.batch in ("", UNKNOWN_BATCH):
        return ""
    is_open = terminal.batch_state is BatchState.OPEN if original.batch == terminal.batch else not terminal.signed_on
    return "" if is_open else f"batch {original.batch}, already settled"


def _remaining(request: Request, original: Payment) -> int:
    """What a reversal leaves of its original: the new amount, 0 for none; what was refunded is given back already."""
    return max(request.new_amount_minor or 0, original.refunded_minor)


def _other_amount(request: Request, original: Payment, remaining: int, *, in_part: bool) -> Refusal | None:
    """A reversal names the original's amount as it was first asked, or a new one that is not above what is left.

    An activation is of nothing, whatever amount its message named.
    """
    names_it = original.kind is not Kind.ACTIVATION
    if names_it and request.new_amount_minor is None and request.amount_minor not in (None, original.amount_minor):
        said = Money(request.amount_minor or 0, original.currency)
        why = f"the original was for {Money(original.amount_minor, original.currency)}, the reversal says {said}"
        return Refusal(Action.AMOUNT_MISMATCH, why)
    left, wanted = Money(original.current_minor, original.currency), Money(remaining, original.currency)
    if remaining > original.current_minor:
        return Refusal(Action.AMOUNT_MISMATCH, f"{left} is left of the original, the reversal wants to leave {wanted}")
    if not in_part and remaining not in (0, original.current_minor):
        why = f"a {original.kind} is undone as a whole, the reversal wants to leave {wanted} of {left}"
        return Refusal(Action.AMOUNT_MISMATCH, why)
    return None


def _bury(request: Request) -> Posting:
    reference = request.original
    if reference is None:
        return Posting(effects=(LayTombstone("", request.stan, request.local_date, request.batch),))
    day = reference.local_date or request.local_date
    return Posting(effects=(LayTombstone(reference.message_class, reference.stan, day, reference.batch),))
