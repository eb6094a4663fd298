"""One message as jPOS prints it, and its fields as a dialect wants them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from switch.errors import EncodeError
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect
from switch.wire.fields import Field

_TOKEN: Final = re.compile(
    r"<!--.*?-->|(?P<open><isomsg\b(?P<of>[^>]*)>)|(?P<close></isomsg>)|<header[^>]*>(?P<header>[^<]*)</header>"
    r'|<field\b(?P<attributes>(?:[^>"]|"[^"]*")*?)(?:/>|>(?P<text>(?:<!\[CDATA\[.*?\]\]>|[^<])*)</field>)',
    re.DOTALL,
)
_ATTRIBUTE: Final = re.compile(r'([\w-]+)\s*=\s*"([^"]*)"', re.DOTALL)
_CDATA: Final = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_ENTITY: Final = re.compile(r"&(?:#(\d+)|#[xX]([0-9A-Fa-f]+)|(amp|lt|gt|quot|apos));")
_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_WIPED: Final = "[WIPED]"


@dataclass(slots=True)
class Part:
    """A field, or a composite one whose ``parts`` are its subfields by number."""

    text: str = field(default="", repr=False)
    is_binary: bool = False
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass(slots=True)
class Logged:
    """A message: its direction as logged ("incoming", "outgoing", ""), its header, its fields; 0 is the MTI."""

    direction: str = ""
    header: bytes = field(default=b"", repr=False)
    fields: dict[int, Part] = field(default_factory=dict)


def parsed(text: str) -> Logged:
    """Read one ``<isomsg>`` with all that is in it. What it cannot read it passes over."""
    logged = Logged()
    levels: list[dict[int, Part]] = []
    for token in _TOKEN.finditer(text):
        if token["open"]:
            attributes = dict(_ATTRIBUTE.findall(token["of"]))
            if not levels:
                logged.direction = attributes.get("direction", "")
                levels.append(logged.fields)
            else:
                part = Part()
                levels[-1][_number(attributes)] = part
                levels.append(part.parts)
        elif not levels:
            continue
        elif token["close"]:
            levels.pop()
        elif token["header"] is not None:
            logged.header = _hex(token["header"])
        elif token["attributes"] is not None:
            attributes = dict(_ATTRIBUTE.findall(token["attributes"]))
            value = attributes.get("value")
            content = _unescaped(value) if value is not None else _content(token["text"] or "")
            levels[-1][_number(attributes)] = Part(content, attributes.get("type") == "binary")
    return logged


def fields_of(logged: Logged, dialect: Dialect) -> Fields:
    """Return the fields as the codec takes them: padded, binary as hex, composites put together.

    Fields that the log hides whole are left out. Raises EncodeError or ValueError for what has no form in the dialect.
    """
    fields: Fields = {}
    for number, part in sorted(logged.fields.items()):
        if number == 0:
            fields[0] = part.text
        elif number > 1 and part.text != _WIPED:  # 1 and -1 are bitmaps
            layout = dialect.fields.get(number)
            if layout is None:
                raise EncodeError(dialect.name, str(number), "is not in this dialect")
            fields[number] = _fitted(layout, part, dialect)
    return fields


def _fitted(layout: Field, part: Part, dialect: Dialect) -> str:
    if part.parts:
        return _fixed(layout, _composed(layout, part, dialect))
    if layout.format == "b":
        text = part.text if part.is_binary or _is_hex(part.text, layout) else part.text.encode("latin-1").hex()
        return text.upper()
    if part.is_binary:
        data = bytes.fromhex(part.text)
        return data.hex().upper() if layout.packed else data.decode("latin-1")
    if layout.format == "z" and layout.packed:
        return part.text.replace("=", "D")
    return _fixed(layout, part.text)


def _fixed(layout: Field, text: str) -> str:
    """Fill a fixed field up as jPOS's packagers do: numbers with zeros in front, text with spaces behind."""
    if layout.prefix or layout.format in {"b", "z", "x+n"}:
        return text
    return text.rjust(layout.max_size, "0") if layout.format == "n" else text.ljust(layout.max_size)


def _composed(layout: Field, part: Part, dialect: Dialect) -> str:
    """Put subfields where the dialect says they are, behind each other where it does not know them."""
    places = [(dialect.subfields.get(f"{layout.number}.{number}"), inner) for number, inner in part.parts.items()]
    if any(place is None for place, _ in places):
        return "".join(_joined(inner) for _, inner in sorted(part.parts.items()))
    fill = "0" if layout.format == "n" else " "
    value = ""
    for place, inner in places:
        if place is not None:
            text = _joined(inner)
            text = text.rjust(place.size, "0") if layout.format == "n" else text.ljust(place.size)
            value = value.ljust(place.start + place.size, fill)
            value = value[: place.start] + text[: place.size] + value[place.start + place.size :]
    return value


def _joined(part: Part) -> str:
    if part.parts:
        return "".join(_joined(inner) for _, inner in sorted(part.parts.items()))
    return bytes.fromhex(part.text).decode("latin-1") if part.is_binary else part.text


def _number(attributes: dict[str, str]) -> int:
    text = attributes.get("id") or attributes.get("fieldid") or ""
    return int(text) if re.fullmatch(r"\d{1,4}", text) else -1


def _is_hex(text: str, layout: Field) -> bool:
    """Whether text that is not marked as binary is so all the same: just the digits of a fixed field, as of a MAC."""
    return not layout.prefix and len(text) == layout.characters and re.fullmatch("[0-9A-Fa-f]*", text) is not None


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _content(text: str) -> str:
    """Return an element's content: CDATA as it is, entities outside of it replaced."""
    return "".join(part if at % 2 else _unescaped(part) for at, part in enumerate(_CDATA.split(text)))


def _unescaped(text: str) -> str:
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    decimal, hexadecimal, name = found.groups()
    code = int(decimal) if decimal else int(hexadecimal, 16) if hexadecimal else -1
    if code < 0:
        return _NAMED[name]
    return chr(code) if code < 0x110000 else ""  # noqa: PLR2004 - Unicode ends there
