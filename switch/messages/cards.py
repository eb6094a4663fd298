"""Which card a message is about: its number may stand in a field, on the track, in the chip's data, or in all three."""

from __future__ import annotations

from typing import Final, NamedTuple

from switch.messages.chip import ChipData
from switch.values import Pan

_SEPARATORS: Final = ("=", "D")
_PAN_DIGITS: Final = range(8, 20)  # ISO/IEC 7812-1
_EXPIRY_DIGITS: Final = 4
_SERVICE_DIGITS: Final = 3


class CardRead(NamedTuple):
    """The card as read. ``expiry_yymm`` and ``service_code`` are the track's; absent is None or "".

    ``has_track`` says that there is a whole track, with expiry and service code, in a field of its own: a number with a
    separator behind it was not read from a stripe, and the chip's image of a track proves nothing without a cryptogram.
    """

    pan: Pan | None
    expiry_yymm: str = ""
    service_code: str = ""
    has_track: bool = False


NO_CARD: Final = CardRead(None)
"""Of a message that has none, or that is about a pay code: the code says whose account it is."""


def read_card(digits: str, track2: str, chip: ChipData | None) -> CardRead | str:
    """The card of a message, or one clause that says why its parts cannot be of one card.

    ``digits`` is the number's own field, ``track2`` the track's; both "" where absent.
    """
    expiry = service_code = ""
    if track2:
        on_track, expiry, service_code = read_track(track2)
        if on_track is None:
            return "track 2 holds no card number"
        if digits and digits != on_track:
            return "the card number differs from the one on track 2"
        digits = on_track
    card = CardRead(Pan(digits), expiry, service_code, bool(expiry and service_code)) if digits else NO_CARD
    return card if chip is None else _with_chip(card, chip)


def read_track(track: str) -> tuple[str | None, str, str]:
    """(PAN, expiry YYMM, service code) of track 2 (ISO/IEC 7813), whose separator is "=" or, packed, "D".

    Another separator stands in the place of an expiry or of a service code that the card does not have.
    """
    for separator in _SEPARATORS:
        digits, found, rest = track.partition(separator)
        if found:
            if digits.isdecimal() and len(digits) in _PAN_DIGITS:
                expiry = "" if rest.startswith(separator) else rest[:_EXPIRY_DIGITS]
                begin = len(expiry) or 1
                service_code = rest[begin : begin + _SERVICE_DIGITS]
                return digits, _number(expiry, _EXPIRY_DIGITS), _number(service_code, _SERVICE_DIGITS)
            break
    return None, "", ""


def _with_chip(card: CardRead, chip: ChipData) -> CardRead | str:
    """The card with what the chip says of it: tag 57, its image of the track, and tag 5A."""
    pan, expiry, service_code, has_track = card
    digits = pan.reveal() if pan is not None else ""
    on_chip = [chip.pan.reveal()] if chip.pan is not None else []
    if chip.track2:
        on_track, chip_expiry, chip_service_code = read_track(chip.track2)
        if on_track is None:
            return "the chip's track 2 (tag 57) holds no card number"
        on_chip.append(on_track)
        expiry, service_code = expiry or chip_expiry, service_code or chip_service_code
    for number in on_chip:
        if digits and digits != number:
            return "the card number differs from the chip's"
        digits = number
    return CardRead(Pan(digits) if digits else None, expiry, service_code, has_track)


def _number(text: str, size: int) -> str:
    return text if len(text) == size and text.isdecimal() else ""
