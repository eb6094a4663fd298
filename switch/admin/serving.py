"""Serves an ASGI application on trio with hypercorn's protocol, one task for each connection, in the caller's nursery.

hypercorn's own ``serve`` does not tell the application which client certificate was shown, so connections are
accepted here and handed to hypercorn's `TCPServer`; the certificate's SHA-256 stands in the scope's state.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed
from hypercorn.protocol.h11 import H2CProtocolRequiredError, H2ProtocolAssumedError
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState
from starlette.types import ASGIApp

from switch.config import AdminTlsSettings
from switch.errors import ConfigurationError

CONNECTIONS_MAX: Final = 256
"""Browsers and monitoring open a few each; more are turned away before they cost anything."""

HANDSHAKE_DEADLINE_S: Final = 10.0
READ_DEADLINE_S: Final = 10
"""For a client that never finishes its request."""

CERTIFICATE: Final = "certificate"
"""Where the scope's state holds the SHA-256 of the client certificate, in hex; "" for none."""

Settle = Callable[[socket.socket, bool], None]
HandOver = Callable[[socket.socket, bytes, Settle], bool]
"""Offers a connection, and the first bytes that came on it and are still to be read, to whoever else may serve it.

False: it cannot be offered. True: it is, and the third argument is called once, with whether it was taken; nobody reads
from the connection before, and whoever called closes it then, or serves it.
"""


class Connections:
    """What serves the connections of one application, `CONNECTIONS_MAX` of them at once."""

    def __init__(self, app: ASGIApp, tls: ssl.SSLContext | None = None) -> None:
        self._app = ASGIWrapper(cast("ASGIFramework", app))
        self._tls = tls
        self._guests = 0
        self._config = Config()
        self._config.loglevel = "WARNING"  # no access log: the change log says what matters
        self._config.read_timeout = READ_DEADLINE_S
        self._config.include_server_header = False

    def let_in(self) -> bool:
        """Give a connection a place. False where all are taken."""
        if self._guests >= CONNECTIONS_MAX:
            return False
        self._guests += 1
        return True

    def let_go(self) -> None:
        """Take a place back."""
        self._guests -= 1

    async def serve(self, stream: trio.SocketStream) -> None:
        """Answer what is asked on a connection that has a place until it ends; close it, and take its place back."""
        try:
            await self._talk(stream)
        finally:
            self.let_go()
            await trio.aclose_forcefully(stream)

    async def _talk(self, stream: trio.SocketStream) -> None:
        state = ConnectionState({CERTIFICATE: ""})
        served: Any = stream
        if self._tls is not None:
            served = trio.SSLStream(stream, self._tls, server_side=True, https_compatible=True)
            try:
                with trio.fail_after(HANDSHAKE_DEADLINE_S):
                    await served.do_handshake()
            except (trio.BrokenResourceError, trio.TooSlowError):
                await trio.aclose_forcefully(served)
                return
            shown = served.getpeercert(binary_form=True)
            state[CERTIFICATE] = hashlib.sha256(shown).hexdigest() if shown else ""
        await _OneAtATime(self._app, self._config, WorkerContext(None), state, served).run()


async def serve_connections(
    app: ASGIApp, listeners: list[trio.SocketListener], tls: ssl.SSLContext | None = None
) -> None:
    """Serve until cancelled."""
    connections = Connections(app, tls)

    async def serve(stream: trio.SocketStream) -> None:
        if connections.let_in():
            await connections.serve(stream)

    await trio.serve_listeners(serve, listeners)


class _OneAtATime(TCPServer):
    """Speaks HTTP/1.1 alone: in HTTP/2 one connection would bring a hundred requests at once."""

    async def _read_data(self) -> None:
        self.protocol: Any = self.protocol.protocol  # without what goes over to HTTP/2
        try:
            await super()._read_data()
        except (H2CProtocolRequiredError, H2ProtocolAssumedError):
            await self.protocol.handle(Closed())
        await self.idle_task.stop()  # else a connection that is gone would keep its place until it were idle for long


def tls_context(settings: AdminTlsSettings | None) -> ssl.SSLContext | None:
    """Return the server's side of TLS 1.2 and up; client certificates are taken where a CA for them is set.

    Raises `ConfigurationError` that names the file.
    """
    if settings is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.certificate, settings.private_key)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or "not a pair of PEM files"
        raise ConfigurationError(f"admin.tls: {settings.certificate} with {settings.private_key}: {reason}") from None
    if settings.client_ca is not None:
        try:
            context.load_verify_locations(settings.client_ca)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"admin.tls.client_ca: {settings.client_ca}: {error.strerror or 'no PEM file of certificates'}"
            ) from None
        context.verify_mode = ssl.CERT_OPTIONAL
    return context
