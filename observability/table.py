"""The dashboards as a table: what each panel shows, for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from rich.markup import escape

from observability.checking import Answered

WIDTH: Final = 80
_TITLE: Final = 54

# fmt: off
_UNITS: Final = {
    "percentunit": (100.0,  " %"),
    "s":           (1_000.0, " ms"),
    "bytes":       (1e-6,   " MB"),
    "dtdurations": (1 / 3600, " h"),
    "reqps":       (1.0,    "/s"),
    "ops":         (1.0,    "/s"),
}
# fmt: on


def rows(answers: list[Answered]) -> Iterator[str]:
    """Return the lines, with rich's markup: a dashboard's name, then each of its panels and its values."""
    for dashboard, of_dashboard in groupby(answers, lambda answer: answer.asked.dashboard):
        yield f"\n[bold]{escape(dashboard)}[/bold]"
        for panel, of_panel in groupby(of_dashboard, lambda answer: answer.asked.panel):
            title = panel if len(panel) <= _TITLE else f"{panel[: _TITLE - 3]}..."
            shown = _shown([*of_panel])
            yield f"{escape(title):<{_TITLE}} " + (
                f"{shown:>{WIDTH - _TITLE - 1}}" if shown else "[red]" + "no data".rjust(WIDTH - _TITLE - 1) + "[/red]"
            )


def _shown(answers: list[Answered]) -> str:
    """One value, or how many series and between which values; "" where a query has none."""
    if not all(answer.has_data for answer in answers):
        return ""
    factor, unit = _UNITS.get(answers[0].asked.unit, (1.0, ""))
    values = sorted(sample.value * factor for answer in answers for sample in answer.samples)
    if len(values) == 1:
        return f"{_figure(values[0])}{unit}"
    return f"{len(values)}: {_figure(values[0])} .. {_figure(values[-1])}{unit}"


def _figure(value: float) -> str:
    """Three digits; a count or a size whole."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"  # noqa: PLR2004 - digits
