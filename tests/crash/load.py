"""Terminals that work hard: purchases, authorisations and reversals, several in flight, every answer noted."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import trio

from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect
from tests.crash.server import CARDS, MERCHANT

IN_FLIGHT: Final = 4
_DIALECT: Final = load_dialect("iso8583-1987-ascii")
_ZONE: Final = ZoneInfo("Asia/Shanghai")


@dataclass
class Attempt:
    """One request and its answer, if one came."""

    request: Fields
    answer: Fields | None = None

    @property
    def approved(self) -> bool:
        return self.answer is not None and self.answer[39] == "00"

    @property
    def key(self) -> tuple[str, str]:
        """What tells the requests of a terminal apart: message class and STAN."""
        return self.request[0][1], self.request[11]


@dataclass
class Terminal:
    """One terminal with one connection at a time. ``attempts`` are in the order they were sent."""

    terminal_id: str
    chance: random.Random
    attempts: list[Attempt] = field(default_factory=list)
    _stan: int = 0

    async def work(self, address: tuple[str, int], on_answer: Callable[[], None]) -> None:
        """Keep `IN_FLIGHT` requests under way until the connection breaks."""
        waiting: dict[tuple[str, str], Attempt] = {}
        codec, framer = Codec(_DIALECT), _DIALECT.framing.framer()
        with suppress(OSError, trio.BrokenResourceError):
            async with await trio.open_tcp_stream(*address) as stream:
                while True:
                    with suppress(trio.BrokenResourceError):  # what was answered before the end is still there to read
                        await self._send(stream, codec, waiting)
                    data = await stream.receive_some()
                    if not data:
                        return
                    for frame in framer.feed(bytes(data)):
                        answer = codec.decode(frame.body)
                        waiting.pop((answer[0][1], answer[11])).answer = answer
                        on_answer()

    async def _send(self, stream: trio.SocketStream, codec: Codec, waiting: dict[tuple[str, str], Attempt]) -> None:
        while len(waiting) < IN_FLIGHT:
            attempt = Attempt(self._next())
            self.attempts.append(attempt)
            waiting[attempt.key] = attempt
            await stream.send_all(_DIALECT.framing.wrap_request(codec.encode(attempt.request)))

    async def repeat(self, address: tuple[str, int]) -> list[Fields]:
        """Send everything once more as repeats, in the same order; return the answers in that order."""
        codec, framer = Codec(_DIALECT), _DIALECT.framing.framer()
        repeats = [{**attempt.request, 0: attempt.request[0][:3] + "1"} for attempt in self.attempts]
        data = b"".join(_DIALECT.framing.wrap_request(codec.encode(repeat)) for repeat in repeats)
        answers: dict[tuple[str, str], Fields] = {}
        async with await trio.open_tcp_stream(*address) as stream, trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, data)
            while len(answers) < len(repeats):
                received = await stream.receive_some()
                assert received, "the switch closed the connection instead of answering"
                for frame in framer.feed(bytes(received)):
                    answer = codec.decode(frame.body)
                    answers[answer[0][1], answer[11]] = answer
        return [answers[attempt.key] for attempt in self.attempts]

    def _next(self) -> Fields:
        if self.chance.random() < 0.3:
            undoable = [each for each in self.attempts if each.approved and each.request[0] in ("0200", "0100")]
            if undoable:
                return self._reversal(self.chance.choice(undoable[-20:]).request)
        self._stan += 1
        now = datetime.now(_ZONE)
        mti = self.chance.choice(("0200", "0200", "0100"))
        return {
            0: mti,
            2: self.chance.choice(list(CARDS)),
            3: "000000",
            4: f"{self.chance.randrange(100, 2_000):012d}",
            7: f"{now.astimezone(UTC):%m%d%H%M%S}",
            11: f"{self._stan:06d}",
            12: f"{now:%H%M%S}",
            13: f"{now:%m%d}",
            22: "021",
            25: "00",
            41: self.terminal_id,
            42: MERCHANT,
            49: "156",
        }

    def _reversal(self, original: Fields) -> Fields:
        self._stan += 1
        names = f"{original[0]}{original[11]}{original[7]}{'0' * 22}"
        return {**original, 0: "0400", 11: f"{self._stan:06d}", 90: names}


async def all_work(terminals: list[Terminal], address: tuple[str, int], on_answer: Callable[[], None]) -> None:
    """Have all of them work until their connections break."""
    async with trio.open_nursery() as nursery:
        for terminal in terminals:
            nursery.start_soon(terminal.work, address, on_answer)


def purchases(count: int) -> bytes:
    """Frames of that many purchases of one terminal."""
    terminal, codec = Terminal("TERM0001", random.Random(8583)), Codec(_DIALECT)
    return b"".join(_DIALECT.framing.wrap_request(codec.encode(terminal._next())) for _ in range(count))


def echo() -> bytes:
    """A frame that is answered at the door, before whatever waits for the books."""
    return _DIALECT.framing.wrap_request(Codec(_DIALECT).encode({0: "0800", 7: "0304040000", 11: "999999", 70: "301"}))
