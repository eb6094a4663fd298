"""One terminal's connection: bytes in, frames served, answers out, with a limit on everything.

A connection has no task of its own. The listener's one task learns which sockets are ready and calls `ready`;
each frame is handed to the listener's `Exchange`, and its answer comes back by callback, often together with those
of other connections when a group of requests has been committed. It is sent on the spot: a socket rarely has no
room, and only then is it watched until it has. So a message costs no task switch, and an idle connection costs an
object and a socket.

A session reads, then stops reading (the peer said good-bye or broke the rules, or the listener drains), and closes
once what it has in flight is answered and sent. Nobody waits without a limit: the listener's watch looks at every
session's clocks (`overdue`) a few times per deadline, which costs less than a timer for each message.
"""

from __future__ import annotations

import math
import selectors
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

import trio

from switch.decisions import Outcome, Standing
from switch.errors import FrameError
from switch.telemetry import EventLog, ListenerMetrics
from switch.terminals.counting import promised
from switch.terminals.exchange import Exchange
from switch.terminals.limits import Limits
from switch.terminals.presence import Presence
from switch.terminals.tape import Tape
from switch.wire.framing import KEEP_ALIVE, Frame

RECEIVE_BYTES: Final = 16_384
"""What one read takes at most: a dozen of the longest messages; the rest waits in the socket."""

NEVER: Final = math.inf
"""Since when a clock runs that does not."""

BY_PEER: Final = frozenset({"peer", "reset"})
"""Reasons for an end that the terminal made itself."""

_NOTHING: Final[deque[Frame]] = deque(maxlen=0)
"""Shared by the sessions that have no frame waiting for room, which is nearly all of them."""


class Session:
    """Serves one connection, whose socket does not block, until ``on_closed`` is called with it."""

    __slots__ = (
        "_events",
        "_exchange",
        "_framer",
        "_in_flight",
        "_is_closed",
        "_is_new",
        "_is_serving",
        "_limits",
        "_metrics",
        "_on_closed",
        "_outgoing",
        "_owed",
        "_partial_since",
        "_presence",
        "_selector",
        "_sending_since",
        "_socket",
        "_stopped_since",
        "_tape",
        "_terminal",
        "_terminals",
        "_waiting",
        "_watched",
        "active_at",
        "peer",
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
        selector: selectors.BaseSelector,
        on_closed: Callable[[Session], None],
        tape: Tape | None = None,
        presence: Presence | None = None,
    ) -> None:
        self._socket = connection
        self._exchange = exchange
        self._limits = limits
        self._metrics = metrics
        self._events = events
        self._selector = selector
        self._on_closed = on_closed
        self._tape = tape
        self._presence = presence if presence is not None else Presence()
        self._terminal = ""
        self._terminals: set[str] | None = None
        self._owed: tuple[Outcome, ...] = ()
        self._framer = exchange.framing.framer()
        self._waiting = _NOTHING
        self._in_flight = 0
        self._outgoing = b""
        self._is_serving = self._is_closed = False
        self._is_new = True
        self._partial_since = self._sending_since = self._stopped_since = NEVER
        self._watched = selectors.EVENT_READ
        self.peer = peer
        self.active_at = trio.current_time()
        self.reason = "peer"
        selector.register(connection, selectors.EVENT_READ, self)

    @property
    def in_flight(self) -> int:
        """Requests of this connection that have no answer yet."""
        return self._in_flight

    def ready(self, mask: int) -> None:
        """Read or send what the socket is ready for; whatever goes wrong ends this connection only."""
        if self._is_closed:
            return
        try:
            if mask & selectors.EVENT_WRITE:
                self._send_rest()
            if mask & selectors.EVENT_READ:
                self._read()
        except OSError:
            self.end("reset")
        except Exception as error:  # noqa: BLE001 - one connection's fault must not end the others
            self._fail(error)

    def finish(self) -> None:
        """Read no more; close once what is in flight has been answered."""
        self._waiting = _NOTHING
        self._stop_reading("drained")
        self._settle()

    def end(self, reason: str) -> None:
        """Close now. Answers still to come are counted as unsent; what was approved stands (domain rule 14)."""
        if self._is_closed:
            return
        self.reason = reason
        self._is_closed = True
        if self._tape is not None:
            self._tape.end(by_host=reason not in BY_PEER)
        if self._watched:
            self._selector.unregister(self._socket)
        self._socket.close()
        if self._terminals is not None:
            self._presence.left(self._terminals)
        for outcome in self._owed:
            self._metrics.unsent.inc()
            self._not_sent(outcome)
        self._on_closed(self)

    def overdue(self, now: float) -> str | None:
        """Which limit in time the connection has passed at ``now`` (seconds of trio's clock), if any."""
        limits = self._limits
        if now - self._sending_since > limits.send_deadline_s:
            return "slow_reader"
        if now - self._partial_since > limits.partial_frame_deadline_s:
            return "incomplete"
        if now - self._stopped_since > limits.answer_deadline_s:
            return self.reason
        if not self._in_flight and now - self.active_at > limits.idle_deadline_s:
            return "idle"
        return None

    # --- in ------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        if self._is_closed or self._waiting:
            return
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        self.active_at = trio.current_time()
        if self._tape is not None:
            self._tape.received(data)
        if not data:
            self._stop_reading("peer")
            self._settle()
            return
        try:
            frames = self._framer.feed(data)
        except FrameError as error:
            self._refuse(error, data)
        else:
            if frames:
                self._partial_since = NEVER
                self._waiting = deque(frames)
            if self._framer.error is not None:
                self._refuse(self._framer.error, data)
        self._serve_waiting()

    def refuse_partial(self) -> None:
        """Count and log a frame that stayed incomplete, before the connection ends for it."""
        try:
            self._tell(FrameError("incomplete", "a frame began and did not end"), self._framer.partial)
        except Exception as error:  # noqa: BLE001 - as in `ready`; it is the listener's watch that calls
            self._fail(error)

    def _refuse(self, error: FrameError, data: bytes) -> None:
        """The stream can no longer be cut into frames; those before the break are still served."""
        self._tell(error, data)
        self._stop_reading(error.reason)

    def _tell(self, error: FrameError, data: bytes) -> None:
        """Count and log why the stream is no good; at the beginning of a connection, what it looks like, too."""
        self._metrics.frame_refused(error.reason)
        doctor = partial(self._exchange.impression, data) if self._is_new and not self._waiting else None
        self._events.frame_refused(self._exchange.name, self.peer, error.reason, error.detail, doctor)

    def _serve_waiting(self) -> None:
        """Serve frames while there is room; the rest waits, unread ones in the socket, until an answer leaves."""
        if self._is_serving:  # an answer given at once: the loop below goes on
            return
        self._is_serving = True
        try:
            waiting = self._waiting
            while waiting and not self._outgoing and self._in_flight < self._limits.max_in_flight:
                frame = waiting.popleft()
                if frame == KEEP_ALIVE:
                    self._send(self._exchange.framing.keep_alive)
                    continue
                self._in_flight += 1
                is_first, self._is_new = self._is_new, False
                if not self._exchange.serve(frame, self.peer, self._respond, is_first):
                    waiting.clear()
                    self._stop_reading("undecodable")
            if not waiting:
                self._waiting = _NOTHING
        except Exception as error:  # noqa: BLE001 - as in `ready`; an answer of another connection may have led here
            self._fail(error)
        finally:
            self._is_serving = False
        self._settle()

    def _stop_reading(self, reason: str) -> None:
        self.reason = reason
        self._partial_since = NEVER
        self._stopped_since = min(self._stopped_since, trio.current_time())

    # --- out -----------------------------------------------------------------------------------------------

    def _respond(self, data: bytes | None, outcome: Outcome | None = None) -> None:
        self._in_flight -= 1
        is_sent = data is not None and self._send(data)
        if outcome is not None:
            if outcome.request.terminal_id != self._terminal:
                self._notice(outcome)
            if not is_sent or self._outgoing:
                self._owe(outcome, is_sent=is_sent)
            elif outcome.standing is Standing.REPEAT and outcome.journal_id is not None:
                self._metrics.unanswered.discard((outcome.journal_id,))
        if self._waiting:
            self._serve_waiting()
        elif self._stopped_since is not NEVER:
            self._settle()

    def _send(self, data: bytes) -> bool:
        """Send now what the socket takes, the rest when it has room again; False where the peer is gone."""
        if self._tape is not None:
            self._tape.sent(data)
        if self._outgoing:
            self._outgoing += data
            return True
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._metrics.unsent.inc()
            self.end("reset")
            return False
        if sent < len(data):
            self._outgoing = data[sent:]
            self._sending_since = trio.current_time()
            self._settle()
        return True

    def _send_rest(self) -> None:
        self._outgoing = self._outgoing[self._socket.send(self._outgoing) :]
        self._sending_since = trio.current_time() if self._outgoing else NEVER
        if not self._outgoing:
            self._owed = ()
        self._serve_waiting()

    # --- what is known of the answers ----------------------------------------------------------------------

    def _notice(self, outcome: Outcome) -> None:
        """Another terminal speaks than the one before; only those that the books know are remembered."""
        terminal_id = outcome.request.terminal_id
        if outcome.journal_id is None or self._is_closed:
            return
        self._terminal = terminal_id
        if self._terminals is None:
            self._terminals = set()
        if terminal_id not in self._terminals:
            self._terminals.add(terminal_id)
            self._presence.arrived(terminal_id)

    def _owe(self, outcome: Outcome, *, is_sent: bool) -> None:
        """An answer did not leave, or not whole."""
        if is_sent:
            self._owed += (outcome,)
        else:
            self._not_sent(outcome)

    def _not_sent(self, outcome: Outcome) -> None:
        """What an answer promised that the terminal did not get is money at risk."""
        journal_id = promised(outcome)
        if journal_id is not None:
            self._metrics.unanswered.add(journal_id, outcome.committed_at)

    # --- the socket ----------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Watch the socket for what can be done next, or close it where nothing is left to do."""
        if self._is_closed or self._is_serving:
            return
        has_stopped = self._stopped_since is not NEVER
        if has_stopped and not (self._in_flight or self._outgoing or self._waiting):
            self.end(self.reason)
            return
        reads = not (has_stopped or self._waiting or self._outgoing)
        self._watch((selectors.EVENT_READ if reads else 0) | (selectors.EVENT_WRITE if self._outgoing else 0))
        if not reads:
            self._partial_since = NEVER  # what delays the rest of a frame now is our not reading
        elif self._framer.has_partial and self._partial_since is NEVER:
            self._partial_since = trio.current_time()

    def _watch(self, mask: int) -> None:
        if mask == self._watched:
            return
        if not mask:
            self._selector.unregister(self._socket)
        elif not self._watched:
            self._selector.register(self._socket, mask, self)
        else:
            self._selector.modify(self._socket, mask, self)
        self._watched = mask

    def _fail(self, error: Exception) -> None:
        self._events.unexpected(f"a connection on {self._exchange.name}", error)
        self.end("fault")
