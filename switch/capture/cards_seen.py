"""Which card numbers a capture had, in bounded memory and not as numbers: keyed hashes of 8 bytes in one flat table."""

from __future__ import annotations

import secrets
from array import array
from hashlib import blake2b
from typing import Final

PAN_SIZES: Final = range(12, 20)
"""Digits of the numbers that are remembered: shorter ones would be found everywhere by chance."""

CARDS_MAX: Final = 1 << 22
"""Four million cards, in a table of 64 MiB."""

_HASH_BYTES: Final = 8
_FIRST_SLOTS: Final = 1 << 12
_BIN_DIGITS: Final = 6
_NO_SLOT: Final = 0


class CardsSeen:
    """A set of card numbers. Of two million million other numbers about one would be taken for one of a full set.

    The hash's key is made anew for each set and never leaves it. Not for two threads at once.
    """

    def __init__(self, cards_max: int = CARDS_MAX) -> None:
        self._cards_max = cards_max
        self._key = secrets.token_bytes(32)
        self._slots = array("Q", bytes(_FIRST_SLOTS * _HASH_BYTES))
        self._sizes_of_bin = bytearray(10**_BIN_DIGITS)  # a bit for each of PAN_SIZES
        self._count = 0
        self.beginnings: frozenset[str] = frozenset()
        """The first two digits of all numbers."""

    def __len__(self) -> int:
        return self._count

    @property
    def is_full(self) -> bool:
        """Whether no other number fits; `add` then raises OverflowError."""
        return self._count >= self._cards_max

    def add(self, pan: str) -> None:
        """Remember a number of `PAN_SIZES` digits. Raises OverflowError for one too many."""
        hashed = self._hash(pan)
        slot = self._slot_of(self._slots, hashed)
        if self._slots[slot]:
            return
        if self.is_full:
            raise OverflowError(f"more than {self._cards_max} different card numbers")
        self._slots[slot] = hashed
        self._count += 1
        self._sizes_of_bin[int(pan[:_BIN_DIGITS])] |= 1 << len(pan) - PAN_SIZES.start
        if pan[:2] not in self.beginnings:
            self.beginnings |= {pan[:2]}
        if 2 * self._count > len(self._slots):
            self._grow()

    def __contains__(self, pan: str) -> bool:
        return self._slots[self._slot_of(self._slots, self._hash(pan))] != _NO_SLOT

    def sizes(self, beginning: str) -> list[int]:
        """How many digits the numbers have that begin with these six; [] where none does."""
        bits = self._sizes_of_bin[int(beginning)]
        return [size for size in PAN_SIZES if bits >> size - PAN_SIZES.start & 1] if bits else []

    def _hash(self, pan: str) -> int:
        digest = blake2b(pan.encode("ascii"), digest_size=_HASH_BYTES, key=self._key).digest()
        return int.from_bytes(digest, "big") or 1  # 0 marks a free slot

    @staticmethod
    def _slot_of(slots: array[int], hashed: int) -> int:
        """Return where the hash is, or the free slot where it belongs."""
        last = len(slots) - 1
        slot = hashed & last
        while slots[slot] not in (_NO_SLOT, hashed):
            slot = slot + 1 & last
        return slot

    def _grow(self) -> None:
        larger = array("Q", bytes(2 * len(self._slots) * _HASH_BYTES))
        for hashed in self._slots:
            if hashed:
                larger[self._slot_of(larger, hashed)] = hashed
        self._slots = larger

    def __repr__(self) -> str:
        return f"<CardsSeen {self._count}>"
