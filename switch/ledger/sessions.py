"""Opens the writer's own connection to the books, in the SQL of their database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import cast

from switch.ledger.database import Database
from switch.ledger.sqlite_session import SqliteSession
from switch.ledger.statements import Session


def connector(database: Database) -> Callable[[], Session]:
    """Return a function that opens a session on a connection of its own, outside the pool."""

    def connect_sqlite() -> Session:
        pooled = database.engine.raw_connection()
        connection = pooled.driver_connection
        pooled.detach()
        return SqliteSession(cast("sqlite3.Connection", connection))

    return connect_sqlite
