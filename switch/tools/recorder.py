"""A proxy that passes bytes on as they come and notes them down: ``switch record`` between terminals and their host.

Both ends see what they would see without it: a half-close is passed on as one, a reset as a reset, and an end that does
not read stops the other from being read. One task serves all connections that are ready in one sweep, as the listener
does, and sends before it notes. Nothing gathers: while the recording has no room, nothing more is read.
"""

from __future__ import annotations

import errno
import selectors
import socket
import struct
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Final

import trio

from switch.capture.notes import Kind
from switch.capture.recording import FLUSH_INTERVAL_S, READ_BYTES_MAX, Recording
from switch.errors import OperatorError

BACKLOG: Final = 4096

_OUT_OF_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_PAUSE_S: Final = 0.1
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


class CannotRun(OperatorError):  # noqa: N818 - an outcome told to a person
    """The recorder cannot listen where it was told to, or nobody knows the host it is to record."""


@dataclass(slots=True)
class Passed:
    """What went through: connections, those the host did not take, bytes each way."""

    connections: int = 0
    refused: int = 0
    to_host_bytes: int = 0
    to_terminal_bytes: int = 0


class Recorder:
    """Listens, and connects every terminal to the host. Without a recording it only passes bytes on.

    ``on_stopped`` is called with the reason when the recording ends before its time; the bytes go on.
    """

    def __init__(self, recording: Recording | None, on_stopped: Callable[[str], None] = lambda _: None) -> None:
        self.passed = Passed()
        self._recording = recording
        self._on_stopped = on_stopped
        self._listening: list[socket.socket] = []
        self._host_family = socket.AF_INET
        self._host_address: tuple[str, int] = ("", 0)
        self._relays: set[_Relay] = set()

    async def open(self, host: str, port: int, to_host: str, to_port: int) -> tuple[str, int]:
        """Bind, and find the host's address; returns where it listens. Raises `CannotRun`."""
        family, address = await _resolved(to_host, to_port)
        self._host_family, self._host_address = family, address
        family, address = await _resolved(host, port)
        try:
            listening = socket.create_server(address, family=family, backlog=BACKLOG)
        except OSError as error:
            raise CannotRun(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
        listening.setblocking(False)
        self._listening.append(listening)
        bound = listening.getsockname()
        return str(bound[0]), int(bound[1])

    async def run(self) -> None:
        """Pass bytes on until cancelled; then every connection is closed."""
        with closing(selectors.DefaultSelector()) as selector:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._serve, selector)
                    if self._recording is not None:
                        nursery.start_soon(self._keep_flushing, self._recording)
                    for listening in self._listening:
                        nursery.start_soon(self._accept, listening, selector)
            finally:
                for relay in tuple(self._relays):
                    relay.close()
                self.close()

    def close(self) -> None:
        """Listen no more; `run` does so itself at its end."""
        for listening in self._listening:
            listening.close()

    async def _accept(self, listening: socket.socket, selector: selectors.BaseSelector) -> None:
        while True:
            await trio.lowlevel.wait_readable(listening)
            try:
                terminal, address = listening.accept()
                try:
                    host = socket.socket(self._host_family, socket.SOCK_STREAM)
                except OSError:
                    terminal.close()
                    raise
            except (BlockingIOError, ConnectionAbortedError):
                continue
            except OSError as error:
                if error.errno not in _OUT_OF_FILES:
                    raise
                await trio.sleep(_PAUSE_S)
                continue
            self.passed.connections += 1
            name = f"{address[0]}:{address[1]}"
            relay = _Relay(terminal, host, name, selector, self._recording, self.passed, self._relays.discard)
            self._relays.add(relay)
            relay.connect(self._host_address)

    async def _serve(self, selector: selectors.DefaultSelector) -> None:
        recording = self._recording
        while True:
            await trio.lowlevel.wait_readable(selector.fileno())
            if recording is not None and not recording.has_room:
                await _room(recording)
            for key, mask in selector.select(0):
                key.data.relay.ready(key.data, mask)
                if recording is not None and not recording.has_room:
                    break  # the others are still ready when there is room

    async def _keep_flushing(self, recording: Recording) -> None:
        while not recording.stopped:
            await trio.sleep(FLUSH_INTERVAL_S)
            recording.flush()
        self._on_stopped(recording.stopped)


async def _room(recording: Recording) -> None:
    """Wait for the scribe: it ends the recording when it cannot write."""
    while not recording.has_room:
        with trio.move_on_after(_PAUSE_S):
            await trio.lowlevel.wait_writable(recording.descriptor)
        recording.flush()


async def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise CannotRun(f"{host}:{port}: {error.strerror or error}") from None
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(address[1]))


class _End:
    """One side of a relay: what is to be sent to it, and how far its own stream has come."""

    __slots__ = (
        "ended_as",
        "has_ended",
        "is_connecting",
        "is_shut",
        "outgoing",
        "peer",
        "relay",
        "sends",
        "socket",
        "watched",
    )

    def __init__(self, relay: _Relay, its: socket.socket, sends: Kind, ended_as: Kind) -> None:
        self.relay = relay
        self.socket = its
        self.sends = sends
        self.ended_as = ended_as
        self.peer = self
        self.outgoing = b""
        self.has_ended = self.is_shut = self.is_connecting = False
        self.watched = 0
        its.setblocking(False)
        its.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        its.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


class _Relay:
    """One terminal's connection and the one to the host that belongs to it."""

    __slots__ = ("_host", "_is_closed", "_number", "_on_closed", "_passed", "_recording", "_selector", "_terminal")

    def __init__(
        self,
        terminal: socket.socket,
        host: socket.socket,
        name: str,
        selector: selectors.BaseSelector,
        recording: Recording | None,
        passed: Passed,
        on_closed: Callable[[_Relay], None],
    ) -> None:
        self._selector = selector
        self._recording = recording
        self._passed = passed
        self._on_closed = on_closed
        self._is_closed = False
        self._number = recording.opened(name) if recording is not None else 0
        self._terminal = _End(self, terminal, Kind.TO_HOST, Kind.ENDED_BY_TERMINAL)
        self._host = _End(self, host, Kind.TO_TERMINAL, Kind.ENDED_BY_HOST)
        self._terminal.peer, self._host.peer = self._host, self._terminal

    def connect(self, address: tuple[str, int]) -> None:
        """Begin to connect to the host; the terminal is read when that is done."""
        self._host.is_connecting = True
        if self._host.socket.connect_ex(address) not in {0, errno.EINPROGRESS}:
            self._refuse()
            return
        self._settle()

    def ready(self, end: _End, mask: int) -> None:
        """Pass on what one side is ready for; a fault of one side is passed on as a reset."""
        if self._is_closed:
            return
        try:
            if mask & selectors.EVENT_WRITE and not self._send_rest(end):
                return
            if mask & selectors.EVENT_READ:
                self._read(end)
        except OSError:
            self._reset(end)

    def close(self) -> None:
        """Close both sides."""
        if self._is_closed:
            return
        self._is_closed = True
        for end in (self._terminal, self._host):
            if end.watched:
                self._selector.unregister(end.socket)
            end.socket.close()
        if self._recording is not None:
            self._recording.gone(self._number)
        self._on_closed(self)

    def _read(self, end: _End) -> None:
        peer = end.peer
        if end.has_ended or peer.outgoing or peer.is_connecting:
            return
        try:
            data = end.socket.recv(READ_BYTES_MAX)
        except BlockingIOError:
            return
        if not data:
            end.has_ended = True
            if self._recording is not None:
                self._recording.ended(end.ended_as, self._number)
            self._settle()
            return
        try:
            sent = peer.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._note(end, data)
            self._reset(peer)
            return
        self._note(end, data)
        if sent < len(data):
            peer.outgoing = data[sent:]
            self._settle()

    def _note(self, end: _End, data: bytes) -> None:
        if self._recording is not None:
            self._recording.passed(end.sends, self._number, data)
        if end.sends is Kind.TO_HOST:
            self._passed.to_host_bytes += len(data)
        else:
            self._passed.to_terminal_bytes += len(data)

    def _send_rest(self, end: _End) -> bool:
        """Send what waits, or learn how connecting went; whether the relay goes on."""
        if end.is_connecting:
            if end.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self._refuse()
                return False
            end.is_connecting = False
        elif end.outgoing:
            with suppress(BlockingIOError):
                end.outgoing = end.outgoing[end.socket.send(end.outgoing) :]
        self._settle()
        return not self._is_closed

    def _settle(self) -> None:
        """Pass an end on when all before it is sent, close when both have ended, else watch for what comes next."""
        for end in (self._terminal, self._host):
            if end.peer.has_ended and not end.outgoing and not end.is_shut and not end.is_connecting:
                end.is_shut = True
                with suppress(OSError):
                    end.socket.shutdown(socket.SHUT_WR)
        if self._terminal.is_shut and self._host.is_shut:
            self.close()
            return
        for end in (self._terminal, self._host):
            reads = not (end.has_ended or end.peer.outgoing or end.peer.is_connecting or end.is_connecting)
            writes = bool(end.outgoing) or end.is_connecting
            self._watch(end, (selectors.EVENT_READ if reads else 0) | (selectors.EVENT_WRITE if writes else 0))

    def _watch(self, end: _End, mask: int) -> None:
        if mask == end.watched:
            return
        if not mask:
            self._selector.unregister(end.socket)
        elif not end.watched:
            self._selector.register(end.socket, mask, end)
        else:
            self._selector.modify(end.socket, mask, end)
        end.watched = mask

    def _refuse(self) -> None:
        """The host does not take the connection: the terminal gets a reset, the nearest to a refusal that is left."""
        self._passed.refused += 1
        self._reset(self._host)

    def _reset(self, end: _End) -> None:
        """One side is gone without a farewell: so is the other."""
        if self._recording is not None and not end.has_ended:
            self._recording.ended(end.ended_as, self._number)
        with suppress(OSError):
            end.peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close()
