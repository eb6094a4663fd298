"""Books that the bench makes have to be such as the switch could have made them: the audit says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks import batches, cut_over
from benchmarks.day_books import BATCH, amount_of, card, card_of, ledger, prepare
from benchmarks.driver import make_driver
from benchmarks.messages import TERMINALS, write_purchases
from switch.ledger import schema
from switch.ledger.audit import audit, snapshot
from switch.ledger.database import Database


def broken(database: Database) -> list[str]:
    with snapshot(database) as connection:
        return [offender for finding in audit(connection, None) for offender in finding.offenders]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench") / "books"
    prepare(folder, terminals=6, entries=60)
    return folder


def test_the_audit_finds_nothing_in_prepared_books(folder: Path) -> None:
    with ledger(folder) as books:
        assert broken(books.database) == []


def test_each_terminal_has_its_share_in_its_open_batch(folder: Path) -> None:
    its = schema.journal.c
    asked = sa.select(its.terminal_id, sa.func.count()).where(its.batch == BATCH).group_by(its.terminal_id)

    with ledger(folder) as books, books.database.reading() as connection:
        assert [tuple(row) for row in connection.execute(asked)] == [(f"TERM000{place}", 10) for place in range(6)]


def test_a_purchase_is_of_the_card_and_the_amount_that_are_said_of_it(folder: Path) -> None:
    its = schema.journal.c
    asked = sa.select(its.masked_pan, its.amount_minor).where(its.terminal_id == "TERM0003", its.stan == "000010")
    entry = 9 * 6 + 3

    with ledger(folder) as books, books.database.reading() as connection:
        assert tuple(connection.execute(asked).one()) == (card(card_of(entry)).masked, amount_of(entry))


def test_settled_and_uploaded_batches_leave_sound_books(tmp_path: Path) -> None:
    found = batches.measure(tmp_path / "books", balanced=3, uploaded=2, say=lambda _: None)

    assert (found.settled, found.uploaded, found.messages, found.differences) == (3, 2, 28, 2)
    with ledger(tmp_path / "books") as books:
        assert broken(books.database) == []


def test_a_day_is_settled_while_purchases_go_on_and_leaves_sound_books(tmp_path: Path) -> None:
    write_purchases(tmp_path / "purchases.hex", 100)
    driver = make_driver(tmp_path, tmp_path / "purchases.hex")

    found = cut_over.measure(
        tmp_path / "books", driver, entries=400, seconds=0.2, say=lambda _: None, terminals=TERMINALS
    )

    its = schema.clearing_file.c
    with ledger(tmp_path / "books") as books, books.database.reading() as connection:
        (settled,) = connection.scalars(sa.select(its["items"]))
    assert found.during.sent > 0
    assert settled > 400
    with ledger(tmp_path / "books") as books:
        assert broken(books.database) == []
