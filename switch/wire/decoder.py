"""Writes the straight-line Python that decodes one layout.

The message is read once as text (``t``, one character per byte) and, if something in the layout is packed, once
as hex digits (``h``, two per byte); values are slices of these. Neighbours of the same nature are checked in one
go: digits that stand side by side, their lengths included, or printable text. That the last field ends where the
message ends is checked before, so that no slice can be shorter than it should be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from switch.wire.compiler import compiled, inverse_length_table
from switch.wire.dialect import Dialect
from switch.wire.fields import HEX_DIGITS, TRACK_CHARACTERS, Field

Decoder = Callable[[bytes], "dict[int, str] | None"]
"""From the bytes of a message with the right bitmap to its fields; None: ask the careful way."""

_MTI_DIGITS: Final = 4
_HEX_ANY_CASE: Final = HEX_DIGITS + "abcdef"


class _Place(NamedTuple):
    """A place in the message: bytes after the end of the ``base``-th variable field (0: the beginning)."""

    base: int
    offset: int

    def plus(self, size: int) -> _Place:
        return _Place(self.base, self.offset + size)

    def in_text(self) -> str:
        return f"p{self.base}+{self.offset}" if self.base else str(self.offset)

    def in_hex(self) -> str:
        return f"q{self.base}+{self.offset * 2}" if self.base else str(self.offset * 2)


def compile_decoder(dialect: Dialect, numbers: list[int]) -> Decoder:
    """Return the decoder of messages with exactly these fields, in ascending order."""
    return _Writer(dialect).decoder(numbers)


class _Writer:
    """Collects the lines of one decoder while it walks along the fields."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._place = _Place(0, 0)
        self._lengths: list[str] = []
        self._checks: list[str] = []
        self._values: list[str] = []
        self._names: dict[str, object] = {"TRACK": TRACK_CHARACTERS, "HEX": _HEX_ANY_CASE}
        self._run: tuple[str, _Place, _Place] | None = None

    def decoder(self, numbers: list[int]) -> Decoder:
        self._mti()
        self._place = self._place.plus(self._bitmap_bytes(numbers))
        for number in numbers:
            self._field(self._dialect.fields[number])
        self._end_run()
        source = [
            "def layout(data):",
            " t = str(data, 'latin-1')",
            " h = data.hex().upper()" if self._uses_hex() else " h = ''",
            " try:",
            *(f"  {line}" for line in self._lengths),
            f"  if len(data) != {self._place.in_text()}: return None",
            " except KeyError: return None",
            *(f" if {check}: return None" for check in self._checks),
            " return {" + ", ".join(self._values) + "}",
        ]
        return compiled(source, self._names)  # type: ignore[no-any-return]

    def _mti(self) -> None:
        packed = self._dialect.mti_encoding == "bcd"
        end = _Place(0, _MTI_DIGITS // 2 if packed else _MTI_DIGITS)
        text = self._slice("hex" if packed else "text", self._place, end)
        self._checks.append(f"not {text}.isdecimal()")
        self._values.append(f"0: {text}")
        self._place = end

    def _bitmap_bytes(self, numbers: list[int]) -> int:
        bitmaps = 2 if max(numbers, default=0) > 64 else 1  # noqa: PLR2004 - fields that one bitmap can announce
        return bitmaps * (16 if self._dialect.bitmap_encoding == "hex" else 8)

    def _uses_hex(self) -> bool:
        return any("h[" in line for line in (*self._lengths, *self._checks, *self._values))

    # --- one field -----------------------------------------------------------------------------------------

    def _field(self, field: Field) -> None:
        if field.prefix:
            start, end, size = self._variable(field)
        else:
            start, size = self._place, ""
            end = start.plus(field.wire_bytes(field.characters))
        self._place = end
        if field.format == "x+n":
            value = self._signed(field, start, end)
        elif field.packed:
            value = self._packed(field, start, end, size)
        else:
            value = self._characters(field, start, end)
        self._values.append(f"{field.number}: {value}")

    def _variable(self, field: Field) -> tuple[_Place, _Place, str]:
        """Read the length; return where the value begins and ends, and the name of its number of characters."""
        at = self._place
        start = at.plus(field.prefix_bytes)
        medium = "text" if field.length_encoding == "ascii" else "hex"
        if field.length_encoding == "binary":
            self._end_run()
        else:
            self._must_be("digits", medium, at, start)
        base, size, table = at.base + 1, f"n{field.number}", f"L{field.number}"
        self._names[table] = inverse_length_table(field)
        self._lengths.append(f"{size} = {table}[{self._slice(medium, at, start)}]")
        width = f"({size} + 1 >> 1)" if field.packed else size
        self._lengths.append(f"p{base} = {start.in_text()} + {width}")
        if self._dialect_packs:
            self._lengths.append(f"q{base} = p{base} + p{base}")
        return start, _Place(base, 0), size

    @property
    def _dialect_packs(self) -> bool:
        return any(field.packed or field.length_encoding != "ascii" for field in self._dialect.fields.values())

    def _packed(self, field: Field, start: _Place, end: _Place, size: str) -> str:
        """Two characters in a byte; an odd one out stands with a pad that must be there."""
        if field.format == "n":
            self._must_be("digits", "hex", start, end)
        else:
            self._end_run()
        a, b = start.in_hex(), end.in_hex()
        left = field.align == "left"
        pad = f"h[{b}-1:{b}]" if left else f"h[{a}:{a}+1]"
        if size:
            self._checks.append(f"{size} & 1 and {pad} != '{field.pad}'")
            return f"h[{a}:{a}+{size}]" if left else f"h[{b}-{size}:{b}]"
        if field.characters % 2:
            self._checks.append(f"{pad} != '{field.pad}'")
            return f"h[{a}:{b}-1]" if left else f"h[{a}+1:{b}]"
        return f"h[{a}:{b}]"

    def _characters(self, field: Field, start: _Place, end: _Place) -> str:
        text = self._slice("text", start, end)
        if field.format == "n":
            self._must_be("digits", "text", start, end)
        elif field.format in {"z", "b"}:
            self._end_run()
            self._checks.append(f"{text}.strip({'TRACK' if field.format == 'z' else 'HEX'})")
        elif field.prefix and field.format == "ans":
            self._end_run()
        else:
            self._must_be("printable", "text", start, end)
        return f"{text}.upper()" if field.format == "b" else text

    def _signed(self, field: Field, start: _Place, end: _Place) -> str:
        self._end_run()
        sign = self._slice("text", start, start.plus(1))
        digits = self._slice("hex" if field.packed else "text", start.plus(1), end)
        self._checks.append(f"{sign} not in ('C', 'D')")
        self._must_be("digits", "hex" if field.packed else "text", start.plus(1), end)
        return f"{sign} + {digits}"

    # --- runs of neighbours --------------------------------------------------------------------------------

    def _must_be(self, nature: str, medium: str, start: _Place, end: _Place) -> None:
        """Ask for digits or printable text between two places, together with what stands just before."""
        kind = f"{nature} {medium}"
        if self._run is not None and self._run[0] == kind and self._run[2] == start:
            self._run = (kind, self._run[1], end)
            return
        self._end_run()
        self._run = (kind, start, end)

    def _end_run(self) -> None:
        if self._run is None:
            return
        kind, start, end = self._run
        self._run = None
        nature, _, medium = kind.partition(" ")
        text = self._slice(medium, start, end)
        if nature == "digits":
            self._checks.append(f"not {text}.isdecimal()")
        else:
            self._checks.append(f"not ((r := {text}).isascii() and r.isprintable())")

    @staticmethod
    def _slice(medium: str, start: _Place, end: _Place) -> str:
        if medium == "text":
            return f"t[{start.in_text()}:{end.in_text()}]"
        return f"h[{start.in_hex()}:{end.in_hex()}]"
