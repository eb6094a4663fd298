from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from observability.checking import Answered, Asked
from observability.prometheus import Sample
from observability.table import WIDTH, rows

ROOT = Path(__file__).resolve().parent.parent.parent


def answered(panel: str, unit: str, *values: float) -> Answered:
    return Answered(Asked("A page", panel, unit, "up"), [Sample({}, value) for value in values])


@pytest.mark.parametrize(
    ("unit", "values", "shown"),
    [
        ("short", [3.0], "3"),
        ("percentunit", [0.98765], "98.8 %"),
        ("s", [0.0123], "12.3 ms"),
        ("bytes", [83_000_000_000.0], "83,000 MB"),
        ("reqps", [0.5, 12.0], "2: 0.5 .. 12/s"),
    ],
)
def test_a_line_says_what_a_panel_shows(unit: str, values: list[float], shown: str) -> None:
    lines = [*rows([answered("A panel", unit, *values)])]

    assert lines == ["\n[bold]A page[/bold]", f"A panel{shown:>{WIDTH - len('A panel')}}"]


def test_a_panel_of_which_one_query_has_nothing_has_no_data() -> None:
    lines = [*rows([answered("A panel", "short", 1), answered("A panel", "short")])]

    assert lines[1].endswith("no data[/red]")


def test_a_long_title_is_cut() -> None:
    lines = [*rows([answered("A panel " * 20, "short", 1)])]

    assert len(lines[1]) == WIDTH


def test_without_prometheus_it_says_how_to_get_one() -> None:
    command = [sys.executable, "-m", "observability.observe", "--once"]

    done = subprocess.run(command, cwd=ROOT, env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False)

    assert (done.returncode, "apt-get install" in done.stdout) == (2, True)
