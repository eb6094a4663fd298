from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from switch.admin.pages import build_pages
from switch.admin.server import serve_admin
from switch.admin.serving import CONNECTIONS_MAX
from switch.config import Address
from switch.errors import ConfigurationError
from switch.telemetry import Metrics


class Fixed:
    """A readiness that always says the same."""

    def __init__(self, because: str = "") -> None:
        self._because = because

    async def unready_because(self) -> str:
        await trio.lowlevel.checkpoint()
        return self._because


class Stuck:
    """A database that never answers."""

    async def unready_because(self) -> str:
        await trio.sleep_forever()
        raise AssertionError


async def get(address: Address, path: str) -> tuple[int, str]:
    async with await trio.open_tcp_stream(address.host, address.port) as stream:
        await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join([chunk async for chunk in stream]).decode()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body


async def ask(path: str, *, metrics: Metrics | None = None, readiness: Fixed | Stuck | None = None) -> tuple[int, str]:
    async with trio.open_nursery() as nursery:
        pages = build_pages((metrics or Metrics()).registry, readiness or Fixed())
        address = await nursery.start(serve_admin, Address("127.0.0.1", 0), pages)
        answer = await get(address, path)
        nursery.cancel_scope.cancel()
    return answer


async def test_metrics_are_those_of_the_registry_handed_in() -> None:
    metrics = Metrics()
    metrics.listener("iso8583").answered("purchase", "approved", 0.01)

    status, body = await ask("/metrics", metrics=metrics)

    assert status == 200
    assert 'switch_requests_total{action="approved",kind="purchase",listener="iso8583"} 1.0' in body


async def test_the_process_is_healthy_even_when_it_is_not_ready() -> None:
    assert (await ask("/healthz", readiness=Fixed("draining")))[0] == 200


async def test_ready_says_so() -> None:
    status, body = await ask("/readyz")

    assert (status, "\nready\n" in f"\n{body}") == (200, True)


async def test_not_ready_says_why() -> None:
    status, body = await ask("/readyz", readiness=Fixed("draining"))

    assert status == 503
    assert "not ready: draining" in body


async def test_a_database_that_does_not_answer_is_not_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    from starlette.types import Message

    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/readyz", "headers": [], "query_string": b""}
    await build_pages(Metrics().registry, Stuck())(scope, receive, send)

    assert sent[0]["status"] == 503
    assert b"within 2 s" in sent[1]["body"]
    assert autojump_clock.current_time() > 0


async def test_without_a_console_the_first_page_names_the_others() -> None:
    status, body = await ask("/")

    assert status == 404
    assert all(path in body for path in ("/metrics", "/healthz", "/readyz"))


async def test_other_pages_do_not_exist() -> None:
    assert (await ask("/etc/passwd"))[0] == 404


async def test_an_address_in_use_is_the_operators_to_change() -> None:
    async with trio.open_nursery() as nursery:
        pages = build_pages(Metrics().registry, Fixed())
        taken = await nursery.start(serve_admin, Address("127.0.0.1", 0), pages)

        with pytest.raises(ConfigurationError, match=r"admin\.bind"):
            await serve_admin(taken, pages)
        nursery.cancel_scope.cancel()


async def test_a_connection_that_is_gone_leaves_its_place_at_once() -> None:
    async with trio.open_nursery() as nursery:
        address = await nursery.start(serve_admin, Address("127.0.0.1", 0), build_pages(Metrics().registry, Fixed()))

        for _ in range(CONNECTIONS_MAX + 20):
            async with await trio.open_tcp_stream(address.host, address.port) as stream:
                await stream.send_all(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
                assert (await stream.receive_some(65_536)).startswith(b"HTTP/1.1 200")
                await wait_all_tasks_blocked()  # the server waits for the next request

        nursery.cancel_scope.cancel()
