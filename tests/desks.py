"""The back office of an installation with the demo's merchants, terminals and cards, for tests of what stands on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from switch.clock import wall_clock
from switch.config import Address, AdminSettings, KeySettings, LedgerSettings, Settings
from switch.ledger import schema
from switch.office.acts import Desk
from switch.office.opening import open_desk
from switch.office.roles import Actor, Role
from switch.office.tokens import create_token
from switch.security.keys import write_fresh_keys
from switch.tools.demo import load_data

# fmt: off
VIEWER   = Actor("vera",  Role.VIEWER)
OPERATOR = Actor("oscar", Role.OPERATOR)
OTHER    = Actor("olga",  Role.OPERATOR)
OFFICER  = Actor("sven",  Role.OFFICER)
FINANCE  = Actor("fiona", Role.FINANCE)
# fmt: on
KEYS = "keys.toml"
EVERYBODY = (VIEWER, OPERATOR, OTHER, OFFICER, FINANCE)


def stock(database: str, folder: Path) -> None:
    """Load the demo's data into migrated books, under fresh keys in ``folder``."""
    write_fresh_keys(folder / KEYS)
    load_data(_settings(database, folder))


@contextmanager
def a_desk(database: str, folder: Path) -> Iterator[Desk]:
    """Open the desk of books that were stocked under the keys in ``folder``."""
    with open_desk(_settings(database, folder)) as desk:
        yield desk


def _settings(database: str, folder: Path) -> Settings:
    return Settings(
        time_zone="Asia/Shanghai",
        ledger=LedgerSettings(database=database),
        admin=AdminSettings(bind=Address("127.0.0.1", 0)),
        keys=KeySettings(file=folder / KEYS),
    )


def token_of(desk: Desk, actor: Actor) -> str:
    """Make a token for an actor and return its secret."""
    with desk.database.writing() as connection:
        return create_token(connection, actor.name, actor.role, days=1, now=wall_clock()).secret


def write_journal(desk: Desk, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of the journal, each of a financial request and with its key, or of a kind that has none."""
    keys = [
        {name: row.get(name, "") for name in ("terminal_id", "merchant_id", "stan", "local_date", "batch")}
        | {"message_class": "2", "journal_id": row["journal_id"]}
        for row in rows
        if row["kind"] not in schema.KEYLESS
    ]
    with desk.database.writing() as connection:
        connection.execute(sa.insert(schema.journal), rows)
        if keys:
            connection.execute(sa.insert(schema.request_key), keys)


def card_id(desk: Desk, masked: str) -> int:
    """Find a demo card by its masked number."""
    with desk.database.reading() as connection:
        found = connection.execute(sa.select(schema.card.c.card_id).where(schema.card.c.masked_pan == masked))
        return int(found.scalar_one())
