"""What one field of a message looks like on the wire: a handful of independent properties, no behaviour.

Values are text everywhere above the bytes: digits for ``n``, digits and separators for ``z`` (``D`` where it is
packed), upper-case hex for ``b``, and one character per byte (latin-1, so that every byte round-trips) for the
rest. Chinese text therefore keeps its GBK bytes, and a length is always a number of bytes or digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Format = Literal["n", "a", "an", "ans", "z", "b", "x+n"]
"""ISO 8583 attribute: numeric, letters, both, special characters too, track, binary, sign (C or D) and digits."""

Encoding = Literal["ascii", "bcd", "raw", "hex"]
"""One byte per character, two digits per byte, the bytes themselves, or two hex characters per byte."""

LengthEncoding = Literal["ascii", "bcd", "binary"]
Counts = Literal["digits", "bytes"]
Align = Literal["left", "right"]
Show = Literal["clear", "free", "pan", "track", "tlv", "operator", "scan", "secret"]
"""How a value may be shown to people: whole; whole unless a card number hides in it; first six and last four
digits; the same for a track; by the tags inside; the operator without the password; all but the pay code scanned;
never."""

DIGITS: Final = "0123456789"
HEX_DIGITS: Final = "0123456789ABCDEF"
TRACK_CHARACTERS: Final = "0123456789:;<=>?ABCDEF"
"""Numeric tracks of ISO/IEC 7811, and the hex nibbles of an encrypted one."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a dialect.

    ``max_size`` is the exact size if ``prefix`` is 0, else the largest; in digits or characters, for ``b`` in bytes.
    ``prefix`` is how many decimal digits the length has (2 for LLVAR). ``counts`` says what the length counts.
    ``align`` and ``pad`` place an odd number of packed digits in whole bytes.
    """

    number: int
    name: str
    format: Format
    max_size: int
    prefix: int
    encoding: Encoding
    length_encoding: LengthEncoding
    counts: Counts
    align: Align
    pad: str
    show: Show

    @property
    def packed(self) -> bool:
        """Whether a byte holds two characters of the value."""
        return self.encoding in {"bcd", "raw"}

    @property
    def prefix_bytes(self) -> int:
        """How many bytes the length takes on the wire."""
        if self.length_encoding == "ascii":
            return self.prefix
        return (self.prefix + 1) // 2

    @property
    def characters(self) -> int:
        """`max_size` as characters of the value: twice the bytes for ``b``."""
        return self.max_size * 2 if self.format == "b" else self.max_size

    @property
    def characters_per_count(self) -> int:
        """How many characters of the value one unit of the length stands for."""
        return 2 if self.counts == "bytes" and self.packed else 1

    def wire_bytes(self, characters: int) -> int:
        """How many bytes a value of so many characters takes, without its length."""
        if self.format == "x+n" and self.packed:
            return 1 + characters // 2
        return (characters + 1) // 2 if self.packed else characters


@dataclass(frozen=True, slots=True)
class Subfield:
    """A part of a field's value at a fixed place; the value may end before it or inside it."""

    path: str
    field: int
    start: int
    size: int
    name: str

    def of(self, value: str) -> str:
        """Return the part of ``value``; "" where the value is too short."""
        return value[self.start : self.start + self.size]
