from __future__ import annotations

from collections.abc import Iterator

import pytest

from switch.ledger.database import open_database
from tests.ledger.shop import Shop, stock


@pytest.fixture
def shop(database: str) -> Iterator[Shop]:
    """A stocked shop, on each kind of database."""
    opened = open_database(database)
    stock(opened)
    yield Shop(opened)
    opened.close()


@pytest.fixture
def postgresql_shop(postgresql_database: str) -> Iterator[Shop]:
    opened = open_database(postgresql_database)
    stock(opened)
    yield Shop(opened)
    opened.close()


@pytest.fixture
def sqlite_shop(sqlite_database: str) -> Iterator[Shop]:
    opened = open_database(sqlite_database)
    stock(opened)
    yield Shop(opened)
    opened.close()
