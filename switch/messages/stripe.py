"""Track 2 of a card's stripe, and the chip's image of it (ISO/IEC 7813)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_TRACK_2: Final = re.compile(r"([0-9]{8,19})[=D]([0-9]{4})([0-9]{3})([0-9]*)")


class Track2(NamedTuple):
    """The parts of track 2: card number, expiry YYMM, service code, and what the issuer put after it."""

    pan: str
    expiry_yymm: str
    service_code: str
    discretionary: str

    def __repr__(self) -> str:
        return "Track2(********)"


def track2_parts(track: str) -> Track2 | None:
    """Part a track whose separator is "=" or, packed, "D"; None for what is none."""
    found = _TRACK_2.match(track)
    return Track2(*found.groups()) if found else None
