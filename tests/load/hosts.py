# ruff: noqa: ARG002 - a watch is told more than this one keeps
"""Hosts for the load's tests: on a port of their own, answering as they are told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from switch.load.matching import Matching
from switch.load.plan import Planned, Stray, Target
from switch.messages.mapping import answer_mti
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect, load_dialect

ISO = load_dialect("iso8583-1987-ascii")
CODEC = Codec(ISO)

Answering = Callable[[Fields], Sequence[bytes]]
"""From a message to what is sent back: whole frames, parts of some, nothing; b"" ends the connection."""


def a_sale(stan: int, terminal: str = "TERM0001", **more: str) -> Fields:
    fields = {0: "0200", 2: "6200000000000047", 3: "000000", 4: "000000001000", 7: "1121120000", 11: f"{stan:06d}"}
    fields |= {12: "120000", 13: "1121", 14: "3012", 22: "012", 25: "00", 41: terminal, 42: "MERCHANT0000001"}
    return fields | {49: "156"} | {int(number.lstrip("f")): text for number, text in more.items()}


def framed(fields: Fields, dialect: Dialect = ISO) -> bytes:
    return dialect.framing.wrap_request(
        (CODEC if dialect is ISO else Codec(dialect)).encode(dict(sorted(fields.items())))
    )


def an_answer(fields: Fields, code: str = "00", **more: str) -> Fields:
    echoed = {number: fields[number] for number in (3, 4, 7, 11, 41, 42, 49) if number in fields}
    made = {0: str(answer_mti(fields[0])), 37: f"{int(fields[11]):012d}", 38: "A00001", 39: code}
    return dict(sorted((echoed | made | {int(number.lstrip("f")): text for number, text in more.items()}).items()))


def approving(fields: Fields) -> Sequence[bytes]:
    return [framed(an_answer(fields))]


def planned(stan: int, due_us: int = 0, connection: int = 0, **more: Any) -> Planned:
    fields = a_sale(stan)
    return Planned(due_us, connection, framed(fields), Matching(ISO).of_request(fields), note=stan)._replace(**more)


@asynccontextmanager
async def a_host(answering: Answering = approving, deadline_s: float = 5.0) -> AsyncIterator[Target]:
    """Serve while the block runs."""

    async def serve(stream: trio.SocketStream) -> None:
        framer = ISO.framing.framer()
        async for data in stream:
            for frame in framer.feed(bytes(data)):
                for piece in answering(CODEC.decode(frame.body)):
                    if not piece:
                        return
                    await stream.send_all(piece)

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield Target("127.0.0.1", listener.socket.getsockname()[1], ISO, int(deadline_s * 1_000_000))
        nursery.cancel_scope.cancel()


class Told:
    """A watch that keeps what it was told."""

    def __init__(self) -> None:
        self.sent_notes: list[Any] = []
        self.answers: dict[Any, str] = {}
        self.latencies_us: dict[Any, int] = {}
        self.missed: list[Any] = []
        self.strays: list[Stray] = []
        self.events: list[tuple[int, str]] = []

    def sent(self, planned: Planned, due_us: int, at_us: int) -> None:
        self.sent_notes.append(planned.note)

    def answered(self, planned: Planned, fields: Fields, due_us: int, at_us: int) -> None:
        self.answers[planned.note] = fields[39]
        self.latencies_us[planned.note] = at_us - due_us

    def missing(self, planned: Planned, due_us: int, at_us: int) -> None:
        self.missed.append(planned.note)

    def stray(self, what: Stray, connection: int, at_us: int) -> None:
        self.strays.append(what)

    def connection(self, connection: int, what: str, at_us: int) -> None:
        self.events.append((connection, what))
