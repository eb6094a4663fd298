"""Whether the switch is ready is answered in time, whatever its database does."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import psycopg
import trio

from switch.admin.pages import READINESS_DEADLINE_S
from switch.app import run
from tests.scenarios.stage import Clock, install
from tests.scenarios.transcript import Transcript

PATIENCE_S = READINESS_DEADLINE_S + 1.0


async def readyz(address: tuple[str, int]) -> str:
    """Ask once; returns the answer's status line, or what was said instead."""
    answer = b""
    async with await trio.open_tcp_stream(*address) as stream:
        await stream.send_all(b"GET /readyz HTTP/1.1\r\nHost: switch\r\nConnection: close\r\n\r\n")
        async for data in stream:
            answer += data
    return answer.decode().splitlines()[0].strip()


async def test_a_database_that_hangs_is_told_in_time_and_forgotten_when_it_is_back(
    postgresql_database: str, tmp_path: Path
) -> None:
    clock = Clock()
    settings = install(Transcript("ready"), postgresql_database, "iso8583-1987-ascii", tmp_path, clock)
    hanging: list[str] = []

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            running = await nursery.start(
                lambda task_status: run(settings, clock=clock, log=StringIO(), task_status=task_status)
            )
            before = await readyz(running.admin)
            with psycopg.connect(postgresql_database) as holder:
                holder.execute("LOCK TABLE meta IN ACCESS EXCLUSIVE MODE")
                with trio.move_on_after(PATIENCE_S):
                    async with trio.open_nursery() as askers:
                        for _ in range(3):
                            askers.start_soon(lambda: _note(hanging, running.admin))
            after = await readyz(running.admin)
            running.drain()
            await running.ended.wait()

    assert "200" in before
    assert ["503" in line for line in hanging] == [True, True, True]
    assert "200" in after


async def _note(answers: list[str], address: tuple[str, int]) -> None:
    answers.append(await readyz(address))
