"""Whether a PIN is a card's: by verification value (Visa's PVV), or by the PIN natural to its number (IBM 3624).

Neither needs the PIN to be kept. A PVV is made of the first four digits of the PIN, however long it is; an offset is
what lies between the natural PIN and the one that the cardholder chose, digit by digit modulo 10.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from switch.messages.verdicts import Finding
from switch.security.card_codes import decimals
from switch.security.ciphers import DES_BLOCK, BlockCipher

PVV_DIGITS: Final = 4

_PIN_SIZES: Final = range(4, 13)
_PAN_SIZES: Final = range(1, 20)
_BLOCK_DIGITS: Final = 2 * DES_BLOCK
_PVV_PAN_DIGITS: Final = 11

_SETTINGS: Final = {
    "start": re.compile(r"\d|1[0-8]", re.ASCII),
    "size": re.compile(r"[1-9]|1[0-6]", re.ASCII),
    "fill": re.compile(r"[0-9A-F]", re.ASCII),
    "table": re.compile(r"\d{16}", re.ASCII),
    "digits": re.compile(r"\d{1,2}", re.ASCII),
}


class NaturalPin(NamedTuple):
    """How an issuer makes PINs of card numbers.

    ``size`` digits of the card number from position ``start`` (at most 16; fewer if it ends before) are filled up on
    the right with ``fill``, a hexadecimal digit; ``table`` has the decimal digit for each hexadecimal one. ``digits``
    is how long the PINs are that have no offset.
    """

    start: int = 0
    size: int = 16
    fill: str = "F"
    table: str = "0123456789012345"
    digits: int = 4


def read_natural_pin(text: str) -> NaturalPin:
    """Read a method as it is configured, like ``start=3 size=12 fill=D table=0123456789012345 digits=6``.

    What is left out is as in `NaturalPin`. Raises ValueError naming the part that is wrong.
    """
    given: dict[str, str] = {}
    for part in text.split():
        name, found, value = part.partition("=")
        if not found or name not in _SETTINGS:
            raise ValueError(f"{part!r} is none of {'=, '.join(_SETTINGS)}=")
        if not _SETTINGS[name].fullmatch(value):
            raise ValueError(f"{part!r}: {name} cannot be that")
        given[name] = value
    method = NaturalPin(
        fill=given.get("fill", NaturalPin().fill),
        table=given.get("table", NaturalPin().table),
        **{name: int(given[name]) for name in ("start", "size", "digits") if name in given},
    )
    if method.digits not in _PIN_SIZES:
        raise ValueError(f"digits={method.digits}: a PIN has {_PIN_SIZES[0]} to {_PIN_SIZES[-1]} digits")
    return method


# --- Visa -------------------------------------------------------------------------------------------------


def pvv(pvk: BlockCipher, pan_digits: str, pvki: str, pin: str) -> str:
    """Return the verification value of a PIN, 4 digits, under the PIN verification key (`ciphers.des`, 16 bytes).

    Of the card number the 11 digits before the check digit count, zeros on the left where it is shorter; ``pvki`` is
    the index that names the key, one digit. Raises ValueError for anything that is not digits in such numbers.
    """
    _check("the PIN", pin, _PIN_SIZES)
    _check("the card number", pan_digits, _PAN_SIZES)
    _check("the PIN verification key's index", pvki, range(1, 2))
    account = pan_digits[:-1][-_PVV_PAN_DIGITS:].zfill(_PVV_PAN_DIGITS)
    return decimals(pvk.encrypt(bytes.fromhex(account + pvki + pin[:PVV_DIGITS])), PVV_DIGITS)


def check_pvv(pvk: BlockCipher, pan_digits: str, pvki: str, pin: str, expected: str) -> Finding:
    """Hold a PIN against the card's verification value, in constant time: RIGHT or WRONG. Raises as `pvv` does."""
    return _same(pvv(pvk, pan_digits, pvki, pin), expected)


# --- IBM 3624 ---------------------------------------------------------------------------------------------


def natural_pin(pvk: BlockCipher, method: NaturalPin, pan_digits: str, size: int) -> str:
    """Return the first ``size`` digits, 4 to 12, of the PIN natural to a card number.

    Raises ValueError for another size, or a method or card number that is not as it should be.
    """
    if size not in _PIN_SIZES:
        raise ValueError(f"a PIN has {_PIN_SIZES[0]} to {_PIN_SIZES[-1]} digits, not {size}")
    _check("the card number", pan_digits, _PAN_SIZES)
    _check("the decimalisation table", method.table, range(_BLOCK_DIGITS, _BLOCK_DIGITS + 1))
    used = pan_digits[method.start : method.start + method.size][:_BLOCK_DIGITS]
    encrypted = pvk.encrypt(bytes.fromhex(used.ljust(_BLOCK_DIGITS, method.fill)))
    return "".join(method.table[int(digit, 16)] for digit in encrypted.hex()[:size])


def pin_offset(pvk: BlockCipher, method: NaturalPin, pan_digits: str, pin: str) -> str:
    """Return what lies between the natural PIN and this one, as many digits. Raises as `natural_pin` does."""
    _check("the PIN", pin, _PIN_SIZES)
    return "".join(_differences(pin, natural_pin(pvk, method, pan_digits, len(pin))))


def check_offset(pvk: BlockCipher, method: NaturalPin, pan_digits: str, pin: str, expected: str) -> Finding:
    """Hold a PIN against the card's offset, in constant time: RIGHT, or WRONG, as one of another length always is.

    An offset of zeros is that of the natural PIN itself, and so is "": as long as the method says. Raises as
    `natural_pin` does.
    """
    expected = expected or "0" * method.digits
    return _same(pin_offset(pvk, method, pan_digits, pin), expected)


def _differences(pin: str, natural: str) -> Iterator[str]:
    return (str((int(left) - int(right)) % 10) for left, right in zip(pin, natural, strict=True))


def _same(made: str, expected: str) -> Finding:
    return Finding.RIGHT if hmac.compare_digest(made.encode(), expected.encode()) else Finding.WRONG


def _check(name: str, text: str, sizes: range) -> None:
    if not (len(text) in sizes and text.isascii() and text.isdecimal()):
        sizes_text = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        raise ValueError(f"{name} must be {sizes_text} digits")
