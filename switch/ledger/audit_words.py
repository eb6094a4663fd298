"""The words of the audit: an invariant as data, and what was found of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple


class Query(NamedTuple):
    """What each row of a query says, its columns by name in braces; ids and amounts, never a card number."""

    says: str
    sql: str


@dataclass(frozen=True, slots=True)
class Invariant:
    """One claim about the books. ``counted`` returns one row, the figure; ``broken_by`` none if it holds.

    ``listed`` returns what is allowed but must be seen by a person.
    """

    name: str
    claim: str
    counted: Query
    broken_by: tuple[Query, ...]
    listed: tuple[Query, ...] = ()


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
