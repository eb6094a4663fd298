"""Looks at bytes that do not decode: where exactly the trouble is, and what else they could be.

Whatever is drawn here hides the bytes of card numbers, tracks and secrets, and everything from the fault on,
where nobody knows any more which bytes are what.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from switch.errors import DecodeError, FrameError
from switch.wire.codec import Codec, Examination
from switch.wire.dialect import Dialect
from switch.wire.framing import Frame
from switch.wire.tlv import parse_tlv

_ROW_BYTES: Final = 16
_HIDDEN: Final = ".."


def examine(codec: Codec, data: bytes) -> Examination:
    """Read a message as far as it goes, chip data included: a fault in there names its tag."""
    examination = codec.examine(data)
    for number, value in examination.fields.items():
        field = codec.dialect.fields.get(number)
        if field is None or field.show != "tlv" or field.format != "b":
            continue
        chip = bytes.fromhex(value)
        start = examination.ends[number] - field.wire_bytes(len(value))
        try:
            parse_tlv(chip, codec.dialect.name, str(number), start)
        except DecodeError as fault:
            return examination._replace(fault=fault)
    return examination


def clear_bytes(dialect: Dialect, examination: Examination, size: int) -> list[bool]:
    """Return for each byte of a message of ``size`` bytes whether people may see it."""
    clear = [False] * size
    begin = 0
    for number, end in examination.ends.items():
        if number == 0 or dialect.fields[number].show == "clear":
            clear[begin:end] = [True] * (end - begin)
        begin = end
    fault = examination.fault
    if fault is not None and fault.position < size and _may_show(dialect, fault):
        if fault.field in {"mti", "bitmap"}:
            clear[: fault.position] = [True] * fault.position
        clear[fault.position] = True
    return clear


def _may_show(dialect: Dialect, fault: DecodeError) -> bool:
    """Whether the byte at the fault is in the head of the message or in a field of no secrets."""
    if fault.field in {"mti", "bitmap"}:
        return True
    field = dialect.fields.get(int(fault.field)) if fault.field.isdecimal() else None
    return field is not None and field.show == "clear"


def row_with_caret(data: bytes, clear: list[bool], position: int) -> tuple[str, str]:
    """Draw the bytes around a position, and a caret under it, in less than 80 columns.

    A position just behind the last byte (a message cut short) gets its caret there.
    """
    first = position - position % _ROW_BYTES
    if first == len(data) and first:
        first -= _ROW_BYTES
    margin = f"{first:04d}  "
    row = " ".join(
        f"{byte:02X}" if clear[at] else _HIDDEN for at, byte in enumerate(data[first : first + _ROW_BYTES], start=first)
    )
    return margin + row, " " * (len(margin) + 3 * (position - first)) + "^^"


def readings(data: bytes, codecs: Iterable[Codec]) -> list[str]:
    """Return the options of ``switch describe`` under which these bytes make sense from end to end."""
    found = []
    for codec in codecs:
        frame = only_frame(codec.dialect, data)
        if frame is not None and frame.body and _decodes(codec, frame.body):
            found.append(f"--dialect {codec.dialect.name}")
        if _decodes(codec, data):
            found.append(f"--dialect {codec.dialect.name} --bare")
    return found


def only_frame(dialect: Dialect, data: bytes) -> Frame | None:
    """Return the one frame that the bytes are under the dialect's own framing, None if they are not one."""
    framer = dialect.framing.framer()
    try:
        frames = framer.feed(data)
    except FrameError:
        return None
    alone = len(frames) == 1 and not framer.has_partial and framer.error is None
    return frames[0] if alone else None


def _decodes(codec: Codec, data: bytes) -> bool:
    return examine(codec, data).fault is None
