"""Moves SQLite's write-ahead log into the database beside the groups, so that no commit has to wait for it.

Left to itself SQLite does so within the commit that finds the log long enough: thousands of pages are written and the
disk is waited for, and so is everybody whose answer hangs on that commit; after somebody who read for long (an audit)
it is half a second. A connection of its own does the same while groups go on (a passive checkpoint waits for nobody and
keeps nobody waiting). What is left of that to a commit, where groups follow each other without a gap, are the few pages
written since the last pass.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import trio
from sqlalchemy.exc import SQLAlchemyError

from switch.ledger.database import Database
from switch.ledger.sessions import own_connection
from switch.ledger.sqlite_session import NO_LIMIT, LogCare

_PAGES: Final = 1_000  # that a pass should find: fewer, and pages that change again and again are moved too often
_EVERY_S: Final = (0.1, 1.0)  # at the least, and at the most: load may begin at any moment
_LONG: Final = 4_000  # pages, 16 MiB: a log that should begin anew
_PRESSED_EVERY_S: Final = 0.3  # at the least, while groups leave no gaps: most of their pages change again and again
_PRESSED_LONG: Final = 10_000
_PRESSED_S: Final = 1.0  # since the last time that they had to be told to leave one
_FEW: Final = 500  # pages that a commit moves in passing; there are always some, written while the last were moved
_KEPT_BYTES: Final = 128 << 20  # of the log's file, which a long reader makes longer
_GIVEN_BACK: Final = 16 << 20  # bytes at once: more, and a commit would wait for the disk
_PASSES: Final = 3  # at once: each finds what was written during the one before, and the log begins anew after none


class Log(NamedTuple):
    """The write-ahead log after a pass: its pages, and how many of them are in the database.

    Both are -1 where somebody else was at it. ``number`` counts how often it began anew, ``size`` is that of its file
    in bytes.
    """

    pages: int
    moved: int
    number: int
    size: int

    def written_since(self, before: Log) -> int:
        """Return the pages written since ``before``, as far as they are still in the log."""
        return self.pages - (before.pages if self.number == before.number else 0)


class Runner(Protocol):
    """Runs a blocking function off the event loop."""

    def __call__(self, function: Callable[[], Log], /) -> Awaitable[Log]: ...


class Checkpoints:
    """Looks after the log of a database on SQLite; where the books are elsewhere it has nothing to do.

    ``care`` is for the sessions whose log it is.
    """

    def __init__(
        self,
        database: Database,
        runner: Runner,
        on_trouble: Callable[[Exception], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._runner = runner
        self._on_trouble = on_trouble
        self._clock_s = clock_s
        self.care = LogCare()
        self._connection: sqlite3.Connection | None = None
        self._seen = Log(0, 0, 0, 0)

    async def run(self) -> None:
        """Pass over the log until cancelled, as often as it grows."""
        if self._database.dialect != "sqlite":
            return
        pause_s = min(_EVERY_S)
        try:
            while True:
                await trio.sleep(pause_s)
                pause_s = await self.look(pause_s)
        finally:
            self.close()

    async def look(self, waited_s: float) -> float:
        """Move what came in ``waited_s``; return for how long to wait for as much as a pass should find.

        What goes wrong is told once, and tried again: the log only grows meanwhile.
        """
        is_pressed = self._clock_s() - self.care.pressed_at < _PRESSED_S
        least, long = (_PRESSED_EVERY_S, _PRESSED_LONG) if is_pressed else (min(_EVERY_S), _LONG)
        try:
            log = await self._runner(partial(self._move, long if is_pressed else 0))
        except (sqlite3.Error, SQLAlchemyError) as error:
            self.close()
            if self.care.is_tended:
                self._on_trouble(error)
            self.care.is_tended = False
            return max(_EVERY_S)
        self.care.is_tended = True
        self.care.is_nearly_moved = log.pages >= long and log.pages - log.moved <= _FEW
        self.care.size_limit = max(_KEPT_BYTES, log.size - _GIVEN_BACK) if log.size > _KEPT_BYTES else NO_LIMIT
        if log.pages < 0:  # somebody else moves it just now, and does not say how much
            return least
        before, self._seen = self._seen, log
        return min(max(waited_s * _PAGES / max(log.written_since(before), 1), least), max(_EVERY_S))

    def close(self) -> None:
        """Give up the connection; the next look opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _move(self, long: int) -> Log:
        """Move what there is into the database; of a log of ``long`` pages or more once more what came meanwhile."""
        if self._connection is None:
            self._connection = own_connection(self._database)
        for _ in range(_PASSES):
            _, pages, moved = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages == moved or pages < long:
                break
        return Log(pages, moved, *self._file())

    def _file(self) -> tuple[int, int]:
        """The log's checkpoint sequence number (sqlite.org/fileformat2, "WAL header") and its size."""
        with suppress(FileNotFoundError), Path(f"{self._database.engine.url.database}-wal").open("rb") as log:
            return int.from_bytes(log.read(16)[12:], "big"), os.fstat(log.fileno()).st_size
        return 0, 0
