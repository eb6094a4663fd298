"""The tracks of a card rebuilt around the number that stands for it, as long as they were.

Expiry and service code stay, since hosts judge them. What the issuer put behind them (PVV, CVV) becomes zeros, the
name's letters become X. None where no card number is found in a track: it may be encrypted, and must not be kept.
"""

from __future__ import annotations

import re
from typing import Final

from switch.capture.cards_replaced import CardsReplaced
from switch.values import Pan

_TRACK_1: Final = re.compile(r"(%?[A-Z]?)([0-9]{8,19})\^([^^]*)\^([0-9]{4}|\^)?([0-9]{3}|\^)?(.*)", re.DOTALL)
_TRACK_2: Final = re.compile(r"(;?)([0-9]{8,19})([=D])([0-9]{4}|[=D])?([0-9]{3}|[=D])?(.*)", re.DOTALL)
_TRACK_3: Final = re.compile(r"(;?)([0-9]{8,21})([=D])(.*)", re.DOTALL)
_LETTER: Final = re.compile(r"[A-Za-z\x80-\xff]")
_OF_ISSUER_1: Final = re.compile(r"[^ ?]")
_OF_ISSUER_2: Final = re.compile(r"[^=DF?]")
_FORMAT_CODE_DIGITS: Final = 2
_PAN_DIGITS_MAX: Final = 19


def rebuilt_track1(track: str, cards: CardsReplaced) -> str | None:
    """Track 1, format B (ISO/IEC 7813), with or without its sentinels."""
    found = _TRACK_1.fullmatch(track)
    if found is None:
        return None
    head, pan, name, expiry, service_code, rest = found.groups("")
    masked = f"{_LETTER.sub('X', name)}^{expiry}{service_code}{_OF_ISSUER_1.sub('0', rest)}"
    return f"{head}{cards.card(pan)}^{masked}"


def rebuilt_track2(track: str, cards: CardsReplaced) -> str | None:
    """Track 2 (ISO/IEC 7813), its separator "=" or, packed, "D"; a chip's image of it may end in F."""
    found = _TRACK_2.fullmatch(track)
    if found is None:
        return None
    head, pan, separator, expiry, service_code, rest = found.groups("")
    return f"{head}{cards.card(pan)}{separator}{expiry}{service_code}{_OF_ISSUER_2.sub('0', rest)}"


def rebuilt_track3(track: str, cards: CardsReplaced, known: str) -> str | None:
    """Track 3 (ISO/IEC 4909): a format code of two digits, the number, and much else, which all becomes zeros.

    Some cards have no format code. ``known`` is the number as another field of the message has it, "" where none does.
    """
    found = _TRACK_3.fullmatch(track)
    if found is None:
        return None
    head, digits, separator, rest = found.groups()
    start = _number_starts(digits, known)
    return f"{head}{digits[:start]}{cards.card(digits[start:])}{separator}{_OF_ISSUER_2.sub('0', rest)}"


def made_track2(token: str, expiry_yymm: str, size: int, separator: str) -> str | None:
    """Track 2 for a stand-in, ``size`` characters long, without service code; None where it has no room."""
    track = f"{token}{separator}{expiry_yymm or '0000'}000"
    return f"{track:0<{size}}" if len(track) <= size else None


def _number_starts(digits: str, known: str) -> int:
    """Return where the card number begins in the digits before track 3's first separator."""
    if known and digits.endswith(known):
        return len(digits) - len(known)
    is_whole = len(digits) <= _PAN_DIGITS_MAX and Pan(digits).has_valid_check_digit()
    if is_whole and not Pan(digits[_FORMAT_CODE_DIGITS:]).has_valid_check_digit():
        return 0
    return _FORMAT_CODE_DIGITS
