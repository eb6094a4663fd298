"""Accepts connections, and offers each, by the first that its client says, to whoever may serve it elsewhere.

What goes over costs the event loop an accept, a look and a message, and no task: see `switch.admin.handing`.
"""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from typing import Final

import trio

from switch.admin.serving import Connections, HandOver

SILENCE_MAX_S: Final = 5.0
"""For a client that connects and says nothing: as long as one may be silent between two requests."""

FIRST_BYTES: Final = 4_096

_DEFER_S: Final = 1
_REST_S: Final = 0.1
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


async def accept_connections(listening: socket.socket, connections: Connections, hand_over: HandOver) -> None:
    """Accept until cancelled, and serve here what does not go over."""
    if hasattr(socket, "TCP_DEFER_ACCEPT"):  # clients speak first: one wake for the connection and its first words
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _DEFER_S)
    listening.setblocking(False)
    with listening:
        async with trio.open_nursery() as nursery:
            door = _Door(nursery, connections, hand_over)
            try:
                while True:
                    await trio.lowlevel.wait_readable(listening)
                    if not door.let_in_from(listening):
                        await trio.sleep(_REST_S)
            finally:
                door.is_open = False


class _Door:
    """Where connections come in. Each that is let in has its place until it is closed or went over."""

    def __init__(self, nursery: trio.Nursery, connections: Connections, hand_over: HandOver) -> None:
        self._nursery = nursery
        self._connections = connections
        self._hand_over = hand_over
        self.is_open = True

    def let_in_from(self, listening: socket.socket) -> bool:
        """Let one in. False where this process or machine may open no more."""
        try:
            connection, _ = listening.accept()
        except OSError as error:  # without such a reason: it is gone already
            return error.errno not in _NO_ROOM
        if not self._connections.let_in():
            connection.close()
            return True
        connection.setblocking(False)
        try:
            words = connection.recv(FIRST_BYTES, socket.MSG_PEEK)
        except BlockingIOError:
            self._nursery.start_soon(self._hear, connection)
        except OSError:
            self._part_with(connection)
        else:
            self._lead(connection, words)
        return True

    async def _hear(self, connection: socket.socket) -> None:
        """Wait for the first words of a client that had none yet."""
        words = b""
        try:
            with trio.move_on_after(SILENCE_MAX_S), suppress(OSError):
                await trio.lowlevel.wait_readable(connection)
                words = connection.recv(FIRST_BYTES, socket.MSG_PEEK)
        finally:
            self._lead(connection, words)

    def _lead(self, connection: socket.socket, words: bytes) -> None:
        if not words:
            self._part_with(connection)
        elif not self._hand_over(connection, words, self._settle):
            self._settle(connection, False)

    def _settle(self, connection: socket.socket, is_taken: bool) -> None:  # noqa: FBT001
        if is_taken or not self.is_open:
            self._part_with(connection)
        else:
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(connection))
            self._nursery.start_soon(self._connections.serve, stream)

    def _part_with(self, connection: socket.socket) -> None:
        self._connections.let_go()
        connection.close()
