"""A dialect as pyiso8583 takes it, so that an independent implementation can check ours.

pyiso8583 describes fields by bytes and nibbles, not by formats. What it cannot say:

- a signed amount with packed digits (``x+n``) is one row of bytes there, its sign the hex of a letter;
- binary written as hex characters is plain text there, in whatever case;
- formats: its decoder lets pass what `LENIENT` lists and ours refuses.

Everything that it refuses, ours refuses too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from switch.wire.dialect import Dialect
from switch.wire.fields import Field

Property = str | int

LENIENT: Final = (
    # reason of our refusal                    what pyiso8583 makes of it
    "the message type is not four decimal",  # any characters, any hex digits
    "not a hexadecimal digit",  # white space in a bitmap; any characters in a binary field written as hex
    "bit 1 announces a second bitmap",  # reads it although the dialect has none
    "the length is not",  # "+5", " 5", "1_0" are numbers to int()
    "not a decimal digit",  # letters in numbers, A to F in packed ones
    "the sign is neither C nor D",  # any letter, any byte
    "not a character of a track",  # any characters
    "not a printable character",  # control characters in a terminal's name
)
"""How our refusals of messages that pyiso8583 accepts begin."""


def pyiso8583_spec(dialect: Dialect) -> dict[str, dict[str, Property]]:
    """Return the specification dictionary of pyiso8583 4 for this dialect."""
    mti_ascii = dialect.mti_encoding == "ascii"
    bitmap = _fixed("bitmap", "ascii", 16) if dialect.bitmap_encoding == "hex" else _fixed("bitmap", "b", 8)
    return {
        "h": _fixed("header", "b", 0),
        "t": _fixed("message type", "ascii", 4) if mti_ascii else _fixed("message type", "b", 2),
        "p": dict(bitmap),
        "1": dict(bitmap),
        **{str(number): _properties(field) for number, field in dialect.fields.items()},
    }


def pyiso8583_fields(dialect: Dialect, fields: Mapping[int, str]) -> dict[str, str]:
    """Return our fields as pyiso8583 would give them (``t`` is the MTI), without its entries for bitmaps."""
    return {
        "t" if number == 0 else str(number): value if number == 0 else _value(dialect.fields[number], value)
        for number, value in fields.items()
    }


def _fixed(description: str, encoding: str, size: int) -> dict[str, Property]:
    return {"data_enc": encoding, "len_enc": "ascii", "len_type": 0, "max_len": size, "desc": description}


def _properties(field: Field) -> dict[str, Property]:
    spec = _fixed(field.name, "b" if field.packed else "latin-1", field.wire_bytes(field.characters))
    spec["len_type"] = field.prefix_bytes
    spec["len_enc"] = "b" if field.length_encoding == "binary" else field.length_encoding
    if field.packed and field.format != "x+n" and field.characters_per_count == 1:
        spec["len_count"] = "nibbles"
        spec["max_len"] = field.characters
        spec["right_pad" if field.align == "left" else "left_pad"] = field.pad
    return spec


def _value(field: Field, value: str) -> str:
    if field.format == "x+n" and field.packed:
        return value[:1].encode("latin-1").hex().upper() + value[1:]
    return value
