"""A host that exists only as a script: it listens, answers by rule, and counts what it did.

One task for each connection reads; answers are sent on the spot, together where several messages came at once. What
has to wait stands in one heap, and one task sends it when it is due. Answers may overtake each other there, as those
of real hosts do.
"""

from __future__ import annotations

import errno
import heapq
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Final, NamedTuple

import trio

from switch.errors import DecodeError, EncodeError, FrameError
from switch.tools.host_mac import HostMac
from switch.tools.host_rules import HostRules, Plan
from switch.wire.codec import Codec, Fields
from switch.wire.diagnosis import one_line
from switch.wire.framing import KEEP_ALIVE, Frame, Framing

RECEIVE_BYTES: Final = 65_536
UNSENT_MAX: Final = 1 << 20
"""Bytes that a peer may leave unread before its connection ends."""

WAITING_MAX: Final = 100_000
"""Answers that may wait for their moment; beyond, a message is not answered, and counted."""

CONNECTIONS_MAX: Final = 10_000
_OUT_OF_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_S: Final = 0.1


class Told(NamedTuple):
    """One message and what was done with it, for whoever watches. ``fields`` hold card data: mask them."""

    peer: str
    fields: Fields
    plan: Plan


@dataclass(slots=True)
class Counts:
    """What happened so far. ``by_rule`` counts messages by rule and by what was done with them."""

    connections: int = 0
    keep_alives: int = 0
    not_framed: int = 0
    not_decoded: int = 0
    not_requests: int = 0
    not_encoded: int = 0
    not_waited: int = 0
    muted: int = 0
    by_rule: Counter[tuple[str, str]] = field(default_factory=Counter)


class SimulatedHost:
    """Serves connections until cancelled. ``watch`` is told of each message, ``complain`` of what cannot be read."""

    def __init__(
        self,
        rules: HostRules,
        codec: Codec,
        framing: Framing,
        mac: HostMac | None = None,
        watch: Callable[[Told], None] | None = None,
        complain: Callable[[str], None] | None = None,
    ) -> None:
        self.counts = Counts()
        self._rules = rules
        self._codec = codec
        self._framing = framing
        self._mac = mac
        self._watch = watch
        self._complain = complain
        self._waiting: list[tuple[float, int, _Connection, bytes, bool]] = []
        self._order = count()
        self._due = trio.Event()
        self._open = 0

    async def run(self, listening: socket.socket) -> None:
        """Accept and answer on a socket that listens already and does not block. Returns only by cancellation."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_when_due)
            while True:
                await trio.lowlevel.wait_readable(listening)
                try:
                    accepted, address = listening.accept()
                except (BlockingIOError, ConnectionAbortedError):
                    continue
                except OSError as error:
                    if error.errno not in _OUT_OF_FILES:
                        raise
                    await trio.sleep(_PAUSE_S)
                    continue
                if self._open >= CONNECTIONS_MAX:
                    accepted.close()
                    continue
                accepted.setblocking(False)
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.counts.connections += 1
                nursery.start_soon(self._serve, _Connection(accepted, str(address[0]), nursery))

    # --- one connection ------------------------------------------------------------------------------------

    async def _serve(self, connection: _Connection) -> None:
        self._open += 1
        framer = self._framing.framer()
        try:
            while True:
                data = await connection.received()
                if not data:
                    await connection.drained()
                    return
                try:
                    frames = framer.feed(data)
                except FrameError as error:
                    self.counts.not_framed += 1
                    self._tell_unread(f"{connection.peer}: not framed: {error.detail}", data)
                    return
                out = b"".join([self._answered(frame, connection) for frame in frames])
                if out:
                    connection.send(out)
                if connection.ends:
                    await connection.drained()
                    return
        except OSError:
            return  # the peer has gone; what waits for it is dropped when it is due
        finally:
            self._open -= 1
            connection.close()

    def _answered(self, frame: Frame, connection: _Connection) -> bytes:
        """Return what is sent at once for a frame."""
        if connection.ends:
            return b""
        if frame == KEEP_ALIVE:
            self.counts.keep_alives += 1
            return self._framing.keep_alive
        if connection.is_mute:
            self.counts.muted += 1
            return b""
        try:
            fields = self._codec.decode(frame.body)
        except DecodeError as error:
            self.counts.not_decoded += 1
            about = f"{connection.peer}: field {error.field} at byte {error.position}: {error.reason}"
            self._tell_unread(about, self._framing.wrap_request(frame.body, frame.header))
            return b""
        mac = self._mac.found(frame.body, fields) if self._mac is not None else "unchecked"
        plan = self._rules.plan(fields, mac)
        if plan is None:
            self.counts.not_requests += 1
            return b""
        self.counts.by_rule[plan.rule, plan.do] += 1
        if self._watch is not None:
            self._watch(Told(connection.peer, fields, plan))
        out = self._bytes(plan, frame.header, has_mac=mac in {"right", "wrong"})
        return self._sent(plan, out, connection)

    def _sent(self, plan: Plan, out: bytes, connection: _Connection) -> bytes:
        """Do it now, or have it wait for its moment."""
        if plan.delay_s > 0:
            if len(self._waiting) >= WAITING_MAX:
                self.counts.not_waited += 1
            else:
                self._wait(trio.current_time() + plan.delay_s, connection, out, plan)
            return b""
        connection.ends = plan.close
        connection.is_mute = plan.do == "half"
        return out

    def _bytes(self, plan: Plan, header: bytes, *, has_mac: bool) -> bytes:
        """Return everything that is sent for a plan, b"" where nothing is."""
        if plan.do == "garbage":
            return self._rules.garbage(plan.garbage_bytes)
        if plan.answer is None:
            return b""
        try:
            if has_mac and self._mac is not None:
                self._mac.make_room(plan.answer)
                body = self._mac.sealed(self._codec.encode(plan.answer))
            else:
                body = self._codec.encode(plan.answer)
            whole = self._framing.wrap(body, header)
        except EncodeError as error:
            self.counts.not_encoded += 1
            if self._complain is not None:
                self._complain(f"the answer of {plan.rule} cannot be written: field {error.field} {error.reason}")
            return b""
        if plan.do == "half":
            return whole[: len(whole) // 2]
        return whole + whole if plan.do == "duplicate" else whole

    def _tell_unread(self, about: str, data: bytes) -> None:
        if self._complain is not None:
            looks = one_line(data, self._codec, self._framing)
            self._complain(f"{about}; {looks}" if looks else about)

    # --- what waits ----------------------------------------------------------------------------------------

    def _wait(self, at: float, connection: _Connection, out: bytes, plan: Plan) -> None:
        if plan.do == "half":
            connection.is_mute = True
        heapq.heappush(self._waiting, (at, next(self._order), connection, out, plan.close))
        if self._waiting[0][2] is connection:
            self._due.set()

    async def _send_when_due(self) -> None:
        while True:
            now = trio.current_time()
            while self._waiting and self._waiting[0][0] <= now:
                _, _, connection, out, closes = heapq.heappop(self._waiting)
                connection.send_late(out, closes=closes)
            self._due = trio.Event()
            until = self._waiting[0][0] if self._waiting else float("inf")
            with trio.move_on_at(until):
                await self._due.wait()


class _Connection:
    """One peer's socket: what it does not take at once is kept, within a limit, and sent when it has room."""

    def __init__(self, connection: socket.socket, peer: str, nursery: trio.Nursery) -> None:
        self.peer = peer
        self.ends = False
        self.is_mute = False
        self._socket = connection
        self._nursery = nursery
        self._unsent = bytearray()
        self._sending: trio.Event | None = None
        self._is_closed = False

    async def received(self) -> bytes:
        """Return the next bytes, b"" at the end. Raises OSError where the connection broke."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                return self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                continue

    def send(self, data: bytes) -> None:
        """Send now what the socket takes, the rest later. Raises OSError where the connection broke."""
        if not self._unsent:
            with suppress(BlockingIOError):
                data = data[self._socket.send(data) :]
        if not data:
            return
        if len(self._unsent) + len(data) > UNSENT_MAX:
            raise OSError(errno.ENOBUFS, "the peer does not read")
        self._unsent += data
        if self._sending is None:
            self._sending = trio.Event()
            self._nursery.start_soon(self._send_rest, self._sending)

    def send_late(self, data: bytes, *, closes: bool) -> None:
        """Send what has waited; a connection that is gone by now is no news."""
        if self._is_closed:
            return
        try:
            if data:
                self.send(data)
        except OSError:
            closes = True
        if closes:
            self.ends = True
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RD)  # its reader finds the end, and closes

    async def drained(self) -> None:
        """Wait until everything was sent, or cannot be."""
        if self._sending is not None:
            await self._sending.wait()

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()

    async def _send_rest(self, done: trio.Event) -> None:
        try:
            while self._unsent:
                await trio.lowlevel.wait_writable(self._socket)
                try:
                    del self._unsent[: self._socket.send(self._unsent)]
                except BlockingIOError:
                    continue
        except (OSError, trio.ClosedResourceError):
            self._unsent.clear()
        finally:
            self._sending = None
            done.set()
