"""Serves the admin pages with hypercorn, on trio, in the nursery of the switch."""

from __future__ import annotations

import socket
from typing import Any, cast

import hypercorn.trio
import trio
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework
from prometheus_client import CollectorRegistry

from switch.admin.pages import Readiness, build_pages
from switch.config import Address
from switch.errors import ConfigurationError


async def serve_admin(
    bind: Address,
    registry: CollectorRegistry,
    readiness: Readiness,
    *,
    task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled. Reports the address it got (port 0 asks for any free one).

    Raises `ConfigurationError` where the address cannot be had.
    """
    listening = _bound(bind)
    address = Address(*listening.getsockname()[:2])
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.loglevel = "WARNING"  # no "Running on" line, no access log
    config.read_timeout = 10  # a client that never finishes its request
    config.graceful_timeout = 1.0
    config.include_server_header = False
    async with trio.open_nursery() as nursery:
        app = cast("ASGIFramework", build_pages(registry, readiness))
        await nursery.start(_serve, app, config)
        task_status.started(address)


async def _serve(app: ASGIFramework, config: Config, *, task_status: trio.TaskStatus[Any]) -> None:
    await hypercorn.trio.serve(app, config, mode="asgi", task_status=task_status)


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
