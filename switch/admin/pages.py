"""What the switch's own process answers over HTTP: metrics, health, readiness. All else is the console's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from switch.telemetry.series import TEXT_FORMAT, Registry

READINESS_DEADLINE_S: Final = 2.0  # a load balancer asks every few seconds; a late "yes" is a "no"
METRICS, HEALTH, READINESS = "/metrics", "/healthz", "/readyz"
ANSWERED_HERE: Final = frozenset({METRICS, HEALTH, READINESS})
MAY_READ_METRICS: Final = "/api/v1/may-read-metrics"
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class Readiness(Protocol):
    """Whether terminals may connect now; `switch.app` hands it in."""

    async def unready_because(self) -> str:
        """Return "" when ready, else one clause for the operator, without secrets."""
        ...


Answer = Callable[[Request], Awaitable[Response]]


async def no_console(_request: Request) -> Response:
    """Answer where there is no console."""
    return PlainTextResponse("no console here: /metrics, /healthz and /readyz are\n", 404)


def build_pages(
    registry: Registry,
    readiness: Readiness,
    console: Answer = no_console,
    may_read_metrics: Callable[[Request], Awaitable[bool | None]] | None = None,
) -> Starlette:
    """Return the ASGI application. ``may_read_metrics`` of None: everybody may; it tells None where it cannot tell."""

    async def metrics(request: Request) -> Response:
        if may_read_metrics is not None:
            may = await may_read_metrics(request)
            if may is None:
                return PlainTextResponse("nobody can say now whether the token is good\n", 503, {"retry-after": "5"})
            if not may:
                return PlainTextResponse("a token is needed\n", 401, {"www-authenticate": "Bearer"})
        return Response(registry.text(), media_type=TEXT_FORMAT)

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        because = await _unready_because(readiness)
        return PlainTextResponse(f"not ready: {because}\n", 503) if because else PlainTextResponse("ready\n")

    return Starlette(
        routes=[
            Route(METRICS, metrics),
            Route(HEALTH, healthz),
            Route(READINESS, readyz),
            Route("/{path:path}", console, methods=_METHODS),
        ]
    )


async def _unready_because(readiness: Readiness) -> str:
    with trio.move_on_after(READINESS_DEADLINE_S):
        return await readiness.unready_because()
    return f"no answer from the database within {READINESS_DEADLINE_S:g} s"
