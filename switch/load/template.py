"""A message encoded once, in which a few fields are written anew each time: far less work than encoding it.

The bytes between the fields that change are kept as they are. A value may be of any length that its field allows; which
fields there are never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from switch.wire.careful import write_field
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect

_KEPT_MAX: Final = 8192


class Values:
    """Field values as bytes, each made once: terminals, amounts and times come again and again."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._kept: dict[tuple[int, str], bytes] = {}

    def written(self, number: int, value: str) -> bytes:
        """The field's bytes, its length in front. Raises `EncodeError` for what the field cannot hold."""
        found = self._kept.get((number, value))
        if found is None:
            found = write_field(self._dialect.name, self._dialect.fields[number], value)
            if len(self._kept) >= _KEPT_MAX:
                self._kept.clear()
            self._kept[number, value] = found
        return found


class Template:
    """One message of a dialect; ``changing`` are the numbers of the fields that every use gives."""

    def __init__(self, codec: Codec, values: Values, fields: Fields, changing: Iterable[int]) -> None:
        """Raises `EncodeError` where the message cannot be written."""
        body = codec.encode(dict(sorted(fields.items())))
        ends = codec.examine(body).ends
        numbers = sorted(number for number in ends if number)
        starts = dict(zip(numbers, (ends[0], *(ends[number] for number in numbers)), strict=False))
        self._values = values
        self._pieces: list[tuple[bytes, int]] = []  # what stays, then the number of the field behind it
        at = 0
        for number in sorted(set(changing)):
            self._pieces.append((body[at : starts[number]], number))
            at = ends[number]
        self._rest = body[at:]

    def written(self, values: Mapping[int, str]) -> bytes:
        """The message with these values of the fields that change. Raises `EncodeError`, KeyError for one missing."""
        written = self._values.written
        parts: list[bytes] = []
        for stays, number in self._pieces:
            parts += (stays, written(number, values[number]))
        parts.append(self._rest)
        return b"".join(parts)
