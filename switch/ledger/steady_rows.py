"""Rows that were read in an earlier group and are what they were: terminals and cards change far less than they pay.

SQLite tells in its ``data_version`` whether any other connection has committed anything since; what this one writes it
knows itself. So inside a transaction that holds the write lock, what is remembered here is what reading would give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from switch.ledger.rows import Row
from switch.ledger.statements import Query

ROWS_MAX: Final = 20_000
"""Rows of one query, each about a kibibyte. Beyond, it begins anew: those at work are soon there again."""

Read = Callable[[Query, Sequence[Row]], list[Row]]


class SteadyRows:
    """What one connection remembers of the queries that say `Query.steady`. ``read`` is what asks the database."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._version = -1
        self._held: dict[Query, dict[object, Row]] = {}

    def begin(self, version: int) -> None:
        """A transaction has begun: forget all if others have committed since the one before."""
        if version != self._version:
            self.forget()
            self._version = version

    def written(self, table: str) -> None:
        """This connection has changed rows of a table."""
        for query, held in self._held.items():
            if table in query.steady:
                held.clear()

    def forget(self) -> None:
        """Remember nothing: what was read may be about to be rolled back."""
        self._held.clear()

    def find(self, query: Query, rows: Sequence[Row]) -> list[Row]:
        """Return what the query gives, in no order; reads only what is not remembered."""
        held = self._held.setdefault(query, {})
        missing = [row for row in rows if row[0] not in held]
        if missing:
            if len(held) > ROWS_MAX:
                held.clear()
                missing = list(rows)
            held.update((found[0], found) for found in self._read(query, missing))
        return [held[row[0]] for row in rows if row[0] in held]
