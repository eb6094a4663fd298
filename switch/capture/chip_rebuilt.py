"""A chip's data (field 55) around the number that stands for its card: tags that carry it or are as secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from switch.capture.cards_replaced import CardsReplaced
from switch.capture.free_text import bytes_without_cards
from switch.capture.stripes import rebuilt_track1, rebuilt_track2
from switch.errors import DecodeError
from switch.wire.chip_tags import NAMES
from switch.wire.tlv import Tlv, build_tlv, parse_tlv

_PAN_DIGITS_MAX: Final = 19


def rebuilt_chip(data: bytes, cards: CardsReplaced) -> bytes | None:
    """Return the data with another card in it; None for what is no BER-TLV, where nobody knows what is a card's.

    PIN data (99) and tracks that cannot be read are left out. The cryptogram stays and fits no more.
    """
    try:
        objects = parse_tlv(data)
    except DecodeError:
        return None
    return build_tlv(tuple(_rebuilt(objects, cards)))


def holds_cards(data: bytes) -> bool:
    """Whether the bytes are BER-TLV, written as it is built here, with a tag in it that is a card's."""
    try:
        objects = parse_tlv(data)
    except DecodeError:
        return False
    return build_tlv(objects) == data and any(tag in _CHANGES for tag in _tags(objects))


def _tags(objects: tuple[Tlv, ...]) -> Iterator[str]:
    for one in objects:
        yield one.tag
        yield from _tags(one.parts)


def _rebuilt(objects: tuple[Tlv, ...], cards: CardsReplaced) -> Iterator[Tlv]:
    for one in objects:
        if one.is_template:
            yield Tlv(one.tag, b"", tuple(_rebuilt(one.parts, cards)))
            continue
        change = _CHANGES.get(one.tag)
        if change is None:
            yield one if one.tag in NAMES else Tlv(one.tag, bytes_without_cards(one.value, cards))
            continue
        value = change(one.value, cards)
        if value is not None:
            yield Tlv(one.tag, value)


def _number(value: bytes, cards: CardsReplaced) -> bytes | None:
    """Packed digits, filled up with F (format cn of EMV Book 3 clause 4.3), or with a zero before them."""
    text = value.hex().upper()
    digits = text.rstrip("F")
    before = "0" if len(digits) > _PAN_DIGITS_MAX and digits.startswith("0") else ""
    number = digits.removeprefix(before)
    if not number.isdecimal() or len(number) > _PAN_DIGITS_MAX:
        return None
    return bytes.fromhex(f"{before}{cards.card(number)}{text[len(digits) :]}")


def _track1(value: bytes, cards: CardsReplaced) -> bytes | None:
    track = rebuilt_track1(value.decode("latin-1"), cards)
    return None if track is None else track.encode("latin-1")


def _track2(value: bytes, cards: CardsReplaced) -> bytes | None:
    track = rebuilt_track2(value.hex().upper(), cards)
    return None if track is None else bytes.fromhex(track)


def _zeros(value: bytes, _: CardsReplaced) -> bytes:
    return b"0" * len(value)


def _packed_zeros(value: bytes, _: CardsReplaced) -> bytes:
    return bytes(len(value))


def _no_name(value: bytes, _: CardsReplaced) -> bytes:
    return b"X" * len(value)


def _nothing(_: bytes, __: CardsReplaced) -> None:
    return None


# fmt: off
_CHANGES: Final[Mapping[str, Callable[[bytes, CardsReplaced], bytes | None]]] = {
    "56":   _track1,        # of a contactless card
    "57":   _track2,
    "5A":   _number,
    "5F20": _no_name,
    "99":   _nothing,       # PIN data
    "9F0B": _no_name,
    "9F1F": _zeros,         # track 1, discretionary data
    "9F20": _packed_zeros,  # track 2, discretionary data
    "9F6B": _track2,        # of a contactless card
}
# fmt: on
