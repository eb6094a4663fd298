"""``switch explain`` and ``switch receipt`` on books with a bit of everything in them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from switch.cli.explain import explain
from switch.cli.receipt import print_receipt
from switch.cli.setup import install, settings_text
from switch.errors import NotInBooks, OperatorError
from switch.ledger.database import open_database
from tests.ledger.sample_books import RICH, fill

root = typer.Typer()
root.command("explain")(explain)
root.command("receipt")(print_receipt)


class Office:
    """The sample books, and the two commands on them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        install(folder, settings_text("sqlite:///switch.sqlite3"))
        database = open_database(f"sqlite:///{folder / 'switch.sqlite3'}")
        fill(database, folder)
        database.close()

    def run(self, *arguments: str) -> str:
        environment = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
        runner = CliRunner(env=environment)
        result = runner.invoke(root, [*arguments, "--config", str(self._folder / "switch.toml")])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert RICH.reveal() not in result.output
        return result.output

    def rrn_of(self, stan: str, kind: str) -> str:
        with sqlite3.connect(self._folder / "switch.sqlite3") as books:
            (rrn,) = books.execute("SELECT rrn FROM journal WHERE stan = ? AND kind = ?", (stan, kind)).fetchone()
        books.close()
        return str(rrn)


@pytest.fixture
def office(migrated_folder: Path) -> Office:
    return Office(migrated_folder)


def test_a_decline_is_explained_by_the_rung_that_refused_and_what_to_do(office: Office) -> None:
    said = office.run("explain", office.rrn_of("000006", "purchase"))

    assert "insufficient_funds" in said
    assert "NO  funds" in said
    assert "收银员" in said
    assert "What to do" in said


def test_a_payments_story_has_those_that_were_about_it(office: Office) -> None:
    said = office.run("explain", "2")

    assert said.index("purchase 20.00") < said.index("refund 7.00")
    assert "moved 20.00 CNY" in said


def test_what_is_not_in_the_books_is_said_so(office: Office) -> None:
    with pytest.raises(NotInBooks, match="no request in the journal"):
        office.run("explain", "999999")
    with pytest.raises(NotInBooks, match="no request in the journal"):
        office.run("explain", "1", "--terminal", "T9")


def test_a_receipt_is_a_reprint_unless_it_is_the_first(office: Office) -> None:
    rrn = office.rrn_of("000001", "purchase")

    assert "REPRINT" in office.run("receipt", rrn)
    assert "REPRINT" not in office.run("receipt", rrn, "--first")


def test_a_balance_inquiry_has_no_receipt(office: Office) -> None:
    with pytest.raises(OperatorError, match="has no receipt"):
        office.run("receipt", office.rrn_of("000011", "balance"))
