"""Explains one message to a person: every field by name, card data masked, or where it goes wrong and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from switch.errors import DecodeError, FrameError, OperatorError
from switch.wire.chip_tags import NAMES, chip_value
from switch.wire.codec import Codec, Examination
from switch.wire.dialect import Dialect, dialect_names, load_dialect
from switch.wire.doctor import clear_bytes, readings, row_with_caret
from switch.wire.fields import Field
from switch.wire.framing import TPDU_BYTES
from switch.wire.masking import shown
from switch.wire.tlv import Tlv, parse_tlv

_LENGTH_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: a path ("60.2"), its name, and the value on the wire, masked unless asked."""

    path: str
    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong: a sentence, the bytes around it, a caret under the byte, and options that would fit."""

    reason: str
    row: str
    caret: str
    readings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """The lines of what could be read, and the trouble with the rest, if any."""

    lines: tuple[Line, ...]
    trouble: Trouble | None


def parse_hex(text: str) -> bytes:
    """Return the bytes; white space is ignored. Raises `OperatorError` that says which character is wrong."""
    digits = "".join(text.split())
    wrong = next((at for at, one in enumerate(digits) if one not in "0123456789ABCDEFabcdef"), None)
    if wrong is not None:
        raise OperatorError(f"HEX: character {wrong + 1} (white space not counted) is not a hexadecimal digit")
    if not digits:
        raise OperatorError("HEX: no bytes given")
    if len(digits) % 2:
        raise OperatorError(f"HEX: {len(digits)} digits are not whole bytes")
    return bytes.fromhex(digits)


def describe_frame(data: bytes, dialect: Dialect, *, unmask: bool = False) -> Description:
    """Describe a frame as it is on the wire: length, TPDU, header, message, trailer."""
    framer = dialect.framing.framer()
    try:
        frames = framer.feed(data)
    except FrameError as error:
        return Description((), _frame_trouble(data, 0, error.detail, unmask=unmask))
    if not frames:
        return Description((), _frame_trouble(data, len(data), _announced_more(data, dialect), unmask=unmask))
    header, body = frames[0]
    whole = dialect.framing.wrap_request(body, header) if body else dialect.framing.keep_alive
    if len(whole) != len(data):
        reason = f"{len(data) - len(whole)} more bytes after the end that the length announces"
        return Description((), _frame_trouble(data, len(whole), reason, unmask=unmask))
    start = len(whole) - len(header) - len(body) - len(dialect.framing.trailer) if body else len(whole)
    lines = [Line("length", "keep-alive" if not body else f"{len(whole) - start} bytes follow", _upper(data[:start]))]
    lines += _header_lines(dialect, header)
    if not body:
        return Description(tuple(lines), None)
    return _describe_message(data, start + len(header), body, dialect, lines, unmask=unmask)


def describe_bare(data: bytes, dialect: Dialect, *, unmask: bool = False) -> Description:
    """Describe a message from its MTI on, without length and header."""
    return _describe_message(data, 0, data, dialect, [], unmask=unmask)


def _describe_message(
    data: bytes, start: int, body: bytes, dialect: Dialect, lines: list[Line], *, unmask: bool
) -> Description:
    """Describe ``body``, which begins at ``data[start]``; positions are told within ``data``."""
    examination = Codec(dialect).examine(body)
    fault = examination.fault
    lines += _head_lines(dialect, examination, body)
    try:
        for number, value in examination.fields.items():
            if number:
                position = _value_position(dialect.fields[number], examination.ends[number], value)
                lines += _field_lines(dialect, dialect.fields[number], value, start + position, unmask=unmask)
    except DecodeError as error:
        examination = examination._replace(fault=error)
        fault = DecodeError(error.dialect, error.field, error.position - start, error.reason)
    if fault is None:
        return Description(tuple(lines), None)
    clear = clear_bytes(dialect, examination._replace(fault=fault), len(body))
    at = start + fault.position
    clear = [True] * start + clear + [True] * (len(data) - start - len(body))
    row, caret = row_with_caret(data, [True] * len(data) if unmask else clear, at)
    reason = f"field {fault.field} at byte {at}: {fault.reason}"
    return Description(tuple(lines), Trouble(reason, row, caret, _other_readings(data, dialect)))


# --- lines ------------------------------------------------------------------------------------------------


def _header_lines(dialect: Dialect, header: bytes) -> Iterator[Line]:
    if dialect.framing.tpdu and header:
        tpdu, header = header[:TPDU_BYTES], header[TPDU_BYTES:]
        yield Line("tpdu", f"to {_upper(tpdu[1:3])} from {_upper(tpdu[3:5])}", _upper(tpdu))
    if header:
        yield Line("header", "opaque, mirrored in the answer", _upper(header))


def _head_lines(dialect: Dialect, examination: Examination, body: bytes) -> Iterator[Line]:
    if 0 in examination.fields:
        yield Line("mti", "message type", examination.fields[0])
    if 0 in examination.ends:
        mti_bytes = 4 if dialect.mti_encoding == "ascii" else 2
        bitmap = body[mti_bytes : examination.ends[0]]
        yield Line("bitmap", "", bitmap.decode("ascii") if dialect.bitmap_encoding == "hex" else _upper(bitmap))


def _field_lines(dialect: Dialect, field: Field, value: str, position: int, *, unmask: bool) -> Iterator[Line]:
    path = str(field.number)
    if field.show == "tlv":
        yield from _tlv_lines(dialect, field, value, position, unmask=unmask)
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


def _tlv_lines(dialect: Dialect, field: Field, value: str, position: int, *, unmask: bool) -> Iterator[Line]:
    """Expand chip data. A text field that happens to hold none is shown like other private data."""
    path = str(field.number)
    try:
        data = bytes.fromhex(value) if field.format == "b" else value.encode("latin-1")
        objects = parse_tlv(data, dialect.name, path, position)
    except DecodeError:
        if field.format == "b":
            yield Line(path, field.name, f"({len(value) // 2} bytes)")
            raise
        yield Line(path, field.name, printable(value if unmask else shown(value, "free")))
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
            yield Line(inner, name, _upper(one.value) if unmask else shown(text, show))


def _value_position(field: Field, end: int, value: str) -> int:
    return end - field.wire_bytes(len(value))


def printable(text: str) -> str:
    r"""Return text that cannot disturb a screen: other than printable ASCII is written ``\xNN``."""
    return "".join(one if " " <= one <= "~" else f"\\x{ord(one):02X}" for one in text)


def _as_chinese(text: str) -> str:
    """Return latin-1 text as the GBK that it may be; "" where it is plain ASCII or no GBK."""
    if text.isascii():
        return ""
    try:
        chinese = text.encode("latin-1").decode("gbk")
    except UnicodeDecodeError:
        return ""
    return chinese if chinese.isprintable() else ""


def _upper(data: bytes) -> str:
    return data.hex().upper()


# --- trouble ----------------------------------------------------------------------------------------------


def _frame_trouble(data: bytes, position: int, reason: str, *, unmask: bool) -> Trouble:
    """The frame itself is wrong: nothing of its contents is known, so only its length is shown."""
    row, caret = row_with_caret(data, [unmask or at < _LENGTH_BYTES for at in range(len(data))], position)
    return Trouble(f"frame at byte {position}: {reason}", row, caret, _other_readings(data, None))


def _announced_more(data: bytes, dialect: Dialect) -> str:
    return f"the {len(data)} bytes end before the frame does ({dialect.framing.length} length in front)"


def _other_readings(data: bytes, dialect: Dialect | None) -> tuple[str, ...]:
    codecs = [Codec(_known(name, dialect)) for name in dialect_names()]
    return tuple(readings(data, codecs))


def _known(name: str, dialect: Dialect | None) -> Dialect:
    return dialect if dialect is not None and dialect.name == name else load_dialect(name)
