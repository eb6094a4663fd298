"""Serves the admin address, on trio, in the nursery of the switch."""

from __future__ import annotations

import socket
import ssl

import trio
from starlette.applications import Starlette

from switch.admin.accepting import accept_connections
from switch.admin.serving import Connections, HandOver, serve_connections
from switch.config import Address
from switch.errors import ConfigurationError


async def serve_admin(
    bind: Address,
    app: Starlette,
    tls: ssl.SSLContext | None = None,
    hand_over: HandOver | None = None,
    *,
    task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled. Reports the address it got (port 0 asks for any free one).

    ``hand_over`` is asked about each connection without TLS.

    Raises `ConfigurationError` where the address cannot be had.
    """
    listening = _bound(bind)
    listening.listen(128)
    address = Address(*listening.getsockname()[:2])
    task_status.started(address)
    if tls is None and hand_over is not None:
        await accept_connections(listening, Connections(app), hand_over)
    else:
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
        await serve_connections(app, [listener], tls)


def _bound(bind: Address) -> socket.socket:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(bind.host, bind.port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(where)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise ConfigurationError(f"admin.bind: {bind}: {error.strerror}") from None
    return listening
