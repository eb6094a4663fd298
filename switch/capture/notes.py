"""What somebody who passes bytes on notes down for the scribe: small records one behind the other, through a pipe.

A note is a head of 21 bytes (little-endian: kind 1, microseconds since 1970 8, connection 8, size 4) and its data. To
write one costs about a microsecond; everything else is the scribe's, who is a process of its own
(`switch.capture.scribe`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

_HEAD: Final = struct.Struct("<BQQI")
HEAD_BYTES: Final = _HEAD.size
SIZE_BYTES: Final = 4
"""Of the order that comes before all notes (`switch.capture.orders`): how many bytes say how long it is."""


class Kind(IntEnum):
    """What happened on a connection."""

    OPENED = 1  # data: its name, UTF-8
    TO_HOST = 2  # data: bytes from the terminal, as one read took them
    TO_TERMINAL = 3
    ENDED_BY_TERMINAL = 4
    ENDED_BY_HOST = 5
    LOST = 6  # bytes of it were not noted here: there was no room
    GONE = 7  # nothing more will be noted of it


class Note(NamedTuple):
    """One note."""

    kind: Kind
    at_us: int
    connection: int
    data: bytes

    def __repr__(self) -> str:
        return f"<Note {self.kind.name} at_us={self.at_us} connection={self.connection} {len(self.data)} bytes>"


pack_head = _HEAD.pack
"""(kind, at_us, connection, size of the data) -> the note's head."""


def written_note(kind: Kind, at_us: int, connection: int, data: bytes = b"") -> bytes:
    """Return the note's bytes."""
    return _HEAD.pack(kind, at_us, connection, len(data)) + data


class NoteReader:
    """Takes the pipe's bytes as they come, gives the notes that are complete."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Note]:
        """Yield the notes that are complete now; to be exhausted before the next call."""
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        while at + HEAD_BYTES <= end:
            kind, at_us, connection, size = _HEAD.unpack_from(data, at)
            start = at + HEAD_BYTES
            if start + size > end:
                break
            at = start + size
            yield Note(Kind(kind), at_us, connection, data[start:at])
        self._rest = data[at:]
