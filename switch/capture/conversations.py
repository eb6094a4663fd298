"""From TCP segments to entries: who talks with whom, which side is the host, and what was said, in order of time.

A segment that is missing may still come (reordered, sent again): what waits for it waits, and so does everything
said after it, at most `HOLE_US`; then the bytes count as lost by whoever captured, and the stream finds back into
step. Connections are named ``TERMINAL:PORT-HOST:PORT``, ``#2`` and so on where the ports are used again.
"""

from __future__ import annotations

import heapq
from ipaddress import ip_address
from typing import Final

from switch.capture.cutting import FrameCutter, function_digit
from switch.capture.entry import Direction, Entry, Event
from switch.capture.losses import Losses
from switch.capture.packets import ACK, FIN, RST, SYN, Segment
from switch.capture.tcp_streams import ByteStream
from switch.wire.codec import Codec

HOLE_US: Final = 10_000_000
"""How long a missing segment is waited for: longer than TCP's first three repeats take (RFC 6298 clause 2)."""

HELD_MAX: Final = 20_000
"""Entries that wait for a hole in another stream. Beyond, the oldest hole is given up."""

CONNECTIONS_MAX: Final = 20_000
"""Connections remembered, ended ones too. Beyond, those silent for longest are forgotten."""

NAMES_MAX: Final = 100_000
"""Names remembered, to number connections that use the same ports again; the oldest are forgotten."""

_REUSED_US: Final = 60_000_000
"""Bytes on an ended connection after so long are of a new one whose opening was not captured."""

_NEAR_BYTES: Final = 1 << 20
_EPHEMERAL_PORTS: Final = 32768
"""Where systems begin to take ports for those who connect (Linux; others begin higher)."""


class _Side:
    """What one endpoint sends."""

    __slots__ = ("cutter", "end", "endpoint", "opening", "stream")

    def __init__(self, endpoint: bytes, cutter: FrameCutter) -> None:
        self.endpoint = endpoint
        self.cutter = cutter
        self.opening: int | None = None  # sequence number of its SYN, where that was seen
        self.stream: ByteStream | None = None
        self.end: int | None = None  # position of its FIN

    @property
    def has_ended(self) -> bool:
        return self.end is not None and self.stream is not None and self.stream.position >= self.end


class _Connection:
    """Two sides; ``host`` is the index of the one that answers, None while nobody knows."""

    __slots__ = ("closed_at", "ended_first", "host", "name", "sides")

    def __init__(self, sides: tuple[_Side, _Side]) -> None:
        self.sides = sides
        self.host: int | None = None
        self.name = ""
        self.ended_first: int | None = None
        self.closed_at: int | None = None


class Conversations:
    """Takes the segments of a capture in its order, hands out entries whose times never go back."""

    def __init__(self, codec: Codec, losses: Losses, *, host_port: int = 0) -> None:
        """``host_port`` limits what is read to connections with that port, and says who the host is."""
        self._codec = codec
        self._dialect = codec.dialect.name
        self._losses = losses
        self._host_port = host_port.to_bytes(2, "big") if host_port else b""
        self._connections: dict[
            bytes, _Connection
        ] = {}  # by both endpoints, the lesser first; silent for longest first
        self._hosts: set[bytes] = set()
        self._names: dict[str, int] = {}
        self._holes: dict[_Side, tuple[int, _Connection]] = {}  # since when, in that order
        self._held: list[tuple[int, int, Entry]] = []
        self._count = 0
        self._now = 0

    def take(self, segment: Segment, at_us: int) -> list[Entry]:
        """Take the next segment, return the entries that are certain now."""
        source, target = segment.source, segment.target
        if self._host_port and self._host_port not in {source[-2:], target[-2:]}:
            return []
        self._now = max(self._now, at_us)
        connection, index = self._connection(segment)
        if connection is not None and connection.closed_at is None:
            self._feed(connection, index, segment)
        if self._holes:
            self._give_up_old_holes()
        return self._certain()

    def finish(self) -> list[Entry]:
        """Nothing more will come: give up all holes, end what one side has ended, return the rest."""
        for connection in self._connections.values():
            self._forget(connection)
        self._connections.clear()
        return self._certain()

    # --- connections ------------------------------------------------------------------------------------------

    def _connection(self, segment: Segment) -> tuple[_Connection | None, int]:
        """Return the connection of a segment and which of its sides sent it; None where nothing is to be read."""
        source, target = segment.source, segment.target
        index = 0 if source < target else 1
        key = source + target if index == 0 else target + source
        connection = self._connections.pop(key, None)
        if segment.flags & SYN:
            if connection is not None and not _is_same(connection, index, segment):
                self._end_unseen(connection)
                connection = None
            connection = connection or self._made(key)
            self._open(connection, index, segment)
        elif segment.payload and (connection is None or _is_reused(connection, self._now)):
            connection = self._made(key)
        if connection is not None:
            self._connections[key] = connection
            if len(self._connections) > CONNECTIONS_MAX:
                self._forget(self._connections.pop(next(iter(self._connections))))
        return connection, index

    def _made(self, key: bytes) -> _Connection:
        half = len(key) // 2
        one, other = (
            _Side(endpoint, FrameCutter(self._codec, self._losses, in_step=False))
            for endpoint in (key[:half], key[half:])
        )
        return _Connection((one, other))

    def _open(self, connection: _Connection, index: int, segment: Segment) -> None:
        side = connection.sides[index]
        if side.opening is not None:
            return
        side.opening = segment.sequence
        if side.stream is None:
            side.stream = ByteStream((segment.sequence + 1) % (1 << 32))
            side.cutter = FrameCutter(self._codec, self._losses)
        if connection.host is None:
            self._settle_host(connection, index if segment.flags & ACK else 1 - index)
        if not segment.flags & ACK:
            self._tell(connection, index, self._now, b"", Event.OPEN)

    def _end_unseen(self, connection: _Connection) -> None:
        """Another connection begins on the same ports: the one before has ended, though nobody saw how."""
        self._drain(connection)
        if connection.closed_at is None and connection.host is not None:
            ended_first = connection.ended_first
            self._close(connection, 1 - connection.host if ended_first is None else ended_first)

    def _close(self, connection: _Connection, index: int) -> None:
        self._tell(connection, index, self._now, b"", Event.CLOSE)
        connection.closed_at = self._now

    def _forget(self, connection: _Connection) -> None:
        """Hand out what there is of a connection; where one side has ended, so has the connection."""
        if connection.closed_at is not None:
            return
        self._drain(connection)
        ended = connection.ended_first
        if ended is None:
            ended = next((index for index, side in enumerate(connection.sides) if side.has_ended), None)
        if ended is not None:
            self._close(connection, ended)

    def _drain(self, connection: _Connection) -> None:
        """Hand out what there is of a connection that says no more."""
        for index, side in enumerate(connection.sides):
            while side.stream is not None and side.stream.has_hole:
                self._give_up(connection, index)
            self._holes.pop(side, None)
            for frame in side.cutter.finish():
                self._tell(connection, index, self._now, frame)

    # --- bytes ------------------------------------------------------------------------------------------------

    def _feed(self, connection: _Connection, index: int, segment: Segment) -> None:
        side = connection.sides[index]
        sequence = segment.sequence + (1 if segment.flags & SYN else 0)
        if side.stream is None and (segment.payload or segment.flags & FIN):
            side.stream = ByteStream(sequence)
        if segment.payload:
            self._read(connection, index, sequence, segment.payload)
        if segment.flags & FIN and side.stream is not None:
            side.end = side.stream.place(sequence) + len(segment.payload)
        if segment.flags & RST:
            self._drain(connection)
            self._close(connection, index)
        elif side.has_ended:
            self._end(connection, index)

    def _read(self, connection: _Connection, index: int, sequence: int, payload: bytes) -> None:
        side = connection.sides[index]
        assert side.stream is not None
        data = side.stream.add(sequence, payload, self._now)
        if data:
            for frame in side.cutter.feed(data):
                self._tell(connection, index, self._now, frame)
        while side.stream.is_full:
            self._give_up(connection, index)
        if side.stream.has_hole:
            self._holes.setdefault(side, (self._now, connection))
        elif side in self._holes:
            del self._holes[side]

    def _end(self, connection: _Connection, index: int) -> None:
        """One side has said all it will; the connection is closed when both have."""
        if connection.ended_first is None:
            connection.ended_first = index
        if connection.sides[1 - index].has_ended:
            self._drain(connection)
            self._close(connection, connection.ended_first)

    def _give_up_old_holes(self) -> None:
        while self._holes:
            side, (since, connection) = next(iter(self._holes.items()))
            if since + HOLE_US > self._now and len(self._held) <= HELD_MAX:
                return
            del self._holes[side]
            self._give_up(connection, connection.sides.index(side))
            if side.stream is not None and side.stream.has_hole:
                self._holes[side] = (self._now, connection)

    def _give_up(self, connection: _Connection, index: int) -> None:
        side = connection.sides[index]
        assert side.stream is not None
        lost, pieces = side.stream.give_up()
        self._losses.gaps += 1
        self._losses.gap_bytes += lost
        side.cutter.lose_step()
        for piece in pieces:
            for frame in side.cutter.feed(piece.data):
                self._tell(connection, index, piece.at_us, frame)

    # --- entries ----------------------------------------------------------------------------------------------

    def _tell(self, connection: _Connection, index: int, at_us: int, frame: bytes, event: Event = Event.FRAME) -> None:
        if connection.host is None:
            self._settle_host(connection, self._likely_host(connection, index, frame))
        direction = Direction.TO_TERMINAL if index == connection.host else Direction.TO_HOST
        self._count += 1
        entry = Entry(at_us, connection.name, direction, frame, self._dialect, event)
        heapq.heappush(self._held, (at_us, self._count, entry))

    def _certain(self) -> list[Entry]:
        """Take out the entries before which nothing can come any more."""
        until = next(iter(self._holes.values()))[0] if self._holes else self._now
        entries = []
        while self._held and self._held[0][0] <= until:
            entries.append(heapq.heappop(self._held)[2])
        return entries

    def _settle_host(self, connection: _Connection, host: int) -> None:
        if self._host_port:
            ports = [side.endpoint[-2:] == self._host_port for side in connection.sides]
            host = ports.index(True) if ports.count(True) == 1 else host
        connection.host = host
        if len(self._hosts) < NAMES_MAX:
            self._hosts.add(connection.sides[host].endpoint)
        name = f"{_shown(connection.sides[1 - host].endpoint)}-{_shown(connection.sides[host].endpoint)}"
        times = self._names[name] = self._names.pop(name, 0) + 1
        if len(self._names) > NAMES_MAX:
            del self._names[next(iter(self._names))]
        connection.name = name if times == 1 else f"{name}#{times}"

    def _likely_host(self, connection: _Connection, index: int, frame: bytes) -> int:
        """Say which side is the host where the opening was not seen: a known one, the lower port, who answers."""
        ends = [side.endpoint for side in connection.sides]
        known = [end in self._hosts for end in ends]
        if known.count(True) == 1:
            return known.index(True)
        ports = [int.from_bytes(end[-2:], "big") for end in ends]
        if min(ports) < _EPHEMERAL_PORTS <= max(ports):
            return ports.index(min(ports))
        digit = function_digit(self._codec, frame)
        if digit >= 0:
            return index if digit % 2 else 1 - index
        return ports.index(min(ports))


def _is_same(connection: _Connection, index: int, segment: Segment) -> bool:
    """Whether a SYN belongs to a connection that is known: sent again, its answer, or captured late."""
    side = connection.sides[index]
    if side.opening is not None:
        return side.opening == segment.sequence
    if connection.closed_at is not None:
        return False
    if side.stream is None:
        return bool(segment.flags & ACK) or connection.sides[1 - index].opening is None
    return (side.stream.position - segment.sequence) % (1 << 32) < _NEAR_BYTES


def _is_reused(connection: _Connection, now: int) -> bool:
    return connection.closed_at is not None and now - connection.closed_at > _REUSED_US


def _shown(endpoint: bytes) -> str:
    address = str(ip_address(endpoint[:-2]))
    port = int.from_bytes(endpoint[-2:], "big")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
