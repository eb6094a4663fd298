"""The API as an ASGI application: finds who asks, reads what is asked, answers off the event loop.

A token goes in ``Authorization: Bearer``, or a client certificate stands for one. No cookie is looked at, and what
changes something must be JSON, so no other site's page can make a browser do it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from functools import partial
from http import HTTPStatus
from typing import Final

import trio
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from switch.api.endpoint import Asked, Endpoint
from switch.api.looks import LOOKS
from switch.api.makes import Making
from switch.api.openapi import document
from switch.api.problems import problem, problem_of
from switch.errors import DatabaseError, OperatorError
from switch.office.acts import Act, Desk
from switch.office.attempts import Attempts
from switch.office.roles import Actor, check_allowed
from switch.office.tokens import holder_by_certificate, holder_of, note_use

BODY_BYTES_MAX: Final = 65_536

_MICROSECONDS: Final = 1_000_000
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def build_api(desk: Desk, acts: Mapping[str, Act], *, clock: Callable[[], float] = time.monotonic) -> Starlette:
    """Return the application, to be mounted at ``/api/v1``. ``clock`` is monotonic, in seconds."""
    endpoints = (*LOOKS, *Making(acts).endpoints())
    api = Api(desk, Attempts(clock))
    described = document(endpoints)
    by_path: dict[str, dict[str, Endpoint]] = {}
    for each in endpoints:
        by_path.setdefault(each.path, {})[each.method] = each

    async def openapi(_request: Request) -> Response:
        return _headed(JSONResponse(described))

    return Starlette(
        routes=[
            Route("/openapi.json", openapi),
            Route("/may-read-metrics", api.may_look),
            *(Route(path, api.answerer(its), methods=list(its)) for path, its in by_path.items()),
        ],
        exception_handlers={HTTPException: _refused},
    )


class Api:
    """Answers requests."""

    def __init__(self, desk: Desk, attempts: Attempts) -> None:
        self._desk = desk
        self._attempts = attempts

    def answerer(self, endpoints: Mapping[str, Endpoint]) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers requests to the endpoints of one path, by their methods."""

        async def answer(request: Request) -> Response:
            endpoint = endpoints["GET" if request.method == "HEAD" else request.method]
            actor = await self._actor(request)
            if isinstance(actor, Response):
                return _headed(actor)
            body = await _body_of(request, endpoint)
            if isinstance(body, Response):
                return _headed(body)
            return _headed(await trio.to_thread.run_sync(self._answer, endpoint, request, actor, body))

        return answer

    async def may_look(self, request: Request) -> Response:
        """Say whether the token that is shown is good for looking: 204 if it is."""
        actor = await self._actor(request)
        return _headed(actor if isinstance(actor, Response) else Response(status_code=HTTPStatus.NO_CONTENT))

    def _answer(self, endpoint: Endpoint, request: Request, actor: Actor, body: bytes) -> Response:
        try:
            check_allowed(actor, endpoint.permission)
            where = endpoint.where.model_validate(request.path_params)
            query = endpoint.query.model_validate(dict(request.query_params))
            wish = None if endpoint.body is None else endpoint.body.model_validate_json(body)
            told: BaseModel = endpoint.answer(Asked(self._desk, actor, where, query, wish))
        except ValidationError as error:
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, _wrong(error))
        except OperatorError as error:
            return problem_of(error)
        return Response(told.model_dump_json(), endpoint.status, media_type="application/json")

    # --- who asks ------------------------------------------------------------------------------------------

    async def _actor(self, request: Request) -> Actor | Response:
        address = request.headers.get("x-switch-peer", "")
        certificate = request.headers.get("x-switch-certificate", "")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" and not certificate:
            return problem(HTTPStatus.UNAUTHORIZED, "a token is needed", www_authenticate="Bearer")
        wait_s = self._attempts.wait_s(address)
        if wait_s > 0:
            told = "too many wrong tokens from this address"
            return problem(HTTPStatus.TOO_MANY_REQUESTS, told, retry_after=str(int(wait_s) + 1))
        find = partial(self._holder, token.strip() if scheme.lower() == "bearer" else "", certificate)
        try:
            actor = await trio.to_thread.run_sync(find)
        except OperatorError as error:
            return problem_of(error)
        if actor is None:
            self._attempts.failed(address)
            return problem(HTTPStatus.UNAUTHORIZED, "this token is unknown, or it has ended", www_authenticate="Bearer")
        self._attempts.succeeded(address)
        return actor

    def _holder(self, token: str, certificate: str) -> Actor | None:
        now = int(time.time() * _MICROSECONDS)
        with self._desk.database.reading() as connection:
            holder = holder_of(connection, token, now) if token else holder_by_certificate(connection, certificate, now)
        if holder is None:
            return None
        if holder.is_stale:
            with suppress(DatabaseError), self._desk.database.writing() as connection:  # a look is good without it
                note_use(connection, holder.token_id, now)
        return holder.actor


async def _body_of(request: Request, endpoint: Endpoint) -> bytes | Response:
    """Return the body that an endpoint takes (b"" where it takes none), or why it cannot be taken."""
    if endpoint.method != "POST":
        return b""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if endpoint.body is not None and kind != "application/json":
        return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
    if kind not in {"", "application/json"}:
        return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json, or nothing")
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return problem(HTTPStatus.FORBIDDEN, "not from another site's page")
    body = b""
    async with aclosing(request.stream()) as stream:
        async for chunk in stream:
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {BODY_BYTES_MAX} bytes")
    return body


async def _refused(_request: Request, error: Exception) -> Response:
    """Answer for a path that does not exist or a method that it does not take."""
    assert isinstance(error, HTTPException)
    answer = problem(HTTPStatus(error.status_code))
    answer.headers.update(dict(error.headers or {}))
    return _headed(answer)


def _wrong(error: ValidationError) -> str:
    """Name what is wrong; never its value."""
    return "; ".join(
        f"{'.'.join(str(part) for part in one['loc']) or 'body'}: {one['msg']}"
        for one in error.errors(include_input=False, include_url=False)[:10]
    )


def _headed(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return response
