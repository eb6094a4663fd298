"""The life of a payment, and how a reversal ends it.

A payment is born `HELD` (an authorisation) or `POSTED` (a purchase, a refund), or it was `DECLINED` and never
was one. A reversal undoes a request whose answer never arrived, so it is not a business decision: it finds its
original, and by the original's state it has one effect, or none, and says 00 either way. Whatever a reversal
finds, a second one finds nothing left to do.

    original is ...      a full reversal                         a partial one (DE 95)
    -----------------    --------------------------------------  ------------------------------------
    unknown              tombstone: it is declined if it comes   the same
    DECLINED, REVERSED   nothing                                 nothing
    HELD                 release the hold          -> REVERSED   replace it by a smaller  -> HELD
    POSTED (purchase)    mirror the transfer       -> REVERSED   mirror the difference    -> POSTED
    POSTED (refund)      mirror it, forced         -> REVERSED   mirror the difference, forced
      of a REVERSED sale nothing                                 nothing
    another day's        nothing: an operator adjusts, and the answer says so

The effect gives the counters of the original's day back (domain rule 10).
"""

from __future__ import annotations

from switch.decisions import (
    ChangePayment,
    CountRefund,
    CountSpend,
    Effect,
    EndHold,
    Facts,
    LayTombstone,
    OpenHold,
    Payment,
    PaymentState,
    QueueAdjustment,
    Refusal,
    Transfer,
)
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.transactions.posting import Posting
from switch.values import Money

NOTHING = Posting()


def reversal(request: Request, facts: Facts) -> Posting | Refusal:
    """Undo the original, wholly or in part, at most once (domain rules 7 to 10)."""
    original = facts.original
    if original is None:
        return _bury(request)
    if original.state in (PaymentState.DECLINED, PaymentState.REVERSED):
        return NOTHING
    if facts.parent is not None and facts.parent.state is PaymentState.REVERSED:
        return NOTHING  # the refund stands for a part of the sale's reversal now
    if request.new_amount_minor is None and request.amount_minor not in (None, original.amount_minor):
        said = Money(request.amount_minor or 0, original.currency)
        why = f"the original was for {Money(original.amount_minor, original.currency)}, the reversal says {said}"
        return Refusal(Action.AMOUNT_MISMATCH, why)
    remaining = _remaining(request, original)
    if remaining > original.current_minor:
        left, wanted = Money(original.current_minor, original.currency), Money(remaining, original.currency)
        why = f"{left} is left of the original, the reversal wants to leave {wanted}"
        return Refusal(Action.AMOUNT_MISMATCH, why)
    is_closed = original.business_day != facts.business_day
    if remaining == original.current_minor and (is_closed or remaining != original.refunded_minor):
        return NOTHING
    if is_closed:
        return Refusal(Action.ORIGINAL_CLOSED, f"the original is of {original.business_day}, a day already closed")
    return Posting(effects=_undo(original, remaining, facts.journal_id))


def after_refusal(refusal: Refusal, request: Request, facts: Facts) -> tuple[Effect, ...]:
    """What a refused reversal leaves behind: one of a closed day waits for an operator (domain rule 8)."""
    original = facts.original
    if refusal.action is not Action.ORIGINAL_CLOSED or request.kind is not Kind.REVERSAL or original is None:
        return ()
    amount = original.current_minor - _remaining(request, original)
    return (QueueAdjustment(original.payment_id, amount, refusal.because),)


def _remaining(request: Request, original: Payment) -> int:
    """What a reversal leaves of its original: the new amount, 0 for none; what was refunded is given back already."""
    return max(request.new_amount_minor or 0, original.refunded_minor)


def _bury(request: Request) -> Posting:
    reference = request.original
    if reference is None:
        return Posting(effects=(LayTombstone("", request.stan, request.local_date, request.batch),))
    day = reference.local_date or request.local_date
    return Posting(effects=(LayTombstone(reference.message_class, reference.stan, day, reference.batch),))


def _undo(original: Payment, remaining: int, journal_id: int) -> tuple[Effect, ...]:
    """Leave ``remaining`` of the original; zero, or what was refunded already, ends it."""
    ends = remaining == original.refunded_minor
    given_back = original.current_minor - remaining  # nothing, where all of a sale was refunded before
    state = PaymentState.REVERSED if ends else original.state
    hold_id = journal_id if original.state is PaymentState.HELD and not ends else None
    return (
        *(_money(original, given_back, remaining) if given_back else ()),
        *_counters(original, given_back, ends=ends),
        ChangePayment(original.payment_id, state, remaining, hold_id),
    )


def _money(original: Payment, given_back: int, remaining: int) -> tuple[Effect, ...]:
    assert original.account_id is not None
    assert original.merchant_account_id is not None
    if original.hold_id is not None:
        how = "replaced" if remaining else "released"
        end = EndHold(original.hold_id, original.account_id, original.current_minor, how)
        return (end, OpenHold(original.account_id, remaining, original.currency)) if remaining else (end,)
    if original.kind is Kind.REFUND:
        return (
            Transfer(original.account_id, original.merchant_account_id, given_back, original.currency, forced=True),
        )
    return (Transfer(original.merchant_account_id, original.account_id, given_back, original.currency),)


def _counters(original: Payment, given_back: int, *, ends: bool) -> tuple[Effect, ...]:
    if original.kind is Kind.REFUND:
        return (CountRefund(original.original_id, -given_back),) if original.original_id is not None else ()
    if original.card_id is None:
        return ()
    return (CountSpend(original.card_id, original.business_day, -given_back, -1 if ends else 0),)
