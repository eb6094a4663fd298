"""What a capture holds, counted while it streams by: who said what how often, when, and how fast."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from switch.capture.cutting import message_type
from switch.capture.entry import Direction, Entry, Event
from switch.capture.spoken import Codecs
from switch.errors import DecodeError, FrameError

CONNECTIONS_MAX: Final = 200_000
"""Names kept to count connections; beyond, there are "more than" so many."""

CHECKED_MAX: Final = 1000
"""Messages of each dialect whose fields are read, to tell whether it is the dialect they are in."""

_SECOND_US: Final = 1_000_000


@dataclass(slots=True)
class Summary:
    """Counts over entries. ``dialects`` and ``types`` count messages, by (direction, message type) and by name."""

    entries: int = 0
    messages: int = 0
    keep_alives: int = 0
    wire_bytes: int = 0
    opened: int = 0
    closed: int = 0
    first_us: int = 0
    last_us: int = 0
    peak: int = 0
    """Messages in the second that had most."""
    peak_us: int = 0
    types: Counter[tuple[Direction, str]] = field(default_factory=Counter)
    dialects: Counter[str] = field(default_factory=Counter)
    connections: set[str] = field(default_factory=set, repr=False)
    checked: Counter[str] = field(default_factory=Counter)
    undecodable: Counter[str] = field(default_factory=Counter)
    _codecs: Codecs = field(default_factory=Codecs, repr=False)
    _second: int = -1
    _in_second: int = 0

    def add(self, entry: Entry) -> None:
        """Count one entry; they come in the order of time."""
        if not self.entries:
            self.first_us = entry.at_us
        self.entries += 1
        self.last_us = entry.at_us
        if len(self.connections) <= CONNECTIONS_MAX:
            self.connections.add(entry.connection)
        if entry.event is Event.FRAME:
            self._add_frame(entry)
        elif entry.event is Event.OPEN:
            self.opened += 1
        else:
            self.closed += 1

    @property
    def span_s(self) -> float:
        """Seconds from the first entry to the last."""
        return (self.last_us - self.first_us) / _SECOND_US

    @property
    def rate_per_s(self) -> float:
        """Messages a second over the whole span; 0 where it is none."""
        return self.messages / self.span_s if self.span_s else 0.0

    def foreign_dialect(self) -> str:
        """Return the dialect that not one of its messages is in, "" if there is none such."""
        return next((name for name, wrong in self.undecodable.items() if wrong == self.checked[name]), "")

    def _add_frame(self, entry: Entry) -> None:
        self.wire_bytes += len(entry.frame)
        codec = self._codecs.of(entry)
        if codec is not None and len(entry.frame) <= codec.dialect.framing.length_bytes:
            self.keep_alives += 1
            return
        self.messages += 1
        self._count_second(entry.at_us // _SECOND_US)
        name = entry.dialect
        self.dialects[name] += 1
        if codec is None:
            self.types[entry.direction, ""] += 1
            return
        self.types[entry.direction, message_type(codec, entry.frame)] += 1
        if self.checked[name] < CHECKED_MAX:
            self.checked[name] += 1
            try:
                codec.decode(codec.dialect.framing.framer().feed(entry.frame)[0].body)
            except (DecodeError, FrameError, IndexError):
                self.undecodable[name] += 1

    def _count_second(self, second: int) -> None:
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        if self._in_second > self.peak:
            self.peak, self.peak_us = self._in_second, second * _SECOND_US
