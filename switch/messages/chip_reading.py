"""Reading field 55: from BER-TLV to `ChipData`, every tag that we use held against its size and form."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final, NamedTuple

from switch.errors import DecodeError
from switch.messages.actions import Action
from switch.messages.chip import ChipData
from switch.messages.model import Reject
from switch.values import Pan
from switch.wire.chip_tags import NAMES
from switch.wire.tlv import Tlv, parse_tlv


def read_chip(data: bytes) -> ChipData | Reject:
    """Return what field 55 says, or a `Reject` naming the tag that is wrong, never its contents.

    Templates are opened and zero bytes between tags skipped. A tag there twice with the same value counts once, with
    two values it is wrong: nobody could say which one the chip vouched for. Of tags unknown to us the first counts.
    """
    plain = _plain(data)
    if plain is not None:
        return _chip(plain)
    try:
        objects = parse_tlv(data)
    except DecodeError as fault:
        return _reject(f"{_place(fault.field)}: {fault.reason}")
    found: dict[str, bytes] = {}
    wrong = _collect(objects, found)
    return _chip(found) if wrong is None else wrong


# --- the tags -----------------------------------------------------------------------------------------------


class _Shape(NamedTuple):
    least: int
    most: int
    is_digits: bool = False


# fmt: off
_SHAPES: Final[dict[str, _Shape]] = {
    "4F":   _Shape(5, 16),      "57":   _Shape(1, 19),        "5A":   _Shape(1, 10),
    "5F2A": _Shape(2, 2, True), "5F34": _Shape(1, 1, True),   "82":   _Shape(2, 2),
    "84":   _Shape(5, 16),      "8A":   _Shape(2, 2),         "95":   _Shape(5, 5),
    "9A":   _Shape(3, 3, True), "9C":   _Shape(1, 1, True),   "9F02": _Shape(6, 6, True),
    "9F03": _Shape(6, 6, True), "9F06": _Shape(5, 16),        "9F10": _Shape(1, 32),
    "9F1A": _Shape(2, 2, True), "9F26": _Shape(8, 8),         "9F27": _Shape(1, 1),
    "9F33": _Shape(3, 3),       "9F34": _Shape(3, 3),         "9F36": _Shape(2, 2),
    "9F37": _Shape(4, 4),       "9F5B": _Shape(1, 255),       "DF31": _Shape(1, 255),
}
# fmt: on
"""Sizes in bytes, and whether it is packed decimal (EMV Book 3 annex A; DF31: UnionPay's terminal specification)."""

_PAN_DIGITS: Final = range(8, 20)

_TEMPLATE: Final = 0x20
_LONG_TAG: Final = 0x1F
_MORE: Final = 0x80

_WIDTHS: Final = bytes(
    0 if first & _TEMPLATE or not first else 2 if first & _LONG_TAG == _LONG_TAG else 1 for first in range(256)
)
"""How many bytes a tag has that begins with this one, if no more than two; 0 for templates and padding."""


class _Layout(NamedTuple):
    """Where tags and lengths stand in data of one length, and which of its values are packed decimal."""

    cut: Callable[[bytes], tuple[bytes, ...]]  # tag and length, value, tag and length, value ...
    heads: tuple[bytes, ...]
    tags: tuple[str, ...]
    digits: tuple[int, ...]


_LAYOUTS: Final[dict[int, _Layout]] = {}
"""The last layout that was seen of each length: a terminal sends the same tags each time. It only saves the walk."""


def _plain(data: bytes) -> dict[str, bytes] | None:
    """The values of data as nearly all of it is: tags of one or two bytes, no templates, nothing twice, nothing wrong.

    None for any other, which `read_chip` then reads with the care that it needs.
    """
    layout = _LAYOUTS.get(len(data))
    if layout is not None:
        parts = layout.cut(data)
        if parts[::2] == layout.heads:
            values = parts[1::2]
            if layout.digits and not b"".join([values[place] for place in layout.digits]).hex().isdecimal():
                return None
            return dict(zip(layout.tags, values, strict=True))
    found = _walked(data)
    if found:
        _learn(data, found)
    return found


def _learn(data: bytes, found: dict[str, bytes]) -> None:
    sizes = [(len(tag) // 2 + 1, len(value)) for tag, value in found.items()]
    if sum(map(sum, sizes)) != len(data):  # a tag of no bytes was left out
        return
    cut = Struct("".join(f"{head}s{size}s" for head, size in sizes)).unpack
    digits = [place for place, tag in enumerate(found) if tag in _SHAPES and _SHAPES[tag].is_digits]
    _LAYOUTS[len(data)] = _Layout(cut, cut(data)[::2], tuple(found), tuple(digits))


def _walked(data: bytes) -> dict[str, bytes] | None:
    found: dict[str, bytes] = {}
    text, shape_of = data.hex().upper(), _SHAPES.get
    begin, end = 0, len(data)
    while begin < end:
        width = _WIDTHS[data[begin]]
        after = begin + width
        if not width or after >= end or (width > 1 and data[begin + 1] >= _MORE):
            return None
        size, start, tag = data[after], after + 1, text[2 * begin : 2 * after]
        begin = start + size
        if size >= _MORE or begin > end or tag in found:
            return None
        if not size:
            continue
        shape = shape_of(tag)
        if shape is not None:
            least, most, is_digits = shape
            if not least <= size <= most or (is_digits and not text[2 * start : 2 * begin].isdecimal()):
                return None
        found[tag] = data[start:begin]
    return found


def _collect(objects: tuple[Tlv, ...], found: dict[str, bytes]) -> Reject | None:
    """Put the values into ``found``, those of templates among them; return what is wrong with one."""
    for one in objects:
        tag, value = one.tag, one.value
        if one.parts:
            wrong = _collect(one.parts, found)
            if wrong is not None:
                return wrong
        if not value:
            continue
        shape = _SHAPES.get(tag)
        if shape is None:
            found.setdefault(tag, value)
            continue
        least, most, is_digits = shape
        if not least <= len(value) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            return _reject(f"tag {tag} has {len(value)} bytes, not {wanted}")
        if is_digits and not value.hex().isdecimal():
            return _reject(f"tag {tag} is not packed decimal")
        if found.setdefault(tag, value) != value:
            return _reject(f"tag {tag} is there twice with different values")
    return None


def _chip(found: dict[str, bytes]) -> ChipData | Reject:
    get = found.get
    pan, response_code = get("5A", b"").hex().rstrip("f"), get("8A")
    if pan and not (pan.isdecimal() and len(pan) in _PAN_DIGITS):
        return _reject("tag 5A is not a card number")
    if response_code and not (response_code.isascii() and response_code.isalnum()):
        return _reject("tag 8A is not two letters or digits")
    information, atc, amount = get("9F27"), get("9F36"), get("9F02")
    return ChipData(
        get("9F26", b""),
        information[0] if information else None,
        get("9F10", b""),
        get("9F37", b""),
        int.from_bytes(atc, "big") if atc else None,
        get("95", b""),
        int(amount.hex()) if amount else None,
        get("5F2A", b"").hex()[1:],
        (get("84") or get("4F") or get("9F06", b"")).hex().upper(),
        get("5F34", b"").hex(),
        Pan(pan) if pan else None,
        get("57", b"").hex().upper().rstrip("F"),
        get("9F34", b""),
        get("DF31") or get("9F5B", b""),
        found,
    )


def _reject(because: str) -> Reject:
    return Reject(Action.FORMAT_ERROR, f"DE 55: {because}")


def _place(path: str) -> str:
    """The last tag of a path like ``55.70.9F26``, unless it is none that we know: then it may be anything."""
    tag = path.rpartition(".")[2]
    return f"tag {tag}" if tag in NAMES else "an unknown tag" if "." in path else "the tags"
