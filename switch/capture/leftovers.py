"""Proves that no card number of before is left in what was tokenised, in whatever field and order of bytes it stands.

Nothing is decoded: the bytes are read as digits in every way that numbers are written, at every place, and each run
of as many digits as a card has is held against all the numbers that were replaced.

====================  ==================================================================  =================
form                  what is looked through                                              card 4123...
====================  ==================================================================  =================
packed                two digits a byte, at whole and half bytes                          41 23, x4 12 3x
packed, backwards     the bytes from last to first, or the digits                         23 41, 32 14
packed, swapped       the halves of each byte the other way round                         14 32
text                  ASCII, blanks and dashes between digits left out                    "4123", "41 23"
text, backwards       from last to first, by digits or by pairs                           "3214", "2341"
text, swapped         pairs the other way round: hexadecimal of what is packed so         "1432"
EBCDIC                digits F0 to F9, forwards and backwards                             F4 F1 F2 F3
hexadecimal text      ASCII or EBCDIC digits written in hexadecimal, in ASCII             "34313233"
====================  ==================================================================  =================

A number there may be both a card of before and the stand-in of another card (a token is a number like any other; with
a hundred thousand cards of one issuer it happens). Such a one is not taken for a leftover but counted as ``shared``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from switch.capture.cards_seen import CardsSeen
from switch.capture.tokens import Tokens

_BIN_DIGITS: Final = 6
_BLANKS: Final = b" -"
_EBCDIC_BLANKS: Final = b"\x40\x60"
_DIGITS: Final = b"0123456789"
_AS_TEXT: Final = bytes(one if one in _DIGITS else ord("x") for one in range(256))
_AS_EBCDIC: Final = bytes(_DIGITS[one - 0xF0] if 0xF0 <= one <= 0xF9 else ord("x") for one in range(256))  # noqa: PLR2004
_EBCDIC: Final = re.compile(rb"[\xf0-\xf9]{4}")
_HEXADECIMAL: Final = re.compile(rb"(?:3[0-9]){12,}|(?:[Ff][0-9]){12,}")
_NOTHING: Final = re.compile(r"(?!)")


class Leftover(NamedTuple):
    """One card number of before: in which form it stands there. It never says which."""

    form: str


class Leftovers:
    """Looks for the cards of a set that may grow in the meantime. Not for two threads at once."""

    def __init__(self, seen: CardsSeen, tokens: Tokens) -> None:
        self._seen = seen
        self._tokens = tokens
        self._beginnings: frozenset[str] = frozenset()
        self._candidate = _NOTHING
        self.shared = 0
        """Numbers found that are also the stand-in of another card."""

    def look(self, data: bytes) -> list[Leftover]:
        """Return what is left in ``data``, which is looked through as it is: a frame, a line, a whole small file."""
        if self._seen.beginnings != self._beginnings:
            self._beginnings = self._seen.beginnings
            self._candidate = re.compile(rf"(?=((?:{'|'.join(sorted(self._beginnings))})\d{{4}})\d{{6}})")
        views = _views(data)
        if not any(self._seen.sizes(bin_) for bin_ in set(self._candidate.findall("x".join(views.values())))):
            return []
        return [Leftover(form) for form, digits in views.items() for _ in self._cards(digits)]

    def _cards(self, digits: str) -> Iterator[str]:
        """Yield each number in ``digits`` that is a card of before and no other's stand-in."""
        for found in self._candidate.finditer(digits):
            start = found.start()
            for size in self._seen.sizes(found[1]):
                number = digits[start : start + size]
                if len(number) < size or not number.isdecimal() or number not in self._seen:
                    continue
                if self._tokens.original(number) in self._seen:
                    self.shared += 1
                else:
                    yield number


def _views(data: bytes) -> dict[str, str]:
    """Return the digits of ``data`` as each form has them, anything else as a letter."""
    packed, backwards = data.hex(), data[::-1].hex()
    text = data.translate(_AS_TEXT, _BLANKS)
    pairs, odd_pairs = _swapped(text), _swapped(text[1:])
    views = {
        "packed": packed,
        "packed, backwards by digits": packed[::-1],
        "packed, backwards": backwards,
        "packed, swapped": backwards[::-1],
        "text": text.decode("ascii"),
        "text, backwards": text[::-1].decode("ascii"),
        "text, swapped": f"{pairs}x{odd_pairs}",
        "text, backwards by pairs": f"{pairs[::-1]}x{odd_pairs[::-1]}",
    }
    if _EBCDIC.search(data):
        ebcdic = data.translate(_AS_EBCDIC, _EBCDIC_BLANKS).decode("ascii")
        views["EBCDIC"] = f"{ebcdic}x{ebcdic[::-1]}"
    spelled = [found[1::2].decode("ascii") for found in _HEXADECIMAL.findall(data)]
    if spelled:
        views["hexadecimal text"] = "x".join([*spelled, *(digits[::-1] for digits in spelled)])
    return views


def _swapped(text: bytes) -> str:
    """Every two characters the other way round; an odd last one is left out."""
    even = len(text) // 2 * 2
    pairs = bytearray(even)
    pairs[0::2], pairs[1::2] = text[1:even:2], text[0:even:2]
    return pairs.decode("ascii")
