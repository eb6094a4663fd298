"""Requests passed on to another process, here an application on a Unix socket that tells what reached it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from switch.admin.pages import build_pages
from switch.admin.passing import BODY_BYTES_MAX, Passage
from switch.admin.server import serve_admin
from switch.admin.serving import CERTIFICATE, serve_connections, tls_context
from switch.config import Address, AdminTlsSettings
from switch.errors import ConfigurationError
from switch.telemetry import Metrics
from tests.admin.certificates import Authority
from tests.admin.http import ask
from tests.admin.test_server import Fixed


async def tell(request: Request) -> Response:
    body = (await request.body()).decode()
    answer = JSONResponse({"path": request.url.path, "query": request.url.query, "body": body, **request.headers}, 201)
    answer.set_cookie("a", "1")
    answer.set_cookie("b", "2")
    return answer


@asynccontextmanager
async def standing(folder: Path, tls: AdminTlsSettings | None = None) -> AsyncIterator[Address]:
    """A front before the telling application."""
    path = folder / "socket"
    listening = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    await listening.bind(str(path))
    listening.listen()
    behind = Starlette(routes=[Route("/{path:path}", tell, methods=["GET", "POST"])])
    passage = Passage(path)

    async def pass_on(request: Request) -> Response:
        return await passage.pass_on(request, request.scope["state"][CERTIFICATE])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_connections, behind, [trio.SocketListener(listening)])
        pages = build_pages(Metrics().registry, Fixed(), pass_on)
        yield await nursery.start(serve_admin, Address("127.0.0.1", 0), pages, tls_context(tls))
        nursery.cancel_scope.cancel()


async def test_what_is_asked_and_answered_passes_whole(tmp_path: Path) -> None:
    async with standing(tmp_path) as address, await trio.open_tcp_stream(address.host, address.port) as stream:
        told = await ask(stream, "/cards/1?a=%20b&c", method="POST", body="what=x")

    seen = json.loads(told.body)
    assert told.status == 201
    assert (seen["path"], seen["query"], seen["body"]) == ("/cards/1", "a=%20b&c", "what=x")
    assert seen["host"] == "switch.test"


async def test_nobody_can_say_of_themselves_who_they_are(tmp_path: Path) -> None:
    claims = {"X-Switch-Peer": "10.0.0.1", "x-switch-certificate": "ab" * 32, "X-Forwarded-Proto": "https"}

    async with standing(tmp_path) as address, await trio.open_tcp_stream(address.host, address.port) as stream:
        seen = json.loads((await ask(stream, "/", claims)).body)

    assert (seen["x-switch-peer"], seen["x-switch-certificate"]) == ("127.0.0.1", "")
    assert seen["x-forwarded-proto"] == "http"


async def test_a_body_without_end_is_turned_away(tmp_path: Path) -> None:
    async with standing(tmp_path) as address, await trio.open_tcp_stream(address.host, address.port) as stream:
        told = await ask(stream, "/", method="POST", body="x" * (BODY_BYTES_MAX + 1))

    assert told.status == 413


async def test_metrics_and_health_are_not_passed_on(tmp_path: Path) -> None:
    async with standing(tmp_path) as address:
        for path, word in (("/metrics", "switch_build_info"), ("/healthz", "ok"), ("/readyz", "ready")):
            async with await trio.open_tcp_stream(address.host, address.port) as stream:
                told = await ask(stream, path)
            assert told.status == 200
            assert word in told.body


# --- TLS ---------------------------------------------------------------------------------------------------


async def over_tls(address: Address, context: object) -> dict[str, str]:
    stream = await trio.open_ssl_over_tcp_stream(address.host, address.port, ssl_context=context, https_compatible=True)  # type: ignore[arg-type]
    async with stream:
        return dict(json.loads((await ask(stream, "/")).body))


async def test_a_client_certificate_is_told_by_its_fingerprint(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context, fingerprint = authority.client()

    async with standing(tmp_path, authority.settings()) as address:
        seen = await over_tls(address, context)

    assert seen["x-switch-certificate"] == fingerprint
    assert seen["x-forwarded-proto"] == "https"


async def test_without_a_client_certificate_there_is_none_to_tell(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async with standing(tmp_path, authority.settings()) as address:
        seen = await over_tls(address, authority.stranger())

    assert seen["x-switch-certificate"] == ""


async def test_a_certificate_of_somebody_else_gets_no_connection(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    authority = Authority(ours)
    context, _ = Authority(theirs).client()
    context.load_verify_locations(ours / "ca.pem")

    async with standing(tmp_path, authority.settings()) as address:
        with pytest.raises((trio.BrokenResourceError, ValueError)):
            await over_tls(address, context)
        assert (await over_tls(address, authority.stranger()))["path"] == "/"


async def test_whoever_speaks_no_tls_is_let_go(tmp_path: Path) -> None:
    tls = Authority(tmp_path).settings()

    async with standing(tmp_path, tls) as address, await trio.open_tcp_stream(address.host, address.port) as stream:
        await stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
        with trio.fail_after(10):
            assert b"HTTP" not in bytes(await stream.receive_some(100))


@pytest.mark.parametrize("missing", ["certificate", "private_key", "client_ca"])
def test_a_file_of_tls_that_is_not_there_is_named(tmp_path: Path, missing: str) -> None:
    settings = Authority(tmp_path).settings().model_copy(update={missing: tmp_path / "missing.pem"})

    with pytest.raises(ConfigurationError, match=r"admin\.tls.*missing\.pem"):
        tls_context(settings)
