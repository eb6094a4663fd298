"""Approvals whose answer did not leave: money that moved while the terminal may believe that it did not.

The door knows them, not the books: a connection that is gone when its answer comes, an answer that the dialect cannot
hold, bytes that a slow reader left in our hands. What the kernel took counts as sent; whether the terminal read it
nobody knows. An entry goes when the terminal repeats its request and is answered, when the books show the payment
undone (`switch.ledger.gauges` looks), or after a day: by then the batch's settlement has shown the difference. It is
kept in memory: a switch that is begun again knows nothing of the answers that the one before it could not send.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

KEPT_MAX: Final = 10_000
"""Entries kept, the newest: a network that fails under full load leaves a few thousand."""

KEPT_US: Final = 86_400_000_000


class Approval(NamedTuple):
    """A payment that was approved: its id, which is its journal row's, and when, in microseconds since 1970."""

    journal_id: int
    approved_at: int


class Unanswered:
    """The approvals that are not known to be answered. For the event loop's thread."""

    def __init__(self) -> None:
        self._entries: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, journal_id: int, approved_at: int) -> None:
        self._entries[journal_id] = approved_at
        if len(self._entries) > KEPT_MAX:
            del self._entries[next(iter(self._entries))]

    def discard(self, journal_ids: Iterable[int]) -> None:
        for journal_id in journal_ids:
            self._entries.pop(journal_id, None)

    def pending(self, now: int) -> list[Approval]:
        """Return those of the last day, oldest first; older ones are forgotten."""
        self._entries = {name: at for name, at in self._entries.items() if now - at < KEPT_US}
        return [Approval(*entry) for entry in self._entries.items()]
