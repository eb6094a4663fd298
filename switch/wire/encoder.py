"""Writes the straight-line Python that encodes one layout.

A message is put together from as few pieces as possible: neighbours that are written as characters make one
text, neighbours that are packed make one row of hex digits. Sizes are checked field by field, contents once for
all fields of the same nature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from switch.wire.compiler import compiled, length_table
from switch.wire.dialect import Dialect
from switch.wire.fields import HEX_DIGITS, TRACK_CHARACTERS, Field

Encoder = Callable[[Mapping[int, str]], "bytes | None"]
"""From the fields of a message to its bytes; None: ask the careful way."""

_HEX_ANY_CASE: Final = HEX_DIGITS + "abcdef"


def compile_encoder(dialect: Dialect, numbers: list[int], bitmap: bytes) -> Encoder:
    """Return the encoder of messages with exactly these fields, in ascending order, and their bitmap's bytes."""
    return _Writer(dialect).encoder(numbers, bitmap)


class _Writer:
    """Collects the lines of one encoder while it walks along the fields."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._checks: list[str] = ["len(m) != 4"]
        self._digits: list[str] = ["m"]
        self._printable: list[str] = []
        self._pieces: list[tuple[str, str]] = []  # (text or hex, f-string content)
        self._names: dict[str, object] = {
            "TRACK": TRACK_CHARACTERS,
            "HEX": _HEX_ANY_CASE,
            "UPPER": HEX_DIGITS,
            "PACK": bytes.fromhex,
        }

    def encoder(self, numbers: list[int], bitmap: bytes) -> Encoder:
        self._add("text" if self._dialect.mti_encoding == "ascii" else "hex", "{m}")
        if self._dialect.bitmap_encoding == "hex":
            self._add("text", bitmap.decode("ascii"))
        else:
            self._add("hex", bitmap.hex())
        for number in numbers:
            self._field(self._dialect.fields[number])
        source = [
            "def layout(fields):",
            " try:",
            "  m = fields[0]",
            *(f"  f{number} = fields[{number}]" for number in numbers),
            f"  if {' or '.join(self._checks)}: return None",
            f"  if not {_joined(self._digits)}.isdecimal(): return None",
            *([f"  r = {_joined(self._printable)}"] if self._printable else []),
            *(["  if not (r.isascii() and r.isprintable()): return None"] if self._printable else []),
            f"  return {' + '.join(_written(medium, text) for medium, text in self._pieces)}",
            # IndexError: too long; ValueError: a character that no byte stands for; the others: not a text.
            " except (AttributeError, IndexError, KeyError, TypeError, ValueError): return None",
        ]
        return compiled(source, self._names)  # type: ignore[no-any-return]

    def _field(self, field: Field) -> None:
        name = f"f{field.number}"
        self._check_content(field, name)
        if field.prefix:
            self._length(field, name)
        else:
            self._checks.append(f"len({name}) != {field.characters}")
        if field.format == "x+n" and field.packed:
            self._add("text", f"{{{name}[0]}}")
            self._add("hex", f"{{{name}[1:]}}")
        elif field.packed:
            self._add("hex", self._padded(field, name))
        else:
            self._add("text", f"{{{name}.upper()}}" if field.format == "b" else f"{{{name}}}")

    def _length(self, field: Field, name: str) -> None:
        table = f"L{field.number}"
        self._names[table] = length_table(field)
        if field.characters_per_count > 1:
            self._checks.append(f"len({name}) & 1")
        self._add("text" if field.length_encoding == "ascii" else "hex", f"{{{table}[len({name})]}}")

    def _padded(self, field: Field, name: str) -> str:
        if field.prefix and field.characters_per_count == 1:
            pad = f"P{field.number}"
            self._names[pad] = ("", field.pad)
            pad = f"{{{pad}[len({name}) & 1]}}"
        else:
            pad = field.pad if field.characters % 2 and not field.prefix else ""
        return f"{{{name}}}{pad}" if field.align == "left" else f"{pad}{{{name}}}"

    def _check_content(self, field: Field, name: str) -> None:
        match field.format:
            case "n":
                self._digits.append(name)
            case "x+n":
                self._checks.append(f"{name}[0] not in 'CD'")
                self._digits.append(f"{name}[1:]")
            case "b":
                self._checks.append(f"{name}.strip(HEX)")
            case "z":
                self._checks.append(f"{name}.strip({'UPPER' if field.packed else 'TRACK'})")
            case _ if not (field.format == "ans" and field.prefix):
                self._printable.append(name)

    def _add(self, medium: str, text: str) -> None:
        """Append to the last piece if it is of the same medium, else begin a new one."""
        if self._pieces and self._pieces[-1][0] == medium:
            self._pieces[-1] = (medium, self._pieces[-1][1] + text)
        else:
            self._pieces.append((medium, text))


def _joined(names: list[str]) -> str:
    return 'f"' + "".join(f"{{{name}}}" for name in names) + '"'


def _written(medium: str, text: str) -> str:
    return f'f"{text}".encode("latin-1")' if medium == "text" else f'PACK(f"{text}")'
