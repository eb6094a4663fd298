"""How a field is shown to people: by its dialect's name, card data masked, chip data tag by tag."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from switch.errors import DecodeError
from switch.wire.chip_tags import NAMES, chip_value
from switch.wire.dialect import Dialect
from switch.wire.fields import Field
from switch.wire.masking import shown
from switch.wire.tlv import Tlv, parse_tlv


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: a path ("60.2"), its name, and the value on the wire, masked unless asked."""

    path: str
    name: str
    value: str = field(repr=False)


def field_lines(dialect: Dialect, field: Field, value: str, *, unmask: bool = False) -> Iterator[Line]:
    """Yield the lines of one field and of its parts, of what may be seen of them unless ``unmask`` is asked for."""
    path = str(field.number)
    if field.show == "tlv":
        yield from _tlv_lines(field, value, unmask=unmask)
        return
    text = value if unmask else shown(value, field.show)
    yield Line(path, field.name, printable(text))
    chinese = _as_chinese(text)
    if chinese:
        yield Line(path, "the same, read as GBK", chinese)
    if unmask or field.show == "clear":
        for subfield in dialect.subfields.values():
            if subfield.field == field.number and subfield.of(value):
                yield Line(subfield.path, subfield.name, printable(subfield.of(value)))


def printable(text: str) -> str:
    r"""Return text that cannot disturb a screen: other than printable ASCII is written ``\xNN``."""
    return "".join(one if " " <= one <= "~" else f"\\x{ord(one):02X}" for one in text)


def _tlv_lines(field: Field, value: str, *, unmask: bool) -> Iterator[Line]:
    """Expand chip data. Text that holds none is shown like other private data."""
    path = str(field.number)
    data = bytes.fromhex(value) if field.format == "b" else value.encode("latin-1")
    try:
        objects = parse_tlv(data)
    except DecodeError:
        masked = shown(value, "secret" if field.format == "b" else "free")
        yield Line(path, field.name, printable(value if unmask else masked))
        return
    yield Line(path, field.name, f"({len(data)} bytes of TLV)")
    yield from _object_lines(path, objects, unmask=unmask)


def _object_lines(path: str, objects: tuple[Tlv, ...], *, unmask: bool) -> Iterator[Line]:
    for one in objects:
        inner = f"{path}.{one.tag}"
        name = NAMES.get(one.tag, "unknown tag")
        if one.is_template:
            yield Line(inner, name, "")
            yield from _object_lines(inner, one.parts, unmask=unmask)
        else:
            text, show = chip_value(one.tag, one.value)
            yield Line(inner, name, one.value.hex().upper() if unmask else shown(text, show))


def _as_chinese(text: str) -> str:
    """Return latin-1 text as the GBK that it may be; "" where it is plain ASCII or no GBK."""
    if text.isascii():
        return ""
    try:
        chinese = text.encode("latin-1").decode("gbk")
    except UnicodeDecodeError:
        return ""
    return chinese if chinese.isprintable() else ""
