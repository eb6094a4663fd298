from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from switch.ledger.database import open_database
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
