"""One connection to the host that is loaded: its socket, what waits to go out, what is waited for."""

from __future__ import annotations

import socket
from typing import Final

from switch.load.matching import MatchKey
from switch.load.plan import Planned
from switch.wire.framing import Framer, Framing

OUT_MAX_BYTES: Final = 1 << 20
"""What is kept for a host that does not read; what is due beyond never goes out, and is missing."""


class Waiting:
    """A message whose answer is waited for. Others with the same key on the same connection queue behind it."""

    __slots__ = ("behind", "due_us", "is_overdue", "is_settled", "line", "planned")

    def __init__(self, planned: Planned, due_us: int, line: Line) -> None:
        self.planned = planned
        self.due_us = due_us
        self.line = line
        self.behind: Waiting | None = None
        self.is_settled = False
        self.is_overdue = False


class Line:
    """The state of one connection; ``sock`` is None while it is not open. Only the engine touches it."""

    __slots__ = (
        "closes",
        "framer",
        "is_held",
        "is_opening",
        "number",
        "out",
        "queue",
        "refused_at_us",
        "sock",
        "waiting",
        "was_open",
    )  # fmt: skip

    def __init__(self, number: int, framing: Framing) -> None:
        self.number = number
        self.sock: socket.socket | None = None
        self.framer: Framer = framing.framer()
        self.queue: list[bytes] = []
        self.out = b""
        self.waiting: dict[MatchKey, Waiting] = {}
        self.closes = False
        self.is_held = False
        self.is_opening = False
        self.was_open = False
        self.refused_at_us: int | None = None

    def expect(self, key: MatchKey, waiting: Waiting) -> None:
        """Wait for an answer, behind those that wait for one with the same key."""
        first = self.waiting.setdefault(key, waiting)
        if first is waiting:
            return
        while first.behind is not None:
            first = first.behind
        first.behind = waiting

    def take(self, key: MatchKey) -> Waiting | None:
        """The message that an answer with this key belongs to, the one that has waited longest; None: there is none."""
        first = self.waiting.pop(key, None)
        if first is not None and first.behind is not None:
            self.waiting[key] = first.behind
        return first

    def forget(self, waiting: Waiting) -> None:
        """Stop waiting for one of them."""
        key = waiting.planned.key
        first = self.waiting.get(key) if key is not None else None
        if key is None or first is None:
            return
        if first is waiting:
            self.take(key)
            return
        while first.behind is not None and first.behind is not waiting:
            first = first.behind
        if first.behind is waiting:
            first.behind = waiting.behind

    def push(self) -> bool:
        """Write what waits to go out, as far as the socket takes it; whether all of it left. Raises OSError."""
        assert self.sock is not None, "only an open line is written to"
        if self.queue:
            self.out = b"".join((self.out, *self.queue)) if self.out or len(self.queue) > 1 else self.queue[0]
            self.queue.clear()
        try:
            written = self.sock.send(self.out)
        except BlockingIOError:
            return False
        self.out = self.out[written:]
        return not self.out

    def drop(self) -> list[Waiting]:
        """Close it and return whatever was waited for: it will not be answered any more."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None
        lost = []
        for first in self.waiting.values():
            one: Waiting | None = first
            while one is not None:
                lost.append(one)
                one = one.behind
        self.waiting.clear()
        self.queue.clear()
        self.out = b""
        self.closes = self.is_held = False
        return lost
