"""The process of the books is killed under load, more than once: terminals get their answers all the same."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
import trio

from switch.config import load_settings
from switch.security.keys import load_keys, write_fresh_keys
from switch.security.vault import Vault
from tests.crash.load import IN_FLIGHT, Terminal, all_work
from tests.crash.server import TERMINALS, Server, install, serving
from tests.crash.test_kill import (
    answered_otherwise,
    approvals_booked,
    approvals_seen,
    balances,
    broken_invariants,
    decided,
    expected_balances,
    key_of,
    sent,
)

KILLS = 3
ANSWERS = 120
"""Between two kills, and after the last."""
DEADLINE_S = 120.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="children of another process are found on Linux only")


async def work_while_books_are_killed(server: Server, terminals: list[Terminal]) -> None:
    answers = 0

    def count() -> None:
        nonlocal answers
        answers += 1
        if answers % ANSWERS:
            return
        if answers > KILLS * ANSWERS:
            server.kill()
        else:
            os.kill(server.books_pid, signal.SIGKILL)

    await all_work(terminals, server.address, count)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_terminals_get_their_answers_from_the_next_process(database: str, tmp_path: Path) -> None:
    settings = install(tmp_path, database)
    vault = Vault(load_keys(load_settings(settings).keys.file))
    terminals = [Terminal(name, random.Random(name)) for name in TERMINALS]

    with trio.fail_after(DEADLINE_S):
        async with serving(settings) as server:
            await work_while_books_are_killed(server, terminals)
            ends = [line for line in server.log if line["event"] == "process of the books ended"]
        unanswered = [attempt for _, attempt in sent(terminals) if attempt.answer is None]
        approved, booked = Counter(approvals_seen(terminals)), Counter(approvals_booked(database))

        assert len(ends) == KILLS
        assert len(unanswered) <= IN_FLIGHT * len(terminals)  # those that the switch itself was killed with
        assert approved <= booked
        assert set(booked.values()) == {1}
        assert broken_invariants(database, vault) == []
        async with serving(settings) as server:
            assert await answered_otherwise(server, terminals) == []
    assert decided(database) == Counter(key_of(each) for each in sent(terminals))
    assert balances(database, vault) == expected_balances(terminals)


async def test_it_ends_with_the_switch_however_that_ends(sqlite_database: str, tmp_path: Path) -> None:
    settings = install(tmp_path, sqlite_database)

    with trio.fail_after(DEADLINE_S):
        async with serving(settings) as server:
            books = server.books_pid
            assert lives(books)
        while lives(books):
            await trio.lowlevel.checkpoint()


async def test_a_signal_for_everybody_ends_the_switch_first(sqlite_database: str, tmp_path: Path) -> None:
    settings = install(tmp_path, sqlite_database)

    with trio.fail_after(DEADLINE_S):
        async with serving(settings) as server:
            os.kill(server.books_pid, signal.SIGTERM)
            os.kill(server.books_pid, signal.SIGINT)
            server.terminate()
            await server.event("stopped")
            assert await server.process.wait() == 0


async def test_it_goes_on_with_the_keys_that_the_switch_has(sqlite_database: str, tmp_path: Path) -> None:
    settings = install(tmp_path, sqlite_database)
    terminal = Terminal(TERMINALS[0], random.Random(1))

    with trio.fail_after(DEADLINE_S):
        async with serving(settings) as server:
            (tmp_path / "keys.toml").unlink()
            write_fresh_keys(tmp_path / "keys.toml")
            os.kill(server.books_pid, signal.SIGKILL)
            await server.event("process of the books ended")
            await terminal.work(server.address, lambda: server.kill() if len(terminal.attempts) > IN_FLIGHT else None)

    assert "00" in {attempt.answer[39] for attempt in terminal.attempts if attempt.answer}
