"""A switch in a process of its own, as an operator runs it, and the installation it serves."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import trio

from switch.config import Settings, load_settings
from switch.ledger.database import open_database
from switch.ledger.ids import JournalIds
from switch.ledger.import_staging import Run
from switch.ledger.importing import import_file
from switch.security.keys import load_keys, write_fresh_keys
from switch.security.vault import Vault

MERCHANT: Final = "MERCHANT0000001"
TERMINALS: Final = ("TERM0001", "TERM0002", "TERM0003")
CARDS: Final = {
    # number            balance in minor units
    "4111111111111111": 10_000_000,
    "6200000000000047": 10_000_000,
    "378282246310005": 50_000,
}  # fmt: skip

_SETTINGS: Final = """
[ledger]
database = {database}
[[listeners]]
name = "door"
dialect = "iso8583-1987-ascii"
bind = "127.0.0.1:{port}"
[admin]
bind = "127.0.0.1:0"
[log]
format = "json"
[server]
drain_deadline_s = {drain_deadline_s}
"""

START_DEADLINE_S: Final = 30.0


def write_settings(folder: Path, database: str, *, port: int = 0, drain_deadline_s: float = 10.0) -> Path:
    """Settings and fresh keys; the database is as it is."""
    file = folder / "switch.toml"
    text = _SETTINGS.format(database=json.dumps(database), port=port, drain_deadline_s=drain_deadline_s)
    file.write_text(text, "utf-8")
    write_fresh_keys(folder / "keys.toml")
    return file


def install(folder: Path, database: str, **settings: Any) -> Path:
    """Settings, and books with a merchant, its terminals and three cards, the last one not rich."""
    file = write_settings(folder, database, **settings)
    stock(load_settings(file), folder)
    return file


def stock(settings: Settings, folder: Path) -> None:
    now = datetime.now(settings.zone)
    at = int(now.timestamp() * 1_000_000)
    run = Run(JournalIds(lambda: at)(), at, now, int(f"{now:%Y%m%d}"))
    tables = {
        "merchants": [{"merchant_id": MERCHANT}],
        "terminals": [{"terminal_id": name, "merchant_id": MERCHANT} for name in TERMINALS],
        "cards": [{"pan": pan, "expiry_yymm": "3012", "balance_minor": str(balance)} for pan, balance in CARDS.items()],
    }
    with closing(open_database(settings.ledger.database)) as books:
        for subject, rows in tables.items():
            path = folder / f"{subject}.csv"
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
            import_file(books, subject, path, Vault(load_keys(settings.keys.file)), run)


@dataclass
class Server:
    """A running switch. Its log is read as it is written; ``event`` waits for one of its lines."""

    process: trio.Process
    log: list[dict[str, Any]] = field(default_factory=list)
    other_lines: list[str] = field(default_factory=list)
    _grown: trio.Event = field(default_factory=trio.Event)

    @property
    def address(self) -> tuple[str, int]:
        (line,) = [line for line in self.log if line["event"] == "listening"]
        host, _, port = line["address"].rpartition(":")
        return host, int(port)

    async def event(self, name: str) -> dict[str, Any]:
        while True:
            for line in self.log:
                if line["event"] == name:
                    return line
            await self._grown.wait()

    @property
    def books_pid(self) -> int:
        """The process of the books, which there is whenever the switch listens."""
        lists = Path(f"/proc/{self.process.pid}/task").glob("*/children")  # by the thread that began them
        children = [int(child) for each in lists for child in each.read_text().split()]
        (found,) = [child for child in children if b"switch.bookkeeping" in Path(f"/proc/{child}/cmdline").read_bytes()]
        return found

    def kill(self) -> None:
        """As the kernel does when it needs the memory: no farewell of any kind."""
        self.process.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def read_log(self) -> None:
        rest = b""
        assert self.process.stderr is not None
        async for chunk in self.process.stderr:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.startswith(b"{"):
                    self.log.append(json.loads(line))
                else:
                    self.other_lines.append(line.decode())
            self._grown.set()
            self._grown = trio.Event()


@asynccontextmanager
async def serving(settings: Path) -> AsyncIterator[Server]:
    """Start `switch serve`; at the end it is killed if it still runs."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "switch", "serve", "--config", str(settings)], stderr=subprocess.PIPE
    )
    server = Server(process)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.read_log)
            with trio.fail_after(START_DEADLINE_S):
                await server.event("listening")
            yield server
            server.kill()
            await process.wait()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
        if process.stderr is not None:
            await process.stderr.aclose()
