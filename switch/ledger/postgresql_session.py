"""The hot path's SQL on PostgreSQL: arrays go in, few round trips, locks in one order.

Isolation is READ COMMITTED, each statement seeing what others committed before it. So the keys of a group are
claimed with advisory locks first: a request, its repeat and its reversal, wherever they arrive, wait for each
other, and the one that comes later sees what the earlier one stored. Rows that change are locked as they are read.
The day and the terminals of batches, which many groups need at once, are claimed likewise, shared: a lock on their
rows would write to them each time, and two sharers that both went on to change one would never end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from psycopg import IsolationLevel, pq

from switch.errors import InternalError
from switch.ledger import schema
from switch.ledger.rows import Claim, Row
from switch.ledger.statements import Change, Fault, Query

_TEXTS_REMEMBERED: Final = 128
_STRIPES: Final = 8  # writers that count for one merchant at the same moment
_LOCK_TIMEOUT_MS: Final = 1_500  # for another writer's group, which commits within milliseconds or is stuck
_STATEMENT_TIMEOUT_MS: Final = 4_000  # nests in the commit's five seconds
_TRANSACTION_TIMEOUT_MS: Final = 4_000  # a switch that stands still in mid-group loses its locks: others wait
_LOCK_NOT_AVAILABLE, _QUERY_CANCELED, _SERIALIZATION, _DEADLOCK = "55P03", "57014", "40001", "40P01"
_IN_THE_WAY: Final = {_LOCK_NOT_AVAILABLE, _QUERY_CANCELED, _SERIALIZATION, _DEADLOCK}
_DOWN_CLASSES: Final = {"08", "53", "57", "58"}  # connection, resources, operator intervention, system error

_LIMIT_TRANSACTIONS: Final = (  # PostgreSQL 17 or later; idle_in_transaction_session_timeout misses what was pipelined
    b"SELECT set_config(name, %s, false) FROM pg_settings WHERE name = 'transaction_timeout'"
)
_CLAIM: Final = (
    b"SELECT CASE WHEN is_shared THEN pg_advisory_xact_lock_shared(k) ELSE pg_advisory_xact_lock(k) END FROM ("
    b"SELECT hashtextextended(name, 0) AS k, bool_and(is_shared) AS is_shared"
    b" FROM unnest(%s::text[], %s::bool[]) AS g(name, is_shared) GROUP BY k ORDER BY min(name) <> '', k) AS keys"
)
_DURABLE: Final = (  # an approval is sent once COMMIT returned: it must not be one that a crash can take back
    b"SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
_TYPES: Final[dict[type, str]] = {
    sa.BigInteger: "bigint",
    sa.Integer: "integer",
    sa.Text: "text",
    sa.LargeBinary: "bytea",
}


class PostgresqlSession:
    """A `switch.ledger.statements.Session` on one connection of psycopg.

    Claims travel with the first query after them, changes with `flush`: pipelined, one round trip each.
    """

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection
        self._queued: list[tuple[bytes, list[str], int | None]] = []
        connection.isolation_level = IsolationLevel.READ_COMMITTED
        connection.prepare_threshold = 0  # every statement is used again and again: prepare it at once
        connection.execute(f"SET lock_timeout = {_LOCK_TIMEOUT_MS}".encode())
        connection.execute(f"SET statement_timeout = {_STATEMENT_TIMEOUT_MS}".encode())
        connection.execute(_LIMIT_TRANSACTIONS, [str(_TRANSACTION_TIMEOUT_MS)])
        connection.execute(_DURABLE)
        connection.commit()

    @property
    def stripes(self) -> int:
        return _STRIPES

    def begin(self) -> None:
        """Nothing to send: the driver puts BEGIN before the first statement."""
        self._queued.clear()

    def begin_at_once(self) -> bool:
        """Never: every statement waits for the server, and for other writers' locks."""
        return False

    def commit(self) -> None:
        self._connection.commit()

    def rollback(self) -> None:
        self._connection.rollback()

    def close(self) -> None:
        self._connection.close()

    def fault(self, error: Exception) -> Fault:
        if not isinstance(error, psycopg.Error):
            return Fault.REQUEST
        if error.sqlstate in _IN_THE_WAY:
            return Fault.RETRY
        if self._connection.closed or self._connection.pgconn.status != pq.ConnStatus.OK:
            return Fault.DOWN
        if error.sqlstate is None:  # the driver's own: a text that PostgreSQL cannot hold, or no server to ask
            return Fault.REQUEST if isinstance(error, psycopg.DataError) else Fault.DOWN
        return Fault.DOWN if error.sqlstate[:2] in _DOWN_CLASSES else Fault.REQUEST

    def claim(self, claims: Iterable[Claim]) -> None:
        self._queued.append((_CLAIM, _arrays(list(claims)), None))

    def read(self, *asked: tuple[Query, Sequence[Row]]) -> list[list[Row]]:
        results: list[list[Row]] = [[] for _ in asked]
        cursors = []
        with self._connection.pipeline():
            self._send_queued()
            for place, (query, rows) in enumerate(asked):
                if rows:
                    cursors.append((place, self._connection.execute(_read_text(query), _arrays(rows))))
        for place, cursor in cursors:
            results[place] = cursor.fetchall()
        return results

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        if rows:
            self._queued.append((_insert_text(table), _arrays(rows), len(rows)))

    def change(self, change: Change, rows: Sequence[Row]) -> None:
        if rows:
            self._queued.append((_change_text(change), _arrays(rows), len(rows)))

    def flush(self) -> None:
        with self._connection.pipeline():
            sent = self._send_queued()
        for cursor, count in sent:
            if count is not None and cursor.rowcount != count:
                raise InternalError(f"{cursor.rowcount} rows were written, not {count}")

    def _send_queued(self) -> list[tuple[psycopg.Cursor[Row], int | None]]:
        queued, self._queued = self._queued, []
        return [(self._connection.execute(text, values), count) for text, values, count in queued]


# --- arrays ------------------------------------------------------------------------------------------------


def _arrays(rows: Sequence[Row]) -> list[str]:
    """Return each column of the rows as the text of a PostgreSQL array: a tenth of the driver's time for lists."""
    return [_array(column) for column in zip(*rows, strict=True)]


def _array(values: tuple[Any, ...]) -> str:
    return "{" + ",".join([_ELEMENTS[type(value)](value) for value in values]) + "}"


def _quoted(text: str) -> str:
    """Quote a text; a NUL, which PostgreSQL cannot keep and only a stranger sends, becomes a replacement mark."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


_ELEMENTS: Final[dict[type, Callable[[Any], str]]] = {
    int: str,
    bool: str,
    str: _quoted,
    bytes: lambda value: f'"\\\\x{value.hex()}"',  # the backslash of bytea's own notation, escaped once
    type(None): lambda _: "NULL",
}

# --- texts -------------------------------------------------------------------------------------------------


def _unnested(types: Sequence[str]) -> str:
    return f"unnest({','.join(f'%s::{name}[]' for name in types)})"


@lru_cache(_TEXTS_REMEMBERED)
def _read_text(query: Query) -> bytes:
    names = ",".join(name for name, _ in query.given)
    given = _unnested([kind for _, kind in query.given])
    text = f"SELECT {','.join(query.columns)} FROM {given} AS g({names}) JOIN {query.source}"
    if query.lock:
        table, *columns = query.lock
        text += f" ORDER BY {','.join(f'{table}.{name}' for name in columns)} FOR UPDATE OF {table}"
    return text.encode()


def _types_of(table: str, columns: Sequence[str]) -> list[str]:
    return [_TYPES[type(schema.metadata.tables[table].c[name].type)] for name in columns]


@lru_cache(_TEXTS_REMEMBERED)
def _insert_text(table: str) -> bytes:
    columns = [column.name for column in schema.metadata.tables[table].columns]
    given = _unnested(_types_of(table, columns))
    return f"INSERT INTO {table} ({','.join(columns)}) SELECT * FROM {given}".encode()


@lru_cache(_TEXTS_REMEMBERED)
def _change_text(change: Change) -> bytes:
    columns = (*change.keys, *change.values)
    given = _unnested(_types_of(change.table, columns))
    if change.inserts:
        return (
            f"INSERT INTO {change.table} ({','.join(columns)}) SELECT * FROM {given}"
            f" ON CONFLICT ({','.join(change.keys)})"
            f" DO UPDATE SET {change.updates({name: f'excluded.{name}' for name in columns})}"
        ).encode()
    updates = change.updates({name: f"v.{name}" for name in columns})
    where = " AND ".join(f"{change.table}.{name} = v.{name}" for name in change.keys)
    return f"UPDATE {change.table} SET {updates} FROM {given} AS v({','.join(columns)}) WHERE {where}".encode()
