"""What a terminal counts for itself: the totals of its batch, and what each card should have lost or gained.

    debits    sales and completions
    credits   voids and refunds
    loads     cash taken for prepaid cards, less what was handed back; no part of a batch's totals

What is reversed is out of the count, as if it had never been: so what it had undone stands again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple


class Move(Enum):
    """What an approved step does to the totals, and to what its card may spend."""

    NOTHING = auto()
    SALE = auto()
    REFUND = auto()
    HOLD = auto()  # set aside: the card's loss, no part of the totals
    MORE = auto()  # added to a hold
    CAPTURE = auto()  # a sale that takes the whole hold of its authorisation and may be for less
    CANCEL = auto()  # the opposite of all that belongs to the original
    TOTAL = auto()  # another amount for the original
    TRANSFER = auto()
    LOAD = auto()
    UNDO = auto()  # a reversal


class Sum(NamedTuple):
    """How many, how much in minor units."""

    number: int = 0
    minor: int = 0

    def plus(self, other: Sum) -> Sum:
        return Sum(self.number + other.number, self.minor + other.minor)

    def __str__(self) -> str:
        return f"{self.number} of {self.minor / 100:,.2f}"


NONE = Sum()


@dataclass(frozen=True, slots=True)
class Totals:
    """Of one batch, or of a part of it."""

    debits: Sum = NONE
    credits: Sum = NONE
    loads_minor: int = 0

    @property
    def net_minor(self) -> int:
        """What the merchant's account gained by it."""
        return self.debits.minor - self.credits.minor - self.loads_minor


@dataclass(frozen=True, slots=True)
class _Entry:
    move: Move
    of: str
    debit: Sum = NONE
    credit: Sum = NONE
    loads_minor: int = 0
    changes: dict[str, int] = field(default_factory=dict)


class Tally:
    """The entries of one play, by the names of its steps."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def book(self, name: str, move: Move, amount_minor: int, card: str, about: str = "") -> None:
        """Count an approved step.

        ``about`` names an earlier one, or the card that a transfer goes to; one that is not in the count is no one.
        """
        if move is Move.NOTHING:
            return
        if move is Move.UNDO:
            self._entries.pop(about, None)
            return
        self._entries[name] = self._entry(move, amount_minor, card, about)

    def _entry(self, move: Move, amount: int, card: str, of: str) -> _Entry:
        belongs = tuple(self._belonging_to(of))
        if move is Move.CANCEL:
            return _opposite(of, belongs)
        if move is Move.TOTAL:
            more = amount - sum(entry.debit.minor for entry in belongs)
            return _Entry(move, of, debit=Sum(0, more), changes={card: -more})
        if move is Move.CAPTURE:
            held = -sum(sum(entry.changes.values()) for entry in belongs)
            return _Entry(move, of, debit=Sum(1, amount), changes={card: held - amount})
        if move is Move.REFUND:
            return _Entry(move, of, credit=Sum(1, amount), changes={card: amount})
        if move is Move.LOAD:
            return _Entry(move, of, loads_minor=amount, changes={card: amount})
        if move is Move.TRANSFER:
            return _Entry(move, of, changes={card: -amount, of: amount})
        debit = Sum(1, amount) if move is Move.SALE else NONE
        return _Entry(move, of, debit=debit, changes={card: -amount})

    def _belonging_to(self, name: str) -> Iterable[_Entry]:
        """The entry of that name, and those that have changed its amount since."""
        for key, entry in self._entries.items():
            if key == name or (entry.of == name and entry.move in (Move.MORE, Move.TOTAL)):
                yield entry

    def totals(self) -> Totals:
        """All that counts now."""
        debits = credit = NONE
        loads = 0
        for entry in self._entries.values():
            debits, credit = debits.plus(entry.debit), credit.plus(entry.credit)
            loads += entry.loads_minor
        return Totals(debits, credit, loads)

    def change_of(self, card: str) -> int:
        """What the card may spend more than at the beginning, in minor units; less is negative."""
        return sum(entry.changes.get(card, 0) for entry in self._entries.values())


def _opposite(of: str, belongs: tuple[_Entry, ...]) -> _Entry:
    changes: Counter[str] = Counter()
    for entry in belongs:
        changes.subtract(entry.changes)
    cancelled = sum(entry.debit.minor for entry in belongs)
    credit = Sum(1, cancelled) if cancelled else NONE
    return _Entry(Move.CANCEL, of, NONE, credit, -sum(entry.loads_minor for entry in belongs), dict(changes))
