"""``switch report`` as it is called."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from switch.cli.report import report
from switch.errors import OperatorError
from switch.reports.files import write_results
from switch.reports.results import Latency, Results
from tests.reports.sample_results import a_changed_run, a_knee_search, a_run, nothing_answered

root = typer.Typer()
root.command("report")(report)

SLOW = a_run(title="after", latency_ms=Latency(p50=2.31, p90=4.87, p99=29.9, p999=48.2, max=183.4, mean=2.96))


class Desk:
    """A folder of results, and the command on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str | Results) -> Result:
        words = []
        for number, one in enumerate(arguments):
            if isinstance(one, Results):
                write_results(self.folder / f"{number}.json", one)
            words.append(str(self.folder / f"{number}.json") if isinstance(one, Results) else one)
        result = CliRunner(env={"NO_COLOR": "1", "TERM": "dumb"}).invoke(root, words)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert max(map(len, result.output.splitlines()), default=0) <= 80 or "written: " in result.output
        return result


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("run", "status", "headline"),
    [
        (a_run(), 0, "Held"),
        (a_knee_search(), 0, "Held up to 4,000/s"),
        (a_changed_run(), 1, "412 differences"),
        (nothing_answered(), 1, "Nothing was answered"),
    ],
)
def test_one_run_is_shown_and_judged(desk: Desk, run: Results, status: int, headline: str) -> None:
    result = desk.run(run)

    assert result.exit_code == status
    assert headline in result.output


def test_one_run_is_shown_in_figures(desk: Desk) -> None:
    told = " ".join(desk.run(a_run()).output.split())

    assert "p50 2.31 ms p90 4.87 ms p99 11.9 ms p99.9 48.2 ms max 183 ms" in told
    assert "54,000 sent, 53,991 answered, 6 late, 3 missing" in told
    assert "answer 51 611 1.13 % Insufficient funds" in told
    assert "limit p99: 11.9 ms, at most 50 ms held" in told
    assert "53,120 approvals on the wire" in told


def test_one_run_is_written_as_a_page(desk: Desk) -> None:
    result = desk.run(a_run(), "--html", str(desk.folder / "run.html"))

    assert result.exit_code == 0
    assert (desk.folder / "run.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_two_runs_are_held_against_each_other(desk: Desk) -> None:
    result = desk.run(a_run(), SLOW)

    assert result.exit_code == 1
    assert "Worse than allowed: p99" in result.output
    assert "p99                  11.9 ms        29.9 ms     × 2.51  worse" in result.output  # noqa: RUF001
    assert "p50                  2.31 ms        2.31 ms     × 1.00  same" in result.output  # noqa: RUF001


def test_what_is_allowed_or_within_the_tolerance_is_no_failure(desk: Desk) -> None:
    allowed = desk.run(a_run(), SLOW, "--allow-worse", "p99=200%")
    tolerated = desk.run(a_run(), SLOW, "--tolerance", "200%")

    assert (allowed.exit_code, tolerated.exit_code) == (0, 0)
    assert "worse, as allowed" in allowed.output
    assert "worse" not in tolerated.output.partition("figure")[2]


def test_two_runs_are_written_as_one_page(desk: Desk) -> None:
    result = desk.run(a_run(), SLOW, "--html", str(desk.folder / "both.html"))

    assert result.exit_code == 1
    assert "Worse than allowed: p99" in (desk.folder / "both.html").read_text("utf-8")


def test_a_page_that_cannot_be_written_is_told_after_the_table(desk: Desk) -> None:
    result = desk.run(a_run(), "--html", str(desk.folder / "none" / "run.html"))

    assert result.exit_code == 3
    assert "Held" in result.output
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize("arguments", [("none.json",), (a_run(), "none.json"), (a_run(), a_run(), a_run())])
def test_a_file_that_cannot_be_read_is_the_operators_to_change(
    desk: Desk, arguments: tuple[str | Results, ...]
) -> None:
    with pytest.raises(OperatorError):
        desk.run(*arguments)


def test_what_a_file_says_cannot_disturb_the_screen(desk: Desk) -> None:
    result = desk.run(a_run(title="\x1b[2Jtitle", answers={"\x1b[2J": 3}))

    assert "\x1b" not in result.output
