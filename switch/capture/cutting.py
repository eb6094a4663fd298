"""Cuts what one side of a connection sent into frames, and finds its way back after bytes that are none.

Unlike a listener, which ends a connection that breaks its framing, somebody who reads a recording goes on: the
bytes up to the next place where a message of the dialect begins are passed over and counted.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from switch.capture.losses import Losses
from switch.errors import FrameError
from switch.wire.codec import Codec
from switch.wire.framing import KEEP_ALIVE, Frame

# Version 1987, 1993 or 2003; class 1 to 8; function 0 to 5, 8 for a notice; origin 0 to 5 (ISO 8583-1 clause 4.1).
_ASCII_TYPE: Final = re.compile(rb"(?=[012][1-8][0-58][0-5])")
_PACKED_TYPE: Final = re.compile(
    rb"(?=[\x01-\x08\x11-\x18\x21-\x28][\x00-\x05\x10-\x15\x20-\x25\x30-\x35\x40-\x45\x50-\x55\x80-\x85])"
)
_TYPE_BYTES_MAX: Final = 4
_CUT_SHORT: Final = "the message ends"  # how the codec's reasons begin where only bytes are missing
_CHAINED: Final = 3
"""So many plausible frames behind each other are a stream of frames, also where their fields do not decode."""


class FrameCutter:
    """One side's bytes in, its frames out, each as it was on the wire. Keeps at most one frame's bytes."""

    __slots__ = ("_buffer", "_codec", "_framing", "_head_bytes", "_losses", "_searching", "_type")

    def __init__(self, codec: Codec, losses: Losses, *, in_step: bool = True) -> None:
        """Begin; ``in_step`` says that the first byte begins a frame: the connection's opening was seen."""
        self._codec = codec
        self._framing = codec.dialect.framing
        self._head_bytes = self._framing.length_bytes + self._framing.all_header_bytes
        self._type = _ASCII_TYPE if codec.dialect.mti_encoding == "ascii" else _PACKED_TYPE
        self._losses = losses
        self._searching = not in_step
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes, return the frames that are complete now."""
        self._buffer = self._buffer + data if self._buffer else data
        return self._frames(ended=False)

    def lose_step(self) -> None:
        """Bytes are missing here: what was begun is dropped, and the next beginning of a frame is looked for."""
        self._skip(len(self._buffer))
        self._searching = True

    def finish(self) -> list[bytes]:
        """Nothing more will come: return the frames that only more bytes could have put in doubt."""
        frames = self._frames(ended=True)
        if self._buffer and not self._searching:  # what has begun may have been a false beginning
            self._skip(1)
            self._searching = True
            frames += self._frames(ended=True)
        self._skip(len(self._buffer))
        return frames

    def _frames(self, *, ended: bool) -> list[bytes]:
        frames: list[bytes] = []
        while self._buffer and (not self._searching or self._find(ended=ended)):
            self._cut(frames)
            if not self._searching:
                break
        return frames

    def _cut(self, frames: list[bytes]) -> None:
        """Move the complete frames from the buffer to ``frames``; lose step where one cannot be."""
        framer = self._framing.framer()
        try:
            found = framer.feed(self._buffer)
        except FrameError:
            found = []
        at = 0
        plausible = framer.error is None
        for frame in found:
            if frame != KEEP_ALIVE and not self._type.match(frame.body):
                plausible = False
                break
            end = at + self._size(frame)
            frames.append(self._buffer[at:end])
            at = end
        self._buffer = self._buffer[at:]
        begun = len(self._buffer) >= self._head_bytes + _TYPE_BYTES_MAX
        self._searching = not plausible or (begun and not self._type.match(self._buffer, self._head_bytes))
        self._skip(1 if self._searching else 0)

    def _find(self, *, ended: bool) -> bool:
        """Drop what is before the next beginning of a frame; return whether one is there."""
        for found in self._type.finditer(self._buffer, self._head_bytes):
            start = found.start() - self._head_bytes
            verdict = self._judge(start)
            if verdict == "no" or (verdict == "later" and ended):
                continue
            self._skip(start)
            self._searching = verdict == "later"
            return verdict == "yes"
        keep = min(len(self._buffer), self._head_bytes + 3)  # the beginning of a type may be among them
        self._skip(len(self._buffer) - keep)
        return False

    def _judge(self, start: int) -> Literal["yes", "no", "later"]:
        """Say whether a frame begins at ``start`` of the buffer; "later" where only more bytes can tell."""
        data = self._buffer[start : start + _CHAINED * self._framing.max_frame_bytes]
        framer = self._framing.framer()
        try:
            found = framer.feed(data)
        except FrameError:
            return "no"
        if not found:
            fault = self._codec.examine(data[self._head_bytes :]).fault
            return "later" if fault is None or fault.reason.startswith(_CUT_SHORT) else "no"
        if found[0] == KEEP_ALIVE:
            return "no"
        if self._codec.examine(found[0].body).fault is None:
            return "yes"
        rest = sum(self._size(frame) for frame in found)
        if framer.error is not None or not all(frame == KEEP_ALIVE or self._type.match(frame.body) for frame in found):
            return "no"
        if len(data) >= rest + self._head_bytes + _TYPE_BYTES_MAX and not self._type.match(
            data, rest + self._head_bytes
        ):
            return "no"
        return "yes" if len(found) >= _CHAINED else "later"

    def _size(self, frame: Frame) -> int:
        """Return how many bytes a frame has on the wire."""
        if frame == KEEP_ALIVE:
            return self._framing.length_bytes
        return self._head_bytes + len(frame.body) + len(self._framing.trailer)

    def _skip(self, count: int) -> None:
        self._losses.skipped_bytes += count
        self._buffer = self._buffer[count:]


def message_type(codec: Codec, frame: bytes) -> str:
    """Return the four digits of a frame's message type; "" for a keep-alive and what has none."""
    at = codec.dialect.framing.length_bytes + codec.dialect.framing.all_header_bytes
    is_text = codec.dialect.mti_encoding == "ascii"
    digits = frame[at : at + 4].decode("latin-1") if is_text else frame[at : at + 2].hex()
    return digits if len(digits) == 4 and digits.isascii() and digits.isdecimal() else ""  # noqa: PLR2004


def function_digit(codec: Codec, frame: bytes) -> int:
    """Return the third digit of a frame's message type: even asks or tells, odd answers; -1 where there is none."""
    digits = message_type(codec, frame)
    return int(digits[2]) if digits else -1
