"""The console in its own process, behind a switch that runs."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path

import pytest
import trio
from starlette.requests import Request

from switch import app
from switch.admin.console_process import ConsoleProcess
from switch.config import Address, AdminSettings, KeySettings, LedgerSettings, ListenerSettings, Settings
from switch.security.keys import write_fresh_keys
from switch.telemetry import EventLog, configure_logging
from tests.admin.http import Told, ask

DEADLINE_S = 60.0
ANYWHERE = Address("127.0.0.1", 0)


@asynccontextmanager
async def a_switch(database: str, folder: Path, log: StringIO, **admin: object) -> AsyncIterator[tuple[str, int]]:
    keys = folder / "keys.toml"
    write_fresh_keys(keys)
    settings = Settings(
        ledger=LedgerSettings(database=database),
        admin=AdminSettings(bind=ANYWHERE, **admin),  # type: ignore[arg-type]
        keys=KeySettings(file=keys),
        listeners=(ListenerSettings(name="door", dialect="iso8583-1987-ascii", bind=ANYWHERE),),
    )
    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            running = await nursery.start(lambda task_status: app.run(settings, log=log, task_status=task_status))
            yield running.admin
            running.drain()


async def get(address: tuple[str, int], path: str) -> Told:
    async with await trio.open_tcp_stream(*address) as stream:
        return await ask(stream, path)


def consoles() -> list[int]:
    """Process ids of our own children that are consoles."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if parent == os.getpid() and b"console" in words and b"--socket" in words:
            found.append(int(entry.name))
    return found


async def test_the_console_begins_when_it_is_asked_for_and_ends_with_the_switch(
    sqlite_database: str, tmp_path: Path
) -> None:
    async with a_switch(sqlite_database, tmp_path, StringIO()) as address:
        assert (await get(address, "/healthz")).status == 200
        assert consoles() == []

        told = await get(address, "/login")

        assert told.status == 200
        assert 'name="token"' in told.body
        assert len(consoles()) == 1
    assert consoles() == []


async def test_a_console_that_dies_is_begun_again_and_the_switch_stays_healthy(
    sqlite_database: str, tmp_path: Path
) -> None:
    log = StringIO()
    async with a_switch(sqlite_database, tmp_path, log) as address:
        await get(address, "/login")
        (first,) = consoles()
        os.kill(first, signal.SIGKILL)
        assert (await get(address, "/healthz")).status == 200
        assert (await get(address, "/login")).status == 200

        assert consoles() not in ([], [first])
    assert "console ended" in log.getvalue()


def asking(path: str, method: str = "GET") -> Request:
    """A request as the front hands it on."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"switch.test")],
        "client": ("203.0.113.9", 1),
    }
    return Request(scope, receive)


def settings_of(folder: Path, database: str) -> Settings:
    keys = folder / "keys.toml"
    write_fresh_keys(keys)
    return Settings(ledger=LedgerSettings(database=database), keys=KeySettings(file=keys))


async def test_a_console_that_hangs_is_ended_and_begun_again(sqlite_database: str, tmp_path: Path) -> None:
    events = EventLog(configure_logging("json", "info", StringIO()))
    console = ConsoleProcess(settings_of(tmp_path, sqlite_database), events, patience_s=3.0, alive_s=3.0)

    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(console.run)
            assert (await console.answer(asking("/login"))).status_code == 200
            (first,) = consoles()
            os.kill(first, signal.SIGSTOP)

            late = await console.answer(asking("/change", "POST"))
            assert (late.status_code, b"look whether it was done" in late.body) == (504, True)
            while (await console.answer(asking("/login"))).status_code != 200:
                pass
            assert consoles() not in ([], [first])
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("named", ["missing", "x" * 120])
async def test_a_console_without_room_for_its_socket_costs_nothing_but_the_pages(
    sqlite_database: str, tmp_path: Path, named: str
) -> None:
    log, folder = StringIO(), tmp_path / named
    if named != "missing":
        folder.mkdir()
    console = ConsoleProcess(
        settings_of(tmp_path, sqlite_database), EventLog(configure_logging("json", "info", log)), folder=folder
    )

    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(console.run)
            nursery.start_soon(console.answer, asking("/login"))
            while "console ended" not in log.getvalue():
                await trio.lowlevel.checkpoint()
            assert console.is_up is False
            nursery.cancel_scope.cancel()

    assert "starting the console" in log.getvalue()


async def test_without_a_console_there_are_no_pages(sqlite_database: str, tmp_path: Path) -> None:
    async with a_switch(sqlite_database, tmp_path, StringIO(), console=False) as address:
        assert (await get(address, "/login")).status == 404
        assert (await get(address, "/metrics")).status == 200
