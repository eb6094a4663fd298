"""Stand-ins for card numbers: a keyed permutation that keeps length, BIN and whether the check digit is right.

The digits between BIN and check digit are one point of a ring of all such digits in an order that only the key knows;
a card's token is the next point on it. That order is FF1, format-preserving encryption (NIST SP 800-38G) with AES-256::

    4111 1111  1234567  8        8 digits of BIN (6 of a number shorter than 16), 7 that change, check digit
    4111 1111  FF1'(FF1(1234567) + 1)  c

So the same key gives the same card the same token everywhere, two cards never share one, and no card is its own. The
last digit is as far from the right check digit as it was: right stays right, wrong stays wrong.

What it is not: anonymous. Who has the key can undo it, and who sees enough traffic knows cards by what they do. The key
is as secret as the cards; BIN and length stay readable. A short number (fewer than 13 digits) has fewer than the
million of stand-ins that SP 800-38G asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from switch.security.ciphers import AES_BLOCK, aes, xor
from switch.values import Pan

KEY_BYTES: Final = 32

BIN_DIGITS: Final = 6
"""Kept of a number of 12 to 15 digits."""

LONG_BIN_DIGITS: Final = 8
"""Kept of one of 16 and more: issuers have had eight digits since ISO/IEC 7812-1:2017, and hosts route by them."""

_LONG_PAN: Final = 16
_SHORT_PAN: Final = 12
_CHECK_DIGITS: Final = "0123456789"
_CACHED_MAX: Final = 1 << 16
_Encrypt = Callable[[bytes], bytes]


def kept_digits(size: int) -> int:
    """How many leading digits of a number of ``size`` digits stay; none of fewer than 12, which is no card's."""
    if size < _SHORT_PAN:
        return 0
    return BIN_DIGITS if size < _LONG_PAN else LONG_BIN_DIGITS


class Tokens:
    """Makes tokens under one key of 32 bytes. Not for two threads at once."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key must have {KEY_BYTES} bytes, not {len(key)}")
        self._ff1 = FF1(key)
        self._known: dict[str, str] = {}

    def token(self, pan: str) -> str:
        """Return the token of a number of up to 19 decimal digits. Of a single digit it is the digit itself."""
        known = self._known.get(pan)
        if known is None:
            if len(self._known) >= _CACHED_MAX:
                self._known.clear()
            known = self._known[pan] = self._moved(pan, 1)
        return known

    def original(self, token: str) -> str:
        """Return the number whose token this is."""
        return self._moved(token, -1)

    def _moved(self, pan: str, step: int) -> str:
        kept = kept_digits(len(pan))
        start, middle, last = pan[:kept], pan[kept:-1], pan[-1:]
        if not middle:
            return pan
        tweak = f"{len(pan):02d}{start}".encode()
        place = (int(self._ff1.encrypt(middle, tweak)) + step) % 10 ** len(middle)
        moved = start + self._ff1.decrypt(f"{place:0{len(middle)}d}", tweak)
        off = int(last) - _check_digit(pan[:-1])
        return f"{moved}{(_check_digit(moved) + off) % 10}"

    def __repr__(self) -> str:
        return "Tokens(********)"


class FF1:
    """FF1 of decimal digits (NIST SP 800-38G, algorithms 7 and 8). Up to 19 digits and a tweak of 0 to 64 bytes."""

    ROUNDS: Final = 10

    def __init__(self, key: bytes) -> None:
        self._encrypt = aes(key).encrypt

    def encrypt(self, digits: str, tweak: bytes = b"") -> str:
        """Return as many digits."""
        size = len(digits)
        half = size // 2
        rounds = self._rounds(size, tweak)
        left, right = digits[:half], digits[half:]
        for number in range(self.ROUNDS):
            width = size - half if number % 2 else half
            mixed = (_number(left) + rounds(number, _number(right))) % 10**width
            left, right = right, _digits(mixed, width)
        return left + right

    def decrypt(self, digits: str, tweak: bytes = b"") -> str:
        """Undo `encrypt`."""
        size = len(digits)
        half = size // 2
        rounds = self._rounds(size, tweak)
        left, right = digits[:half], digits[half:]
        for number in reversed(range(self.ROUNDS)):
            width = size - half if number % 2 else half
            mixed = (_number(right) - rounds(number, _number(left))) % 10**width
            left, right = _digits(mixed, width), left
        return left + right

    def _rounds(self, size: int, tweak: bytes) -> _Rounds:
        return _Rounds(self._encrypt, size, tweak)


class _Rounds:
    """The round function of one message's length and tweak: the numbers y of step 6."""

    __slots__ = ("_before", "_encrypt", "_half_bytes", "_number_bytes", "_padded")

    def __init__(self, encrypt: _Encrypt, size: int, tweak: bytes) -> None:
        half = size // 2
        self._encrypt = encrypt
        self._half_bytes = ((10 ** (size - half) - 1).bit_length() + 7) // 8  # b of step 3
        self._number_bytes = 4 * ((self._half_bytes + 3) // 4) + 4  # d of step 4
        head = bytes((1, 2, 1, 0, 0, 10, FF1.ROUNDS, half)) + size.to_bytes(4, "big") + len(tweak).to_bytes(4, "big")
        self._before = encrypt(head)
        self._padded = tweak + bytes((-len(tweak) - self._half_bytes - 1) % AES_BLOCK)

    def __call__(self, number: int, half: int) -> int:
        text = self._padded + bytes((number,)) + half.to_bytes(self._half_bytes, "big")
        chained = self._before
        for at in range(0, len(text), AES_BLOCK):
            chained = self._encrypt(xor(chained, text[at : at + AES_BLOCK]))
        return int.from_bytes(chained[: self._number_bytes], "big")


def _check_digit(digits: str) -> int:
    """The Luhn check digit behind these (ISO/IEC 7812-1 annex B)."""
    return next(at for at, one in enumerate(_CHECK_DIGITS) if Pan(digits + one).has_valid_check_digit())


def _number(digits: str) -> int:
    return int(digits) if digits else 0


def _digits(number: int, width: int) -> str:
    return f"{number:0{width}d}" if width else ""
