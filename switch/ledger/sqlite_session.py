"""The hot path's SQL on SQLite, a library in our own process: a prepared statement costs a function call.

A query joins all its given values at once; their list is padded with NULLs to a power of two, so that a few
statements serve every size and stay prepared (a NULL key matches nothing). Rows are written one prepared step
after another, which here is a quarter faster than one statement with as many VALUES. It gives the interpreter's
lock away at every row, which costs nothing while nobody else wants it: groups are decided on the loop's thread.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from typing import Final

from switch.errors import InternalError
from switch.ledger import schema
from switch.ledger.rows import Claim, Row
from switch.ledger.statements import Change, Fault, Query
from switch.ledger.steady_rows import SteadyRows

_PATIENCE_S: Final = 2.0  # for another process (an import, an operator) that has the one write lock
_LOOK_EVERY_S: Final = 0.0005  # SQLite itself would look ever more rarely, up to a tenth of a second apart
_GIVE_WAY_EVERY_S: Final = 0.1  # of groups without a gap between them: others would look for the lock in vain
_GAP_S: Final = 0.002  # long enough for whoever looks every millisecond (`switch.ledger.database`)
_TEXTS_REMEMBERED: Final = 512
_ROWS_MAX: Final = 256  # of one statement: SQLite takes 32,766 parameters, the widest table has 29 columns
_CACHE_KIB: Final = 65_536  # the pages that busy terminals and cards write again and again stay in memory
_CHECKPOINT_PAGES: Final = 16_000  # 64 MiB of log, where nobody else looks after it
_UNTENDED_COMMITS: Final = 1_000  # between two looks at a log that should be looked after, and is not
_IN_THE_WAY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DOWN: Final = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}


NO_LIMIT: Final = -1


class LogCare:
    """What a session and who looks after the write-ahead log beside it (`switch.ledger.checkpoints`) tell each other.

    The log begins anew only once all of it is in the database while nobody writes, and under load somebody always
    does. So whoever moves the log beside the session leaves the last few pages to one of its commits, and says how
    many bytes of the file the next beginning may leave: to give much of it back at once takes the disk long.
    ``pressed_at`` is when groups last followed each other for so long that they had to be told to leave a gap.
    """

    def __init__(self) -> None:
        self.is_tended = True
        self.is_nearly_moved = False
        self.size_limit = NO_LIMIT
        self.pressed_at = -math.inf


class SqliteSession:
    """A `switch.ledger.statements.Session` on one connection of sqlite3.

    With ``log_care`` no commit moves SQLite's log by itself, be it ever so long.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        clock_s: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
        log_care: LogCare | None = None,
    ) -> None:
        self._connection = connection
        self._clock_s = clock_s
        self._pause = pause
        self._log_care = log_care
        self._untended = 0
        self._released_at = self._shared_at = -math.inf  # when the lock was free last, and for as long as `_GAP_S`
        self._cursor = connection.cursor()
        self._cursor.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._cursor.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES if log_care is None else 0}")
        self._cursor.execute("PRAGMA busy_timeout = 0")
        self._steady = SteadyRows(self._read)

    @property
    def stripes(self) -> int:
        """There is one writer at a time: nobody waits for a row."""
        return 1

    def begin(self) -> None:
        """Take the one write lock at once: reading first and locking later could only fail.

        To be called on a thread that may wait. Who takes the lock again and again with short gaps (a day's settlement)
        would starve one who looks as rarely as SQLite's own busy handler. And a switch with more groups than time would
        starve everybody else: after a while without a gap it leaves one.
        """
        if self._is_greedy():
            self._pause(_GAP_S)
            self._shared_at = self._clock_s()
            if self._log_care is not None:
                self._log_care.pressed_at = self._shared_at
        give_up = self._clock_s() + _PATIENCE_S
        while True:
            try:
                self._cursor.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if self.fault(error) is not Fault.RETRY or self._clock_s() >= give_up:
                    raise
            else:
                return self._begun()
            self._pause(_LOOK_EVERY_S)

    def begin_at_once(self) -> bool:
        """Take the write lock if no other process has it, nor is due to get a chance of it."""
        if self._is_greedy():
            return False
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
            self._begun()
        except sqlite3.Error:
            with suppress(sqlite3.Error):  # `begin` meets it again, and says it
                self.rollback()
            return False
        return True

    def _begun(self) -> None:
        ((version,),) = self._cursor.execute("PRAGMA data_version")
        self._steady.begin(version)

    def commit(self) -> None:
        self._cursor.execute("COMMIT")
        self._released_at = self._clock_s()
        if self._log_care is not None and self._should_move_log(self._log_care):
            with suppress(sqlite3.Error):  # what was committed stays so
                self._cursor.execute(f"PRAGMA journal_size_limit = {self._log_care.size_limit}")
                self._cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def _should_move_log(self, care: LogCare) -> bool:
        if care.is_nearly_moved:
            care.is_nearly_moved = False
            return True
        self._untended = 0 if care.is_tended else self._untended + 1
        return self._untended > 0 and self._untended % _UNTENDED_COMMITS == 0

    def rollback(self) -> None:
        self._steady.forget()
        if self._connection.in_transaction:
            self._cursor.execute("ROLLBACK")
            self._released_at = self._clock_s()

    def _is_greedy(self) -> bool:
        """Whether the lock would be taken again at once, as it has been for a while."""
        now = self._clock_s()
        if now - self._released_at >= _GAP_S:
            self._shared_at = now
        return now - self._shared_at >= _GIVE_WAY_EVERY_S

    def close(self) -> None:
        """The cursor first: while it holds a statement, SQLite keeps the connection, and its lock, alive."""
        self._cursor.close()
        self._connection.close()

    def fault(self, error: Exception) -> Fault:
        if not isinstance(error, sqlite3.Error):
            return Fault.REQUEST
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the upper bits only refine it
        if code in _IN_THE_WAY:
            return Fault.RETRY
        return Fault.DOWN if code in _DOWN or isinstance(error, sqlite3.ProgrammingError) else Fault.REQUEST

    def claim(self, claims: Iterable[Claim]) -> None:
        """Nothing to do: there is one writer at a time."""

    def read(self, *asked: tuple[Query, Sequence[Row]]) -> list[list[Row]]:
        return [self._steady.find(query, rows) if query.steady else self._read(query, rows) for query, rows in asked]

    def _read(self, query: Query, rows: Sequence[Row]) -> list[Row]:
        found: list[Row] = []
        for start in range(0, len(rows), _ROWS_MAX):
            part = rows[start : start + _ROWS_MAX]
            size = 1 << (len(part) - 1).bit_length()
            padding = [None] * (len(query.given) * (size - len(part)))
            found += self._cursor.execute(_read_text(query, size), [*chain.from_iterable(part), *padding])
        return found

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        if rows:
            self._write(_insert_text(table), rows, table)

    def change(self, change: Change, rows: Sequence[Row]) -> None:
        if rows:
            self._write(_change_text(change), rows, change.table)

    def _write(self, text: str, rows: Sequence[Row], table: str) -> None:
        self._steady.written(table)
        written = self._cursor.executemany(text, map(tuple, rows)).rowcount  # named ones take a third longer to bind
        if written != len(rows):
            raise InternalError(f"{written} rows of {table} were written, not {len(rows)}")

    def flush(self) -> None:
        """Nothing to do: statements run at once."""


@lru_cache(_TEXTS_REMEMBERED)
def _read_text(query: Query, size: int) -> str:
    row = f"({','.join('?' * len(query.given))})"
    given = ",".join(f"column{place} AS {name}" for place, (name, _) in enumerate(query.given, start=1))
    return (
        f"SELECT {','.join(query.columns)}"
        f" FROM (SELECT {given} FROM (VALUES {','.join([row] * size)})) AS g CROSS JOIN {query.source}"
    )


@lru_cache(_TEXTS_REMEMBERED)
def _insert_text(table: str) -> str:
    columns = [f'"{column.name}"' for column in schema.metadata.tables[table].columns]
    return f"INSERT INTO {table} ({','.join(columns)}) VALUES ({','.join('?' * len(columns))})"


@lru_cache(_TEXTS_REMEMBERED)
def _change_text(change: Change) -> str:
    """The row's values are bound by number, because keys come first in a row and last in an UPDATE."""
    columns = (*change.keys, *change.values)
    numbered = {name: f"?{place}" for place, name in enumerate(columns, start=1)}
    if change.inserts:
        return (
            f"INSERT INTO {change.table} ({','.join(columns)}) VALUES ({','.join(numbered.values())})"
            f" ON CONFLICT ({','.join(change.keys)})"
            f" DO UPDATE SET {change.updates({name: f'excluded.{name}' for name in columns})}"
        )
    where = " AND ".join(f"{name} = {numbered[name]}" for name in change.keys)
    return f"UPDATE {change.table} SET {change.updates(numbered)} WHERE {where}"
