"""Explains one message to a person: every field by name, card data masked, or where it goes wrong and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from switch.capture.entry import Entry, Event
from switch.capture.source import Source
from switch.capture.spoken import Codecs
from switch.errors import FrameError, OperatorError
from switch.wire.codec import Codec, Examination
from switch.wire.dialect import Dialect, dialect_names, load_dialect
from switch.wire.doctor import clear_bytes, examine, readings, row_with_caret
from switch.wire.framing import TPDU_BYTES, Framing
from switch.wire.lines import Line, field_lines, printable

__all__ = [
    "Description",
    "Line",
    "Trouble",
    "describe_bare",
    "describe_frame",
    "described",
    "parse_hex",
    "printable",
]


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
    framing = dialect.framing
    try:
        frames = framing.framer().feed(data)
    except FrameError as error:
        clear = [unmask or at < framing.length_bytes for at in range(len(data))]
        return Description((), _trouble(data, clear, 0, f"frame at byte 0: {error.detail}"))
    start = framing.length_bytes
    header, body = data[start : start + framing.all_header_bytes], data[start + framing.all_header_bytes :]
    fault = (len(data), "the frame ends before all that its length announces") if not frames else None
    if frames:
        header, body = frames[0]
        end = len(framing.wrap_request(body, header) if body else framing.keep_alive)
        if end < len(data):
            fault = (end, "more bytes than the length announces")
    lines = list(_frame_lines(framing, data[:start], header, keep_alive=bool(frames) and not body))
    if frames and not body and not fault:
        return Description(tuple(lines), None)
    return _describe_message(_Place(data, start + len(header), body), dialect, lines, fault, unmask=unmask)


def described(recording: Source, *, unmask: bool = False) -> Iterator[tuple[Entry, Description]]:
    """Describe the frames of a recording one by one.

    Raises `OperatorError` where neither the recording nor its caller says which dialect was spoken.
    """
    codecs = Codecs()
    for entry in recording:
        if entry.event is not Event.FRAME:
            continue
        codec = codecs.of(entry)
        if codec is None:
            raise OperatorError(f"{recording.path}: does not say which dialect was spoken; name it with --dialect")
        yield entry, describe_frame(entry.frame, codec.dialect, unmask=unmask)


def describe_bare(data: bytes, dialect: Dialect, *, unmask: bool = False) -> Description:
    """Describe a message from its MTI on, without length and header."""
    return _describe_message(_Place(data, 0, data), dialect, [], None, unmask=unmask)


@dataclass(frozen=True, slots=True)
class _Place:
    """A message and where it stands in the bytes that were given."""

    data: bytes = field(repr=False)
    start: int
    body: bytes = field(repr=False)


def _describe_message(
    place: _Place, dialect: Dialect, lines: list[Line], frame_fault: tuple[int, str] | None, *, unmask: bool
) -> Description:
    """Describe a message; positions are told within all that was given. A wrong frame is told before its message."""
    examination = examine(Codec(dialect), place.body)
    lines += _head_lines(dialect, examination, place.body)
    for number, value in examination.fields.items():
        if number:
            lines += field_lines(dialect, dialect.fields[number], value, unmask=unmask)
    fault = examination.fault
    if frame_fault is not None:
        at, reason = frame_fault[0], f"frame at byte {frame_fault[0]}: {frame_fault[1]}"
    elif fault is not None:
        at = place.start + fault.position
        reason = f"field {fault.field} at byte {at}: {fault.reason}"
    else:
        return Description(tuple(lines), None)
    behind = len(place.data) - place.start - len(place.body)
    clear = [True] * place.start + clear_bytes(dialect, examination, len(place.body)) + [False] * behind
    return Description(tuple(lines), _trouble(place.data, [unmask or one for one in clear], at, reason))


# --- lines ------------------------------------------------------------------------------------------------


def _frame_lines(framing: Framing, length: bytes, header: bytes, *, keep_alive: bool) -> Iterator[Line]:
    yield Line("length", "keep-alive" if keep_alive else f"{framing.length}", _upper(length))
    if framing.tpdu and header:
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


def _upper(data: bytes) -> str:
    return data.hex().upper()


# --- trouble ----------------------------------------------------------------------------------------------


def _trouble(data: bytes, clear: list[bool], position: int, reason: str) -> Trouble:
    row, caret = row_with_caret(data, clear, position)
    codecs = [Codec(load_dialect(name)) for name in dialect_names()]
    return Trouble(reason, row, caret, tuple(readings(data, codecs)))
