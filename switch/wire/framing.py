"""Cuts a stream of bytes into frames and wraps answers into frames again, without touching a socket.

A frame on the wire is ``length | TPDU (5) | opaque header (n) | body | trailer``, where TPDU, header and
trailer exist only where the framing says so. The length counts TPDU, header and body; it counts itself if
``length_includes_itself`` and the trailer if ``trailer_counted``. A frame with nothing after its length, no
trailer either, is a keep-alive: it is delivered as ``Frame(b"", b"")`` and answered with `Framing.keep_alive`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from switch.errors import EncodeError, FrameError

MAX_FRAME_BYTES: Final = 8192
"""Default limit: four times the longest message seen in any of the dialects, and still cheap to hold."""

TPDU_BYTES: Final = 5
"""``60``, destination address, source address (ISO 8583 over TPDU, as network access controllers speak it)."""

LengthEncoding = Literal["binary2", "bcd2", "ascii4", "hex4"]


class Frame(NamedTuple):
    """One frame: ``header`` is TPDU and opaque header (b"" if none), ``body`` starts with the MTI."""

    header: bytes
    body: bytes


KEEP_ALIVE: Final = Frame(b"", b"")


def _read_binary(digits: bytes) -> int:
    return digits[0] << 8 | digits[1]


def _read_bcd(digits: bytes) -> int:
    return _decimal(digits.hex())


def _read_ascii(digits: bytes) -> int:
    return _decimal(digits.decode("latin-1"))


def _read_hex(digits: bytes) -> int:
    value = bytes.fromhex(digits.decode("ascii"))
    return int.from_bytes(value, "big") if len(value) == 2 else -1  # noqa: PLR2004 - fromhex skips white space


def _decimal(text: str) -> int:
    return int(text) if text.isdecimal() else -1


class _Length(NamedTuple):
    """How a length is written: bytes it takes, highest value, reader (-1 or ValueError: unreadable), writer."""

    width: int
    highest: int
    read: Callable[[bytes], int]
    write: Callable[[int], bytes]


# fmt: off
_LENGTHS: Final[dict[str, _Length]] = {
    "binary2": _Length(2, 65535, _read_binary, lambda value: value.to_bytes(2, "big")),
    "bcd2":    _Length(2,  9999, _read_bcd,    lambda value: bytes.fromhex(f"{value:04d}")),
    "ascii4":  _Length(4,  9999, _read_ascii,  lambda value: b"%04d" % value),
    "hex4":    _Length(4, 65535, _read_hex,    lambda value: b"%04X" % value),
}
# fmt: on


@dataclass(frozen=True, slots=True)
class Framing:
    """How messages are framed on one listener or link. Immutable, shared by all its connections.

    ``max_frame_bytes`` limits what follows the length: TPDU, header, body and trailer. Raises ValueError for
    values that make no sense together.
    """

    length: LengthEncoding = "binary2"
    length_includes_itself: bool = False
    trailer: bytes = b""
    trailer_counted: bool = False
    tpdu: bool = False
    header_bytes: int = 0
    max_frame_bytes: int = MAX_FRAME_BYTES
    all_header_bytes: int = field(init=False)
    """TPDU and opaque header together."""

    def __post_init__(self) -> None:
        if self.length not in _LENGTHS:
            raise ValueError(f"length must be one of {', '.join(_LENGTHS)}")
        if self.header_bytes < 0:
            raise ValueError("header_bytes must not be negative")
        if self.trailer_counted and not self.trailer:
            raise ValueError("trailer_counted without a trailer")
        object.__setattr__(self, "all_header_bytes", self.header_bytes + (TPDU_BYTES if self.tpdu else 0))
        if self.max_frame_bytes <= self.all_header_bytes + len(self.trailer):
            raise ValueError("max_frame_bytes leaves no room for a message")

    @property
    def length_bytes(self) -> int:
        """How many bytes the length takes."""
        return _LENGTHS[self.length].width

    @property
    def keep_alive(self) -> bytes:
        """The bytes of a keep-alive: a length that announces nothing."""
        length = _LENGTHS[self.length]
        return length.write(length.width if self.length_includes_itself else 0)

    def wrap(self, body: bytes, request_header: bytes) -> bytes:
        """Frame an answer: the addresses of the request's TPDU change places, its opaque header is mirrored."""
        header = request_header
        if self.tpdu:
            header = request_header[:1] + request_header[3:5] + request_header[1:3] + request_header[5:]
        return self.wrap_request(body, header)

    def wrap_request(self, body: bytes, header: bytes = b"") -> bytes:
        """Frame a message as a client does. Without a header, TPDU ``6000000000`` and zeros are sent.

        Raises `switch.errors.EncodeError` where the length cannot say how long the message is, ValueError for
        a header of another size.
        """
        if not header and self.all_header_bytes:
            header = (b"\x60\0\0\0\0" if self.tpdu else b"") + bytes(self.header_bytes)
        if len(header) != self.all_header_bytes:
            raise ValueError(f"the header must have {self.all_header_bytes} bytes")
        length = _LENGTHS[self.length]
        counted = len(header) + len(body)
        if self.length_includes_itself:
            counted += length.width
        if self.trailer_counted:
            counted += len(self.trailer)
        if counted > length.highest:
            raise EncodeError("framing", "length", f"{counted} is more than {self.length} can say")
        return b"".join((length.write(counted), header, body, self.trailer))

    def framer(self) -> Framer:
        """Return the state of one connection's incoming stream."""
        return Framer(self)


class Framer:
    """Cuts one connection's stream into frames, however the bytes arrive.

    While nothing is pending it holds no buffer, so an idle connection costs only this object. What has begun
    is kept as it came, never more than one frame of ``max_frame_bytes``: a frame that announces more is
    refused before its bytes are kept.
    """

    __slots__ = ("_framing", "_length", "_pending", "error")

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._length = _LENGTHS[framing.length]
        self._pending = b""
        self.error: FrameError | None = None

    @property
    def has_partial(self) -> bool:
        """Whether a frame has begun and is not complete."""
        return bool(self._pending)

    @property
    def partial(self) -> bytes:
        """What has come of the frame that is not complete."""
        return self._pending

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes of the stream, return the frames that are complete now.

        When the stream is broken, the frames before the break are still returned; ``error`` is set then, and
        this or (if frames were returned) the next call raises it: a `switch.errors.FrameError` with reason
        ``too_long``, ``bad_length``, ``bad_trailer`` or ``bad_header``.
        """
        if self.error is not None:
            raise self.error
        if self._pending:
            data = self._pending + data
            self._pending = b""
        frames: list[Frame] = []
        try:
            rest = self._cut(data, frames)
        except FrameError as error:
            self.error = error
            if not frames:
                raise
            return frames
        if rest < len(data):
            self._pending = data[rest:]
        return frames

    def _cut(self, data: bytes, frames: list[Frame]) -> int:
        """Append the complete frames of ``data``; return where the first incomplete one begins."""
        framing = self._framing
        width = self._length.width
        header_bytes = framing.all_header_bytes
        trailer = framing.trailer
        at = 0
        end = len(data)
        while at + width <= end:
            size = self._announced(data[at : at + width])
            start = at + width
            if size == 0:
                frames.append(KEEP_ALIVE)
                at = start
                continue
            stop = start + size
            after = stop + len(trailer)
            if after > end:
                break
            if trailer and data[stop:after] != trailer:
                raise FrameError("bad_trailer", "the frame does not end with the trailer")
            body = start + header_bytes
            frames.append(Frame(data[start:body], data[body:stop]))
            at = after
        return at

    def _announced(self, digits: bytes) -> int:
        """Return how many bytes of header and body the length announces; 0 is a keep-alive."""
        framing = self._framing
        try:
            size = self._length.read(digits)
        except ValueError:
            size = -1
        if size < 0:
            raise FrameError("bad_length", f"the length is not {framing.length}")
        if framing.length_includes_itself:
            size -= len(digits)
            if size < 0:
                raise FrameError("bad_length", "the length is shorter than itself")
        if size == 0:
            return 0
        if size + (0 if framing.trailer_counted else len(framing.trailer)) > framing.max_frame_bytes:
            raise FrameError("too_long", f"{size} bytes announced, at most {framing.max_frame_bytes} allowed")
        if framing.trailer_counted:
            size -= len(framing.trailer)
        if size <= framing.all_header_bytes:
            raise FrameError("bad_header", "the frame is too short for its header and a message")
        return size
