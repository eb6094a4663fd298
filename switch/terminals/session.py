"""One terminal's connection: bytes in, frames served, answers out, with a limit on everything.

A connection is one task, which only reads. Each frame is handed to the listener's `Exchange`, and the answer
comes back by callback, often together with those of other connections when a group of requests has been
committed. It is sent on the spot: the socket rarely has no room, and only then does a second task wait for it.
So the ordinary message costs one task switch, and an idle connection holds no buffer.

Nobody waits without a limit: the listener's watch looks at every session's clocks (`overdue`) a few times per
deadline, which costs less than a timer for each message.
"""

from __future__ import annotations

import contextlib
import math
import socket

import trio

from switch.errors import FrameError
from switch.telemetry import EventLog, ListenerMetrics
from switch.terminals.exchange import Exchange
from switch.terminals.limits import Limits
from switch.wire.framing import KEEP_ALIVE, Frame

RECEIVE_BYTES = 16_384
"""What one read takes at most: a dozen of the longest messages; the rest waits in the socket."""

NEVER = math.inf
"""Since when a clock runs that does not."""


class Session:
    """Reads one connection until the peer, a limit or the listener ends it. The socket does not block."""

    __slots__ = (
        "_all_answered",
        "_events",
        "_exchange",
        "_in_flight",
        "_limits",
        "_metrics",
        "_nursery",
        "_outgoing",
        "_partial_since",
        "_peer",
        "_reading",
        "_room",
        "_sending_since",
        "_socket",
        "_whole",
        "active_at",
        "reason",
    )

    def __init__(
        self,
        connection: socket.socket,
        peer: str,
        exchange: Exchange,
        limits: Limits,
        metrics: ListenerMetrics,
        events: EventLog,
        nursery: trio.Nursery,
    ) -> None:
        self._socket = connection
        self._peer = peer
        self._exchange = exchange
        self._limits = limits
        self._metrics = metrics
        self._events = events
        self._nursery = nursery
        self._in_flight = 0
        self._outgoing = b""
        self._room: trio.Event | None = None
        self._all_answered: trio.Event | None = None
        self._reading = trio.CancelScope()
        self._whole = trio.CancelScope()
        self._partial_since = self._sending_since = NEVER
        self.active_at = trio.current_time()
        self.reason = "peer"

    @property
    def in_flight(self) -> int:
        """Requests of this connection that have no answer yet."""
        return self._in_flight

    async def run(self) -> None:
        """Serve until the end, then let what is in flight be answered, then close."""
        try:
            with self._whole:
                with self._reading:
                    await self._read()
                await self._answered()
        except OSError:
            self.reason = "reset"
        finally:
            self._outgoing = b""
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()

    def finish(self) -> None:
        """Read no more; close once what is in flight has been answered."""
        self.reason = "drained"
        self._reading.cancel()

    def end(self, reason: str) -> None:
        """Close now. Answers still to come are counted as unsent; what was approved stands (domain rule 14)."""
        self.reason = reason
        self._whole.cancel()

    def overdue(self, now: float) -> str | None:
        """Which limit in time the connection has passed at ``now`` (seconds of trio's clock), if any."""
        limits = self._limits
        if now - self._sending_since > limits.send_deadline_s:
            return "slow_reader"
        if now - self._partial_since > limits.partial_frame_deadline_s:
            return "incomplete"
        if not self._in_flight and now - self.active_at > limits.idle_deadline_s:
            return "idle"
        return None

    # --- in ------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        framer = self._exchange.framing.framer()
        connection = self._socket
        while True:
            await trio.lowlevel.wait_readable(connection)
            try:
                data = connection.recv(RECEIVE_BYTES)
            except BlockingIOError:
                continue
            if not data:
                return
            self.active_at = trio.current_time()
            try:
                frames = framer.feed(data)
                if frames:
                    self._partial_since = NEVER  # waiting for room below is our delay, not the peer's
                for frame in frames:
                    if not await self._serve_one(frame):
                        self.reason = "undecodable"
                        return
                if framer.error is not None:
                    raise framer.error
            except FrameError as error:
                self.reason = error.reason
                self._metrics.frame_refused(error.reason)
                self._events.frame_refused(self._exchange.name, self._peer, error.reason, error.detail)
                return
            if framer.has_partial and self._partial_since == NEVER:
                self._partial_since = trio.current_time()

    async def _serve_one(self, frame: Frame) -> bool:
        while self._in_flight >= self._limits.max_in_flight or self._outgoing:
            self._room = trio.Event()
            await self._room.wait()
        if frame == KEEP_ALIVE:
            self._send(self._exchange.framing.keep_alive)
            return True
        self._in_flight += 1
        return self._exchange.serve(frame, self._peer, self._respond)

    # --- out -----------------------------------------------------------------------------------------------

    def _respond(self, data: bytes | None) -> None:
        self._in_flight -= 1
        if data is not None:
            self._send(data)
        self._wake()

    def _send(self, data: bytes) -> None:
        """Send now what the socket takes; the rest waits for it in a task of its own."""
        if self._outgoing:
            self._outgoing += data
            return
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._metrics.unsent.inc()
            self.end("reset")
            return
        if sent < len(data):
            self._outgoing = data[sent:]
            self._sending_since = trio.current_time()
            self._nursery.start_soon(self.send_rest)

    async def send_rest(self) -> None:
        """Send what did not fit into the socket; the listener runs this beside the reader."""
        with contextlib.suppress(OSError, trio.ClosedResourceError):  # the reader sees it too, and ends the session
            while self._outgoing:
                await trio.lowlevel.wait_writable(self._socket)
                with contextlib.suppress(BlockingIOError):
                    self._outgoing = self._outgoing[self._socket.send(self._outgoing) :]
                    self._sending_since = trio.current_time()
        self._sending_since = NEVER
        self._wake()

    def _wake(self) -> None:
        if self._room is not None and not self._outgoing:
            self._room.set()
            self._room = None
        if self._all_answered is not None and not self._in_flight and not self._outgoing:
            self._all_answered.set()

    async def _answered(self) -> None:
        """Wait until nothing is in flight or unsent, at most as long as the terminal would."""
        with trio.move_on_after(self._limits.answer_deadline_s):
            while self._in_flight or self._outgoing:
                self._all_answered = trio.Event()
                await self._all_answered.wait()
