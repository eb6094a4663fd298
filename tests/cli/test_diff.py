"""``switch diff`` as it is called."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from switch.cli.diff import diff
from switch.errors import OperatorError
from tests.tools.test_message_diff import OTHER_PAN, PAN, capture_of, frame

root = typer.Typer()
root.command("diff")(diff)
ASCII = ("--dialect", "iso8583-1987-ascii")


def run(*arguments: str) -> Result:
    result = CliRunner(env={"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "80"}).invoke(root, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_the_same_message_is_the_same() -> None:
    result = run(frame().hex(), frame().hex(), *ASCII)

    assert result.exit_code == 0
    assert result.output == "The same.\n"


def test_only_what_differs_is_shown() -> None:
    result = run(frame().hex(), frame({4: "000000002000"}).hex(), *ASCII)

    assert result.exit_code == 1
    assert "4      amount, transaction" in result.output
    assert "000000001000" in result.output
    assert "000000002000" in result.output
    assert "card acceptor" not in result.output
    assert "1 line differs." in result.output


def test_everything_is_shown_on_demand_and_what_differs_is_marked() -> None:
    result = run(frame().hex(), frame({4: "000000002000"}).hex(), *ASCII, "--all")

    marked = [line for line in result.output.splitlines() if line.startswith("! ")]
    assert result.exit_code == 1
    assert [line.split()[1] for line in marked] == ["4"]
    assert "card acceptor terminal" in result.output


def test_card_numbers_that_differ_behind_the_mask_are_told() -> None:
    result = run(frame().hex(), frame({2: OTHER_PAN}).hex(), *ASCII)

    assert result.exit_code == 1
    assert "(differs where it is masked)" in result.output
    assert PAN not in result.output
    assert OTHER_PAN not in result.output


def test_they_are_shown_on_demand() -> None:
    result = run(frame().hex(), frame({2: OTHER_PAN}).hex(), *ASCII, "--unmask")

    assert PAN in result.output
    assert OTHER_PAN in result.output


def test_a_second_dialect_reads_the_second_message() -> None:
    result = run(
        frame().hex(), frame(dialect="iso8583-1987-binary").hex(), *ASCII, "--dialect-b", "iso8583-1987-binary"
    )

    assert result.exit_code == 0


def test_two_entries_of_a_capture_need_no_dialect(tmp_path: Path) -> None:
    path = capture_of(tmp_path, frame(), frame({11: "000043"}))

    result = run(f"{path}#2", f"{path}#3")

    assert result.exit_code == 1
    assert "system trace audit number" in result.output


def test_lines_fit_eighty_columns_where_their_values_do() -> None:
    result = run(frame().hex(), frame({4: "000000002000", 43: "A" * 40, 11: "000043"}).hex(), *ASCII, "--all")

    assert max(map(len, result.output.splitlines())) <= 80


@pytest.mark.parametrize("arguments", [("00", "00", *ASCII), ("zz", "00", *ASCII), ("00", "00")])
def test_what_cannot_be_read_is_the_callers_to_change(arguments: tuple[str, ...]) -> None:
    with pytest.raises(OperatorError):
        run(*arguments)
