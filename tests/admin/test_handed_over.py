"""Connections handed over by a switch that runs to the console's process that runs beside it."""

from __future__ import annotations

import os
import re
import signal
import ssl
from io import StringIO
from pathlib import Path

import trio
from trio.testing import wait_all_tasks_blocked

from switch.admin.console_process import ConsoleProcess
from switch.admin.pages import build_pages
from switch.admin.server import serve_admin
from switch.config import Address
from switch.telemetry import EventLog, Metrics, configure_logging
from tests.admin.certificates import Authority
from tests.admin.http import Told, ask
from tests.admin.test_console_process import DEADLINE_S, a_switch, consoles, get, settings_of
from tests.admin.test_server import Fixed
from tests.admin.test_sessions import token_in
from tests.admin.visitor import Visitor

PAGE = b"GET /login HTTP/1.1\r\nHost: a\r\n\r\n"
METRICS = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
HANDED, PASSED = 307, 200
"""What /metrics answers on a connection that began with a page."""

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def status_of(stream: trio.abc.Stream, said: bytes) -> int:
    """Send a request on a connection that goes on, and return its answer's status when the answer is whole."""
    await stream.send_all(said)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += await stream.receive_some(65_536) or b"HTTP/1.1 0\r\n\r\n"
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int((re.search(rb"(?i)content-length: (\d+)", head) or [b"", b"0"])[1])
    while len(body) < length:
        body += await stream.receive_some(65_536)
    return int(head.split()[1])


async def way_of(address: tuple[str, int]) -> int:
    """Look at two pages and the metrics on one connection; return the status of the last."""
    async with await trio.open_tcp_stream(*address) as stream:
        assert [await status_of(stream, PAGE) for _ in range(2)] == [200, 200]
        return await status_of(stream, METRICS)


def descriptors_of(process_id: int) -> int:
    return len(list(Path(f"/proc/{process_id}/fd").iterdir()))


async def test_pages_go_over_once_the_console_is_there(sqlite_database: str, tmp_path: Path) -> None:
    async with a_switch(sqlite_database, tmp_path, StringIO()) as address:
        assert await way_of(address) == PASSED  # this one began the console
        assert await way_of(address) == HANDED
        assert (await get(address, "/metrics")).status == 200


async def test_over_tls_requests_are_passed_on(sqlite_database: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with a_switch(sqlite_database, tmp_path, StringIO(), tls=authority.settings()) as address:
        for _ in range(2):
            context: ssl.SSLContext = authority.stranger()
            async with await trio.open_ssl_over_tcp_stream(
                *address, ssl_context=context, https_compatible=True
            ) as stream:
                assert await status_of(stream, PAGE) == 200
                assert await status_of(stream, METRICS) == PASSED


async def test_a_request_line_that_comes_in_pieces_gets_its_page(sqlite_database: str, tmp_path: Path) -> None:
    async with a_switch(sqlite_database, tmp_path, StringIO()) as address:
        await get(address, "/login")
        async with await trio.open_tcp_stream(*address) as stream:
            await stream.send_all(PAGE[:7])
            await wait_all_tasks_blocked()

            assert await status_of(stream, PAGE[7:]) == 200
            assert await status_of(stream, METRICS) == PASSED


async def wrong_token(address: tuple[str, int], *, claimed: str, local: str = "127.0.0.1") -> Told:
    async with await trio.open_tcp_stream(*address, local_address=local) as stream:
        return await ask(stream, "/login", {**FORM, "X-Switch-Peer": claimed}, method="POST", body="token=swt_wrong")


async def test_wrong_tokens_count_for_the_true_address(sqlite_database: str, tmp_path: Path) -> None:
    async with a_switch(sqlite_database, tmp_path, StringIO()) as address:
        await get(address, "/login")
        assert await way_of(address) == HANDED

        told = [await wrong_token(address, claimed=f"203.0.113.{number}") for number in range(11)]
        elsewhere = await wrong_token(address, claimed="127.0.0.1", local="127.0.0.2")

    assert [each.status for each in told] == [401] * 10 + [429]
    assert elsewhere.status == 401


async def test_forms_are_taken_with_their_secret_and_not_without(sqlite_database: str, tmp_path: Path) -> None:
    token = token_in(sqlite_database)
    async with a_switch(sqlite_database, tmp_path, StringIO()) as address:
        await get(address, "/login")
        visitor = Visitor(address)
        await visitor.log_in(token)
        form = re.search(r'name="csrf" value="([0-9a-f]{64})"', (await visitor.get("/maintenance")).body)
        assert form is not None
        wish = {"what": "maintenance.on", "target": "maintenance:on", "with.notice": "noon"}

        without = await visitor.post("/change", csrf="0" * 64, **wish)
        done = await visitor.post("/change", csrf=form[1], **wish)

        assert (without.status, done.status) == (403, 303)
        assert "noon" in (await visitor.get("/maintenance")).body


async def test_three_hundred_at_once_all_get_their_page_and_leave_nothing(sqlite_database: str, tmp_path: Path) -> None:
    async with a_switch(sqlite_database, tmp_path, StringIO()) as address:
        await get(address, "/login")
        assert await way_of(address) == HANDED
        (console,) = consoles()
        ours, theirs = descriptors_of(os.getpid()), descriptors_of(console)
        told: list[int] = []

        async def look() -> None:
            told.append((await get(address, "/static/console.css")).status)

        async with trio.open_nursery() as nursery:
            for _ in range(300):
                nursery.start_soon(look)

        assert told == [200] * 300
        while (descriptors_of(os.getpid()), descriptors_of(console)) > (ours, theirs):
            await trio.lowlevel.checkpoint()
        assert consoles() == [console]


async def test_a_console_that_hangs_is_ended_and_who_waited_for_it_is_served_by_the_next(
    sqlite_database: str, tmp_path: Path
) -> None:
    events = EventLog(configure_logging("json", "info", StringIO()))
    console = ConsoleProcess(settings_of(tmp_path, sqlite_database), events, alive_s=1.0)

    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(console.run)
            pages = build_pages(Metrics().registry, Fixed(), console.answer)
            bound = await nursery.start(serve_admin, Address("127.0.0.1", 0), pages, None, console.go_over)
            address = (bound.host, bound.port)
            await get(address, "/login")
            assert await way_of(address) == HANDED
            (first,) = consoles()
            os.kill(first, signal.SIGSTOP)

            told = await get(address, "/login")

            assert told.status == 200
            assert consoles() not in ([], [first])
            assert await way_of(address) == HANDED
            nursery.cancel_scope.cancel()


async def test_a_console_that_was_killed_costs_no_page_and_no_descriptor(sqlite_database: str, tmp_path: Path) -> None:
    async with a_switch(sqlite_database, tmp_path, StringIO()) as address:
        await get(address, "/login")
        assert await way_of(address) == HANDED
        before = descriptors_of(os.getpid())
        for _ in range(2):
            (console,) = consoles()
            os.kill(console, signal.SIGKILL)

            assert (await get(address, "/login")).status == 200
            assert await way_of(address) == HANDED
        assert descriptors_of(os.getpid()) == before
