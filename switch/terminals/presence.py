"""Which terminals are there: those that the books knew by a request on a connection that is still open.

A concentrator brings many terminals on one connection, and a terminal that connects anew may have an old connection
that nobody has noticed is dead: so it is counted on each of its connections, and is there while it has one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet


class Presence:
    """The terminals of one listener."""

    def __init__(self) -> None:
        self._connections: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._connections)

    def arrived(self, terminal_id: str) -> None:
        """Tell once for each connection."""
        self._connections[terminal_id] += 1

    def left(self, terminal_ids: AbstractSet[str]) -> None:
        """Tell when a connection ends, with all that arrived on it."""
        for terminal_id in terminal_ids:
            self._connections[terminal_id] -= 1
            if not self._connections[terminal_id]:
                del self._connections[terminal_id]
