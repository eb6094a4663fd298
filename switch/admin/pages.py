"""What the HTTP side answers: metrics, health, readiness, and a page that names them."""

from __future__ import annotations

from typing import Final, Protocol

import trio
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from switch import __version__

READINESS_DEADLINE_S: Final = 2.0  # a load balancer asks every few seconds; a late "yes" is a "no"

_INDEX: Final = f"""\
<!doctype html>
<html lang="en">
<title>switch {__version__}</title>
<h1>switch {__version__}</h1>
<ul>
<li><a href="/metrics">/metrics</a>: counters and durations, for Prometheus
<li><a href="/healthz">/healthz</a>: the process runs
<li><a href="/readyz">/readyz</a>: terminals may connect (database reachable, its schema right, not draining)
</ul>
"""


class Readiness(Protocol):
    """Whether terminals may connect now; `switch.app` hands it in."""

    async def unready_because(self) -> str:
        """Return "" when ready, else one clause for the operator, without secrets."""
        ...


def build_pages(registry: CollectorRegistry, readiness: Readiness) -> Starlette:
    """Return the ASGI application."""

    async def index(_request: Request) -> Response:
        return HTMLResponse(_INDEX)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        because = await _unready_because(readiness)
        return PlainTextResponse(f"not ready: {because}\n", 503) if because else PlainTextResponse("ready\n")

    return Starlette(
        routes=[
            Route("/", index),
            Route("/metrics", metrics),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
        ]
    )


async def _unready_because(readiness: Readiness) -> str:
    with trio.move_on_after(READINESS_DEADLINE_S):
        return await readiness.unready_because()
    return f"no answer from the database within {READINESS_DEADLINE_S:g} s"
