"""Strategies that make fields and messages of a dialect, good ones and spoilt ones."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from switch.wire.careful import write_field
from switch.wire.codec import Fields, bitmap_bytes
from switch.wire.dialect import Dialect, dialect_names, load_dialect
from switch.wire.fields import Field

DIALECTS = {name: load_dialect(name) for name in dialect_names()} | {
    "variants": load_dialect("variants", Path(__file__).parent)
}

_PRINTABLE = "".join(map(chr, range(32, 127)))
_ALPHABETS = {"n": "0123456789", "b": "0123456789ABCDEF", "an": _PRINTABLE, "a": _PRINTABLE}


def values(field: Field) -> st.SearchStrategy[str]:
    """Values that a field can hold."""
    if field.format == "x+n":
        digits = field.characters - 1
        return st.builds("{}{}".format, st.sampled_from("CD"), st.text("0123456789", min_size=digits, max_size=digits))
    if field.format == "z":
        alphabet = "0123456789ABCDEF" if field.packed else "0123456789=D"
    elif field.format == "ans":
        alphabet = "".join(map(chr, range(256))) if field.prefix else _PRINTABLE + "\xa9\xd5"
    else:
        alphabet = _ALPHABETS[field.format]
    longest = min(field.characters, 60)
    if field.packed and field.characters_per_count == 2 and field.format == "n":
        return st.text(alphabet, max_size=longest // 2).map(lambda text: text + text)
    if field.format == "b":
        return st.binary(min_size=0 if field.prefix else field.max_size, max_size=min(field.max_size, 60)).map(
            lambda raw: raw.hex().upper()
        )
    return st.text(alphabet, min_size=0 if field.prefix else field.characters, max_size=longest)


@st.composite
def fields_of(draw: st.DrawFn, dialect: Dialect) -> Fields:
    """A message's fields: MTI and up to twelve others."""
    numbers = draw(st.sets(st.sampled_from(list(dialect.fields)), max_size=12))
    fields = {0: draw(st.text("0123456789", min_size=4, max_size=4))}
    for number in sorted(numbers):
        fields[number] = draw(values(dialect.fields[number]))
    return fields


def written(dialect: Dialect, fields: Fields) -> bytes:
    """The bytes of a message, put together without the codec."""
    numbers = sorted(number for number in fields if number)
    mti = fields[0].encode() if dialect.mti_encoding == "ascii" else bytes.fromhex(fields[0])
    parts = [write_field(dialect.name, dialect.fields[number], fields[number]) for number in numbers]
    return b"".join((mti, bitmap_bytes(dialect, numbers), *parts))


@st.composite
def spoilt(draw: st.DrawFn, dialect: Dialect) -> bytes:
    """A good message with some bytes changed, cut off, put in or added."""
    data = bytearray(written(dialect, draw(fields_of(dialect))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["change", "change", "change", "cut", "insert", "append"])):
            case "change":
                data[at : at + 1] = draw(st.sampled_from(_LIKELY) | st.binary(min_size=1, max_size=1))
            case "cut":
                del data[at : at + draw(st.integers(1, 8))]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=4))
            case _:
                data += draw(st.binary(min_size=1, max_size=4))
    return bytes(data)


_LIKELY = [bytes((one,)) for one in b"+-_ 0159AFaf=D\x00\x0a\x19\x7f\x80\x99\xb2\xff"]
