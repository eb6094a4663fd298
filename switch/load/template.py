"""A message encoded once, in which a few fields are written anew each time: far less work than encoding it.

The bytes between the fields that change are kept as they are. A value may be of any length that its field allows; which
fields there are never changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from switch.wire.careful import write_field
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect

_KEPT_MAX: Final = 8192


class Values:
    """Field values as bytes. Digits are packed at once, all others kept: terminals and times come again and again."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._kept: dict[tuple[int, str], bytes] = {}
        fields = dialect.fields.values()
        self.digits = {
            field.number: (field.max_size, bytes.fromhex if field.packed else _as_characters)
            for field in fields
            if field.format == "n" and not field.prefix and not (field.packed and field.max_size % 2)
        }
        """Of fields that are always as many digits: how many, and what writes them."""

    def written(self, number: int, value: str) -> bytes:
        """The field's bytes, its length in front. Raises `EncodeError` for what the field cannot hold."""
        found = self._kept.get((number, value))
        if found is None:
            found = write_field(self._dialect.name, self._dialect.fields[number], value)
            if len(self._kept) >= _KEPT_MAX:
                self._kept.clear()
            self._kept[number, value] = found
        return found


def _as_characters(digits: str) -> bytes:
    return digits.encode("ascii")


class Template:
    """One message of a dialect; ``changing`` are the numbers of the fields that every use gives."""

    def __init__(self, codec: Codec, values: Values, fields: Fields, changing: Iterable[int]) -> None:
        """Raises `EncodeError` where the message cannot be written."""
        body = codec.encode(dict(sorted(fields.items())))
        ends = codec.examine(body).ends
        numbers = sorted(number for number in ends if number)
        starts = dict(zip(numbers, (ends[0], *(ends[number] for number in numbers)), strict=False))
        self._written = values.written
        self._pieces: list[tuple[bytes, int, int, Callable[[str], bytes] | None]] = []
        at = 0
        for number in sorted(set(changing)):
            size, pack = values.digits.get(number, (0, None))
            self._pieces.append((body[at : starts[number]], number, size, pack))
            at = ends[number]
        self._rest = body[at:]

    def written(self, values: Mapping[int, str]) -> bytes:
        """The message with these values of the fields that change. Raises `EncodeError`, KeyError for one missing."""
        parts: list[bytes] = []
        for stays, number, size, pack in self._pieces:
            value = values[number]
            if pack is not None and len(value) == size and value.isdecimal():
                parts += (stays, pack(value))
            else:
                parts += (stays, self._written(number, value))
        parts.append(self._rest)
        return b"".join(parts)
