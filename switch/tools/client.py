"""A terminal's side of a connection: sends one message of a dialect, waits for its answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

from switch.errors import PeerError
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect
from switch.wire.framing import Frame

ANSWER_DEADLINE_S: Final = 60.0
"""How long a terminal waits before it gives up and reverses (domain rule 12)."""

_RECEIVE_BYTES: Final = 16_384


class Client:
    """One connection to a host. Messages are fields; header and TPDU are the dialect's defaults."""

    def __init__(self, dialect: Dialect, stream: trio.abc.Stream) -> None:
        self._codec = Codec(dialect)
        self._framing = dialect.framing
        self._framer = dialect.framing.framer()
        self._stream = stream
        self._frames: list[Frame] = []

    async def ask(self, fields: Fields) -> Fields:
        """Send one message and return the next answer. Raises `PeerError` where none comes."""
        await self._stream.send_all(self._framing.wrap_request(self._codec.encode(fields)))
        with trio.move_on_after(ANSWER_DEADLINE_S):
            while not self._frames:
                data = await self._stream.receive_some(_RECEIVE_BYTES)
                if not data:
                    raise PeerError("the host closed the connection instead of answering")
                self._frames += self._framer.feed(bytes(data))
            return self._codec.decode(self._frames.pop(0).body)
        raise PeerError(f"no answer within {ANSWER_DEADLINE_S:.0f} s")


@asynccontextmanager
async def connect(dialect: Dialect, host: str, port: int) -> AsyncIterator[Client]:
    """Open a connection to a host, close it at the end."""
    async with await trio.open_tcp_stream(host, port) as stream:
        yield Client(dialect, stream)
