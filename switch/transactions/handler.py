"""Hands each request to the ledger with its deadline, and its outcome back: the only file here that waits.

It waits by callback, not by task: the ledger calls ``deliver`` once the request's group is durable. So a
connection can have many requests in flight without a task, an event or a channel for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from switch.decisions import Outcome, Standing
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Reply, Request
from switch.transactions.table import TABLE

Deliver = Callable[[Outcome], None]

_MICROSECONDS: Final = 1_000_000


class Ledger(Protocol):
    """What decides and remembers: `switch.ledger.writer`, or a fake."""

    def submit(self, request: Request, deliver: Deliver, expires_at: int) -> bool:
        """Queue the request; False when the queue is full, and then ``deliver`` is never called."""
        ...


class Handler:
    """Admits requests of one listener. ``answer_deadline_s`` is how long its terminals wait for an answer."""

    def __init__(self, ledger: Ledger, answer_deadline_s: float) -> None:
        self._ledger = ledger
        self._patience: Mapping[Kind, int] = {
            kind: int(min(row.deadline_s, answer_deadline_s) * _MICROSECONDS) for kind, row in TABLE.items()
        }

    def handle(self, request: Request, deliver: Deliver) -> None:
        """Have the request decided; ``deliver`` is called once, at once where the queue is full."""
        expires_at = request.received_at + self._patience[request.kind]
        if not self._ledger.submit(request, deliver, expires_at):
            reply = Reply(Action.TEMPORARILY_UNAVAILABLE, request.received_at)
            deliver(
                Outcome(
                    request,
                    Standing.SHED,
                    reply,
                    "nobody can take it now: the queue is full, or the books are away",
                    None,
                    request.received_at,
                )
            )
