"""What a file had that did not become an entry: counted, so that a partial reading is never taken for a whole one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Losses:
    """Counts that grow while a file is read. A capture file has none: what it lost was told when it was made."""

    gaps: int = 0
    """Places in TCP streams where bytes are missing."""
    gap_bytes: int = 0
    skipped_bytes: int = 0
    """Bytes passed over to find where a message begins: after gaps, and what is no traffic of the dialect."""
    short_packets: int = 0
    """Packets that were captured only in part (a snap length)."""
    fragments: int = 0
    """Fragments of IP packets: they are not put together."""
    unreadable: int = 0
    """Lines or logged messages that could not be made into frames."""
    first_unreadable: str = ""
    """Where the first of them stands and what is wrong with it."""

    def unread(self, place: str, reason: str) -> None:
        """Count a message that could not be made into a frame."""
        self.unreadable += 1
        self.first_unreadable = self.first_unreadable or f"{place}: {reason}"

    def told(self) -> Iterator[str]:
        """Say each kind of loss that there is, one line each."""
        if self.gaps:
            yield f"{self.gaps} gap(s) in TCP streams: {self.gap_bytes} bytes are not in the file"
        if self.skipped_bytes:
            yield f"{self.skipped_bytes} bytes passed over to find where a message begins"
        if self.short_packets:
            yield f"{self.short_packets} packet(s) captured only in part: capture with the full length (tcpdump -s 0)"
        if self.fragments:
            yield f"{self.fragments} fragment(s) of IP packets left out"
        if self.unreadable:
            yield f"{self.unreadable} message(s) left out; the first, {self.first_unreadable}"
