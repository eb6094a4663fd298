"""Opens the books on SQLite or PostgreSQL, migrates them, and refuses a database of another version.

A database says in its `meta` table which schema it has and which programs may run on it, counted in
`SCHEMA_VERSION`s: an additive migration leaves room for the program before it, so that old and new can run
side by side while an installation is upgraded.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from switch.config import masked_url
from switch.data_files import migrations_directory
from switch.errors import ConfigurationError, DatabaseError, InternalError
from switch.ledger.ports import PanVault
from switch.ledger.schema import SCHEMA_VERSION, card, meta

_BUSY_TIMEOUT_MS: Final = (
    2_000  # another process (import, operator) holds SQLite's one write lock for this long at most
)
_LOOK_EVERY_S: Final = 0.001
_CHECKPOINT_PAGES: Final = (
    32_000  # a switch at work moves the log at half of that: who steps back behind it would hold it up in doing so
)
_CACHED_STATEMENTS: Final = 512  # every statement of the ledger, in every chunk size, stays prepared
_CONNECT_TIMEOUT_S: Final = 5
_SILENCE_TIMEOUT_MS: Final = 5_000  # a server that acknowledges nothing for so long is gone
_UPGRADE_HINT: Final = "run: switch db upgrade"
_OPERATORS_TO_MEND: Final = (OperationalError, sa.exc.DatabaseError)  # away or locked; a file that is no database


@dataclass(frozen=True, slots=True)
class Database:
    """An opened database. ``dialect`` is ``sqlite`` or ``postgresql``."""

    url: str
    engine: sa.Engine

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Yield a connection inside one read transaction: a stable snapshot on SQLite."""
        with self._mapped_errors(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Yield a connection inside one transaction that commits at the end, or rolls back on any exception."""
        with (
            self._mapped_errors(),
            self.engine.connect().execution_options(writing=True) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _mapped_errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if type(error) not in _OPERATORS_TO_MEND:
                raise
            raise DatabaseError(f"{self}: {_first_line(error)}") from error

    def __str__(self) -> str:
        return masked_url(self.engine.url.render_as_string())


def open_database(url: str) -> Database:
    """Open the database at an SQLAlchemy ``url`` without touching it yet; raises `DatabaseError` for a bad URL.

    ``sqlite:///books.db`` and ``postgresql://user@host/name`` (psycopg is the only driver) are understood.
    """
    try:
        parsed = sa.make_url(url)
    except ArgumentError as error:
        raise DatabaseError("the database URL is not one: write sqlite:///FILE or postgresql://HOST/NAME") from error
    name = parsed.get_backend_name()
    if name == "sqlite":
        return Database(url, _sqlite_engine(parsed))
    if name in {"postgresql", "postgres"}:
        return Database(url, _postgresql_engine(parsed))
    raise DatabaseError(f"the books are kept on sqlite or postgresql, not on {name}")


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url,
        connect_args={"cached_statements": _CACHED_STATEMENTS},
        hide_parameters=True,  # an error never quotes a row
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses
    for pragma in (
        f"busy_timeout = {_BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    if not connection.get_execution_options().get("writing", False):
        connection.exec_driver_sql("BEGIN")
        return
    driver: Any = connection.connection.dbapi_connection
    (patience_ms,) = driver.execute("PRAGMA busy_timeout").fetchone()
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        _wait_for_the_lock(driver, patience_ms / 1000)
        if not driver.in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # once more, for the error that says why not
    finally:
        driver.execute(f"PRAGMA busy_timeout = {patience_ms}")


def _wait_for_the_lock(driver: sqlite3.Connection, patience_s: float) -> None:
    """Begin a writing transaction as soon as the lock is free, if it is within the time.

    A busy switch leaves gaps of a millisecond between its groups: SQLite, which looks ever more rarely, up to a tenth
    of a second apart, would miss them all.
    """
    give_up = time.monotonic() + patience_s
    while time.monotonic() < give_up:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            time.sleep(_LOOK_EVERY_S)
        else:
            return


def _postgresql_engine(url: sa.URL) -> sa.Engine:
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,  # what was pooled before the server restarted is replaced, not handed out
        hide_parameters=True,
        connect_args={
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "tcp_user_timeout": _SILENCE_TIMEOUT_MS,
            "application_name": "switch",
        },
    )


# --- versions ----------------------------------------------------------------------------------------------


def read_meta(connection: sa.Connection) -> dict[str, str]:
    """Return the rows of ``meta``: {} where the database was never migrated."""
    if not sa.inspect(connection).has_table(meta.name):
        return {}
    return {row.name: row.value for row in connection.execute(sa.select(meta))}


def check_version(database: Database) -> dict[str, str]:
    """Return the rows of ``meta`` if this program may run on the database; else raise `DatabaseError`."""
    with database.reading() as connection:
        found = read_meta(connection)
    if not found:
        raise DatabaseError(f"{database} has no books yet; {_UPGRADE_HINT}")
    try:
        version, oldest, newest = (int(found[name]) for name in ("schema_version", "program_min", "program_max"))
    except (KeyError, ValueError) as error:
        raise DatabaseError(f"{database} does not say its version: is it a database of the switch?") from error
    if version < SCHEMA_VERSION or newest < SCHEMA_VERSION:
        raise DatabaseError(
            f"{database} has schema {version}, older than this program's {SCHEMA_VERSION}; {_UPGRADE_HINT}"
        )
    if oldest > SCHEMA_VERSION or version > newest:
        raise DatabaseError(
            f"{database} has schema {version} for programs {oldest} to {newest}; this one is {SCHEMA_VERSION}: "
            "install a newer version of the switch (switch db upgrade cannot go back)"
        )
    return found


def check_keys(database: Database, vault: PanVault) -> None:
    """Raise `ConfigurationError` unless the card that came last opens under the vault's keys and is found by them.

    Under other keys no card would be found: every one would be declined, and an import would add each anew.
    """
    with database.reading() as connection:
        last = connection.execute(sa.select(card).order_by(card.c.card_id.desc()).limit(1)).first()
    if last is None:
        return
    try:
        known = vault.pan_key(vault.open(bytes(last.pan_sealed), last.key_version)) == bytes(last.pan_key)
    except (ConfigurationError, InternalError):
        known = False
    if not known:
        raise ConfigurationError(f"the keys are not those of the cards in {database}: find the key file made with it")


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database to this program's schema, creating it if empty. Doing it twice changes nothing.

    An upgrade is one transaction: a database that cannot be upgraded stays as it was.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_directory()).replace("%", "%%"))
    try:
        with _migrating(database) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    except DBAPIError as error:
        raise DatabaseError(f"{database}: cannot upgrade: {_first_line(error)}") from error


@contextmanager
def _migrating(database: Database) -> Iterator[sa.Connection]:
    """Yield a connection inside one transaction in which a table may be replaced by a copy of another shape.

    SQLite does that only with its foreign keys off, which it takes between transactions; so they are all checked
    before the commit.
    """
    with database.engine.connect().execution_options(writing=True) as connection:
        if database.dialect != "sqlite":
            with connection.begin():
                yield connection
            return
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                if broken is not None:
                    raise DatabaseError(
                        f"{database}: cannot upgrade: {broken[0]} refers to rows of {broken[2]} that are not there"
                    )
        finally:
            driver.execute("PRAGMA foreign_keys = ON")


def set_meta(database: Database, name: str, value: str) -> None:
    """Change one row of ``meta`` (``demo`` is the one that a program changes)."""
    with database.writing() as connection:
        connection.execute(sa.update(meta).where(meta.c.name == name).values(value=value))


def _first_line(error: BaseException) -> str:
    cause: Any = getattr(error, "orig", error)
    return str(cause).partition("\n")[0]
