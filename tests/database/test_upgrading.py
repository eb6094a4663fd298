"""A database of an earlier version, with books in it, becomes one of this version and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import IntegrityError

from switch.errors import DatabaseError
from switch.ledger import schema
from switch.ledger.clearing import clearing_content
from switch.ledger.database import Database, check_version, open_database, upgrade
from tests.conftest import PostgresServer

JOURNAL = {"local_date": 20260303, "business_day": 20260303, "received_at": 1, "decided_at": 2, "card_id": 5}
KEY = {"terminal_id": "T1", "merchant_id": "M1", "message_class": "1", "batch": ""}
PAYMENT = {"refunded_minor": 0, "account_id": 2, "merchant_account_id": 1}

# fmt: off
VERSION_1: dict[str, list[dict[str, Any]]] = {
    "account":     [{"account_id": 1, "kind": "merchant",   "name": "M1", "currency": "156"},
                    {"account_id": 2, "kind": "cardholder", "name": "A",  "currency": "156", "class": "II"}],
    "balance":     [{"account_id": 2, "ledger_minor": 900, "held_minor": 70, "credit_limit_minor": 10}],
    "merchant":    [{"merchant_id": "M1", "name": "Tea", "status": "frozen", "currency": "156", "account_id": 1}],
    "terminal":    [{"terminal_id": "T1", "merchant_id": "M1", "status": "active", "serial": "SN", "signed_on": 1},
                    {"terminal_id": "T2", "merchant_id": "M1", "status": "registered"}],
    "card":        [{"card_id": 5, "pan_key": b"k", "pan_sealed": b"s", "key_version": 1, "masked_pan": "4***1",
                     "expiry_yymm": "3012", "status": "lost", "account_id": 2, "daily_count": 3}],
    "card_day":    [{"card_id": 5, "business_day": 20260303, "amount_minor": 170, "count": 2}],
    "journal":     [{"journal_id": 100, "kind": "purchase", "action": "approved", "approval_code": "111111",
                     "merchant_id": "M1", "terminal_id": "T1", **JOURNAL},
                    {"journal_id": 101, "kind": "authorisation", "action": "approved", "approval_code": "222222",
                     "merchant_id": "M1", "terminal_id": "T1", **JOURNAL},
                    {"journal_id": 102, "kind": "reversal", "action": "original_closed", "original_id": 100, **JOURNAL},
                    {"journal_id": 103, "kind": "authorisation", "action": "insufficient_funds",
                     "merchant_id": "M1", "terminal_id": "T1", **JOURNAL}],
    "request_key": [{"stan": "000001", "local_date": 20260302, "journal_id": 100, **KEY},
                    {"stan": "000002", "local_date": 20260303, "journal_id": 101, **KEY}],
    "payment":     [{"payment_id": 100, "state": "posted", "amount_minor": 100, "current_minor": 100, **PAYMENT},
                    {"payment_id": 101, "state": "held", "amount_minor": 80, "current_minor": 70, "hold_id": 102,
                     **PAYMENT}],
    "adjustment":  [{"journal_id": 102, "payment_id": 100, "amount_minor": 100, "why": "late"}],
    "transfer":    [{"journal_id": 100, "leg": 0, "debit_account_id": 2, "credit_account_id": 1, "amount_minor": 100,
                     "currency": "156"}],
    "hold":        [{"hold_id": 101, "account_id": 2, "amount_minor": 80, "currency": "156"},
                    {"hold_id": 102, "account_id": 2, "amount_minor": 70, "currency": "156"}],
    "hold_end":    [{"hold_id": 101, "journal_id": 102, "how": "replaced"}],
}
# fmt: on


# fmt: off
VERSION_2: dict[str, list[dict[str, Any]]] = {
    **VERSION_1,
    "payment":       [*VERSION_1["payment"][:1], VERSION_1["payment"][1] | {"state": "voided", "hold_id": None}],
    "authorisation": [{"merchant_id": "M1", "approval_code": "222222", "journal_id": 101}],
    "terminal_key":  [{"terminal_id": "T1", "usage": "pin", "check_value": "A1", "block": "B", "changed_at": 5}],
    "operator":      [{"merchant_id": "M1", "operator_id": "01", "failures": 2}],
    "card_security": [{"card_id": 5, "pin_tries": 1, "atc": 9}],
    "pay_code":      [{"code_key": b"c", "card_id": 5, "expires_at": 7, "used_by": 100}],
    "spending":      [{"owner": "card:5", "period": 20260303, "stripe": 0, "amount_minor": 100, "count": 1}],
    "upload":        [{"journal_id": 100, "what": "status", "content": b"ready"}],
}
# fmt: on
CLEARING = "H,1,20260304\n"
FILE = {"business_day": 20260304, "items": 0, "debit_minor": 0, "credit_minor": 0, "made_at": 5, "content": CLEARING}
VERSION_4 = {"clearing_file": [FILE | {"sha256": sha256(CLEARING.encode()).hexdigest()}]}
OF_VERSION = {"0001": VERSION_1, "0002": VERSION_2, "0004": VERSION_4}


@pytest.fixture(params=["sqlite", "postgresql"])
def old_books(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Books of schema version 1 with a row or two in each table."""
    yield from books_of("0001", request, tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def books_of_version_2(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    yield from books_of("0002", request, tmp_path)


def books_of(version: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        with closing(filled(f"sqlite:///{folder / 'old.db'}", version)) as database:
            yield database
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.make()
    with closing(filled(server.named(name), version)) as database:
        yield database
    server.drop(name)


def filled(url: str, version: str = "0001") -> Database:
    database = open_database(url)
    upgrade(database, version)
    tables = sa.MetaData()
    with database.writing() as connection:
        tables.reflect(connection)
        for name, rows in OF_VERSION[version].items():
            for row in rows:
                connection.execute(sa.insert(tables.tables[name]).values(row))
    return database


def kept(database: Database, given: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """What the database has of each row and column that it was given."""
    with database.reading() as connection:
        found = {
            name: connection.execute(sa.select(table).order_by(*table.primary_key)).mappings().all()
            for name, table in schema.metadata.tables.items()
            if name in given
        }
    return {
        name: [{column: row[column] for column in columns} for columns, row in zip(rows, found[name], strict=True)]
        for name, rows in given.items()
    }


def test_an_old_database_is_refused_until_it_is_upgraded(old_books: Database) -> None:
    with pytest.raises(DatabaseError, match="switch db upgrade"):
        check_version(old_books)

    upgrade(old_books)

    assert check_version(old_books)["schema_version"] == str(schema.SCHEMA_VERSION)


def test_an_upgrade_keeps_every_row(old_books: Database) -> None:
    upgrade(old_books)

    assert kept(old_books, VERSION_1) == VERSION_1


def test_an_upgrade_of_version_2_keeps_every_row(books_of_version_2: Database) -> None:
    upgrade(books_of_version_2)

    assert kept(books_of_version_2, VERSION_2) == VERSION_2
    with books_of_version_2.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_batches_of_before_are_open_and_no_day_has_begun(books_of_version_2: Database) -> None:
    upgrade(books_of_version_2)

    with books_of_version_2.reading() as connection:
        states = connection.scalars(sa.select(schema.terminal.c.batch_state)).all()
        plans = connection.execute(sa.select(schema.merchant.c.fee_plan, schema.merchant.c.shares)).one()
        assert connection.execute(sa.select(schema.business_day)).all() == []
    assert (states, tuple(plans)) == (["open", "open"], ("", ""))


def test_an_increment_of_before_is_counted_on_its_own_day_as_far_as_it_still_counts(
    books_of_version_2: Database,
) -> None:
    old_day, own_day, later_day = 20260303, 20260304, 20260305
    own: dict[str, Any] = {"action": "approved", "merchant_id": "M1", "terminal_id": "T1"}
    made = {200: ("authorisation", None, old_day), 201: ("increment", 200, own_day), 202: ("increment", 200, later_day)}
    with books_of_version_2.writing() as connection:
        for journal_id, (kind, original_id, day) in made.items():
            row = JOURNAL | own | {"kind": kind, "original_id": original_id, "business_day": day}
            connection.execute(sa.insert(schema.journal).values(journal_id=journal_id, **row))
            left = {"amount_minor": 100, "current_minor": 130 if journal_id == 200 else 100}
            row = PAYMENT | left | {"state": "expired" if journal_id == 200 else "posted"}
            connection.execute(sa.insert(schema.payment).values(payment_id=journal_id, **row))
        connection.execute(sa.update(schema.card_day).values(amount_minor=300, count=3))

    upgrade(books_of_version_2)

    with books_of_version_2.reading() as connection:
        days = connection.execute(sa.select(schema.card_day).order_by(schema.card_day.c.business_day)).all()
    assert [tuple(row) for row in days] == [(5, old_day, 170, 3), (5, own_day, 30, 0), (5, later_day, 100, 0)]


@pytest.fixture(params=["sqlite", "postgresql"])
def books_of_version_4(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    yield from books_of("0004", request, tmp_path)


def test_a_clearing_file_of_before_is_given_out_as_it_was_kept(books_of_version_4: Database) -> None:
    upgrade(books_of_version_4)

    assert clearing_content(books_of_version_4, 20260304) == CLEARING
    with books_of_version_4.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_there_may_be_accounts_of_fees_and_agents_and_of_nothing_unknown(books_of_version_2: Database) -> None:
    upgrade(books_of_version_2)

    with books_of_version_2.writing() as connection:
        accounts = [{"account_id": 7, "kind": "fee", "name": "fees"}, {"account_id": 8, "kind": "agent", "name": "A1"}]
        connection.execute(sa.insert(schema.account).values(currency="156"), accounts)
    for statement in (
        sa.update(schema.account).values(kind="slush"),
        sa.update(schema.terminal).values(batch_state="lost"),
        sa.delete(schema.terminal),  # a key is one of theirs
        sa.delete(schema.account),
    ):
        with pytest.raises(IntegrityError), books_of_version_2.writing() as connection:
            connection.execute(statement)


def test_an_upgraded_database_has_the_tables_of_the_schema(old_books: Database) -> None:
    upgrade(old_books)

    with old_books.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_what_an_upgrade_adds_says_nothing_new_of_anybody(old_books: Database) -> None:
    upgrade(old_books)

    with old_books.reading() as connection:
        terminal = connection.execute(sa.select(schema.terminal)).mappings().first()
        card = connection.execute(sa.select(schema.card)).mappings().one()
        forced = connection.execute(sa.select(schema.hold.c.forced)).scalars().all()
    assert terminal is not None
    assert [terminal[name] for name in ("manual_entry", "fallback", "pending", "limits")] == ["free", 1, "", ""]
    assert (card["pvv"], card["scheme"], card["limits"]) == ("", "", "")
    assert forced == [0, 0]


def test_authorisations_of_before_can_be_found_for_their_completion(old_books: Database) -> None:
    upgrade(old_books)

    with old_books.reading() as connection:
        found = connection.execute(sa.select(schema.authorisation)).all()
    assert [tuple(row) for row in found] == [("M1", "222222", 101)]


def test_terminals_were_last_seen_when_their_last_request_came(old_books: Database) -> None:
    upgrade(old_books)

    with old_books.reading() as connection:
        days = sa.select(schema.terminal.c.terminal_id, schema.terminal.c.last_seen_day)
        assert [tuple(row) for row in connection.execute(days)] == [("T1", 20260303), ("T2", 0)]


def test_new_states_are_taken_and_old_walls_stand(old_books: Database) -> None:
    upgrade(old_books)

    with old_books.writing() as connection:
        connection.execute(sa.update(schema.payment).values(state="voided"))
    for refused in ("lost", None):
        with pytest.raises(IntegrityError), old_books.writing() as connection:
            connection.execute(sa.update(schema.payment).values(state=refused))
    with pytest.raises(IntegrityError), old_books.writing() as connection:
        connection.execute(sa.delete(schema.payment))  # an adjustment is about one of them


def test_books_that_refer_to_what_is_not_there_are_not_upgraded(tmp_path: Path) -> None:
    database = filled(f"sqlite:///{tmp_path / 'old.db'}")
    with database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("UPDATE adjustment SET payment_id = 7")

    with pytest.raises(DatabaseError, match="adjustment refers to rows of payment"):
        upgrade(database)

    with pytest.raises(DatabaseError, match="has schema 1"):
        check_version(database)
    database.close()
