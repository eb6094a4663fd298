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
from switch.admin.passing import BODY_BYTES_MAX, Passage, message_of
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
        message = await message_of(request, request.scope["state"][CERTIFICATE])
        return message if isinstance(message, Response) else await passage.pass_on(message)

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


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx", b"201"),
        (b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", b"201"),
        (b"GET /a%23b?c=d HTTP/1.1\r\nHost: [\r\n\r\n", b"201"),
        (b"GET / HTTP/1.0\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"201"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy", b"400"),
        (b"GET http://evil.test/ HTTP/1.1\r\nHost: a\r\n\r\n", b"404"),
        (b"CONNECT evil.test:80 HTTP/1.1\r\nHost: a\r\n\r\n", b"404"),
        (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", b"405"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", b"431"),
    ],
)
async def test_odd_requests_get_an_answer_and_do_no_harm(tmp_path: Path, said: bytes, status: bytes) -> None:
    async with standing(tmp_path) as address, await trio.open_tcp_stream(address.host, address.port) as stream:
        await stream.send_all(said)
        answer = b""
        with trio.fail_after(20):
            while not (told := [line for line in answer.split(b"\r\n")[:-1] if line[:5] == b"HTTP/"][-1:]) or (
                told[0].startswith(b"HTTP/1.1 100")
            ):
                answer += await stream.receive_some(65_536) or b"HTTP/1.1 - closed\r\n"

    assert told[0].split()[1] == status


@pytest.mark.parametrize(
    "said",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    ],
)
async def test_one_connection_cannot_bring_a_hundred_requests_at_once(tmp_path: Path, said: bytes) -> None:
    async with standing(tmp_path) as address, await trio.open_tcp_stream(address.host, address.port) as stream:
        await stream.send_all(said)
        answer = b""
        with trio.fail_after(20):
            while data := await stream.receive_some(65_536):
                answer += data

    assert b"switch.test" not in answer
    assert b"\x04\x00\x00\x00" not in answer  # no HTTP/2 settings


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
