"""The wire held against the books: what either side has alone, or oftener, is found and named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from switch.errors import DatabaseError
from switch.ledger.database import open_database
from switch.ledger.schema import journal
from switch.load.booking import WireAgainstBooks
from switch.reports.results import Books
from switch.wire.codec import Fields
from tests.load.hosts import ISO
from tests.load.switches import a_switch, recorded, sale_of_today

Exchanges = list[tuple[Fields, Fields]]


@asynccontextmanager
async def held(database: str, folder: Path, sales: int = 3) -> AsyncIterator[tuple[WireAgainstBooks, Exchanges]]:
    """Books that are opened before sales are made, and the sales with their answers."""
    async with a_switch(database, folder) as address:
        with WireAgainstBooks(database, ISO) as books:
            yield books, await recorded(address, [sale_of_today(stan) for stan in range(1, sales + 1)])


def see(books: WireAgainstBooks, exchanges: Exchanges) -> None:
    for sent, answer in exchanges:
        books.seen(sent, answer)


def change(database: str, statement: str) -> None:
    """Tamper with the journal."""
    with open_database(database).engine.begin() as connection:
        connection.execute(sa.text(statement))


def test_books_that_are_not_there_are_not_made(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"none\.db: there is no such file"):
        WireAgainstBooks(f"sqlite:///{tmp_path}/none.db", ISO)

    assert [*tmp_path.iterdir()] == []


def about_wire(books: Books) -> list[str]:
    return [finding for finding in books.audit_findings if finding.startswith("terminal ")]


async def test_what_both_have_agrees(sqlite_database: str, tmp_path: Path) -> None:
    async with held(sqlite_database, tmp_path) as (books, exchanges):
        see(books, exchanges)

        assert books.compared() == Books(approvals_on_wire=3, approvals_in_books=3, audit_findings=[], agree=True)


async def test_an_answer_that_was_seen_twice_is_one_approval(sqlite_database: str, tmp_path: Path) -> None:
    async with held(sqlite_database, tmp_path) as (books, exchanges):
        see(books, [*exchanges, *exchanges])

        assert books.compared().agree


async def test_an_approval_whose_answer_was_not_seen_may_be_in_the_books(sqlite_database: str, tmp_path: Path) -> None:
    async with held(sqlite_database, tmp_path) as (books, exchanges):
        see(books, exchanges[1:])
        books.unseen(exchanges[0][0])

        assert books.compared() == Books(approvals_on_wire=2, approvals_in_books=3, audit_findings=[], agree=True)


async def test_another_message_without_an_answer_excuses_nothing(sqlite_database: str, tmp_path: Path) -> None:
    async with held(sqlite_database, tmp_path) as (books, exchanges):
        see(books, exchanges[1:])
        books.unseen({**exchanges[0][0], 11: "000009"})
        found = books.compared()

    assert (found.approvals_on_wire, found.approvals_in_books, found.agree) == (2, 3, False)
    assert about_wire(found) == ["terminal TERM0001 number 000001 class 2: in the books, not so seen on the wire"]


@pytest.mark.parametrize("sales", [1, 3])
async def test_an_approval_that_the_wire_saw_declined_is_found(
    sales: int, sqlite_database: str, tmp_path: Path
) -> None:
    async with held(sqlite_database, tmp_path, sales) as (books, exchanges):
        exchanges[0][1][39] = "51"
        see(books, exchanges)
        found = books.compared()

    assert (found.approvals_on_wire, found.approvals_in_books, found.agree) == (sales - 1, sales, False)


async def test_an_approval_that_is_not_in_the_books_is_found(sqlite_database: str, tmp_path: Path) -> None:
    async with held(sqlite_database, tmp_path) as (books, exchanges):
        see(books, exchanges)
        change(sqlite_database, "UPDATE journal SET action = 'insufficient_funds' WHERE stan = '000002'")
        found = books.compared()

    assert (found.approvals_on_wire, found.approvals_in_books, found.agree) == (3, 2, False)
    assert about_wire(found) == ["terminal TERM0001 number 000002 class 2: approved on the wire, not in the books"]


async def test_an_approval_that_the_books_have_twice_is_found(sqlite_database: str, tmp_path: Path) -> None:
    async with held(sqlite_database, tmp_path) as (books, exchanges):
        see(books, exchanges)
        columns = ", ".join(column.name for column in journal.columns)
        values = columns.replace("journal_id", "journal_id + 1000", 1)
        change(sqlite_database, f"INSERT INTO journal ({columns}) SELECT {values} FROM journal WHERE stan = '000002'")
        found = books.compared()

    assert (found.approvals_on_wire, found.approvals_in_books, found.agree) == (3, 4, False)
    assert about_wire(found) == ["terminal TERM0001 number 000002 class 2: in the books, not so seen on the wire"]


async def test_one_lost_and_one_too_many_do_not_make_up_for_each_other(sqlite_database: str, tmp_path: Path) -> None:
    async with held(sqlite_database, tmp_path) as (books, exchanges):
        see(books, exchanges)
        change(sqlite_database, "UPDATE journal SET stan = '000008' WHERE stan = '000002'")
        found = books.compared()

    assert (found.approvals_on_wire, found.approvals_in_books, found.agree) == (3, 3, False)
    assert len(about_wire(found)) == 2
