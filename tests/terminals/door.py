"""A listener on a free port of the loopback, with a fake handler behind it, and a client that speaks bytes."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import trio

from switch.capture.recording import Recording
from switch.messages.dates import HostCalendar
from switch.messages.mapping import MessageMap
from switch.messages.protected import ProtectedFields
from switch.telemetry import EventLog, ListenerMetrics, Metrics, TransactionLog, configure_logging
from switch.terminals.exchange import Exchange, Security
from switch.terminals.limits import Limits
from switch.terminals.listener import Listener
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect, load_dialect
from switch.wire.framing import Frame, Framing
from tests.fakes import FakeHandler

NOON = 1_772_596_800_000_000  # 2026-03-04 12:00 in Shanghai

PURCHASES: dict[str, Fields] = {
    "iso8583-1987-ascii": {
        0: "0200", 2: "4111111111111111", 3: "000000", 4: "000000001000", 7: "0304040000", 11: "000001",
        12: "120000", 13: "0304", 22: "021", 25: "00", 41: "TERM0001", 42: "MERCHANT0000001", 49: "156",
    },
    "iso8583-1993-ascii": {
        0: "1200", 2: "4111111111111111", 3: "000000", 4: "000000001000", 11: "000001", 12: "260304120000",
        41: "TERM0001", 42: "MERCHANT0000001", 49: "156",
    },
    "unionpay-pos": {
        0: "0200", 2: "4111111111111111", 3: "000000", 4: "000000001000", 11: "000001", 22: "021", 25: "00",
        41: "TERM0001", 42: "MERCHANT0000001", 49: "156", 60: "22000001000",
    },
}  # fmt: skip
PURCHASES["iso8583-1987-binary"] = PURCHASES["iso8583-1987-ascii"]


@dataclass
class Door:
    """An open listener."""

    dialect: str
    address: tuple[str, int]
    framing: Framing
    codec: Codec
    handler: FakeHandler
    listener: Listener
    transactions: TransactionLog
    log: StringIO
    _metrics: Metrics
    ended: trio.Event

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Peer]:
        async with await trio.open_tcp_stream(*self.address) as stream:
            yield Peer(self, stream)

    def purchase(self, stan: int = 1, **fields: str) -> Fields:
        """A purchase; ``f4="..."`` gives a field another value, ``f4=""`` leaves it out."""
        changed = {**PURCHASES[self.dialect], 11: f"{stan:06d}"}
        changed |= {int(name[1:]): text for name, text in fields.items()}
        return {number: changed[number] for number in sorted(changed) if changed[number]}

    def frame(self, fields: Fields, header: bytes = b"") -> bytes:
        return self.framing.wrap_request(self.codec.encode(fields), header)

    def counted(self, metric: str, **labels: str) -> float:
        return self._metrics.registry.get_sample_value(f"switch_{metric}", {"listener": "door", **labels}) or 0.0


@dataclass
class Peer:
    """The terminal's end of a connection."""

    door: Door
    stream: trio.SocketStream

    def __post_init__(self) -> None:
        self._framer = self.door.framing.framer()
        self._frames: list[Frame] = []

    async def send(self, *requests: Fields) -> None:
        await self.stream.send_all(b"".join(map(self.door.frame, requests)))

    async def receive(self) -> Fields:
        """The next answer's fields."""
        return self.door.codec.decode((await self.receive_frame()).body)

    async def receive_frame(self) -> Frame:
        while not self._frames:
            data = await self.stream.receive_some()
            assert data, "the connection was closed instead of an answer"
            self._frames += self._framer.feed(bytes(data))
        return self._frames.pop(0)

    async def is_closed(self) -> bool:
        """Wait for the end of the connection; whether nothing came before it."""
        return not await self.stream.receive_some()

    def reset(self) -> None:
        """Close without a farewell: the other end gets a reset."""
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.stream.socket.close()


@asynccontextmanager
async def open_door(
    dialect: str = "iso8583-1987-ascii",
    *,
    handler: FakeHandler | None = None,
    limits: Limits | None = None,
    secure: Callable[[Dialect, ListenerMetrics], Security] | None = None,
    recording: Recording | None = None,
    **framing: Any,
) -> AsyncIterator[Door]:
    """Open a listener; at the end it is drained, and nothing unexpected may stand in its log."""
    spoken = load_dialect(dialect)
    cut = replace(spoken.framing, **framing)
    log, metrics, handler = StringIO(), Metrics(), handler or FakeHandler()
    events = EventLog(configure_logging("json", "info", log))
    transactions = TransactionLog("json", "info", log)
    counters = metrics.listener("door")
    calendar = HostCalendar(ZoneInfo("Asia/Shanghai"))
    exchange = Exchange(
        "door",
        cut,
        Codec(spoken),
        MessageMap(spoken, calendar, "door"),
        calendar,
        handler,
        lambda: NOON,
        lambda: 1,
        counters,
        transactions,
        events,
        secure(spoken, counters) if secure is not None else None,
        ProtectedFields(spoken).unreadable,
    )
    listener = Listener(exchange, limits or Limits(), counters, events, recording)
    ended = trio.Event()

    async def run() -> None:
        await listener.run()
        ended.set()

    address = await listener.open("127.0.0.1", 0)
    door = Door(dialect, address, cut, Codec(spoken), handler, listener, transactions, log, metrics, ended)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        yield door
        listener.drain()
    assert "unexpected" not in log.getvalue()
    assert "Traceback" not in log.getvalue()
