"""A switch that stores nothing is not ready, and is again once a commit holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from switch.admin.readiness import Readiness
from switch.ledger.database import Database, open_database


class Disk:
    """Lets books be written, or not."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self.is_full = False
        sa.event.listen(self._engine, "connect", lambda driver, _: self._prepare(driver))
        self._engine.dispose()

    def fill(self, *, full: bool) -> None:
        self.is_full = full
        self._engine.dispose()

    def _prepare(self, driver: sa.engine.interfaces.DBAPIConnection) -> None:
        driver.cursor().execute(f"PRAGMA query_only = {int(self.is_full)}")


@pytest.fixture
def database(sqlite_database: str) -> Iterator[Database]:
    with closing(open_database(sqlite_database)) as opened:
        yield opened


async def test_a_switch_that_stores_is_ready(database: Database) -> None:
    readiness = Readiness(database)

    readiness.stored()

    assert await readiness.unready_because() == ""


async def test_a_switch_that_stores_nothing_is_not_ready_until_a_commit_holds(database: Database) -> None:
    readiness, disk = Readiness(database), Disk(database)
    disk.fill(full=True)
    before = await readiness.unready_because()

    readiness.not_stored("down: OperationalError")
    full = [await readiness.unready_because() for _ in range(2)]
    disk.fill(full=False)
    after = await readiness.unready_because()

    assert before == ""
    assert [because.startswith("nothing is stored: ") for because in full] == [True, True]
    assert after == ""


async def test_a_group_that_is_stored_ends_it_too(database: Database) -> None:
    readiness, disk = Readiness(database), Disk(database)
    disk.fill(full=True)
    readiness.not_stored("retry: OperationalError")

    readiness.stored()

    assert await readiness.unready_because() == ""


async def test_one_request_that_cannot_be_stored_says_nothing_of_the_others(database: Database) -> None:
    readiness, disk = Readiness(database), Disk(database)
    disk.fill(full=True)

    readiness.not_stored("request: IntegrityError")

    assert await readiness.unready_because() == ""


async def test_a_switch_that_drains_is_not_ready(database: Database) -> None:
    readiness = Readiness(database)

    readiness.draining = True

    assert await readiness.unready_because() == "draining"
