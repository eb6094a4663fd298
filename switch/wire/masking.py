"""What of a value people may see: card numbers as first six and last four, tracks no more, secrets not at all."""

from __future__ import annotations

import re
from typing import Final

from switch.values import Pan
from switch.wire.fields import Show

_PAN_SIZES: Final = range(13, 20)
_FIRST_DIGITS: Final = "2345689"
"""Of card numbers in circulation; without it, every other run of zeros would look like one."""

_LONG_NUMBER: Final = re.compile(r"\d{13,}")
_TRACK_SEPARATOR: Final = re.compile(r"[=D^]")
_REST_OF_TRACK: Final = re.compile(r"(?<=\d{13})(?:[=Dd]\d+|\^[^?]*)")
"""What follows a number as on track 2 or 1 (ISO/IEC 7813): expiry, service code, name, discretionary data."""


def shown(value: str, show: Show) -> str:
    """Return what of a field's value may be shown."""
    match show:
        case "clear" | "tlv":
            return value
        case "free":
            without_tracks = _REST_OF_TRACK.sub(lambda found: found[0][0] + "*" * (len(found[0]) - 1), value)
            return _LONG_NUMBER.sub(lambda found: _without_cards(found[0]), without_tracks)
        case "pan":
            return _masked(value)
        case "track":
            return _masked_track(value)
        case "secret":
            return "*" * min(len(value), 8)


def _masked(number: str) -> str:
    return Pan(number).masked if number.isdecimal() else "*" * len(number)


def _masked_track(track: str) -> str:
    """Show the card number of track 2 or 3 up to its separator; an encrypted track may have none."""
    separator = _TRACK_SEPARATOR.search(track)
    number = track[: separator.start()] if separator else ""
    if separator is None or not number.isdecimal():
        return "*" * len(track)
    return _masked(number) + separator.group() + "*" * (len(track) - len(number) - 1)


def _without_cards(digits: str) -> str:
    """Mask every part of a long number that could be a card number: its first digit and check digit are right.

    Hides too much rather than too little: one in ten numbers has a right check digit by chance.
    """
    hidden = list(digits)
    for start in range(len(digits)):
        for size in _PAN_SIZES:
            part = digits[start : start + size]
            if len(part) == size and part[0] in _FIRST_DIGITS and Pan(part).has_valid_check_digit():
                hidden[start + 6 : start + size - 4] = "*" * (size - 10)
    return "".join(hidden)
