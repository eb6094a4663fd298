"""Hands accepted connections over to the console's process, over a Unix socket (unix(7), SCM_RIGHTS).

One byte goes with each descriptor, and one comes back for each, in the same order: `TAKEN`, `REFUSED`. Until then
the connection stays ours too and nobody reads from it, so one that is not taken, because the process has no room or is
gone, is served here as if nothing had been. `LATE` comes by itself: a page was not made in time.
"""

from __future__ import annotations

import re
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import trio

from switch.admin.pages import ANSWERED_HERE
from switch.admin.serving import Settle

HANDED: Final = "handed"
"""The name of the socket, beside that on which requests are passed on (and no longer than its)."""

TAKEN: Final = b"+"
REFUSED: Final = b"-"
LATE: Final = b"?"

_ANSWERS_BYTES: Final = 256
_FIRST_LINE: Final = re.compile(rb"(?:GET|HEAD|POST|PUT|PATCH|DELETE) (/[^ ?\r\n]*)(?:\?[^ \r\n]*)? HTTP/1\.[01]\r\n")
_ANSWERED_HERE: Final = frozenset(path.encode() for path in ANSWERED_HERE)


def is_for_console(words: bytes) -> bool:
    """Whether a connection begins with a whole request line that asks for what only the console has."""
    line = _FIRST_LINE.match(words)
    return line is not None and line[1] not in _ANSWERED_HERE


class Handing:
    """The way over to one process, while it lives.

    ``is_late`` is called when the process could not make a page in time, or was silent for ``patience_s`` seconds
    while a connection was on its way.
    """

    def __init__(self, channel: socket.socket, is_late: Callable[[], None], patience_s: float) -> None:
        self._channel = channel
        self._is_late = is_late
        self._patience_s = patience_s
        self._under_way: deque[tuple[socket.socket, Settle]] = deque()

    @classmethod
    def opened(cls, path: Path, is_late: Callable[[], None], patience_s: float) -> Handing:
        """Return the way to the process that listens at ``path``. Raises OSError."""
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            channel.setblocking(False)
            channel.connect(str(path))
        except OSError:
            channel.close()
            raise
        return cls(channel, is_late, patience_s)

    def send(self, connection: socket.socket, settle: Settle) -> bool:
        """Send a connection over; see `HandOver`. False where that cannot be done at once."""
        try:
            socket.send_fds(self._channel, [b"."], [connection.fileno()])
        except OSError:
            return False
        self._under_way.append((connection, settle))
        return True

    async def run(self) -> None:
        """Hear the answers until the process is gone."""
        is_there = True
        while is_there:
            with trio.move_on_after(self._patience_s) as patience:
                await trio.lowlevel.wait_readable(self._channel)
            if not patience.cancelled_caught:
                with suppress(BlockingIOError):
                    is_there = self._hear()
            elif self._under_way:
                self._is_late()

    def close(self) -> None:
        """End it, once the process has ended: what it took before is found taken, all else is not."""
        with suppress(BlockingIOError):
            while self._hear():
                pass
        self._end()

    def _hear(self) -> bool:
        """Act on what was answered. False where nothing more will be. Raises BlockingIOError where nothing was yet."""
        try:
            answers = self._channel.recv(_ANSWERS_BYTES)
        except BlockingIOError:
            raise
        except OSError:  # the process is gone, or its end was heard before
            answers = b""
        for each in answers:
            if each == ord(LATE):
                self._is_late()
            elif self._under_way:
                connection, settle = self._under_way.popleft()
                settle(connection, each == ord(TAKEN))
        if not answers:
            self._end()
        return bool(answers)

    def _end(self) -> None:
        self._channel.close()
        while self._under_way:
            connection, settle = self._under_way.popleft()
            settle(connection, False)
