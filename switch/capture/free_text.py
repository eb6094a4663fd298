"""Card numbers that stand in fields of no fixed meaning, as text or packed two digits to a byte.

A number is replaced if it stands alone, is as long as a card's and has a right check digit; in a longer number, if its
beginning is that of an issuer whose cards were seen. One other number in ten is replaced by chance: too many are
rather than too few.
"""

from __future__ import annotations

import re
from typing import Final

from switch.capture.cards_replaced import CardsReplaced

_CANDIDATE: Final = re.compile(
    r"(?P<groups>(?<![0-9])[0-9]{4}(?P<blank>[ -])[0-9]{4}(?P=blank)[0-9]{4}(?P=blank)[0-9]{1,7}(?![0-9]))"
    r"|(?P<number>[0-9]{12,})(?P<kept>[=Dd][0-9]{7})?(?(kept)(?P<rest>[0-9]*))"
)
"""A number in groups of four; or a long one, which may have expiry, service code and the rest of a track behind it."""

_PRINTABLE: Final = re.compile(rb"[\t\r\n -~]*")
_TEXT_DIGITS: Final = re.compile(rb"([0-9]{7,})")


def without_cards(text: str, cards: CardsReplaced) -> str:
    """Return the text (one character a byte) with other numbers in the place of cards', as long as it was."""
    return _CANDIDATE.sub(lambda found: _replaced(found, cards), text)


def bytes_without_cards(data: bytes, cards: CardsReplaced) -> bytes:
    """The same of bytes: looked through as text, and where they are more than that, as packed digits too."""
    changed = without_cards(data.decode("latin-1"), cards).encode("latin-1")
    if _PRINTABLE.fullmatch(data):
        return changed
    parts = _TEXT_DIGITS.split(changed)
    return b"".join(part if part.isdigit() else _packed(part, cards) for part in parts)


def _packed(data: bytes, cards: CardsReplaced) -> bytes:
    return bytes.fromhex(without_cards(data.hex(), cards))


def _replaced(found: re.Match[str], cards: CardsReplaced) -> str:
    if found["groups"]:
        return _grouped(found["groups"], found["blank"], cards)
    number = _number(found["number"], cards)
    if number == found["number"] or not found["kept"]:
        return number + found[0][len(number) :]
    return f"{number}{found['kept']}{'0' * len(found['rest'])}"


def _grouped(text: str, blank: str, cards: CardsReplaced) -> str:
    digits = text.replace(blank, "")
    if not cards.is_likely(digits):
        return text
    token = iter(cards.guessed(digits))
    return "".join(blank if one == blank else next(token) for one in text)


def _number(digits: str, cards: CardsReplaced) -> str:
    alone = digits.lstrip("0")
    if cards.is_likely(digits):
        return cards.guessed(digits)
    if cards.is_likely(alone):  # a field of fixed size, filled up with zeros
        return digits[: len(digits) - len(alone)] + cards.guessed(alone)
    parts: list[str] = []
    at = 0
    while at < len(digits):
        size = cards.size_within(digits[at:])
        parts.append(cards.guessed(digits[at : at + size]) if size else digits[at])
        at += size or 1
    return "".join(parts)
