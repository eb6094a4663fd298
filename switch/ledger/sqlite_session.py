"""The hot path's SQL on SQLite: few statements, one step each.

The driver gives up the interpreter's lock for each row that a statement returns and for each statement, and the
event loop's thread is quick to take it. So queries return all their rows as one JSON text, and rows go in as
one VALUES list. Lists are padded with NULLs to a power of two, so that a few statements serve every size and
stay prepared; a NULL key matches nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from switch.errors import InternalError
from switch.ledger import schema
from switch.ledger.rows import Prefix, Row
from switch.ledger.statements import Change, Fault, Query

_PATIENCE_MS: Final = 2_000  # for another process (an import, an operator) that has the one write lock
_TEXTS_REMEMBERED: Final = 512
_ROWS_MAX: Final = 256  # of one statement: SQLite takes 32,766 parameters, the widest table has 29 columns
_CACHE_KIB: Final = 65_536  # the pages that busy terminals and cards write again and again stay in memory
_CHECKPOINT_PAGES: Final = 4_000  # 16 MiB of log: a page written in a hundred groups is moved to the database once
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


class SqliteSession:
    """A `switch.ledger.statements.Session` on one connection of sqlite3."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._cursor.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._cursor.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        self._patience_ms = -1

    def begin(self) -> None:
        """Take the one write lock at once: reading first and locking later could only fail."""
        self._wait_for(_PATIENCE_MS)
        self._cursor.execute("BEGIN IMMEDIATE")

    def begin_at_once(self) -> bool:
        """Take the write lock if no other process has it."""
        self._wait_for(0)
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            return False
        return True

    def _wait_for(self, patience_ms: int) -> None:
        if patience_ms != self._patience_ms:
            self._cursor.execute(f"PRAGMA busy_timeout = {patience_ms}")
            self._patience_ms = patience_ms

    def commit(self) -> None:
        self._cursor.execute("COMMIT")

    def rollback(self) -> None:
        if self._connection.in_transaction:
            self._cursor.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()

    def fault(self, error: Exception) -> Fault:
        if not isinstance(error, sqlite3.Error):
            return Fault.REQUEST
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the upper bits only refine it
        if code in _IN_THE_WAY:
            return Fault.RETRY
        return Fault.DOWN if code in _DOWN or isinstance(error, sqlite3.ProgrammingError) else Fault.REQUEST

    def claim(self, prefixes: Sequence[Prefix]) -> None:
        """Nothing to do: there is one writer at a time."""

    def read(self, *asked: tuple[Query, Sequence[Row]]) -> list[list[Row]]:
        results: list[list[Row]] = [[] for _ in asked]
        longest = max((len(rows) for _, rows in asked), default=0)
        for start in range(0, longest, _ROWS_MAX):
            parts = [(place, query, rows[start : start + _ROWS_MAX]) for place, (query, rows) in enumerate(asked)]
            parts = [part for part in parts if part[2]]
            size = _padded(max(len(rows) for _, _, rows in parts))
            text = _read_text(tuple(query for _, query, _ in parts), size)
            values = chain.from_iterable(_flat(rows, len(query.given), size) for _, query, rows in parts)
            found = self._cursor.execute(text, list(values)).fetchone()
            for (place, query, _), column in zip(parts, found, strict=True):
                results[place].extend(_rows_of(column, query.blob))
        return results

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        for start in range(0, len(rows), _ROWS_MAX):
            part = rows[start : start + _ROWS_MAX]
            size = _padded(len(part))
            self._cursor.execute(_insert_text(table, size), _flat(part, len(part[0]), size))
            self._expect(len(part), table)

    def change(self, change: Change, rows: Sequence[Row]) -> None:
        for start in range(0, len(rows), _ROWS_MAX):
            part = rows[start : start + _ROWS_MAX]
            size = _padded(len(part))
            self._cursor.execute(_change_text(change, size), _flat(part, len(part[0]), size))
            self._expect(len(part), change.table)

    def flush(self) -> None:
        """Nothing to do: statements run at once."""

    def _expect(self, count: int, table: str) -> None:
        if self._cursor.rowcount != count:
            raise InternalError(f"{self._cursor.rowcount} rows of {table} were written, not {count}")


def _padded(count: int) -> int:
    return 1 << (count - 1).bit_length()


def _flat(rows: Sequence[Row], width: int, size: int) -> list[Any]:
    values: list[Any] = list(chain.from_iterable(rows))
    values.extend([None] * (width * (size - len(rows))))
    return values


def _rows_of(column: str, blob: int | None) -> list[Row]:
    rows = json.loads(column)
    if blob is not None:
        for row in rows:
            row[blob] = bytes.fromhex(row[blob]) or None
    return [tuple(row) for row in rows]


def _values(width: int, size: int) -> str:
    row = f"({','.join('?' * width)})"
    return f"(VALUES {','.join([row] * size)})"


@lru_cache(_TEXTS_REMEMBERED)
def _read_text(queries: tuple[Query, ...], size: int) -> str:
    return f"SELECT {','.join(_as_json(query, size) for query in queries)}"


def _as_json(query: Query, size: int) -> str:
    given = ",".join(f"column{place} AS {name}" for place, (name, _) in enumerate(query.given, start=1))
    columns = ",".join(
        f"hex({column})" if place == query.blob else column for place, column in enumerate(query.columns)
    )
    return (
        f"(SELECT json_group_array(json_array({columns}))"
        f" FROM (SELECT {given} FROM {_values(len(query.given), size)}) AS g CROSS JOIN {query.source})"
    )


@lru_cache(_TEXTS_REMEMBERED)
def _insert_text(table: str, size: int) -> str:
    columns = [f'"{column.name}"' for column in schema.metadata.tables[table].columns]
    return (
        f"INSERT INTO {table} ({','.join(columns)}) SELECT * FROM {_values(len(columns), size)}"
        " WHERE column1 IS NOT NULL"
    )


@lru_cache(_TEXTS_REMEMBERED)
def _change_text(change: Change, size: int) -> str:
    columns = (*change.keys, *change.values)
    if change.inserts:
        updates = ",".join(f"{name} = excluded.{name}" for name in change.values)
        return (
            f"INSERT INTO {change.table} ({','.join(columns)}) SELECT * FROM {_values(len(columns), size)}"
            f" WHERE column1 IS NOT NULL ON CONFLICT ({','.join(change.keys)}) DO UPDATE SET {updates}"
        )
    numbered = {name: f"v.column{place}" for place, name in enumerate(columns, start=1)}
    updates = ",".join(f"{name} = {numbered[name]}" for name in change.values)
    where = " AND ".join(f"{change.table}.{name} = {numbered[name]}" for name in change.keys)
    return f"UPDATE {change.table} SET {updates} FROM {_values(len(columns), size)} AS v WHERE {where}"
