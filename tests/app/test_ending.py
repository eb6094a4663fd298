"""How the process begins and ends, as an operator sees it: signals, exit status, one clear message."""

from __future__ import annotations

import random
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
import trio

from tests.crash.load import Terminal, echo, purchases
from tests.crash.server import TERMINALS, Server, install, serving, write_settings
from tests.crash.test_kill import journal

DEADLINE_S = 60.0


def serve(settings: Path) -> subprocess.CompletedProcess[str]:
    """Run a switch that is expected not to start."""
    return subprocess.run(
        [sys.executable, "-m", "switch", "serve", "--config", str(settings)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


async def test_on_sigterm_everything_in_flight_is_answered_before_the_end(database: str, tmp_path: Path) -> None:
    settings = install(tmp_path, database)
    terminals = [Terminal(name, random.Random(name)) for name in TERMINALS]
    answered = 0

    with trio.fail_after(DEADLINE_S):
        async with serving(settings) as server, trio.open_nursery() as nursery:

            def count() -> None:
                nonlocal answered
                answered += 1
                if answered == 100:
                    server.terminate()

            for terminal in terminals:
                nursery.start_soon(terminal.work, server.address, count)
            status = await server.process.wait()

    seen = {(each.answer[41], *each.key) for terminal in terminals for each in terminal.attempts if each.answer}
    decided = {(row.terminal_id, row.mti[1], row.stan) for row in journal(database)}
    assert status == 0
    assert decided == seen
    assert server.log[-1]["event"] == "stopped"
    assert server.log[-1]["unfinished"] == 0
    assert server.other_lines == []


@asynccontextmanager
async def stuck(database: str, settings: Path) -> AsyncIterator[Server]:
    """A switch with twenty purchases in flight that cannot commit, because another process holds the database."""
    with trio.fail_after(DEADLINE_S), closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as books:
        async with serving(settings) as server:
            books.execute("BEGIN IMMEDIATE")
            async with await trio.open_tcp_stream(*server.address) as stream:
                await stream.send_all(purchases(20) + echo())
                assert await stream.receive_some()  # of the echo: the purchases before it are in flight
                yield server


async def test_a_second_signal_ends_at_once(sqlite_database: str, tmp_path: Path) -> None:
    async with stuck(sqlite_database, install(tmp_path, sqlite_database, drain_deadline_s=600.0)) as server:
        server.terminate()
        await server.event("draining")
        signalled = trio.current_time()
        server.terminate()
        status = await server.process.wait()

        assert trio.current_time() - signalled < 3
        assert status == 1


async def test_draining_ends_at_its_deadline_and_says_what_it_left(sqlite_database: str, tmp_path: Path) -> None:
    async with stuck(sqlite_database, install(tmp_path, sqlite_database, drain_deadline_s=0.2)) as server:
        server.terminate()
        stopped = await server.event("stopped")

        assert stopped["unfinished"] == 20


def test_a_port_in_use_is_one_clear_message(sqlite_database: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = serve(install(tmp_path, sqlite_database, port=port))

    last = ended.stderr.splitlines()[-1]
    assert ended.returncode == 2
    assert f"127.0.0.1:{port}" in last
    assert "in use" in last.lower()
    assert "Traceback" not in ended.stderr


def test_books_whose_cards_other_keys_sealed_are_not_served(sqlite_database: str, tmp_path: Path) -> None:
    install(tmp_path, sqlite_database)
    (tmp_path / "keys.toml").unlink()
    ended = serve(write_settings(tmp_path, sqlite_database))

    assert ended.returncode == 2
    assert "the keys are not those of the cards" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_unmigrated_database_is_refused_with_the_command_to_run(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/empty.db"
    if kind == "postgresql":
        server = request.getfixturevalue("postgres_server")
        name = server.make()
        request.addfinalizer(lambda: server.drop(name))
        url = server.named(name)
    ended = serve(write_settings(tmp_path, url))

    assert ended.returncode == 2
    assert "switch db upgrade" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
