"""Rules about the sender: terminal and merchant (domain rules 23 and 24), and whether it took the request back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from switch.decisions import BatchState, Refusal
from switch.messages.actions import Action
from switch.rules.limits import UNKNOWN_BATCH, batch_counter
from switch.rules.rule import NOT_ASKED

if TYPE_CHECKING:
    from switch.decisions import Facts
    from switch.messages.model import Request
    from switch.rules.rule import Policy, Verdict

BATCH_MAX: Final = 999
"""Requests in a batch: the counters of its settlement message have three digits (domain rule 28)."""


def terminal_is_known(request: Request, facts: Facts, _: Policy) -> Verdict:
    """DE 41 names a terminal in the books."""
    if facts.terminal is not None:
        return request.terminal_id, "registered", None
    return request.terminal_id, "registered", Refusal(Action.TERMINAL_UNKNOWN, "the terminal is not registered")


def terminal_is_active(_: Request, facts: Facts, __: Policy) -> Verdict:
    """A terminal that is registered only, locked, dormant or retired does nothing."""
    status = facts.terminal.status if facts.terminal else "unknown"
    if status == "active":
        return status, "active", None
    return status, "active", Refusal(Action.TERMINAL_INACTIVE, f"the terminal is {status}")


def terminal_is_of_merchant(request: Request, facts: Facts, _: Policy) -> Verdict:
    """DE 42 is the merchant that the terminal is bound to."""
    bound_to = facts.terminal.merchant_id if facts.terminal else ""
    if request.merchant_id == bound_to:
        return request.merchant_id, bound_to, None
    return (
        request.merchant_id,
        bound_to,
        Refusal(Action.MERCHANT_UNKNOWN, f"the terminal is bound to merchant {bound_to}"),
    )


def terminal_is_signed_on(_: Request, facts: Facts, policy: Policy) -> Verdict:
    """Where the listener demands it, a terminal signs on before its first financial request."""
    signed_on = facts.terminal is not None and facts.terminal.signed_on
    if signed_on or not policy.sign_on_required:
        return signed_on, policy.sign_on_required, None
    return signed_on, True, Refusal(Action.NOT_SIGNED_ON, "the terminal has not signed on")


def terminal_may_do_this(request: Request, facts: Facts, _: Policy) -> Verdict:
    """The terminal is registered for this kind and this entry mode (first two digits of DE 22)."""
    terminal = facts.terminal
    if terminal is not None:
        if terminal.kinds and request.kind not in terminal.kinds:
            why = f"the terminal may not do {request.kind}"
            return str(request.kind), sorted(terminal.kinds), Refusal(Action.NOT_PERMITTED_TERMINAL, why)
        mode = request.entry_mode[:2]
        if terminal.entry_modes and mode not in terminal.entry_modes:
            why = f"the terminal may not use entry mode {mode or 'none'}"
            return mode, sorted(terminal.entry_modes), Refusal(Action.NOT_PERMITTED_TERMINAL, why)
    return str(request.kind), "allowed", None


def merchant_is_known(request: Request, facts: Facts, _: Policy) -> Verdict:
    """DE 42 names a merchant in the books."""
    if facts.merchant is not None:
        return request.merchant_id, "registered", None
    return request.merchant_id, "registered", Refusal(Action.MERCHANT_UNKNOWN, "the merchant is not registered")


def merchant_is_active(_: Request, facts: Facts, __: Policy) -> Verdict:
    """A frozen or closed merchant takes no new payments."""
    status = facts.merchant.status if facts.merchant else "unknown"
    if status == "active":
        return status, "active", None
    return status, "active", Refusal(Action.MERCHANT_FROZEN, f"the merchant is {status}")


def nothing_new_in_maintenance(_: Request, __: Facts, policy: Policy) -> Verdict:
    """While the switch is maintained, nothing new moves money or opens anything; what has happened is still told."""
    if not policy.in_maintenance:
        return NOT_ASKED
    return True, False, Refusal(Action.MAINTENANCE, "the switch is in maintenance: nothing new is let in")


def batch_is_the_terminals(request: Request, facts: Facts, policy: Policy) -> Verdict:
    """A new financial request is of the batch that its terminal was given at sign-on, and that batch is open.

    Who has not signed on was given none, and numbers its batches itself. A batch that was settled takes nothing more:
    one that balanced is followed by another at the next sign-on, one that did not is uploaded first (domain rule 28).
    """
    terminal = facts.terminal
    if not policy.has_batches or terminal is None:
        return NOT_ASKED
    batch = terminal.batch
    if request.batch in ("", UNKNOWN_BATCH, batch):
        if terminal.batch_state is BatchState.OPEN:
            return (request.batch, batch, None) if terminal.signed_on else NOT_ASKED
        if terminal.batch_state is BatchState.UNBALANCED:
            why = f"batch {batch} was settled and does not balance: its upload has to end first"
            return request.batch, batch, Refusal(Action.BATCH_UNBALANCED, why)
        why = f"batch {batch} is settled: the next one is given out at sign-on"
        return request.batch, batch, Refusal(Action.BATCH_MISMATCH, why)
    if not terminal.signed_on:
        return NOT_ASKED
    why = f"the terminal's open batch is {batch}, not {request.batch}"
    return request.batch, batch, Refusal(Action.BATCH_MISMATCH, why)


def batch_has_room(request: Request, facts: Facts, policy: Policy) -> Verdict:
    """A batch that is full is settled before anything new is put into it."""
    if not policy.has_batches or not request.batch or facts.terminal is None:
        return NOT_ASKED
    spent = facts.spending.get(batch_counter(request, facts.terminal))
    count = spent.count if spent is not None else 0
    if count < BATCH_MAX:
        return count, BATCH_MAX, None
    return count, BATCH_MAX, Refusal(Action.BATCH_FULL, f"the batch has {count} requests: settle it first")


def no_reversal_came_first(request: Request, facts: Facts, _: Policy) -> Verdict:
    """A request whose reversal overtook it must not take effect any more (domain rule 8, tombstone)."""
    if not facts.tombstone:
        return request.stan, "not reversed", None
    why = "its reversal arrived before it"
    return request.stan, "not reversed", Refusal(Action.ALREADY_REVERSED, why)
