"""What a switch and the process of its books send each other: pickled values, each with its size in front.

Both ends are this program's own, one begun by the other, on a pair of sockets that nobody else has. Only so may it be
pickle, which does what the bytes say.
"""

from __future__ import annotations

import pickle
import socket
import zlib
from collections.abc import AsyncGenerator
from enum import Enum
from struct import Struct
from typing import Any, Final, NamedTuple

import trio

from switch import __version__
from switch.decisions import Standing
from switch.messages.chip import ChipData
from switch.messages.model import Extras, Reply, Request
from switch.messages.verdicts import Verdicts

_SIZE: Final = Struct(">I")
_RECEIVE_BYTES: Final = 1 << 18


class Asked(NamedTuple):
    """Requests for the books, each with its number and the moment after which nobody waits for its outcome."""

    in_maintenance: bool
    requests: list[tuple[int, int, Request]]

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled as plain tuples: named ones take twice the time."""
        return _asked, (self.in_maintenance, [(number, at, *request) for number, at, request in self.requests])


def _asked(in_maintenance: bool, requests: list[tuple[Any, ...]]) -> Asked:  # noqa: FBT001 - called by pickle
    return Asked(in_maintenance, [(row[0], row[1], Request._make(row[2:])) for row in requests])


ToldOutcome = tuple[Standing, Reply | None, str, int | None, int]
"""An outcome without its request, which whoever asked still has."""


class Told(NamedTuple):
    """What a `switch.ledger.writer.Observer` is told (method and arguments), and after that outcomes by number."""

    notes: list[tuple[str, tuple[object, ...]]]
    outcomes: list[tuple[int, ToldOutcome]]

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled as plain tuples, as what was asked."""
        return _told, (
            self.notes,
            [
                (number, standing, None if reply is None else tuple(reply), because, journal_id, at)
                for number, (standing, reply, because, journal_id, at) in self.outcomes
            ],
        )


def _told(notes: list[tuple[str, tuple[object, ...]]], outcomes: list[tuple[Any, ...]]) -> Told:
    return Told(
        notes,
        [
            (number, (standing, None if reply is None else Reply._make(reply), because, journal_id, at))
            for number, standing, reply, because, journal_id, at in outcomes
        ],
    )


class Opening(NamedTuple):
    """What a process of the books is begun with: the switch's program, its settings, and its keys as it read them."""

    program: str
    settings: object
    keys: object


class Refused(NamedTuple):
    """The process cannot serve, and says what somebody has to do about it; nor will the next one, if it is final."""

    because: str
    is_final: bool


class Word(Enum):
    """What is said without any more."""

    READY = "the process has begun, and takes requests"
    DRAIN = "no more requests will come"
    DRAINED = "every outcome has been told"


def program() -> str:
    """Return which program this is: two that would read each other's parcels differently must not talk."""
    shapes = [each._fields for each in (Asked, Told, Request, Extras, Verdicts, ChipData, Reply)]
    return f"{__version__} {zlib.crc32(repr(shapes).encode()):08x}"


class Channel:
    """One end of the pair, for one event loop; the end of the other process is not an error, nor is writing after it.

    What is put there is written at once as far as there is room; the rest waits for `run`.
    """

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._unwritten = bytearray()
        self._waiting = trio.lowlevel.ParkingLot()

    def put(self, parcel: object) -> None:
        """Send a parcel after those before it."""
        data = pickle.dumps(parcel, pickle.HIGHEST_PROTOCOL)
        self._unwritten += _SIZE.pack(len(data)) + data
        if not self._write():
            self._waiting.unpark()

    async def run(self) -> None:
        """Write what there was no room for, until cancelled."""
        while True:
            while not self._unwritten:
                await self._waiting.park()
            await trio.lowlevel.wait_writable(self._end)
            self._write()

    async def parcels(self) -> AsyncGenerator[object, None]:
        """Yield what arrives until the other end is gone, however it went."""
        pending = bytearray()
        while data := await self._receive():
            pending += data
            while len(pending) >= _SIZE.size:
                end = _SIZE.size + _SIZE.unpack_from(pending)[0]
                if len(pending) < end:
                    break
                parcel = pickle.loads(pending[_SIZE.size : end])  # noqa: S301 - see the module's words
                del pending[:end]
                yield parcel

    def close(self) -> None:
        """End it for both sides."""
        trio.lowlevel.notify_closing(self._end)
        self._end.close()

    def _write(self) -> bool:
        try:
            while self._unwritten:
                del self._unwritten[: self._end.send(self._unwritten)]
        except BlockingIOError:
            return False
        except OSError:  # nobody is there any more, as whoever reads hears too
            self._unwritten.clear()
        return True

    async def _receive(self) -> bytes:
        while True:
            try:
                return self._end.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self._end)
            except OSError:
                return b""
