"""Reads and writes one field at a time, and says exactly what is wrong: the reference for the compiled layouts.

The codec comes here for messages it has no compiled layout for, and whenever a layout meets anything out of the
ordinary. What this module accepts is what the dialect accepts.
"""

from __future__ import annotations

from typing import Final

from switch.errors import DecodeError, EncodeError
from switch.wire.fields import DIGITS, HEX_DIGITS, TRACK_CHARACTERS, Field

_SIGNS: Final = frozenset("CD")
_FIRST_PRINTABLE: Final = " "
_LAST_ASCII: Final = "~"
_DELETE: Final = "\x7f"
_LAST_BYTE: Final = "\xff"


def read_field(dialect: str, field: Field, data: bytes, at: int) -> tuple[str, int]:
    """Return the value of the field that begins at ``data[at]`` and where the next one begins.

    Raises `DecodeError` with the position of the first byte in doubt.
    """
    characters, start = _read_length(dialect, field, data, at)
    end = start + field.wire_bytes(characters)
    if end > len(data):
        reason = f"the message ends after {len(data) - start} of {end - start} bytes"
        raise DecodeError(dialect, str(field.number), start, reason)
    value, fault = _unpack(field, data[start:end], characters)
    if fault is not None:
        offset, reason = fault
        raise DecodeError(dialect, str(field.number), start + offset, reason)
    return value, end


def write_field(dialect: str, field: Field, value: str) -> bytes:
    """Return the field's bytes, its length in front. Raises `EncodeError` for what the field cannot hold."""
    if not isinstance(value, str):
        raise EncodeError(dialect, str(field.number), "is not text")
    if field.format == "b":
        value = value.upper()
    fault = _size_fault(field, value) or _content_fault(field, value)
    if fault is not None:
        raise EncodeError(dialect, str(field.number), fault)
    return _write_length(field, len(value)) + _pack(field, value)


# --- lengths ----------------------------------------------------------------------------------------------


def _read_length(dialect: str, field: Field, data: bytes, at: int) -> tuple[int, int]:
    """Return the characters of the value and where it begins."""
    if not field.prefix:
        return field.characters, at
    start = at + field.prefix_bytes
    digits = data[at:start]
    if len(digits) < field.prefix_bytes:
        raise DecodeError(dialect, str(field.number), at, "the message ends in the field's length")
    if field.length_encoding == "binary":
        count = int.from_bytes(digits, "big")
    else:
        text = digits.decode("latin-1") if field.length_encoding == "ascii" else digits.hex()
        if not text.isdecimal():
            raise DecodeError(dialect, str(field.number), at, f"the length is not {field.prefix} decimal digits")
        count = int(text)
    characters = count * field.characters_per_count
    if characters > field.characters:
        raise DecodeError(dialect, str(field.number), at, f"the length is {count}, more than the field may have")
    return characters, start


def _write_length(field: Field, characters: int) -> bytes:
    if not field.prefix:
        return b""
    count = characters // field.characters_per_count
    if field.length_encoding == "binary":
        return count.to_bytes(field.prefix_bytes, "big")
    if field.length_encoding == "ascii":
        return b"%0*d" % (field.prefix, count)
    return bytes.fromhex(f"{count:0{field.prefix_bytes * 2}d}")


# --- contents ---------------------------------------------------------------------------------------------


def _unpack(field: Field, data: bytes, characters: int) -> tuple[str, tuple[int, str] | None]:
    """Return the value, and (offset in bytes, reason) if it breaks a rule."""
    if field.format == "x+n" and field.packed:
        value = data[:1].decode("latin-1") + data[1:].hex()
        at = _first_fault(field, value)
        return value, None if at is None else ((at + 1) // 2, _rule(field, at))
    if field.packed:
        text = data.hex().upper()
        skip = len(text) - characters
        left = field.align == "left"
        value = text[: len(text) - skip] if left else text[skip:]
        if skip and text[-1 if left else 0] != field.pad:
            return value, (len(data) - 1 if left else 0, f"the pad is not {field.pad}")
        at = _first_fault(field, value)
        return value, None if at is None else ((at + (0 if left else skip)) // 2, _rule(field, at))
    value = data.decode("latin-1")
    if field.format == "b":
        value = value.upper() if value.isascii() else value
    at = _first_fault(field, value)
    return value, None if at is None else (at, _rule(field, at))


def _pack(field: Field, value: str) -> bytes:
    if field.format == "x+n" and field.packed:
        return value[:1].encode("ascii") + bytes.fromhex(value[1:])
    if field.packed:
        if len(value) % 2:
            value = value + field.pad if field.align == "left" else field.pad + value
        return bytes.fromhex(value)
    return value.encode("latin-1")


def _size_fault(field: Field, value: str) -> str | None:
    if field.format == "b" and len(value) % 2:
        return "holds half a byte"
    if not field.prefix:
        return None if len(value) == field.characters else f"has not {field.characters} characters"
    if len(value) > field.characters:
        return f"has more than {field.characters} characters"
    if field.counts == "bytes" and field.packed and len(value) % 2:
        return "has an odd number of digits, which its length cannot say"
    return None


def _content_fault(field: Field, value: str) -> str | None:
    at = _first_fault(field, value)
    return None if at is None else _rule(field, at)


def _first_fault(field: Field, value: str) -> int | None:
    """Return the index of the first character that the format does not allow."""
    if field.format == "n":
        return _first_not_in(DIGITS, value)
    if field.format == "b" or (field.format == "z" and field.packed):
        return _first_not_in(HEX_DIGITS, value)
    if field.format == "z":
        return _first_not_in(TRACK_CHARACTERS, value)
    if field.format == "x+n":
        if value[:1] not in _SIGNS:
            return 0
        at = _first_not_in(DIGITS, value[1:])
        return None if at is None else at + 1
    if value.isascii() and (value.isprintable() or (field.format == "ans" and field.prefix)):
        return None
    if field.format == "ans" and field.prefix:
        return next((at for at, character in enumerate(value) if character > _LAST_BYTE), None)
    last = _LAST_BYTE if field.format == "ans" else _LAST_ASCII
    return next(
        (at for at, one in enumerate(value) if one < _FIRST_PRINTABLE or one > last or one == _DELETE),
        None,
    )


def _first_not_in(allowed: str, value: str) -> int | None:
    if not value.strip(allowed):  # far faster than looking at each, and nearly always the end of it
        return None
    return next((at for at, character in enumerate(value) if character not in allowed), None)


def _rule(field: Field, at: int) -> str:
    """Say what the format wanted at a place in the value."""
    if field.format == "x+n" and at == 0:
        return "the sign is neither C nor D"
    if field.format in {"n", "x+n"}:
        return "not a decimal digit"
    if field.format == "b":
        return "not a hexadecimal digit"
    if field.format == "z":
        return "not a character of a track"
    return "not a printable character"
