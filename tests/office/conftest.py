from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from switch.office.acts import Desk
from tests.conftest import PostgresServer
from tests.desks import KEYS, a_desk, stock


@pytest.fixture(scope="session")
def postgresql_demo(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """Name of a database with the demo's books, to copy, and the folder of their keys."""
    folder = tmp_path_factory.mktemp("demo")
    with postgres_server.lent(postgres_server.template) as name:
        stock(postgres_server.named(name), folder)
        yield name, folder


@pytest.fixture
def postgresql_desk(
    postgres_server: PostgresServer, postgresql_demo: tuple[str, Path], tmp_path: Path
) -> Iterator[Desk]:
    template, folder = postgresql_demo
    shutil.copy(folder / KEYS, tmp_path)
    with postgres_server.lent(template) as name, a_desk(postgres_server.named(name), tmp_path) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest) -> Desk:
    """The back office of the demo's books; the test runs once on each kind of database."""
    found: Desk = request.getfixturevalue(f"{request.param}_desk")
    return found
