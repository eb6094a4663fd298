"""What one listener allows its peers, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Deadlines in seconds, everything else a count.

    ``max_in_flight`` bounds the memory of one connection: further frames stay in its socket until an answer
    has left. ``send_deadline_s`` ends a peer that does not read; ``partial_frame_deadline_s`` one that began a
    frame and stopped; ``idle_deadline_s`` one that is perhaps no longer there.
    """

    max_connections: int = 10_000
    max_connections_per_address: int = 4_000
    max_in_flight: int = 64
    partial_frame_deadline_s: float = 10.0
    idle_deadline_s: float = 900.0
    send_deadline_s: float = 10.0
    answer_deadline_s: float = 50.0

    @property
    def watch_interval_s(self) -> float:
        """How often the watch looks: a quarter of the shortest deadline, and at least once a second."""
        return min(1.0, self.partial_frame_deadline_s / 4, self.idle_deadline_s / 4, self.send_deadline_s / 4)
