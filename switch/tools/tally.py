"""What a terminal counts for itself: the totals of its batch, and what each card should have lost or gained.

    debits    sales and completions
    credits   voids and refunds
    loads     cash taken for prepaid cards, less what was handed back; no part of a batch's totals

What is reversed is out of the count, as if it had never been: so what it had undone stands again. An adjustment or a
tip is no transaction of a batch: it changes the amount of its sale. Totals are of everything since the play began, or
of one batch, then by domestic and by foreign cards, as a settlement states them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
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


class Counted(NamedTuple):
    """One transaction of a batch, by the name of its step; ``minor`` is its amount now."""

    name: str
    is_domestic: bool
    is_debit: bool
    minor: int


class Side(NamedTuple):
    """What a batch has of domestic cards, or of foreign ones."""

    debits: Sum = NONE
    credits: Sum = NONE


class BatchTotals(NamedTuple):
    """What a settlement states."""

    domestic: Side = Side()
    foreign: Side = Side()


def added(counted: Iterable[Counted]) -> BatchTotals:
    """Add up the transactions of a batch."""
    sums = {(is_domestic, is_debit): NONE for is_domestic in (True, False) for is_debit in (True, False)}
    for one in counted:
        key = one.is_domestic, one.is_debit
        sums[key] = sums[key].plus(Sum(1, one.minor))
    return BatchTotals(
        Side(sums[True, True], sums[True, False]),
        Side(sums[False, True], sums[False, False]),
    )


class Mistake(NamedTuple):
    """What a terminal has wrong in its batch: ``what`` is missing, extra or different; None is the side without it."""

    stan: str
    what: str
    host_minor: int | None
    own_minor: int | None


class Settled(NamedTuple):
    """A batch as it was settled: what the terminal stated, what was true, and what makes the difference."""

    batch: str
    stated: BatchTotals
    counted: BatchTotals
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    move: Move
    of: str
    card: str
    batch: str
    debit: Sum = NONE
    credit: Sum = NONE
    loads_minor: int = 0
    changes: dict[str, int] = field(default_factory=dict)


class Tally:
    """The entries of one play, by the names of its steps. Cards that are not ``foreign`` are domestic."""

    def __init__(self, foreign: Iterable[str] = ()) -> None:
        self._entries: dict[str, _Entry] = {}
        self._foreign = frozenset(foreign)

    def book(self, name: str, move: Move, amount_minor: int, card: str, about: str = "", batch: str = "") -> None:
        """Count an approved step of a batch.

        ``about`` names an earlier one, or the card that a transfer goes to; one that is not in the count is no one.
        """
        if move is Move.NOTHING:
            return
        if move is Move.UNDO:
            self._entries.pop(about, None)
            return
        self._entries[name] = self._entry(_Entry(move, about, card, batch), amount_minor)

    def _entry(self, bare: _Entry, amount: int) -> _Entry:
        move, of, card = bare.move, bare.of, bare.card
        belongs = tuple(self._belonging_to(of))
        if move is Move.CANCEL:
            return _opposite(bare, belongs)
        if move is Move.TOTAL:
            more = amount - sum(entry.debit.minor for entry in belongs)
            return replace(bare, debit=Sum(0, more), changes={card: -more})
        if move is Move.CAPTURE:
            held = -sum(sum(entry.changes.values()) for entry in belongs)
            return replace(bare, debit=Sum(1, amount), changes={card: held - amount})
        if move is Move.REFUND:
            return replace(bare, credit=Sum(1, amount), changes={card: amount})
        if move is Move.LOAD:
            return replace(bare, loads_minor=amount, changes={card: amount})
        if move is Move.TRANSFER:
            return replace(bare, changes={card: -amount, of: amount})
        debit = Sum(1, amount) if move is Move.SALE else NONE
        return replace(bare, debit=debit, changes={card: -amount})

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

    def counted(self, batch: str) -> Iterator[Counted]:
        """Yield the debits and credits of a batch, each with what it comes to now, in their order."""
        for name, entry in self._entries.items():
            if entry.batch == batch and (entry.debit.number or entry.credit.number):
                minor = entry.credit.minor or sum(each.debit.minor for each in self._belonging_to(name))
                yield Counted(name, self.is_domestic(entry.card), bool(entry.debit.number), minor)

    def is_domestic(self, card: str) -> bool:
        """Whether a card's transactions are stated among those of domestic cards."""
        return card not in self._foreign

    def change_of(self, card: str) -> int:
        """What the card may spend more than at the beginning, in minor units; less is negative."""
        return sum(entry.changes.get(card, 0) for entry in self._entries.values())


def _opposite(bare: _Entry, belongs: tuple[_Entry, ...]) -> _Entry:
    changes: Counter[str] = Counter()
    for entry in belongs:
        changes.subtract(entry.changes)
    cancelled = sum(entry.debit.minor for entry in belongs)
    credit = Sum(1, cancelled) if cancelled else NONE
    loads_minor = -sum(entry.loads_minor for entry in belongs)
    return replace(bare, credit=credit, loads_minor=loads_minor, changes=dict(changes))
