"""Opens the connections of a load, as sockets that never block, and says in few words why one could not be."""

from __future__ import annotations

import os
import socket
from typing import Final

import trio

_DEADLINE_S: Final = 10.0


async def connected(host: str, port: int) -> socket.socket:
    """A socket that never blocks. Raises OSError."""
    with trio.move_on_after(_DEADLINE_S):
        stream = await trio.open_tcp_stream(host, port)
        sock = socket.socket(fileno=stream.socket.detach())
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    raise OSError(f"no connection within {_DEADLINE_S:.0f} s")


def reason_of(error: OSError) -> str:
    """Why a connection failed; of a name with several addresses, why the first one did."""
    cause: BaseException | None = error.__cause__
    if isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    if isinstance(cause, OSError):
        error = cause
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    return (error.strerror or str(error) or type(error).__name__).lower()
