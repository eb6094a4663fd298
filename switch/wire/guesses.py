"""How bytes of an unknown peer could be cut into frames, and where in them a message could begin.

Both are guesses that nothing but the bytes themselves speak for: a length that comes out even, four digits that
could be a message type, a bitmap that announces what messages usually carry. `switch.wire.diagnosis` weighs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from typing import Final, NamedTuple

from switch.errors import FrameError
from switch.wire.framing import KEEP_ALIVE, TPDU_BYTES, Framing, LengthEncoding

HEADER_BYTES_MAX: Final = 64
"""TPDU and opaque header together; the longest that is known is the 46 bytes of interbank links."""

# fmt: off
LENGTH_WORDS: Final[dict[LengthEncoding, str]] = {
    "binary2": "2-byte binary length",
    "bcd2":    "2-byte BCD length",
    "ascii4":  "4 ASCII digits",
    "hex4":    "4 hex digits",
}
# fmt: on

_FOREIGN: Final = (
    ("2-byte binary length + 2 reserved bytes (VML)", 4, 2),
    ("4-byte binary length", 4, 4),
    ("3-byte binary length", 3, 3),
)
"""Lengths that others write and no listener here reads: name, bytes that it takes, bytes of these that count."""

_LONGEST: Final = 65_535
_TRAILERS: Final = (b"\x03", b"\r\n", b"\n")
"""What peers are known to put behind a message: ETX, the end of a line."""

_TASTE_BYTES: Final = 256
_SHORTEST_BYTES: Final = 8
"""Frames that are shorter than this on average are no messages: a length that says so is none."""

_MTI_DIGITS: Final = 4
_MTI_MEANINGS: Final = ("012", "12345678", "012345", "012345")
_EBCDIC: Final = "cp037"

USUAL_FIELDS: Final = frozenset(
    {2, 3, 4, 7, 11, 12, 13, 14, 22, 23, 24, 25, 32, 35, 37, 38, 39, 41, 42, 48, 49, 52, 53, 54, 55, 60, 61, 62, 63, 64}
    | {70, 90, 95, 128}
)
"""What nearly all messages are made of, whatever the dialect."""


class Cut(NamedTuple):
    """One way to cut the bytes: header and message of the first frame are ``start`` to ``stop``.

    ``framing`` is None where no listener of the switch can cut like this. ``frames`` complete ones were found, after
    which ``rest`` bytes are left; with no frame the first is not complete, and ``stop`` is where the bytes end.
    """

    words: str
    framing: Framing | None
    length_at: int
    start: int
    stop: int
    frames: int
    rest: int

    @property
    def is_exact(self) -> bool:
        """Whether a length accounts for every byte."""
        return self.frames > 0 and self.rest == 0 and self.start > self.length_at


class Head(NamedTuple):
    """What could be the type and the bitmap of a message that begins at ``at``; its fields begin at ``end``."""

    at: int
    end: int
    bitmap_at: int
    mti: str
    mti_encoding: str
    bitmap_encoding: str
    numbers: tuple[int, ...]

    @property
    def usual(self) -> float:
        """How much of what the bitmap announces is usual, from 0 to 1."""
        return sum(number in USUAL_FIELDS for number in self.numbers) / len(self.numbers)


# --- lengths ----------------------------------------------------------------------------------------------


def cuts(data: bytes) -> Iterator[Cut]:
    """Find every way to cut the bytes that they do not contradict; the last one is that there is no length at all."""
    for framing in _FRAMINGS:
        cut = _cut(framing, data)
        if cut is not None:
            yield cut
    yield from _foreign(data)
    yield Cut("no length", None, 0, 0, len(data), 1, 0)


def length_words(framing: Framing) -> str:
    """Name the length and the trailer of a framing, as people do."""
    words = LENGTH_WORDS[framing.length]
    notes = ["counts itself"] * framing.length_includes_itself
    if framing.trailer:
        notes.append(f"{framing.trailer.hex().upper()} at the end{', counted' * framing.trailer_counted}")
    return words + (f" ({'; '.join(notes)})" if notes else "")


def framing_words(framing: Framing) -> str:
    """Name all of a framing in one clause: length, TPDU, header."""
    return length_words(framing) + header_words(tpdu=framing.tpdu, header_bytes=framing.header_bytes)


def header_words(*, tpdu: bool, header_bytes: int) -> str:
    """Name what stands between length and message; "" where nothing does."""
    return " + TPDU" * tpdu + (f" + {header_bytes}-byte header" if header_bytes else "")


def _framings() -> Iterator[Framing]:
    endings = [(b"", False), *product(_TRAILERS, (False, True))]
    for (trailer, counted), includes_itself, length in product(endings, (False, True), LENGTH_WORDS):
        yield Framing(length, includes_itself, trailer, counted, max_frame_bytes=_LONGEST)


_FRAMINGS: Final = tuple(_framings())


def _cut(framing: Framing, data: bytes) -> Cut | None:
    """Cut the bytes so; None where they are not framed like this, or into pieces that are no messages."""
    framer = framing.framer()
    try:
        frames = framer.feed(data[:_TASTE_BYTES])
    except FrameError:
        return None
    if len(frames) > _TASTE_BYTES // _SHORTEST_BYTES:
        return None
    with suppress(FrameError):  # the frames before the break are those that it is about
        frames += framer.feed(data[_TASTE_BYTES:])
    width, trailer = framing.length_bytes, len(framing.trailer)
    idle = next((at for at, frame in enumerate(frames) if frame != KEEP_ALIVE), len(frames)) * width
    messages = [frame for frame in frames if frame != KEEP_ALIVE]
    used = sum(width + (len(frame.body) + trailer if frame != KEEP_ALIVE else 0) for frame in frames)
    if not messages and (used or len(data) <= width):
        return None
    stop = idle + width + len(messages[0].body) if messages else len(data)
    return Cut(length_words(framing), framing, idle, idle + width, stop, len(messages), len(data) - used)


def _foreign(data: bytes) -> Iterator[Cut]:
    """Find lengths that others write and no listener here reads."""
    for words, width, digits in _FOREIGN:
        size = int.from_bytes(data[:digits], "big")
        if width < len(data) and 0 < size <= len(data) - width:
            yield Cut(words, None, 0, width, width + size, 1, len(data) - width - size)


# --- heads ------------------------------------------------------------------------------------------------


def heads(data: bytes) -> dict[int, tuple[Head, ...]]:
    """Find by position everything that could be the beginning of a message, as far as headers are known to reach."""
    last = min(len(data), HEADER_BYTES_MAX + _MTI_DIGITS)
    found = {at: tuple(_heads_at(data, at)) for at in range(last)}
    return {at: some for at, some in found.items() if some}


def has_tpdu(header: bytes) -> bool:
    """Whether a header begins like a TPDU: an identifier of 60 to 69, two addresses of decimal digits."""
    tpdu = header[:TPDU_BYTES]
    return len(tpdu) == TPDU_BYTES and tpdu[0] >> 4 == 6 and tpdu.hex().isdecimal()  # noqa: PLR2004 - its first digit


def _heads_at(data: bytes, at: int) -> Iterator[Head]:
    for mti_encoding, size in (("ascii", 4), ("bcd", 2), ("ebcdic", 4)):
        raw = data[at : at + size]
        if len(raw) < size:
            continue
        mti = raw.hex() if mti_encoding == "bcd" else _text(raw, mti_encoding)
        if not _could_be_mti(mti):
            continue
        for bitmap_encoding in ("hex", "binary"):
            head = _head(data, at, at + size, mti, mti_encoding, bitmap_encoding)
            if head is not None:
                yield head
                break  # sixteen characters that are all hexadecimal are no accident


def _could_be_mti(mti: str) -> bool:
    """Whether version, class, function and origin are some that ISO 8583 gives a meaning."""
    if len(mti) != _MTI_DIGITS:
        return False
    return all(digit in known for digit, known in zip(mti, _MTI_MEANINGS, strict=True))


def _head(data: bytes, at: int, bitmap_at: int, mti: str, mti_encoding: str, bitmap_encoding: str) -> Head | None:
    """Read one bitmap, or two; None where they are none, or announce more fields than there are bytes."""
    width = 16 if bitmap_encoding == "hex" else 8
    charset = "ebcdic" if mti_encoding == "ebcdic" else "ascii"
    first = _bits(data[bitmap_at : bitmap_at + width], bitmap_encoding, charset)
    if first is None:
        return None
    end = bitmap_at + width
    numbers = [number for number in range(2, 65) if first >> (64 - number) & 1]
    if first >> 63:
        second = _bits(data[end : end + width], bitmap_encoding, charset)
        if second is None or second >> 63:
            return None
        numbers += [number for number in range(66, 129) if second >> (128 - number) & 1]
        end += width
    if not numbers or len(numbers) > len(data) - end:
        return None
    return Head(at, end, bitmap_at, mti, mti_encoding, bitmap_encoding, tuple(numbers))


def _bits(raw: bytes, encoding: str, charset: str) -> int | None:
    """Read 64 bits; None where they are not there, or not hexadecimal."""
    if encoding == "binary":
        return int.from_bytes(raw, "big") if len(raw) == 8 else None  # noqa: PLR2004 - 64 bits
    text = _text(raw, charset)
    is_hex = len(text) == 16 and all(one in "0123456789ABCDEFabcdef" for one in text)  # noqa: PLR2004 - two to a byte
    return int(text, 16) if is_hex else None


def _text(raw: bytes, charset: str) -> str:
    text = raw.decode(_EBCDIC if charset == "ebcdic" else "latin-1")
    return text if text.isascii() else ""
