"""Opens the writer's own connection to the books, in the SQL of their database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from switch.ledger.database import Database
from switch.ledger.postgresql_session import PostgresqlSession
from switch.ledger.sqlite_session import LogCare, SqliteSession
from switch.ledger.statements import Session


def connector(database: Database, log_care: LogCare | None = None) -> Callable[[], Session]:
    """Return a function that opens a session on a connection of its own, outside the pool."""

    def connect() -> Session:
        connection = own_connection(database)
        if database.dialect != "sqlite":
            return PostgresqlSession(connection)
        return SqliteSession(connection, log_care=log_care)

    return connect


def own_connection(database: Database) -> Any:
    """A fresh connection, not one of those the pool keeps: taken from it, a full disk could leave none at all.

    SQLite removes the log's index with the last connection, and cannot make it again where nothing may be written.
    """
    pooled = database.engine.pool.recreate().connect()
    connection = pooled.driver_connection
    pooled.detach()
    return connection
