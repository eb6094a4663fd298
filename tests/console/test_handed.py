"""Connections that were handed over, from the client's side: an application behind the way that tells what reached it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from trio.testing import wait_all_tasks_blocked

from switch.admin.handing import HANDED, Handing, is_for_console
from switch.admin.pages import build_pages
from switch.admin.passing import AT_ONCE_MAX, BODY_BYTES_MAX
from switch.admin.server import serve_admin
from switch.admin.serving import CONNECTIONS_MAX
from switch.config import Address
from switch.console.handed import serve_handed
from switch.telemetry import Metrics
from tests.admin.http import Told, ask
from tests.admin.test_server import Fixed

PATIENCE_S = 60.0
LONG = 8_388_608
"""Bytes: more than the buffers of a connection take."""


async def tell(request: Request) -> Response:
    body = (await request.body()).decode()
    return JSONResponse({"path": request.url.path, "query": request.url.query, "body": body, **request.headers})


async def stuck(_request: Request) -> Response:
    await trio.sleep_forever()
    raise AssertionError


async def broken(_request: Request) -> Response:
    raise ValueError("a page that cannot be made")


async def long(_request: Request) -> Response:
    return Response(b"x" * LONG)


APP = Starlette(
    routes=[
        Route("/stuck", stuck, methods=["GET", "POST"]),
        Route("/broken", broken),
        Route("/long", long),
        Route("/{path:path}", tell, methods=["GET", "POST"]),
    ]
)


@asynccontextmanager
async def standing(
    folder: Path, patience_s: float = PATIENCE_S, is_late: Callable[[], None] = lambda: None
) -> AsyncIterator[Address]:
    """Give the admin address; whatever it answers with 404 was not handed over."""
    path = folder / HANDED
    listening = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    await listening.bind(str(path))
    listening.listen()
    handing = Handing.opened(path, is_late, PATIENCE_S)

    def go_over(connection: object, words: bytes, settle: object) -> bool:
        return is_for_console(words) and handing.send(connection, settle)  # type: ignore[arg-type]

    try:
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(serve_handed, APP, trio.SocketListener(listening), patience_s)
                nursery.start_soon(handing.run)
                pages = build_pages(Metrics().registry, Fixed())
                yield await nursery.start(serve_admin, Address("127.0.0.1", 0), pages, None, go_over)
                nursery.cancel_scope.cancel()
    finally:
        handing.close()


async def connected(address: Address) -> trio.SocketStream:
    return await trio.open_tcp_stream(address.host, address.port)


async def get(address: Address, path: str, **headers: str) -> Told:
    async with await connected(address) as stream:
        return await ask(stream, path, headers)


async def next_answer(stream: trio.SocketStream, said: bytes) -> bytes:
    """Send a request and return its answer, which has a length; b"" where the connection ends."""
    await stream.send_all(said)
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = await stream.receive_some(65_536)
        if not data:
            return answer
        answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += await stream.receive_some(65_536)
    return head + b"\r\n\r\n" + body


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_what_is_asked_and_answered_goes_through_whole(tmp_path: Path) -> None:
    async with standing(tmp_path) as address, await connected(address) as stream:
        told = await ask(stream, "/cards/1?a=%20b&c", {"Cookie": "d=e"}, method="POST", body="what=x")

    seen = json.loads(told.body)
    assert told.status == 200
    assert (seen["path"], seen["query"], seen["body"]) == ("/cards/1", "a=%20b&c", "what=x")
    assert (seen["host"], seen["cookie"]) == ("switch.test", "d=e")


async def test_nobody_can_say_of_themselves_who_they_are(tmp_path: Path) -> None:
    claims = {"X-Switch-Peer": "10.0.0.1", "x-SWITCH-certificate": "ab" * 32, "X-Forwarded-Proto": "https"}

    async with standing(tmp_path) as address:
        seen = json.loads((await get(address, "/", **claims)).body)

    assert (seen["x-switch-peer"], seen["x-switch-certificate"]) == ("127.0.0.1", "")
    assert seen["x-forwarded-proto"] == "http"


async def test_no_later_request_of_a_connection_can_either(tmp_path: Path) -> None:
    async with standing(tmp_path) as address, await connected(address) as stream:
        for _ in range(3):
            told = await next_answer(stream, b"GET /a HTTP/1.1\r\nHost: a\r\nx-switch-certificate: ab\r\n\r\n")
            assert b'"x-switch-certificate":""' in told


@pytest.mark.parametrize("path", [b"/metrics", b"/healthz", b"/readyz?a", b"/%6detrics"])
async def test_what_the_switch_answers_is_asked_of_it_on_a_connection_of_its_own(tmp_path: Path, path: bytes) -> None:
    async with standing(tmp_path) as address, await connected(address) as stream:
        page = await next_answer(stream, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        told = await next_answer(stream, b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        location = told.partition(b"location: ")[2].partition(b"\r\n")[0].decode()

        assert page.startswith(b"HTTP/1.1 200")
        assert told.startswith(b"HTTP/1.1 307")
        assert b"\r\nconnection: close\r\n" in told.lower()
        assert await stream.receive_some(1) == b""
        assert (await get(address, location)).status == 200


@pytest.mark.parametrize(("length", "status"), [(BODY_BYTES_MAX, 200), (BODY_BYTES_MAX + 1, 413)])
async def test_a_body_without_end_is_turned_away(tmp_path: Path, length: int, status: int) -> None:
    async with standing(tmp_path) as address, await connected(address) as stream:
        told = await ask(stream, "/", method="POST", body="x" * length)

    assert told.status == status


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET /a HTTP/1.0\r\n\r\n", b"400"),
        (b"GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n", b"200"),
        (b"DELETE /a HTTP/1.1\r\nHost: a\r\n\r\n", b"405"),
        (b"GET /a HTTP/1.1\r\nHost: a\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", b"431"),
        (b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy", b"400"),
        ((b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"), b"403"),
    ],
)  # fmt: skip
async def test_odd_requests_get_an_answer_and_do_no_harm(tmp_path: Path, said: bytes, status: bytes) -> None:
    async with standing(tmp_path) as address:
        async with await connected(address) as stream:
            await stream.send_all(said)
            assert (await stream.receive_some(65_536)).split()[1] == status
        assert (await get(address, "/a")).status == 200


async def test_a_body_in_chunks_is_whole_before_anybody_reads_it(tmp_path: Path) -> None:
    said = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n2\r\nyz\r\n0\r\n\r\n"

    async with standing(tmp_path) as address, await connected(address) as stream:
        told = await next_answer(stream, said)

    assert b'"body":"xyz"' in told
    assert b'"content-length":"3"' in told


async def test_a_client_that_leaves_in_the_middle_of_its_body_does_no_harm(tmp_path: Path) -> None:
    async with standing(tmp_path) as address:
        async with await connected(address) as stream:
            await stream.send_all(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx")
            await wait_all_tasks_blocked()
        assert (await get(address, "/a")).status == 200


@pytest.mark.parametrize(("method", "then"), [("GET", "try again"), ("POST", "look whether it was done")])
async def test_a_page_that_takes_too_long_is_given_up_and_the_switch_told(
    tmp_path: Path, method: str, then: str
) -> None:
    told_late = trio.Event()

    async with standing(tmp_path, 0.05, told_late.set) as address, await connected(address) as stream:
        told = await ask(stream, "/stuck", method=method)
        await told_late.wait()

    assert told.status == 504
    assert told.body == f"the console gave no answer in time; {then}\n"


async def test_a_page_that_cannot_be_made_ends_nothing_else(tmp_path: Path) -> None:
    async with standing(tmp_path) as address:
        assert (await get(address, "/broken")).status == 500
        assert (await get(address, "/a")).status == 200


async def test_whoever_reads_slowly_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    async with standing(tmp_path) as address:
        slow = [await connected(address) for _ in range(AT_ONCE_MAX + 4)]
        for stream in slow:
            await stream.send_all(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await stream.receive_some(9)) == b"HTTP/1.1 "

        assert (await get(address, "/a")).status == 200
        for stream in slow:
            await trio.aclose_forcefully(stream)


async def test_one_connection_too_many_stays_with_the_switch_and_none_leaves_a_descriptor(tmp_path: Path) -> None:
    async with standing(tmp_path) as address:
        assert (await get(address, "/a")).status == 200
        await wait_all_tasks_blocked()
        before = descriptors()
        streams = [await connected(address) for _ in range(CONNECTIONS_MAX)]
        for stream in streams:
            assert b" 200 " in await next_answer(stream, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")

        one_more = await get(address, "/a")
        for stream in streams:
            await stream.aclose()
        await wait_all_tasks_blocked()

        assert (one_more.status, one_more.body.partition(":")[0]) == (404, "no console here")
        assert descriptors() == before
        assert (await get(address, "/a")).status == 200
