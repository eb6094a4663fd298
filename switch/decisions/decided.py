"""The answer to one request, and why: the reply, the whole trace, the effects; and what came of it in the books."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from switch.decisions.effects import Effect
    from switch.messages.actions import Action
    from switch.messages.model import Reply, Request


Check = tuple[str, object, object, bool]
"""One rung of the refusal ladder as it was climbed: rule, value found, limit it was held against, passed or not."""

Trace = tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Our rule says no. ``because`` is one English clause for operators: numbers and states, never a PAN."""

    action: Action
    because: str


class Decision(NamedTuple):
    """The answer to one request, why, and what it does to the books.

    ``because`` is "" for an approval. ``journalled`` is False where the sender is no known terminal at its own
    merchant: strangers cannot fill the disk; such a decision has no effects and claims no key.
    """

    reply: Reply
    trace: Trace
    because: str
    effects: tuple[Effect, ...]
    journalled: bool


class Standing(StrEnum):
    """How an outcome came about, for counters and the log."""

    FIRST = "first"  # decided now
    REPEAT = "repeat"  # the stored answer of an earlier one
    CONFLICT = "conflict"  # same key, another request: nothing changed
    SHED = "shed"  # older than its deadline before its turn came; no answer
    UNKNOWN = "unknown"  # the commit's fate could not be found out; no answer


class Outcome(NamedTuple):
    """What the ledger hands back for one request once its group is durable. ``reply`` None means stay silent."""

    request: Request
    standing: Standing
    reply: Reply | None
    because: str
    journal_id: int | None
    committed_at: int
