"""Frames as people paste them: one in hexadecimal a line, time and direction in front if known.

``[TIME] [DIRECTION] HEX [# COMMENT]``: the time as ISO 8601 (UTC where it names no zone) or seconds since 1970 with
a point, the direction as ``>`` or ``to_host``, ``<`` or ``to_terminal``. A line without a time comes a millisecond
after the one before (the first at 0); one without a direction goes where its message type says, to the host if that
cannot be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from switch.capture.cutting import function_digit
from switch.capture.entry import Direction, Entry
from switch.capture.faults import CaptureCut, CaptureFault
from switch.capture.source import ForeignSource
from switch.capture.unpacking import PackedFault
from switch.wire.codec import Codec

LINE_BYTES_MAX: Final = 1 << 18

_STEP_US: Final = 1000
_CONNECTION: Final = "1"
# fmt: off
_DIRECTIONS: Final = {
    ">": Direction.TO_HOST,     "to_host":     Direction.TO_HOST,
    "<": Direction.TO_TERMINAL, "to_terminal": Direction.TO_TERMINAL,
}
# fmt: on
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.,]+(?:Z|[+-]\d\d:?\d\d)?|\d+\.\d{1,9}")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")


class HexLines(ForeignSource):
    """Reads hexadecimal lines. The codec, None where the dialect is not known, tells directions."""

    def __init__(self, path: Path, codec: Codec | None) -> None:
        super().__init__(path, codec.dialect.name if codec else "")
        self._codec = codec

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries. Raises `CaptureFault` that names the line which is none."""
        at_us = -_STEP_US
        number = 0
        while True:
            number += 1
            try:
                line = self._file.readline(LINE_BYTES_MAX)
            except PackedFault as fault:
                raise CaptureCut(self.path, f"line {number}", f"{fault} here") from None
            if not line:
                return
            words = line.decode("utf-8", "replace").partition("#")[0].split()
            if not words:
                continue
            at_us, direction, frame = self._parts(words, number, at_us + _STEP_US)
            yield Entry(at_us, _CONNECTION, direction, frame, self.head.dialect)

    def _parts(self, words: list[str], number: int, at_us: int) -> tuple[int, Direction, bytes]:
        if _TIME.fullmatch(words[0]):
            try:
                at_us = microseconds(words.pop(0))
            except ValueError:
                raise CaptureFault(self.path, f"line {number}", "the time is none") from None
        direction = _DIRECTIONS.get(words[0]) if words else None
        if direction is not None:
            words = words[1:]
        digits = "".join(words)
        if not _HEX.fullmatch(digits):
            raise CaptureFault(self.path, f"line {number}", "not whole bytes in hexadecimal")
        frame = bytes.fromhex(digits)
        return at_us, direction or self._direction(frame), frame

    def _direction(self, frame: bytes) -> Direction:
        digit = function_digit(self._codec, frame) if self._codec else -1
        return Direction.TO_TERMINAL if digit >= 0 and digit % 2 else Direction.TO_HOST


def is_hex_lines(first_bytes: bytes) -> bool:
    """Whether a file that begins so could be hexadecimal lines: its first line that says something is one."""
    for line in first_bytes.split(b"\n"):
        words = line.decode("utf-8", "replace").partition("#")[0].split()
        while words and (_TIME.fullmatch(words[0]) or words[0] in _DIRECTIONS):
            words.pop(0)
        if words:
            return re.fullmatch("[0-9A-Fa-f]+", "".join(words)) is not None
    return False


def microseconds(text: str) -> int:
    """Return a time, ISO 8601 or seconds with a point, in microseconds since 1970. Raises ValueError."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        seconds, _, parts = text.partition(".")
        return int(seconds) * 1_000_000 + int(parts[:6].ljust(6, "0"))
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
