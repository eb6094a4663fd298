"""Makes a plan of a capture: its messages to the host, sent again, and its answers to hold the host's against.

The capture is read as the run goes on, never as a whole. What is not of the dialect is sent as it was recorded: no
answer to it can be told from others, so it is counted apart (`Replay.unreadable`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from switch.capture.entry import Direction, Entry, Event
from switch.capture.faults import CaptureCut
from switch.errors import DecodeError, FrameError, OperatorError
from switch.load.comparing import Comparison, Recorded
from switch.load.matching import Matching, MatchKey
from switch.load.pacing import Pace
from switch.load.plan import Act, Planned
from switch.load.rewriting import Rewriter
from switch.messages.paths import role_getter
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect
from switch.wire.framing import Frame

OpenCapture = Callable[[], Iterable[Entry]]
"""Begins to read the capture, from its first entry."""

UNANSWERED_MAX: Final = 20_000
"""Recorded messages whose recorded answer is still to come; of more the oldest are taken for unanswered."""

_LOOKED_AT: Final = 50
"""Messages that are read to see whether a capture is of the dialect at all."""


class Replay:
    """One run of a capture; iterate it once.

    ``connections``: each terminal keeps to one of so many, in order; None: each message goes over a connection of its
    own recorded one, opened and closed as that was. ``loops``: begin again at the end. ``until_us``: nothing is due
    after that long; ``now_us`` says how long the run has been going on, where that ends it too.
    """

    def __init__(
        self,
        capture: OpenCapture,
        dialect: Dialect,
        pace: Pace,
        rewriter: Rewriter,
        comparison: Comparison,
        *,
        connections: int | None = None,
        loops: bool = False,
        until_us: int | None = None,
        now_us: Callable[[], int] = lambda: 0,
    ) -> None:
        self.unreadable = 0
        self.cut: CaptureCut | None = None
        self._capture = capture
        self._dialect = dialect
        self._codec = Codec(dialect)
        self._matching = Matching(dialect)
        self._stan_of = role_getter(dialect, "stan")
        self._pace = pace
        self._rewriter = rewriter
        self._comparison = comparison
        self._spread = connections
        self._loops = loops
        self._until_us = until_us
        self._now_us = now_us
        self._number = 0
        self._latest_us = 0
        self._connections: dict[str, int] = {}
        self._connections_made = 0
        self._unanswered: dict[tuple[str, MatchKey], list[Recorded]] = {}

    def __iter__(self) -> Iterator[Planned]:
        while True:
            sent = 0
            for planned in self._once():
                if self._until_us is not None and max(planned.due_us, self._now_us()) >= self._until_us:
                    return
                sent += planned.act is Act.SEND
                yield planned
            if not self._loops or not sent:
                return
            self._connections.clear()
            self._unanswered.clear()
            self._pace.begin_again()

    def answered(self, planned: Planned, answer: Fields) -> None:
        """Take the host's answer to one of the messages: what it gives, and what of it is not as recorded."""
        message = planned.note
        if not isinstance(message, Recorded):
            return
        self._rewriter.learn(answer)
        recorded = self._comparison.answered(message, answer)
        if recorded is not None:
            self._rewriter.refer(recorded, answer)

    # --- the capture's entries -----------------------------------------------------------------------------

    def _once(self) -> Iterator[Planned]:
        try:
            for entry in self._capture():
                if entry.event is not Event.FRAME:
                    yield from self._event(entry)
                elif entry.direction is Direction.TO_HOST:
                    yield self._message(entry)
                else:
                    self._answer(entry)
        except CaptureCut as cut:
            self.cut = cut

    def _event(self, entry: Entry) -> Iterator[Planned]:
        """Open and close as it was recorded, where connections are as recorded."""
        if self._spread is not None:
            return
        act = Act.OPEN if entry.event is Event.OPEN else Act.CLOSE
        if act is Act.CLOSE and entry.connection not in self._connections:
            return
        connection = self._connection(entry.connection)
        if act is Act.CLOSE:
            del self._connections[entry.connection]
        yield Planned(self._latest_us, connection, b"", act=act)

    def _message(self, entry: Entry) -> Planned:
        self._number += 1
        due_us = self._pace.due_us(entry.at_us)
        self._latest_us = due_us
        frame, fields = self._read(entry.frame)
        if frame is None or fields is None:
            self.unreadable += 1
            return Planned(due_us, self._connection(entry.connection), entry.frame)
        message = Recorded(self._number, fields[0], self._stan_of(fields), self._rewriter.kind_of(fields))
        self._await(entry.connection, fields, message)
        connection = self._connection(self._rewriter.terminal_of(fields) if self._spread else entry.connection)
        if not self._rewriter.names:
            return Planned(due_us, connection, entry.frame, self._matching.of_request(fields), note=message)
        sent = self._rewriter.rewritten(fields)
        data = self._dialect.framing.wrap_request(self._rewriter.written(sent), frame.header)
        return Planned(due_us, connection, data, self._matching.of_request(sent), note=message)

    def _answer(self, entry: Entry) -> None:
        """Give the recorded answer of a message to the comparison."""
        _, fields = self._read(entry.frame)
        if fields is None:
            return
        place = (entry.connection, self._matching.of_answer(fields))
        waiting = self._unanswered.get(place)
        if not waiting:
            return
        message = waiting.pop(0)
        if not waiting:
            del self._unanswered[place]
        answer = self._comparison.recorded(message, fields)
        if answer is not None:
            self._rewriter.refer(fields, answer)

    def _await(self, connection: str, fields: Fields, message: Recorded) -> None:
        key = self._matching.of_request(fields)
        if key is None:
            return
        self._unanswered.setdefault((connection, key), []).append(message)
        if len(self._unanswered) > UNANSWERED_MAX:
            del self._unanswered[next(iter(self._unanswered))]

    def _connection(self, name: str) -> int:
        """The number of the connection that this recorded one, or this terminal, goes over."""
        number = self._connections.get(name)
        if number is None:
            number = self._connections_made
            self._connections_made += 1
            if self._spread is not None:
                number %= self._spread
            self._connections[name] = number
        return number

    def _read(self, data: bytes) -> tuple[Frame | None, Fields | None]:
        """(frame, fields) of what was recorded as one frame; None where it is not one of the dialect."""
        frame = whole(data, self._dialect)
        if frame is None:
            return None, None
        try:
            return frame, self._codec.decode(frame.body)
        except DecodeError:
            return frame, None


def whole(data: bytes, dialect: Dialect) -> Frame | None:
    """The frame that these bytes are, if they are exactly one of the dialect's with a message in it."""
    framer = dialect.framing.framer()
    try:
        frames = framer.feed(data)
    except FrameError:
        return None
    if len(frames) != 1 or framer.has_partial or framer.error is not None or not frames[0].body:
        return None
    return frames[0]


def check_dialect(capture: OpenCapture, dialect: Dialect, name: str) -> None:
    """Read the first messages. Raises `OperatorError` where there is none, or none is of the dialect."""
    codec, seen = Codec(dialect), 0
    try:
        for entry in capture():
            if entry.event is not Event.FRAME or entry.direction is not Direction.TO_HOST:
                continue
            seen += 1
            frame = whole(entry.frame, dialect)
            if frame is not None and codec.examine(frame.body).fault is None:
                return
            if seen == _LOOKED_AT:
                break
    except CaptureCut as cut:
        if not seen:
            raise OperatorError(f"{cut}; there is no message to a host before it") from None
    if not seen:
        raise OperatorError(f"{name}: no message to a host is in it")
    raise OperatorError(f"{name}: none of its first {seen} messages is of {dialect.name}; try switch doctor {name}")
