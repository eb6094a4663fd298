"""Hands out the stand-ins while a capture is tokenised, and remembers for which cards."""

from __future__ import annotations

import re
from typing import Final

from switch.capture.cards_seen import PAN_SIZES, CardsSeen
from switch.capture.tokens import Tokens
from switch.values import Pan

_BIN_DIGITS: Final = 6
_RUN: Final = re.compile(r"[0-9]{12,}")
_LIKELY_SIZES: Final = range(13, 20)
_FIRST_DIGITS: Final = "2345689"
"""Of card numbers in circulation, as `switch.wire.masking` has it."""


class CardsReplaced:
    """What of a message is a card number, and what stands for it. Not for two threads at once."""

    def __init__(self, tokens: Tokens, seen: CardsSeen) -> None:
        self._tokens = tokens
        self._seen = seen

    def card(self, pan: str) -> str:
        """Return what stands for a number that is a card's because of where it was: such a one must not be left.

        Raises OverflowError for one card too many to remember.
        """
        if len(pan) in PAN_SIZES:
            self._seen.add(pan)
        return self._tokens.token(pan)

    def guessed(self, number: str) -> str:
        """Return what stands for a number that looks like a card's. It may be none, so elsewhere it may be left."""
        return self._tokens.token(number)

    def is_likely(self, number: str) -> bool:
        """Whether a number that stands alone may be a card's: one seen, or of the right length and check digit."""
        if len(number) in PAN_SIZES and number in self._seen:
            return True
        return len(number) in _LIKELY_SIZES and number[0] in _FIRST_DIGITS and Pan(number).has_valid_check_digit()

    def size_within(self, digits: str) -> int:
        """How long the card number is that a longer number has at its beginning, 0 where there is none.

        Of the many numbers inside one, only those of issuers and lengths that were seen are taken for cards.
        """
        for size in self._seen.sizes(digits[:_BIN_DIGITS]) if len(digits) >= PAN_SIZES.start else ():
            number = digits[:size]
            if len(number) == size and (Pan(number).has_valid_check_digit() or number in self._seen):
                return size
        return 0

    def without_seen(self, text: str) -> str:
        """Return a text of a fixed meaning, or its hexadecimal, with stand-ins for the very cards that were seen."""
        return _RUN.sub(lambda found: self._without_seen(found[0]), text) if len(text) >= PAN_SIZES.start else text

    def _without_seen(self, digits: str) -> str:
        at = 0
        while at + PAN_SIZES.start <= len(digits):
            for size in self._seen.sizes(digits[at : at + _BIN_DIGITS]):
                number = digits[at : at + size]
                if len(number) == size and number in self._seen:
                    digits = digits[:at] + self._tokens.token(number) + digits[at + size :]
                    at += size - 1
                    break
            at += 1
        return digits
