"""Card verification codes: three digits that the issuer makes of card number, expiry and service code.

Visa calls them CVV, Mastercard CVC, UnionPay CVN. The algorithm is one; the service code keeps three codes apart::

    code            where                    service code
    CVV             on the magnetic stripe   the stripe's own
    CVV2            printed, and typed in    000
    iCVV            in the chip's track 2    999

The expiry is YYMM, as on the track. Some issuers turn it to MMYY for the printed code; nothing but the issuer tells.
"""

from __future__ import annotations

import hmac
from enum import StrEnum
from typing import Final

from switch.messages.verdicts import Finding
from switch.security.ciphers import DES_BLOCK, des, xor

CVV2_SERVICE_CODE: Final = "000"
ICVV_SERVICE_CODE: Final = "999"

CODE_DIGITS: Final = 3

_KEY_BYTES: Final = 16
_PAN_DIGITS_MAX: Final = 19
_EXPIRY_DIGITS: Final = 4
_SERVICE_CODE_DIGITS: Final = 3
_LETTERS: Final = str.maketrans("abcdef", "012345")


class ExpiryOrder(StrEnum):
    """How an issuer writes the expiry when it makes a code."""

    YYMM = "yymm"
    MMYY = "mmyy"


def card_code(
    cvk_pair: bytes, pan_digits: str, expiry_yymm: str, service_code: str, order: ExpiryOrder = ExpiryOrder.YYMM
) -> str:
    """Return the three digits under the clear key pair (CVK A and B, 16 bytes).

    Raises ValueError if the key is of another size, or a part is not the digits it should be.
    """
    if len(cvk_pair) != _KEY_BYTES:
        raise ValueError(f"a pair of card verification keys has {_KEY_BYTES} bytes, not {len(cvk_pair)}")
    if not (_are_digits(pan_digits) and len(pan_digits) <= _PAN_DIGITS_MAX):
        raise ValueError(f"a card number is at most {_PAN_DIGITS_MAX} digits")
    if not _can_make(expiry_yymm, service_code):
        raise ValueError("a card verification code takes an expiry of 4 digits and a service code of 3")
    expiry = expiry_yymm if order is ExpiryOrder.YYMM else expiry_yymm[2:] + expiry_yymm[:2]
    data = bytes.fromhex((pan_digits + expiry + service_code).ljust(4 * DES_BLOCK, "0"))
    first = des(cvk_pair[:DES_BLOCK]).encrypt(data[:DES_BLOCK])
    return decimals(des(cvk_pair).encrypt(xor(first, data[DES_BLOCK:])), CODE_DIGITS)


def check_card_code(
    cvk_pair: bytes,
    pan_digits: str,
    expiry_yymm: str,
    service_code: str,
    code: str,
    order: ExpiryOrder = ExpiryOrder.YYMM,
) -> Finding:
    """Hold a code against what the key makes, in constant time: RIGHT or WRONG.

    A code beside no expiry or service code to make it of is WRONG: leaving them out must not get a card past its code.
    Raises ValueError for a key or a card number as `card_code` does.
    """
    if not _can_make(expiry_yymm, service_code):
        return Finding.WRONG
    made = card_code(cvk_pair, pan_digits, expiry_yymm, service_code, order)
    return Finding.RIGHT if hmac.compare_digest(made.encode(), code.encode()) else Finding.WRONG


def decimals(block: bytes, count: int) -> str:
    """Take the first digits of a block in hexadecimal; then, if they are too few, its letters as 0 to 5.

    How codes and PIN verification values are written. ``count`` is at most the block's number of hexadecimal digits.
    """
    text = block.hex()
    digits = "".join(filter(str.isdecimal, text))
    return (digits + "".join(filter(str.isalpha, text)).translate(_LETTERS))[:count]


def _can_make(expiry_yymm: str, service_code: str) -> bool:
    return (
        len(expiry_yymm) == _EXPIRY_DIGITS
        and len(service_code) == _SERVICE_CODE_DIGITS
        and _are_digits(expiry_yymm + service_code)
    )


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()
