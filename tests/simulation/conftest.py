from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from switch.ledger.database import Database, open_database
from tests.simulation import town
from tests.simulation.play import copy_of


@pytest.fixture(scope="session")
def town_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books on SQLite with the town in them, to copy."""
    folder = tmp_path_factory.mktemp("town")
    path = Path(shutil.copy(sqlite_template, folder / "town.db"))
    with closing(open_database(f"sqlite:///{path}")) as opened:
        town.found(opened, folder)
    return path


@pytest.fixture
def books(town_template: Path) -> Iterator[Database]:
    """The town's books on SQLite."""
    with copy_of(town_template) as opened:
        yield opened


@pytest.fixture
def shared_books(postgresql_database: str, tmp_path: Path) -> Iterator[Database]:
    """The town's books on PostgreSQL, where two stores may write at once."""
    with closing(open_database(postgresql_database)) as opened:
        town.found(opened, tmp_path)
        yield opened
