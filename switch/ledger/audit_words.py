"""The words of the audit: an invariant as data, and what was found of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import sqlalchemy as sa

from switch.ledger.ids import TAG_BITS

CLOCK_SKEW_S = 5
"""How far the clocks of two hosts may be apart: what happened closer together may have happened in either order."""

SKEW = CLOCK_SKEW_S * 1_000_000 << TAG_BITS
"""The same between two journal ids."""


class Query(NamedTuple):
    """What each row of a query says, its columns by name in braces; ids and amounts, never a card number."""

    says: str
    sql: str


Replay = Callable[[sa.Connection], Iterator[str]]
"""Reads what one query cannot judge, and yields what it has to say of it, as a query's rows do."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """One claim about the books. ``counted`` returns one row, the figure; ``broken_by`` none if it holds.

    ``listed`` returns what is allowed but must be seen by a person.
    """

    name: str
    claim: str
    counted: Query
    broken_by: tuple[Query | Replay, ...]
    listed: tuple[Query | Replay, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one invariant: its figure, how often it is broken, and by what (the first ones)."""

    KEPT_MAX: ClassVar[int] = 1_000  # offenders, and listed entries, that are kept

    invariant: str
    claim: str
    figure: str
    broken: int
    offenders: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return self.broken == 0
