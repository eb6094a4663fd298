"""Opening the books: URLs, migrations, and databases that this program must not touch."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from switch.errors import DatabaseError
from switch.ledger import schema
from switch.ledger.database import Database, check_version, open_database, set_meta, upgrade
from switch.ledger.sqlite_session import SqliteSession


@pytest.fixture
def books(database: str) -> Iterator[Database]:
    opened = open_database(database)
    yield opened
    opened.close()


def test_a_migrated_database_is_accepted(books: Database) -> None:
    assert check_version(books)["schema_version"] == str(schema.SCHEMA_VERSION)


def test_migrating_twice_changes_nothing(books: Database) -> None:
    before = check_version(books)

    upgrade(books)

    assert check_version(books) == before


def test_the_migrations_make_exactly_the_tables_of_the_schema(books: Database) -> None:
    with books.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, schema.metadata) == []


def test_the_migrations_make_exactly_the_constraints_of_the_schema(sqlite_database: str, tmp_path: Path) -> None:
    migrated, made = open_database(sqlite_database), open_database(f"sqlite:///{tmp_path / 'made.db'}")
    with made.writing() as connection:
        schema.metadata.create_all(connection)

    assert clauses(migrated) - clauses(made) == clauses(made) - clauses(migrated) == set()
    migrated.close()
    made.close()


def clauses(database: Database) -> set[tuple[str, str]]:
    """Each column and constraint of each table, as SQLite keeps its definition, whatever way it came to it."""
    with database.reading() as connection:
        tables = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {
            (name, " ".join(clause.split()))
            for name, text in tables
            if not name.startswith("alembic")
            for clause in _OUTSIDE_BRACKETS.split(text.partition("(")[2].rpartition(")")[0])
        }


_OUTSIDE_BRACKETS = re.compile(r",(?![^(]*\))")


def test_an_empty_database_is_refused_with_the_command_to_run(tmp_path: Path) -> None:
    empty = open_database(f"sqlite:///{tmp_path / 'empty.db'}")

    with pytest.raises(DatabaseError, match="switch db upgrade"):
        check_version(empty)

    empty.close()


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("schema_version", "0", "switch db upgrade"),
        ("schema_version", "99", "newer version"),
        ("program_min", "99", "newer version"),
        ("program_max", "0", "switch db upgrade"),
        ("schema_version", "soon", "does not say its version"),
    ],
)
def test_a_database_outside_the_version_range_is_refused(books: Database, name: str, value: str, advice: str) -> None:
    set_meta(books, name, value)

    with pytest.raises(DatabaseError, match=advice):
        check_version(books)


def test_a_later_additive_schema_still_takes_this_program(books: Database) -> None:
    set_meta(books, "schema_version", str(schema.SCHEMA_VERSION + 1))
    set_meta(books, "program_max", str(schema.SCHEMA_VERSION + 1))

    assert int(check_version(books)["program_min"]) <= schema.SCHEMA_VERSION


@pytest.mark.parametrize("url", ["books.db", "mysql://host/books", "oracle://x"])
def test_a_url_that_is_not_of_books_is_refused(url: str) -> None:
    with pytest.raises(DatabaseError):
        open_database(url)


def test_a_database_that_cannot_be_reached_is_an_operators_error_without_its_password(tmp_path: Path) -> None:
    away = open_database(f"postgresql://someone:secret@/books?host={tmp_path}")

    with pytest.raises(DatabaseError) as caught:
        check_version(away)

    assert "secret" not in str(caught.value)
    away.close()


def test_a_database_never_shows_its_password_wherever_the_url_has_it() -> None:
    with_user, in_query = (
        open_database("postgresql://u:secret@db/s"),
        open_database("postgresql://db/s?user=u&password=secret"),
    )

    assert "secret" not in f"{with_user} {in_query}"


def test_what_raises_while_writing_is_rolled_back(books: Database) -> None:
    def write_and_fail() -> None:
        with books.writing() as connection:
            connection.execute(sa.update(schema.meta).values(value="lost"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()

    assert check_version(books)["demo"] == "no"


def test_sqlite_is_durable_at_each_commit(sqlite_database: str) -> None:
    opened = open_database(sqlite_database)
    with opened.reading() as connection:
        settings = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    assert settings == ["wal", 2, 1]
    opened.close()


def test_a_switch_at_work_moves_sqlites_log_before_anybody_else_does(sqlite_database: str) -> None:
    """Who steps back behind it, a settlement or an import, would be in its way for as long as that takes."""
    with closing(open_database(sqlite_database)) as books:
        with books.writing() as connection:
            others = connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one()
        with closing(sqlite3.connect(books.engine.url.database or "")) as driver, closing(SqliteSession(driver)):
            (its,) = driver.execute("PRAGMA wal_autocheckpoint").fetchone()

    assert 0 < its < others
