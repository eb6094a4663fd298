"""Puts the bytes of one direction of a TCP connection back into order (RFC 9293 clause 3.4)."""

from __future__ import annotations

from bisect import insort
from operator import itemgetter
from typing import Final, NamedTuple

PENDING_BYTES_MAX: Final = 1 << 18
"""Bytes kept behind a hole. Beyond, what is missing is given up: it was lost by whoever captured."""

PENDING_PIECES_MAX: Final = 1024

_HALF: Final = 1 << 31
_WHOLE: Final = 1 << 32
_start: Final = itemgetter(0)


class Piece(NamedTuple):
    """Bytes in the order of the stream, and when the packet came that they are from."""

    at_us: int
    data: bytes


class ByteStream:
    """One direction: takes segments as they were captured, hands out each byte of the stream once and in order.

    Positions count from the first sequence number on and do not wrap. Of bytes that come twice the first are taken.
    """

    __slots__ = ("_pending", "_pending_bytes", "position")

    def __init__(self, sequence: int) -> None:
        self.position = sequence
        """Of the next byte to hand out; its low 32 bits are the sequence number."""
        self._pending: list[tuple[int, int, bytes]] = []
        self._pending_bytes = 0

    @property
    def has_hole(self) -> bool:
        """Whether bytes wait for others that stand before them."""
        return bool(self._pending)

    @property
    def is_full(self) -> bool:
        """Whether so much waits that the hole must be given up."""
        return self._pending_bytes > PENDING_BYTES_MAX or len(self._pending) > PENDING_PIECES_MAX

    def place(self, sequence: int) -> int:
        """Return the position that a sequence number means: the nearest one to where the stream is."""
        return self.position + (sequence - self.position + _HALF) % _WHOLE - _HALF

    def add(self, sequence: int, data: bytes, at_us: int) -> bytes:
        """Take a segment's bytes, return those that follow on from what was handed out before."""
        start = self.place(sequence)
        if start == self.position and not self._pending:
            self.position += len(data)
            return data
        if start + len(data) <= self.position:
            return b""
        insort(self._pending, (start, at_us, data), key=_start)
        self._pending_bytes += len(data)
        if start > self.position:
            return b""
        return b"".join(piece.data for piece in self._follow())

    def give_up(self) -> tuple[int, list[Piece]]:
        """Pass over the first hole: return how many bytes are lost, and the pieces that follow up to the next one."""
        if not self._pending:
            return 0, []
        lost = self._pending[0][0] - self.position
        self.position += lost
        return lost, self._follow()

    def _follow(self) -> list[Piece]:
        """Take from what is pending all that follows on."""
        pieces = []
        used = 0
        for start, at_us, data in self._pending:
            if start > self.position:
                break
            used += 1
            self._pending_bytes -= len(data)
            fresh = data[self.position - start :]
            if fresh:
                pieces.append(Piece(at_us, fresh))
                self.position += len(fresh)
        del self._pending[:used]
        return pieces
