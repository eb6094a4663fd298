"""Terminals and cards are read once while nobody changes them, and anew once somebody did, whoever it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from switch.ledger.database import Database, open_database
from switch.ledger.sessions import own_connection
from switch.ledger.sqlite_session import SqliteSession
from switch.ledger.statements import CARDS, Change
from tests.ledger.shop import CARDS as SHOP_CARDS
from tests.ledger.shop import RICH, pan_key, stock

_FREEZE = Change("card", ("card_id",), ("status",))
_STATUS = CARDS.columns.index("c.status")


@dataclass
class Desk:
    """The books of a shop, a session on them as a writer has it, and what that asked the database."""

    database: Database
    session: SqliteSession
    asked: list[str] = field(default_factory=list)

    def status(self) -> str:
        """What a group of its own reads of a card."""
        self.session.begin()
        found = self.read()
        self.session.commit()
        return found

    def read(self) -> str:
        (rows,) = self.session.read((CARDS, [(pan_key(RICH),)]))
        return str(rows[0][_STATUS])

    def change(self, status: str) -> None:
        """Have the session itself change the card."""
        self.session.change(_FREEZE, [(SHOP_CARDS[RICH][0], status)])

    def looks(self) -> int:
        """How often the card was read from the database."""
        return sum("card AS c" in statement for statement in self.asked)


@pytest.fixture
def desk(sqlite_database: str) -> Iterator[Desk]:
    with closing(open_database(sqlite_database)) as database:
        stock(database)
        connection: sqlite3.Connection = own_connection(database)
        desk = Desk(database, SqliteSession(connection))
        connection.set_trace_callback(desk.asked.append)
        yield desk
        desk.session.close()


def test_it_is_read_once_while_nobody_changes_it(desk: Desk) -> None:
    found = [desk.status() for _ in range(3)]

    assert found == ["active"] * 3
    assert desk.looks() == 1


def test_what_another_connection_changes_is_seen_by_the_next_group(desk: Desk) -> None:
    before = desk.status()
    with desk.database.writing() as connection:
        connection.exec_driver_sql("UPDATE card SET status = 'frozen'")

    assert (before, desk.status(), desk.status()) == ("active", "frozen", "frozen")
    assert desk.looks() == 2


def test_what_the_session_changes_it_sees_at_once(desk: Desk) -> None:
    desk.status()
    desk.session.begin()
    desk.change("frozen")
    seen = desk.read()
    desk.session.commit()

    assert (seen, desk.status()) == ("frozen", "frozen")


def test_what_is_rolled_back_was_never_read(desk: Desk) -> None:
    desk.status()
    desk.session.begin()
    desk.change("frozen")
    seen = desk.read()
    desk.session.rollback()

    assert (seen, desk.status()) == ("frozen", "active")


def test_what_others_commit_between_a_group_and_the_next_is_seen_although_the_log_was_moved(desk: Desk) -> None:
    desk.status()
    with desk.database.writing() as connection:
        connection.exec_driver_sql("UPDATE account SET class = 'gold'")
    with closing(sqlite3.connect(desk.database.engine.url.database or "")) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    desk.session.begin()
    (rows,) = desk.session.read((CARDS, [(pan_key(RICH),)]))
    desk.session.commit()

    assert rows[0][CARDS.columns.index("a.class")] == "gold"


def test_what_is_not_there_is_looked_for_each_time(desk: Desk) -> None:
    for _ in range(2):
        desk.session.begin()
        assert desk.session.read((CARDS, [(b"nobody",)])) == [[]]
        desk.session.commit()
    with desk.database.writing() as connection:
        connection.exec_driver_sql("UPDATE card SET pan_key = ? WHERE card_id = ?", (b"nobody", SHOP_CARDS[RICH][0]))
    desk.session.begin()
    (rows,) = desk.session.read((CARDS, [(b"nobody",)]))
    desk.session.commit()

    assert [row[0] for row in rows] == [b"nobody"]
