"""One thing that happened on one recorded connection: a frame that passed, or its opening or end."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Direction(StrEnum):
    """Which way a frame went."""

    TO_HOST = "to_host"
    TO_TERMINAL = "to_terminal"


class Event(StrEnum):
    """What happened. A capture may know frames only: openings and ends are told where they were seen."""

    FRAME = "frame"
    OPEN = "open"
    CLOSE = "close"


class Entry(NamedTuple):
    """One line of a capture.

    ``at_us`` is in microseconds since 1970-01-01T00:00Z; ``connection`` names a TCP connection within its capture;
    ``frame`` is what was on the wire with length, TPDU, header and trailer (b"" for other events); ``dialect`` is
    "" where nobody knows it.
    """

    at_us: int
    connection: str
    direction: Direction
    frame: bytes
    dialect: str = ""
    event: Event = Event.FRAME

    def __repr__(self) -> str:
        """Show everything but the bytes: they may hold card numbers."""
        return (
            f"<Entry {self.event} at_us={self.at_us} connection={self.connection!r} {self.direction} "
            f"{len(self.frame)} bytes of {self.dialect or 'an unknown dialect'}>"
        )
