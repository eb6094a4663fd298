"""Accepts terminals' connections, within caps, and watches over them until they end."""

from __future__ import annotations

import errno
import selectors
import socket
from collections import Counter
from contextlib import closing
from typing import Final

import trio

from switch.capture.recording import Recording
from switch.errors import ConfigurationError
from switch.telemetry import EventLog, ListenerMetrics
from switch.terminals.exchange import Exchange
from switch.terminals.limits import Limits
from switch.terminals.presence import Presence
from switch.terminals.session import Session
from switch.terminals.tape import Tape, end_recording, keep_recording, start_recording

BACKLOG: Final = 4096
"""Connections the kernel holds for us: a storm after a power cut must not be turned away by it."""

_OUT_OF_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_PAUSE_S: Final = 0.1


class Listener:
    """One address that speaks one dialect. Open it first, then `run` it in a nursery; `drain` ends it kindly."""

    def __init__(
        self,
        exchange: Exchange,
        limits: Limits,
        metrics: ListenerMetrics,
        events: EventLog,
        recording: Recording | None = None,
    ) -> None:
        self.name = exchange.name
        self._exchange = exchange
        self._limits = limits
        self._metrics = metrics
        self._events = events
        self._recording = recording
        self._sockets: list[socket.socket] = []
        self._sessions: set[Session] = set()
        self._per_address: Counter[str] = Counter()
        self._presence = Presence()
        self._accepting = trio.CancelScope()
        self._all_closed = trio.Event()
        self.unfinished = 0
        """Requests that the drain's deadline left without an answer."""
        metrics.in_flight.set_function(lambda: sum(session.in_flight for session in self._sessions))
        metrics.connections.set_function(lambda: len(self._sessions))
        metrics.terminals.set_function(lambda: len(self._presence))

    async def open(self, host: str, port: int) -> tuple[str, int]:
        """Bind and listen; returns the address bound, with the real port where ``port`` is 0."""
        try:
            found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            family, _, _, _, address = found[0]
            listening = socket.create_server(
                address[:2],
                family=family,
                backlog=BACKLOG,
                dualstack_ipv6=False,
            )
        except OSError as error:
            raise ConfigurationError(
                f"listener {self.name}: cannot listen on {host}:{port}: {error.strerror or error}"
            ) from None
        listening.setblocking(False)
        if self._recording is not None:
            try:
                await start_recording(self._recording, self.name)
            except ConfigurationError:
                listening.close()
                raise
        self._sockets.append(listening)
        bound = listening.getsockname()
        return str(bound[0]), int(bound[1])

    async def run(self) -> None:
        """Accept and serve until drained; returns when the last connection has ended."""
        with closing(selectors.DefaultSelector()) as selector:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._watch)
                    nursery.start_soon(self._serve, selector)
                    if self._recording is not None:
                        nursery.start_soon(keep_recording, self._recording, self.name, self._metrics, self._events)
                    await self._accept(selector)
                    await self._finish()
                    nursery.cancel_scope.cancel()
            finally:
                for session in tuple(self._sessions):
                    session.end(session.reason)
                if self._recording is not None:
                    await end_recording(self._recording, self.name, self._events)

    def drain(self) -> None:
        """Stop accepting and reading; connections close when what they have in flight is answered."""
        self._accepting.cancel()

    # --- accepting -----------------------------------------------------------------------------------------

    async def _accept(self, selector: selectors.BaseSelector) -> None:
        """Accept until drained (or cancelled), and leave no socket open behind."""
        try:
            with self._accepting:
                async with trio.open_nursery() as acceptors:
                    for listening in self._sockets:
                        acceptors.start_soon(self._accept_forever, listening, selector)
        finally:
            for listening in self._sockets:
                listening.close()

    async def _accept_forever(self, listening: socket.socket, selector: selectors.BaseSelector) -> None:
        while True:
            await trio.lowlevel.wait_readable(listening)
            try:
                connection, address = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                continue
            except OSError as error:
                if error.errno not in _OUT_OF_FILES:
                    raise
                self._metrics.refused("out_of_files")
                await trio.sleep(_PAUSE_S)
                continue
            host = str(address[0])
            reason = self._full(host)
            if reason is not None:
                connection.close()
                self._metrics.refused(reason)
                self._events.connection_refused(self.name, host, reason)
                continue
            self._begin(connection, host, int(address[1]), selector)

    def _full(self, host: str) -> str | None:
        if len(self._sessions) >= self._limits.max_connections:
            return "total"
        if self._per_address[host] >= self._limits.max_connections_per_address:
            return "address"
        return None

    def _begin(self, connection: socket.socket, host: str, port: int, selector: selectors.BaseSelector) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._sessions.add(
            Session(
                connection,
                host,
                self._exchange,
                self._limits,
                self._metrics,
                self._events,
                selector,
                self._closed,
                Tape(self._recording, f"{host}:{port}") if self._recording is not None else None,
                self._presence,
            )
        )
        self._per_address[host] += 1
        self._metrics.accepted.inc()

    # --- serving -------------------------------------------------------------------------------------------

    async def _serve(self, selector: selectors.DefaultSelector) -> None:
        """Serve whatever is ready, all of it in one sweep, so that requests reach the writer together."""
        while True:
            await trio.lowlevel.wait_readable(selector.fileno())
            for key, mask in selector.select(0):
                key.data.ready(mask)

    async def _finish(self) -> None:
        """Let every connection answer what it has in flight, and wait until the last one has closed."""
        for session in tuple(self._sessions):
            session.finish()
        while self._sessions:
            self._all_closed = trio.Event()
            await self._all_closed.wait()

    def _closed(self, session: Session) -> None:
        self._sessions.discard(session)
        if session.reason == "drained":
            self.unfinished += session.in_flight
        self._per_address[session.peer] -= 1
        if not self._per_address[session.peer]:
            del self._per_address[session.peer]
        self._metrics.closed(session.reason)
        if not self._sessions:
            self._all_closed.set()

    # --- watching ------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """End the connections that are past one of their deadlines."""
        while True:
            await trio.sleep(self._limits.watch_interval_s)
            now = trio.current_time()
            for session in tuple(self._sessions):
                reason = session.overdue(now)
                if reason is not None:
                    if reason == "incomplete":
                        session.refuse_partial()
                    session.end(reason)
