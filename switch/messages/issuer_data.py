"""Where the schemes put the cryptogram version and the card's verification results into tag 9F10.

EMV leaves issuer application data to the schemes (Book 3, annex A); each writes it in its own order::

    visa        06 | key index | version | results (4)        VIS 1.5 appendix A, formats 0, 1 and 3
    visa        1F | version | key index | results (5)        VIS 1.6, format 2, always 32 bytes
    mastercard  key index | version | results (6) | 2 bytes | counters (8 or more)
                                                              M/Chip Requirements, appendix B; 18, 20, 26 or 28 bytes
    unionpay    07 | key index | version | results (4) | algorithm
                                                              JR/T 0025.5 (PBOC 3.0), UICS

The results of Visa (06) and UnionPay begin with their own length, 03, which is part of them. Mastercard's 2 bytes are
its data authentication code or the chip's dynamic number.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Scheme(StrEnum):
    """Whose rules a card follows."""

    VISA = "visa"
    MASTERCARD = "mastercard"
    UNIONPAY = "unionpay"


class IssuerData(NamedTuple):
    """Issuer application data in its parts. ``counters`` is Mastercard's and ``algorithm`` UnionPay's alone.

    ``key_index`` says which of its issuer's master keys the card was made with.
    """

    key_index: int
    version: int
    results: bytes
    counters: bytes = b""
    algorithm: int | None = None


def read_issuer_data(issuer_data: bytes, scheme: Scheme | None = None) -> IssuerData | None:
    """Return the parts of tag 9F10, or None if it is not laid out as the scheme says.

    Without ``scheme`` it is guessed: a Mastercard key index could look like another scheme's first byte, so whoever
    knows the card's scheme says it.
    """
    if scheme is not None:
        return _LAYOUTS[scheme](issuer_data)
    return next((found for layout in _LAYOUTS.values() if (found := layout(issuer_data)) is not None), None)


def cvn_of(issuer_data: bytes, scheme: Scheme | None = None) -> int | None:
    """Return the cryptogram version number, None if the data is laid out otherwise."""
    found = read_issuer_data(issuer_data, scheme)
    return found.version if found else None


def cvr_of(issuer_data: bytes, scheme: Scheme | None = None) -> bytes:
    """Return the card verification results as the cryptogram covers them, b"" if the data is laid out otherwise."""
    found = read_issuer_data(issuer_data, scheme)
    return found.results if found else b""


# --- the layouts -------------------------------------------------------------------------------------------

_RESULTS_FOLLOW: Final = 3
"""What the first of four bytes of results says: three more."""

_VISA_START: Final = 0x06
_VISA_2_START: Final = 0x1F
_VISA_2_BYTES: Final = 32
_UNIONPAY_START: Final = 0x07
_SHORT_BYTES: Final = 7
"""Up to the end of results of four bytes."""

_MASTERCARD_BYTES: Final = (18, 20, 26, 28)
_MASTERCARD_VERSIONS: Final = 0x10
"""The high half of all of M/Chip's."""


def _visa(data: bytes) -> IssuerData | None:
    if len(data) >= _SHORT_BYTES and data[0] == _VISA_START and data[3] == _RESULTS_FOLLOW:
        return IssuerData(data[1], data[2], data[3:7])
    if len(data) == _VISA_2_BYTES and data[0] == _VISA_2_START:
        return IssuerData(data[2], data[1], data[3:8])
    return None


def _unionpay(data: bytes) -> IssuerData | None:
    if len(data) < _SHORT_BYTES or data[0] != _UNIONPAY_START or data[3] != _RESULTS_FOLLOW:
        return None
    return IssuerData(data[1], data[2], data[3:7], algorithm=data[7] if len(data) > _SHORT_BYTES else None)


def _mastercard(data: bytes) -> IssuerData | None:
    if len(data) not in _MASTERCARD_BYTES or data[1] & 0xF0 != _MASTERCARD_VERSIONS:
        return None
    return IssuerData(data[0], data[1], data[2:8], counters=data[10:])


_LAYOUTS: Final = {
    Scheme.VISA: _visa,
    Scheme.UNIONPAY: _unionpay,
    Scheme.MASTERCARD: _mastercard,
}
"""In the order of guessing, the surest first."""
