"""The decision on one request: climb its ladder, post what it asks, or say why not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from switch.decisions import Decision, Effect, Facts, Refusal, Trace
from switch.messages.actions import Action
from switch.messages.chip import answerable
from switch.messages.model import Reply, Request
from switch.messages.references import approval_code_of, own_rrn
from switch.messages.verdicts import Finding
from switch.rules.compiling import Climber
from switch.rules.rule import Policy
from switch.transactions.noticing import noticed, wish_for
from switch.transactions.posting import Posting
from switch.transactions.reversing import after_refusal
from switch.transactions.table import TABLE

DEFAULT_POLICY = Policy()
MAINTAINED = Policy(in_maintenance=True)

_CLIMBERS: Final = {kind: Climber(row.ladder) for kind, row in TABLE.items()}


def decider(
    policies: Mapping[str, Policy], in_maintenance: Callable[[], bool] = lambda: False
) -> Callable[[Request, Facts], Decision]:
    """Return `decide` with the policy of each listener, by the listener's name, already in its hands.

    ``in_maintenance`` tells at each request whether anything new is let in.
    """
    maintained = {name: replace(policy, in_maintenance=True) for name, policy in policies.items()}

    def decide_for_listener(request: Request, facts: Facts) -> Decision:
        if in_maintenance():
            return decide(request, facts, maintained.get(request.listener, MAINTAINED))
        return decide(request, facts, policies.get(request.listener, DEFAULT_POLICY))

    return decide_for_listener


def decide(request: Request, facts: Facts, policy: Policy = DEFAULT_POLICY) -> Decision:
    """Decide one request from the facts. The same arguments always give the same decision."""
    row = TABLE[request.kind]
    trace, refusal = _CLIMBERS[request.kind].climb(request, facts, policy)
    if refusal is not None:
        return _declined(request, facts, trace, refusal)
    posted = row.post(request, facts, policy)
    if isinstance(posted, Refusal):
        return _declined(request, facts, trace, posted, after_refusal(posted, request, facts))
    return _approved(request, facts, trace, posted)


def _approved(request: Request, facts: Facts, trace: Trace, posting: Posting) -> Decision:
    quoted = posting.quoted
    approval_code = approval_code_of(facts.journal_id) if posting.has_approval_code else ""
    reply = Reply(
        Action.APPROVED,
        facts.decided_at,
        quoted.rrn if quoted else own_rrn(request, facts.journal_id),
        quoted.approval_code if quoted else approval_code,
        posting.balances,
        posting.batch,
        posting.private,
        wish_for(facts, None, posting.effects),
        posting.results,
        posting.totals,
        _answerable(request),
    )
    effects = (*posting.effects, *noticed(request, facts, trace, None))
    return Decision(reply, trace, "", effects, journalled=True)


def _declined(
    request: Request, facts: Facts, trace: Trace, refusal: Refusal, effects: tuple[Effect, ...] = ()
) -> Decision:
    """What strangers send leaves nothing behind, not even a row."""
    rrn = own_rrn(request, facts.journal_id)
    if not _is_known(request, facts):
        reply = Reply(refusal.action, facts.decided_at, rrn)
        return Decision(reply, trace, refusal.because, (), journalled=False)
    wish = wish_for(facts, refusal, effects)
    reply = Reply(refusal.action, facts.decided_at, rrn, wish=wish, chip=_answerable(request))
    left_behind = (*effects, *noticed(request, facts, trace, refusal))
    return Decision(reply, trace, refusal.because, left_behind, journalled=True)


def _answerable(request: Request) -> bytes:
    """Only a right cryptogram is answered."""
    if request.chip is None or request.verdicts.cryptogram is not Finding.RIGHT:
        return b""
    return answerable(request.chip, request.card_sequence)


def _is_known(request: Request, facts: Facts) -> bool:
    """Whether the sender is a terminal of ours at its own merchant; what others write into DE 42 is not kept."""
    return facts.terminal is not None and facts.terminal.merchant_id == request.merchant_id
