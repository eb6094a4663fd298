"""What a run is to send, in the order in which it is due: the words between those who plan and the engine."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol

from switch.load.matching import MatchKey
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect


class Act(StrEnum):
    """What is done with a connection. One that is not open yet is opened by whatever is sent on it."""

    SEND = "send"
    OPEN = "open"
    CLOSE = "close"  # once all that was sent on it is answered, or late
    BREAK = "break"  # at once
    HOLD = "hold"  # stop reading: a slow reader
    READ = "read"  # read again


class Planned(NamedTuple):
    """One thing to do.

    ``due_us`` is in microseconds after the run's start, never before the one ahead of it; where the engine keeps a
    number of messages in flight instead, it is not looked at. ``frame`` is the whole of what goes out, length included
    (b"" for an act other than SEND); it need not be a whole frame. ``key`` is what its answer is known by; None: no
    answer is waited for and it is not counted as sent. What is not ``counted`` (a sign-on ahead of the run) is sent and
    matched all the same. ``note`` is the planner's own and comes back to the watch.
    """

    due_us: int
    connection: int
    frame: bytes
    key: MatchKey | None = None
    act: Act = Act.SEND
    counted: bool = True
    note: object = None

    def __repr__(self) -> str:
        """Show everything but the bytes and the key: they are a cardholder's."""
        return f"<Planned {self.act} due_us={self.due_us} connection={self.connection} {len(self.frame)} bytes>"


class Stray(StrEnum):
    """What came in that answers nothing."""

    UNMATCHED = "unmatched"
    DUPLICATE = "duplicate"
    UNREADABLE = "unreadable"


class Watch(Protocol):
    """Who is told what happens, at once and in order. Times are microseconds after the run's start.

    Each message with a key is told as sent once, and then once as answered or as missing.
    """

    def sent(self, planned: Planned, due_us: int, at_us: int) -> None:
        """It went out, or would have, had there been a connection. ``due_us`` is when it ought to have."""
        ...

    def answered(self, planned: Planned, fields: Fields, due_us: int, at_us: int) -> None:
        """Its answer was read; late or not: the latency is ``at_us - due_us``."""
        ...

    def missing(self, planned: Planned, due_us: int, at_us: int) -> None:
        """No answer will be taken for it any more."""
        ...

    def stray(self, what: Stray, connection: int, at_us: int) -> None:
        """Something came in that is no answer to anything in flight."""
        ...

    def connection(self, connection: int, what: str, at_us: int) -> None:
        """A connection was opened, refused, closed by the host, or broke. ``what`` says so in a few words."""
        ...


class Target(NamedTuple):
    """Who is loaded: where it listens, what it speaks, and after how long its answers are late."""

    host: str
    port: int
    dialect: Dialect
    deadline_us: int = 10_000_000

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
