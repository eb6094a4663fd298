from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from switch.decisions import Outcome
from switch.ledger.database import Database, open_database
from tests.conftest import PostgresServer
from tests.ledger.sample_books import SampleBooks, fill, fill_day
from tests.ledger.shop import Shop, stock


@pytest.fixture
def shop(database: str) -> Iterator[Shop]:
    """A stocked shop, on each kind of database."""
    yield from stocked(database)


@pytest.fixture
def postgresql_shop(postgresql_database: str) -> Iterator[Shop]:
    yield from stocked(postgresql_database)


@pytest.fixture
def sqlite_shop(sqlite_database: str) -> Iterator[Shop]:
    yield from stocked(sqlite_database)


def stocked(url: str) -> Iterator[Shop]:
    with closing(open_database(url)) as opened:
        stock(opened)
        with closing(Shop(opened)) as shop:
            yield shop


@dataclass(frozen=True)
class FilledOnce:
    """Books to copy, with what came of filling them: a file of SQLite, or a database on ``server``."""

    original: str
    outcomes: list[Outcome]
    server: PostgresServer | None

    @contextmanager
    def copied(self, folder: Path) -> Iterator[SampleBooks]:
        if self.server is None:
            path = Path(shutil.copy(self.original, folder / "books.db"))
            with closing(open_database(f"sqlite:///{path}")) as opened:
                yield SampleBooks(opened, list(self.outcomes))
            return
        with self.server.lent(self.original) as name, closing(open_database(self.server.named(name))) as opened:
            yield SampleBooks(opened, list(self.outcomes))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kind_of_database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def sample(kind_of_database: str, request: pytest.FixtureRequest) -> Iterator[FilledOnce]:
    """The sample books, on each kind of database."""
    yield from filled_once(kind_of_database, request, fill)


@pytest.fixture(scope="module")
def sample_day(kind_of_database: str, request: pytest.FixtureRequest) -> Iterator[FilledOnce]:
    """The sample books with a day of every kind of request, on each kind of database."""
    yield from filled_once(kind_of_database, request, fill_day)


def filled_once(
    kind: str, request: pytest.FixtureRequest, filling: Callable[[Database, Path], SampleBooks]
) -> Iterator[FilledOnce]:
    folder = request.getfixturevalue("tmp_path_factory").mktemp("filled")
    if kind == "sqlite":
        path = shutil.copy(request.getfixturevalue("sqlite_template"), folder / "books.db")
        yield FilledOnce(str(path), outcomes_of(filling, f"sqlite:///{path}", folder), None)
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.lent(server.template) as name:
        yield FilledOnce(name, outcomes_of(filling, server.named(name), folder), server)


def outcomes_of(filling: Callable[[Database, Path], SampleBooks], url: str, folder: Path) -> list[Outcome]:
    with closing(open_database(url)) as opened:
        return filling(opened, folder).outcomes
