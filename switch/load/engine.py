"""The open-loop engine: sends every message when it is due, whatever the host does, and times its answer from then.

A host that stalls is not excused: what was due meanwhile goes out late, or waits in the socket, and its latency counts
from when it was due. Nothing waits for an answer before it sends, unless ``in_flight`` says how many messages may be on
their way at once: then the next is due when there is room for it, and due times are not looked at.

One task does it all, on a selector of its own: it sends what is due, reads what came, and lets other tasks run when
there is nothing to do, at least every `_TURN_US`. Waits shorter than the clock of the event loop (milliseconds) are
made on the selector itself, so a message leaves when it is due and not a millisecond later.
"""

from __future__ import annotations

import select
import selectors
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Final

import trio

from switch.errors import DecodeError, FrameError, OperatorError
from switch.load.awaiting import Awaiting
from switch.load.connecting import connected, reason_of
from switch.load.line import OUT_MAX_BYTES, Line, Waiting
from switch.load.matching import Matching
from switch.load.plan import Act, Planned, Stray, Target, Watch
from switch.wire.codec import Codec

_RECEIVE_BYTES: Final = 65_536
_TURN_US: Final = 5_000
_SHORT_US: Final = 2_000
"""Waits below this are too short for the event loop's clock."""

_LOOK_UP_US: Final = 50_000
"""The longest wait: deadlines and stops are seen that late at most."""

_SENT_AT_ONCE: Final = 64
"""Messages sent before answers are looked at again, where the run is behind its schedule."""

_OPENING_AT_ONCE: Final = 64
_REOPENED_AFTER_US: Final = 250_000
"""A host that refused is not asked again for as long; what is due meanwhile is missing."""


class NobodyListens(OperatorError):  # noqa: N818 - an outcome told to a person, not a fault
    """The first connection could not be opened: there is nothing to load."""


async def drive(
    plan: Iterable[Planned], target: Target, watch: Watch, *, connections: int = 0, in_flight: int | None = None
) -> None:
    """Run a plan to its end, then wait for the answers that are not late yet. See `Engine`."""
    await Engine(plan, target, watch, connections=connections, in_flight=in_flight).run()


class Engine:
    """One run. ``connections`` (0 to n-1) are opened before it starts, others when something is due on them.

    The plan is drawn as it is needed, one ahead. What it raises ends it, and comes out of `run` once all is drained.
    """

    def __init__(
        self,
        plan: Iterable[Planned],
        target: Target,
        watch: Watch,
        *,
        connections: int = 0,
        in_flight: int | None = None,
    ) -> None:
        self._plan: Iterator[Planned] = iter(plan)
        self._target = target
        self._watch = watch
        self._connections = connections
        self._in_flight = in_flight
        self._codec = Codec(target.dialect)
        self._matching = Matching(target.dialect)
        self._lines: dict[int, Line] = {}
        self._unsent: set[Line] = set()
        self._awaiting = Awaiting(target.deadline_us)
        self._failure: Exception | None = None
        self._is_stopped = False
        self._started_ns = 0

    def stop(self) -> None:
        """Send no more and wait for no more; `run` returns within moments."""
        self._is_stopped = True

    @property
    def now_us(self) -> int:
        """Microseconds since the start."""
        return (time.perf_counter_ns() - self._started_ns) // 1_000

    async def run(self) -> None:
        """Open, send, read, drain, close. Raises `NobodyListens`, and what the plan raises."""
        with selectors.DefaultSelector() as self._selector:
            try:
                async with trio.open_nursery() as self._nursery:
                    self._started_ns = time.perf_counter_ns()
                    try:
                        await self._open_first()
                        self._started_ns = time.perf_counter_ns()
                        await self._turn_until_done()
                    except Exception as error:  # noqa: BLE001 - raised below, alone: the nursery would group it
                        self._failure = error
                    self._nursery.cancel_scope.cancel()
            finally:
                self._close_all()
        if self._failure is not None:
            raise self._failure

    # --- the loop ------------------------------------------------------------------------------------------

    async def _turn_until_done(self) -> None:
        upcoming = self._next()
        yielded_us = last_us = self.now_us
        while not self._is_stopped:
            upcoming, wait_us = self._send_due(upcoming)
            self._flush()
            self._pass_deadlines()
            if upcoming is not None:
                last_us = self.now_us
            elif not self._awaiting.open and (not self._unsent or self.now_us - last_us > self._target.deadline_us):
                break  # what a host does not read by then never goes out
            if self.now_us - yielded_us > _TURN_US:
                await trio.lowlevel.checkpoint()
                yielded_us = self.now_us
            elif wait_us and not self._wait_shortly(wait_us) and wait_us > _SHORT_US:
                await self._wait(wait_us - _SHORT_US)
                yielded_us = self.now_us
            self._read_ready()

    def _wait_shortly(self, wait_us: int) -> bool:
        """Wait on the selector itself, which keeps time to the microsecond; whether something came in."""
        return bool(select.select([self._selector.fileno()], [], [], min(wait_us, _SHORT_US) / 1e6)[0])

    async def _wait(self, wait_us: int) -> None:
        """Let others run until something comes in, or until shortly before something is due."""
        with trio.move_on_after(max(wait_us - _SHORT_US, 0) / 1e6):
            await trio.lowlevel.wait_readable(self._selector.fileno())

    def _send_due(self, upcoming: Planned | None) -> tuple[Planned | None, int]:
        """Do what is due; return what comes next and for how many microseconds there is nothing to do."""
        for _ in range(_SENT_AT_ONCE):
            if upcoming is None:
                return None, _LOOK_UP_US
            now_us = self.now_us
            if self._in_flight is not None:
                if self._awaiting.open >= self._in_flight:
                    return upcoming, _LOOK_UP_US
                due_us = now_us
            else:
                due_us = upcoming.due_us
                if due_us > now_us:
                    return upcoming, min(due_us - now_us, _LOOK_UP_US)
            self._do(upcoming, due_us, now_us)
            upcoming = self._next()
        return upcoming, 0

    def _next(self) -> Planned | None:
        """Draw from the plan; one that raises ends there, and what was sent is still waited for."""
        try:
            return next(self._plan, None)
        except Exception as error:  # noqa: BLE001 - raised by `run`
            self._failure = error
            return None

    def _do(self, planned: Planned, due_us: int, now_us: int) -> None:
        line = self._lines.get(planned.connection)
        if line is None:
            line = self._lines[planned.connection] = Line(planned.connection, self._target.dialect.framing)
        if planned.act is not Act.SEND:
            self._act(planned.act, line)
            return
        if planned.key is not None:
            waiting = Waiting(planned, due_us, line)
            line.expect(planned.key, waiting)
            self._awaiting.add(waiting)
            self._watch.sent(planned, due_us, now_us)
        line.closes = False
        if not self._can_take(line, now_us):
            self._lose(line)
        elif len(line.out) + len(planned.frame) <= OUT_MAX_BYTES:
            line.queue.append(planned.frame)
            self._unsent.add(line)

    def _act(self, act: Act, line: Line) -> None:
        if act is Act.OPEN:
            self._can_take(line, self.now_us)
        elif act is Act.BREAK:
            self._flush()
            self._lose(line, "broken off by us")
        elif act is Act.CLOSE:
            line.closes = True
            self._close_where_done(line)
        else:
            line.is_held = act is Act.HOLD
            self._register(line)

    # --- connections ---------------------------------------------------------------------------------------

    async def _open_first(self) -> None:
        """Open the first connection, to know that somebody listens, then the others that are wanted from the start."""
        host, port = self._target.host, self._target.port
        first = self._lines.setdefault(0, Line(0, self._target.dialect.framing))
        try:
            self._opened(first, await connected(host, port))
        except OSError as error:
            raise NobodyListens(f"nobody listens on {self._target} ({reason_of(error)})") from None
        limit = trio.CapacityLimiter(_OPENING_AT_ONCE)
        async with trio.open_nursery() as nursery:
            for number in range(1, self._connections):
                line = self._lines[number] = Line(number, self._target.dialect.framing)
                line.is_opening = True
                nursery.start_soon(self._open_line, line, limit)

    async def _open_line(self, line: Line, limit: trio.CapacityLimiter | None = None) -> None:
        try:
            if limit is None:
                sock = await connected(self._target.host, self._target.port)
            else:
                async with limit:
                    sock = await connected(self._target.host, self._target.port)
        except OSError as error:
            line.is_opening = False
            line.refused_at_us = self.now_us
            self._watch.connection(line.number, f"refused: {reason_of(error)}", self.now_us)
            self._lose(line)
            return
        self._opened(line, sock)

    def _opened(self, line: Line, sock: socket.socket) -> None:
        line.sock = sock
        line.framer = self._target.dialect.framing.framer()
        line.is_opening = False
        line.refused_at_us = None
        self._selector.register(sock, selectors.EVENT_READ, line)
        self._watch.connection(line.number, "reopened" if line.was_open else "opened", self.now_us)
        line.was_open = True

    def _can_take(self, line: Line, now_us: int) -> bool:
        """Whether something can be sent on it now, or as soon as it is open, which is seen to."""
        if line.sock is None and not line.is_opening:
            if line.refused_at_us is not None and now_us - line.refused_at_us < _REOPENED_AFTER_US:
                return False
            line.is_opening = True
            self._nursery.start_soon(self._open_line, line)
        return True

    def _lose(self, line: Line, what: str = "") -> None:
        """Close a connection; whatever was waited for on it is missing."""
        if line.sock is not None:
            self._selector.unregister(line.sock)
        if what:
            self._watch.connection(line.number, what, self.now_us)
        self._unsent.discard(line)
        for waiting in line.drop():
            self._miss(waiting)

    def _close_where_done(self, line: Line) -> None:
        """Close what is to be closed once all of it has gone out and was answered."""
        if line.closes and not (line.waiting or line.queue or line.out or line.is_opening):
            self._lose(line, "closed by us" if line.sock is not None else "")
            self._lines.pop(line.number, None)

    def _register(self, line: Line) -> None:
        """Have the selector tell what matters: answers unless it is held, room while something waits to go out."""
        if line.sock is None:
            return
        events = (0 if line.is_held else selectors.EVENT_READ) | (selectors.EVENT_WRITE if line.out else 0)
        is_known = line.sock in self._selector.get_map()
        if events and is_known:
            self._selector.modify(line.sock, events, line)
        elif events:
            self._selector.register(line.sock, events, line)
        elif is_known:
            self._selector.unregister(line.sock)

    def _close_all(self) -> None:
        for line in self._lines.values():
            for waiting in line.drop():
                self._miss(waiting)

    # --- out -----------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Write what waits to go out; what a full socket does not take goes out when it has room again."""
        for line in [*self._unsent]:
            if line.sock is not None and not line.out:  # else the selector tells when there is room
                self._push(line)

    def _push(self, line: Line) -> None:
        had_rest = bool(line.out)
        try:
            is_empty = line.push()
        except OSError as error:
            self._lose(line, f"broke: {reason_of(error)}")
            return
        if is_empty:
            self._unsent.discard(line)
            self._close_where_done(line)
        if had_rest == is_empty:
            self._register(line)

    # --- in ------------------------------------------------------------------------------------------------

    def _read_ready(self) -> None:
        for key, events in self._selector.select(0):
            line: Line = key.data
            if events & selectors.EVENT_WRITE:
                self._push(line)
            if events & selectors.EVENT_READ and line.sock is not None:
                self._read(line, line.sock)

    def _read(self, line: Line, sock: socket.socket) -> None:
        try:
            data = sock.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(line, f"broke: {reason_of(error)}")
            return
        if not data:
            self._lose(line, "closed by the host")
            return
        try:
            frames = line.framer.feed(data)
        except FrameError as error:
            self._unreadable(line, error)
            return
        at_us = self.now_us
        for frame in frames:
            if frame.body:
                self._take(line, frame.body, at_us)
        if line.framer.error is not None:
            self._unreadable(line, line.framer.error)

    def _unreadable(self, line: Line, error: FrameError) -> None:
        self._watch.stray(Stray.UNREADABLE, line.number, self.now_us)
        self._lose(line, f"what comes in cannot be cut into messages: {error.detail}")

    def _take(self, line: Line, body: bytes, at_us: int) -> None:
        try:
            fields = self._codec.decode(body)
        except DecodeError:
            self._watch.stray(Stray.UNREADABLE, line.number, at_us)
            return
        key = self._matching.of_answer(fields)
        waiting = line.take(key)
        if waiting is None:
            is_known = self._awaiting.was_answered(line.number, key)
            self._watch.stray(Stray.DUPLICATE if is_known else Stray.UNMATCHED, line.number, at_us)
            return
        self._awaiting.settle(waiting)
        self._awaiting.remember(line.number, key)
        self._watch.answered(waiting.planned, fields, waiting.due_us, at_us)
        self._close_where_done(line)

    # --- what is waited for --------------------------------------------------------------------------------

    def _miss(self, waiting: Waiting) -> None:
        self._awaiting.settle(waiting)
        self._watch.missing(waiting.planned, waiting.due_us, self.now_us)

    def _pass_deadlines(self) -> None:
        now_us = self.now_us
        late, given_up = self._awaiting.pass_deadlines(now_us)
        for waiting in given_up:
            waiting.line.forget(waiting)
            self._watch.missing(waiting.planned, waiting.due_us, now_us)
        for waiting in late:
            if waiting.line.closes:
                self._lose(waiting.line, "closed by us, an answer missing")
