"""A switch with the demo's books for the load's tests, and captures of what was said to it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import trio

from switch.app import run
from switch.capture.entry import Direction, Entry
from switch.capture.files import CaptureWriter, Head
from switch.config import Address, AdminSettings, KeySettings, LedgerSettings, ListenerSettings, Settings
from switch.security.keys import write_fresh_keys
from switch.tools.client import connect
from switch.tools.demo import load_data
from switch.tools.demo_keys import load_demo_keys
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect
from tests.load.hosts import CODEC, ISO

BEGAN_US = 1_763_731_200_000_000
ZONE = ZoneInfo("Asia/Shanghai")


@asynccontextmanager
async def a_switch(database: str, folder: Path, dialect: str = ISO.name) -> AsyncIterator[tuple[str, int]]:
    """Serve the demo's books on a port of its own while the block runs."""
    keys, anywhere = folder / "keys.toml", Address("127.0.0.1", 0)
    write_fresh_keys(keys)
    settings = Settings(
        ledger=LedgerSettings(database=database),
        listeners=(ListenerSettings(name="door", dialect=dialect, bind=anywhere),),
        admin=AdminSettings(bind=anywhere),
        keys=KeySettings(file=keys),
    )
    load_data(settings)
    load_demo_keys(settings)
    async with trio.open_nursery() as nursery:
        running = await nursery.start(lambda task_status: run(settings, log=StringIO(), task_status=task_status))
        yield running.listeners["door"]
        nursery.cancel_scope.cancel()


def sale_of_today(stan: int, amount_minor: int = 1_000) -> Fields:
    now = datetime.now(ZONE)
    fields = {0: "0200", 2: "6200000000000047", 3: "000000", 4: f"{amount_minor:012d}", 11: f"{stan:06d}", 14: "3012"}
    fields |= {7: f"{now.astimezone(UTC):%m%d%H%M%S}", 12: f"{now:%H%M%S}", 13: f"{now:%m%d}", 22: "012", 25: "00"}
    return dict(sorted((fields | {41: "TERM0001", 42: "MERCHANT0000001", 49: "156"}).items()))


async def recorded(address: tuple[str, int], messages: Iterable[Fields]) -> list[tuple[Fields, Fields]]:
    """Say it to a host, one after the other; what was said and answered."""
    async with connect(ISO, *address) as client:
        return [(message, await client.ask(message)) for message in messages]


def written(path: Path, exchanges: Iterable[tuple[Fields, Fields]], dialect: str = ISO.name) -> Path:
    """Write a capture of exchanges on one connection, ten milliseconds apart, each answered after two."""
    spoken = load_dialect(dialect)
    codec = CODEC if spoken.name == ISO.name else Codec(spoken)
    with CaptureWriter(path, Head(dialect=dialect)) as writer:
        for number, (message, answer) in enumerate(exchanges):
            at_us = BEGAN_US + number * 10_000
            for later_us, direction, fields in (
                (0, Direction.TO_HOST, message),
                (2_000, Direction.TO_TERMINAL, answer),
            ):
                frame = spoken.framing.wrap_request(codec.encode(fields))
                writer.write(Entry(at_us + later_us, "1", direction, frame))
    return path


async def switch_command(*arguments: str | Path, folder: Path, status: int | None = 0) -> str:
    """Run a command of the program; its output, then its errors."""
    command = [sys.executable, "-m", "switch", *map(str, arguments)]
    done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False, cwd=folder)
    said = done.stdout.decode() + done.stderr.decode()
    assert status is None or done.returncode == status, f"{done.returncode}: {said}"
    return said
