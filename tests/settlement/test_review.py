"""What a second look tried on the commands that end a day, and on the comparison of batches."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from switch.cli import explain, receipt, settlement
from switch.cli.setup import install, settings_text
from switch.decisions.closing import Booked, Uploaded
from switch.errors import OperatorError
from switch.ledger.database import open_database
from switch.ledger.days import cut_over, newest_day
from switch.settlement.comparing import compared
from tests.ledger.shop import NOON, TODAY

root = typer.Typer()
root.add_typer(settlement.settlement_app, name="settlement")
root.command("receipt")(receipt.print_receipt)
root.command("explain")(explain.explain)


@pytest.fixture
def installation(migrated_folder: Path) -> Path:
    """A folder with settings, keys and empty books."""
    install(migrated_folder, settings_text("sqlite:///switch.sqlite3"))
    return migrated_folder


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(root, [*arguments, "--config", str(folder / "switch.toml")])


# --- days ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["2099-01-01", "2001-01-01", "9999-12-31"])
def test_a_slip_of_the_hand_begins_no_day_in_books_that_have_none(installation: Path, day: str) -> None:
    """A day that is open decides for every request: one of another year would be that of all of today's."""
    result = run(installation, "settlement", "cutover", "--day", day)

    assert isinstance(result.exception, OperatorError)
    assert "is not a day that can be closed" in str(result.exception)
    assert run(installation, "settlement", "days").output.count("open") == 1


def test_a_cut_over_of_no_named_day_is_the_same_twice(installation: Path) -> None:
    """Seen from a timer shortly after midnight: who is first, the timer or the running switch, decides about today."""
    database = open_database(f"sqlite:///{installation / 'switch.sqlite3'}")
    cut_over(database, TODAY, NOON)
    run(installation, "settlement", "cutover")
    first = newest_day(database)

    run(installation, "settlement", "cutover")

    assert newest_day(database) == first
    database.close()


# --- nonsense -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["adjust", "settle"])
def test_a_number_that_no_row_can_have_is_a_mistake_and_no_fault_of_the_database(
    installation: Path, command: str
) -> None:
    result = run(installation, "settlement", command, str(1 << 63), "--accept", "host")

    assert result.exit_code == 2
    assert "cannot be stored" not in result.output


@pytest.mark.parametrize("command", ["receipt", "explain"])
@pytest.mark.parametrize("named", ["", "  "])
def test_nothing_is_no_name_of_a_transaction(installation: Path, command: str, named: str) -> None:
    """What has no RRN (an import, a statement) is not what was meant."""
    error = run(installation, command, named).exception

    assert isinstance(error, OperatorError)
    assert str(error).startswith("name the ")


# --- comparing ----------------------------------------------------------------------------------------------


def test_a_sale_that_was_reversed_after_its_void_may_be_uploaded_with_it() -> None:
    """Its money went back once, by the void, which still stands."""
    card = b"card", "620000******0047"
    books = [
        Booked(1, "purchase", None, "000001", "reversed", 1_000, *card),
        Booked(2, "void", 1, "000002", "posted", 1_000, *card),
    ]

    assert compared(books, [Uploaded("000001", 1_000, *card), Uploaded("000002", 1_000, *card)]) == []
