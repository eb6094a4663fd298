"""Opening the books: URLs, migrations, and databases that this program must not touch."""

from __future__ import annotations

from switch.ledger import schema
from switch.ledger.database import check_version, open_database, upgrade


def test_a_migrated_database_is_accepted(database: str) -> None:
    opened = open_database(database)

    assert check_version(opened)["schema_version"] == str(schema.SCHEMA_VERSION)
    opened.close()


def test_migrating_twice_changes_nothing(database: str) -> None:
    opened = open_database(database)
    before = check_version(opened)

    upgrade(opened)

    assert check_version(opened) == before
    opened.close()
