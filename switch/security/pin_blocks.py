"""PIN blocks: how a PIN travels under a key, mixed with its card number (ISO 9564-1:2017).

One hexadecimal digit each: C the format, L the PIN's length, P a digit of the PIN, and what fills up::

    format  block                             mixed with
    0       0 L P P P P F F F F F F F F F F   0 0 0 0 and 12 digits of the card number
    0-      0 L P P P P F F F F F F F F F F   nothing: ANSI X9.8 without card number, UnionPay only
    1       1 L P P P P R R R R R R R R R R   nothing; R is anything
    3       3 L P P P P R R R R R R R R R R   as format 0; R is A to F
    4       4 L P P P P A A A A A A A A A A   and 16 times R, anything; the whole card number comes in
                                              between two encryptions

The 12 digits are the right-most before the check digit. Format 4 is one block of AES, the others are one of DES.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from switch.errors import PeerError
from switch.security.ciphers import AES_BLOCK, DES_BLOCK, BlockCipher, xor

PIN_DIGITS_MIN: Final = 4
PIN_DIGITS_MAX: Final = 12
PAN_DIGITS_MAX: Final = 19

_FIELD_DIGITS: Final = 14
"""PIN and what fills it up."""

_MIXED_DIGITS: Final = 12
_LETTERS: Final = "ABCDEF"
_RANDOM_BYTES: Final = 8


class PinFormat(StrEnum):
    """The value begins with the first digit of the block."""

    ISO_0 = "0"
    UNBOUND_0 = "0-"
    ISO_1 = "1"
    ISO_3 = "3"
    ISO_4 = "4"

    @property
    def block_bytes(self) -> int:
        """The size of a block, and of the cipher that it takes."""
        return AES_BLOCK if self is PinFormat.ISO_4 else DES_BLOCK


_BOUND: Final = frozenset({PinFormat.ISO_0, PinFormat.ISO_3, PinFormat.ISO_4})

# fmt: off
TRANSLATIONS: Final[Mapping[PinFormat, frozenset[PinFormat]]] = MappingProxyType({
    PinFormat.ISO_0:     _BOUND,  # a block bound to its card is never let loose from it
    PinFormat.UNBOUND_0: _BOUND,  # and one that is not bound does not travel on as it is
    PinFormat.ISO_1:     _BOUND,
    PinFormat.ISO_3:     _BOUND,
    PinFormat.ISO_4:     _BOUND,
})
# fmt: on
"""Which formats a PIN may be sent on in, by the format it came in (ISO 9564-1; stricter about format 1)."""


class PinBlockError(PeerError):
    """What was decrypted is no PIN block of that format and card: most likely another key. Says which part is wrong."""


def opened(form: PinFormat, cipher: BlockCipher, block: bytes, pan_digits: str) -> str:
    """Return the PIN in an encrypted block: 4 to 12 digits.

    Raises `PinBlockError`; ValueError for a cipher of another block size, or a card number that is not 1 to 19 digits.
    Formats 0- and 1 do not look at the card number.
    """
    _check_cipher(form, cipher)
    if len(block) != form.block_bytes:
        raise PinBlockError(f"a PIN block of format {form} has {form.block_bytes} bytes, not {len(block)}")
    field = _decrypted(form, cipher, block, pan_digits)
    if field[0] != form[0]:
        raise PinBlockError(f"the PIN block is not one of format {form}")
    size = int(field[1], 16)
    if not PIN_DIGITS_MIN <= size <= PIN_DIGITS_MAX:
        raise PinBlockError("the PIN block's length is none that a PIN has")
    pin, fill = field[2 : 2 + size], field[2 + size : 2 + _FIELD_DIGITS]
    if not pin.isdecimal():
        raise PinBlockError("the PIN block does not hold digits: another key, or another card's")
    if fill.strip(_FILLS[form]):
        raise PinBlockError("the PIN block is not filled up as its format says: another key, or another card's")
    return pin


def closed(form: PinFormat, cipher: BlockCipher, pin: str, pan_digits: str, random: Callable[[int], bytes]) -> bytes:
    """Return the encrypted block of a PIN, 8 or 16 bytes; ``random(size)`` fills up what the format leaves open.

    Raises ValueError for a PIN that is not 4 to 12 digits, and as `opened` does.
    """
    _check_cipher(form, cipher)
    if not (PIN_DIGITS_MIN <= len(pin) <= PIN_DIGITS_MAX and pin.isascii() and pin.isdecimal()):
        raise ValueError(f"a PIN has {PIN_DIGITS_MIN} to {PIN_DIGITS_MAX} digits")
    missing = _FIELD_DIGITS - len(pin)
    if form in {PinFormat.ISO_0, PinFormat.UNBOUND_0}:
        fill = "F" * missing
    elif form is PinFormat.ISO_1:
        fill = random(_RANDOM_BYTES).hex()[:missing]
    elif form is PinFormat.ISO_3:
        fill = _random_letters(random(_RANDOM_BYTES))[:missing]
    else:
        fill = "A" * missing + random(_RANDOM_BYTES).hex()
    return _encrypted(form, cipher, bytes.fromhex(f"{form[0]}{len(pin):X}{pin}{fill}"), pan_digits)


# fmt: off
_FILLS: Final[Mapping[PinFormat, str]] = {
    PinFormat.ISO_0:     "F",
    PinFormat.UNBOUND_0: "F",
    PinFormat.ISO_1:     "0123456789ABCDEF",
    PinFormat.ISO_3:     _LETTERS,
    PinFormat.ISO_4:     "A",
}
# fmt: on


def _decrypted(form: PinFormat, cipher: BlockCipher, block: bytes, pan_digits: str) -> str:
    field = cipher.decrypt(block)
    if form in _BOUND:
        field = xor(field, _pan_block(form, pan_digits))
    if form is PinFormat.ISO_4:
        field = cipher.decrypt(field)
    return field.hex().upper()


def _encrypted(form: PinFormat, cipher: BlockCipher, field: bytes, pan_digits: str) -> bytes:
    if form is PinFormat.ISO_4:
        field = cipher.encrypt(field)
    if form in _BOUND:
        field = xor(field, _pan_block(form, pan_digits))
    return cipher.encrypt(field)


def _pan_block(form: PinFormat, digits: str) -> bytes:
    """Numbers too short are filled up with zeros on the left; format 4 says how many digits above 12 there are."""
    if not (1 <= len(digits) <= PAN_DIGITS_MAX and digits.isascii() and digits.isdecimal()):
        raise ValueError(f"a card number is 1 to {PAN_DIGITS_MAX} digits")
    if form is PinFormat.ISO_4:
        whole = digits.zfill(_MIXED_DIGITS)
        return bytes.fromhex(f"{len(whole) - _MIXED_DIGITS}{whole}".ljust(2 * AES_BLOCK, "0"))
    return bytes.fromhex(digits[:-1][-_MIXED_DIGITS:].zfill(2 * DES_BLOCK))


def _random_letters(source: bytes) -> str:
    """As many letters A to F as a field needs, next to evenly spread: 6**10 goes into 2**64 a great many times."""
    number = int.from_bytes(source, "big")
    letters = ""
    for _ in range(_FIELD_DIGITS - PIN_DIGITS_MIN):
        number, at = divmod(number, len(_LETTERS))
        letters += _LETTERS[at]
    return letters


def _check_cipher(form: PinFormat, cipher: BlockCipher) -> None:
    if cipher.block_bytes != form.block_bytes:
        raise ValueError(f"format {form} takes a cipher with blocks of {form.block_bytes} bytes")
