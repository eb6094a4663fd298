"""Decisions as a test writes them, to see what the ledger finds for a request and what it makes of effects."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import count
from typing import Any

from switch.decisions import Decision, Effect, Facts, Needs, OpenHold, OpenPayment, Outcome, PaymentState, Transfer
from switch.ledger.finding import SEARCHES
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Reply, Request
from switch.messages.references import rrn_of
from tests.ledger.shop import Shop

NEEDS = {
    kind: Needs(keyed=kind not in (Kind.SIGN_ON, Kind.SIGN_OFF), original=kind in SEARCHES, any_card=kind is Kind.VOID)
    for kind in Kind
}

Effects = tuple[Effect, ...]
Act = Callable[[Request, Facts], Effects | Action]


def code_of(outcome: Outcome) -> str:
    assert outcome.reply is not None
    return outcome.reply.approval_code


class Script:
    """Approves a request with the effects that ``act`` returns, or refuses it with the action; keeps what it saw."""

    def __init__(self, act: Act | None = None, **rules: Any) -> None:
        self.facts: list[Facts] = []
        self._act = act or moves
        self._rules = rules

    def __call__(self, request: Request, facts: Facts) -> Decision:
        self.facts.append(facts)
        done = self._act(request, facts)
        rrn = request.rrn or rrn_of(facts.journal_id)
        if isinstance(done, Action):
            return Decision(Reply(done, facts.decided_at, rrn), (), "refused by the test", (), journalled=True)
        code = f"{facts.journal_id % 1_000_000:06d}"
        return Decision(Reply(Action.APPROVED, facts.decided_at, rrn, code), (), "", done, journalled=True)

    def send(self, shop: Shop, *requests: Request) -> list[Outcome]:
        """Settle one group on a store of its own."""
        with closing(shop.store(self, **{"needs": NEEDS, **self._rules})) as store:
            return store.run(requests).outcomes

    def send_each(self, shop: Shop, *requests: Request, together: bool) -> list[Outcome]:
        """Settle requests in one group, or each in its own."""
        if together:
            return self.send(shop, *requests)
        return [outcome for request in requests for outcome in self.send(shop, request)]

    def race(self, shop: Shop, *sides: Sequence[Request]) -> list[list[Outcome]]:
        """Settle each side's requests, one group each, on a writer and a thread of its own, all at once."""
        ready = threading.Barrier(len(sides))
        results: list[list[Outcome]] = [[] for _ in sides]

        def run(place: int) -> None:
            own = replace(shop, ids=count(1_000_001 * (place + 2)))
            with closing(own.store(self, **{"needs": NEEDS, **self._rules})) as store:
                store.run([])  # connects
                ready.wait(timeout=10)
                for request in sides[place]:
                    results[place].extend(store.run([request]).outcomes)

        threads = [threading.Thread(target=run, args=(place,)) for place in range(len(sides))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        return results


def moves(request: Request, facts: Facts) -> Effects | Action:
    """What the kinds that make payments do, as far as the ledger cares; everything else has no effect."""
    amount = request.amount_minor or 0
    if request.kind is Kind.AUTHORISATION:
        assert facts.account is not None
        hold = OpenHold(facts.account.account_id, amount, "156")
        return (hold, OpenPayment(PaymentState.HELD, amount, facts.journal_id, is_authorisation=True))
    if request.kind in (Kind.REVERSAL, Kind.EXPIRY, Kind.CODE_QUERY):
        return ()
    assert facts.account is not None
    assert facts.merchant is not None
    other = facts.to_account or facts.merchant
    transfer = Transfer(facts.account.account_id, other.account_id, amount, "156")
    return (transfer, OpenPayment(PaymentState.POSTED, amount, None))
