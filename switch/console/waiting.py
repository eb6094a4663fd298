"""The console while its books cannot be opened: every page says so, and each request looks whether they can be again.

Without it the process would end for want of books and be begun again, and again, each time at the cost of a start.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from switch.api.problems import problem
from switch.console.application import STATIC, unreachable
from switch.errors import OperatorError

LOOK_EVERY_S: Final = 1.0
"""At most: a server that does not even refuse takes seconds to find out."""

_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class Waiting:
    """Stands for an application that ``make`` makes, which blocks, and raises `OperatorError` where it cannot yet.

    ``tell`` is told once why it cannot.
    """

    def __init__(self, make: Callable[[], ASGIApp], tell: Callable[[str], object]) -> None:
        self._make = make
        self._tell = tell
        self._made: ASGIApp | None = None
        self._one = trio.Lock()
        self._next_look = float("-inf")
        self._away = Starlette(
            routes=[
                Mount("/static", StaticFiles(directory=STATIC)),
                Route("/api/{path:path}", _api_away, methods=_METHODS),
                Route("/{path:path}", _page_away, methods=_METHODS),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._made or await self._found())(scope, receive, send)

    async def _found(self) -> ASGIApp:
        async with self._one:
            if self._made is None and trio.current_time() >= self._next_look:
                try:
                    self._made = await trio.to_thread.run_sync(self._make)
                except OperatorError as error:
                    if self._next_look < 0:
                        self._tell(f"the console waits for its books: {error}\n")
                    self._next_look = trio.current_time() + LOOK_EVERY_S
            return self._made or self._away


async def _page_away(request: Request) -> Response:
    return unreachable(request)


async def _api_away(_request: Request) -> Response:
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, "the books cannot be reached", retry_after="5")
