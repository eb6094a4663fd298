"""Draws curves as inline SVG: nothing is fetched, nothing runs, and letters keep their size at any width.

A picture that is scaled as a whole has letters too small to read on a telephone. Here only the curves are stretched
(a nested drawing that ignores its proportions, its strokes excepted); ticks and labels are placed in per cent of the
width that there is. Curves differ by dashes and width too, not by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from switch.reports.axes import Axis

Point = tuple[float, float | None]
"""A place on both axes; None where there is no value, and the curve is broken."""

SERIES_MAX: Final = 4
"""As many curves as are told apart: the style sheet has s1 to s4."""

_GRAIN: Final = 10_000
"""The curves' own units across and down."""


@dataclass(frozen=True, slots=True)
class Series:
    """One curve, or single dots. ``name`` is for its legend; ``hollow`` says which of its dots are empty rings."""

    name: str
    points: Sequence[Point]
    hollow: frozenset[int] = frozenset()
    dotted: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """One picture. ``key`` is unique on its page; ``told`` says in words what is to be seen.

    ``shaded`` is a stretch of the x axis with its name; a ``tall`` picture has more height.
    """

    key: str
    title: str
    told: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    shaded: tuple[float, float, str] | None = None
    tall: bool = False


def draw(plot: Plot) -> str:
    """Return the picture with its heading, legend and text alternative as one HTML figure."""
    assert len(plot.series) <= SERIES_MAX
    return "\n".join(_figure(plot))


def _figure(plot: Plot) -> Iterator[str]:
    key = escape(plot.key)
    yield f'<figure class="plot" id="{key}">'
    yield f"<figcaption><h3>{escape(plot.title)}</h3><p>{escape(plot.told)}</p></figcaption>"
    yield from _legend(plot)
    yield f'<svg class="chart{" tall" if plot.tall else ""}" role="img" aria-labelledby="{key}-t {key}-d">'
    yield f'<title id="{key}-t">{escape(plot.title)}</title><desc id="{key}-d">{escape(plot.told)}</desc>'
    yield from _shading(plot)
    yield from _grid(plot)
    yield f'<svg viewBox="0 0 {_GRAIN} {_GRAIN}" preserveAspectRatio="none" width="100%" height="100%" class="curves">'
    for number, series in enumerate(plot.series, 1):
        if not series.dotted or len(series.points) > 1:
            yield f'<path class="curve s{number}" d="{_path(plot, series)}"/>'
    yield "</svg>"
    for number, series in enumerate(plot.series, 1):
        if series.dotted:
            yield from _dots(plot, series, number)
    yield "</svg></figure>"


def _legend(plot: Plot) -> Iterator[str]:
    if len(plot.series) < 2 and plot.shaded is None:  # noqa: PLR2004 - one curve is named by the axis
        return
    yield '<ul class="legend">'
    for number, series in enumerate(plot.series, 1):
        sample = (
            f'<svg class="sample" aria-hidden="true"><line class="curve s{number}" x1="2" x2="34" y1="6" y2="6"/></svg>'
        )
        yield f"<li>{sample}{escape(series.name)}</li>"
    if plot.shaded is not None:
        box = '<rect class="shaded" x="2" width="32" height="12"/>'
        yield f'<li><svg class="sample" aria-hidden="true">{box}</svg>{escape(plot.shaded[2])}</li>'
    yield "</ul>"


def _grid(plot: Plot) -> Iterator[str]:
    for tick in plot.y.ticks:
        at = _percent(1 - tick.at)
        yield f'<line class="grid" x1="0" x2="100%" y1="{at}" y2="{at}"/>'
        yield f'<text class="ty" x="-8" y="{at}" dy=".34em">{escape(tick.label)}</text>'
    for tick in plot.x.ticks:
        at = _percent(tick.at)
        spare = "" if tick.needed else " spare"
        yield f'<line class="mark{spare}" x1="{at}" x2="{at}" y1="100%" y2="100%"/>'
        yield f'<text class="tx{spare}" x="{at}" y="100%" dy="20">{escape(tick.label)}</text>'
    yield '<line class="axis" x1="0" x2="100%" y1="100%" y2="100%"/>'
    yield f'<text class="name" x="-48" y="-14">{escape(plot.y.name)}</text>'
    yield f'<text class="name end" x="100%" y="100%" dy="38">{escape(plot.x.name)}</text>'


def _shading(plot: Plot) -> Iterator[str]:
    if plot.shaded is None:
        return
    first, last, _ = plot.shaded
    left, right = plot.x.place(first), plot.x.place(last)
    width = _percent(right - left)
    yield f'<rect class="shaded" x="{_percent(left)}" y="0" width="{width}" height="100%"/>'


def _path(plot: Plot, series: Series) -> str:
    """A point with no neighbour is drawn too: a line of no length has round ends."""
    parts: list[str] = []
    pen_up = True
    for x, y in series.points:
        if y is None:
            pen_up = True
            continue
        place = f"{round(plot.x.place(x) * _GRAIN)} {round((1 - plot.y.place(y)) * _GRAIN)}"
        parts.append(f"M{place}h0" if pen_up else f"L{place}")
        pen_up = False
    return "".join(parts)


def _dots(plot: Plot, series: Series, number: int) -> Iterator[str]:
    for at, (x, y) in enumerate(series.points):
        if y is not None:
            shape = " hollow" if at in series.hollow else ""
            where = f'cx="{_percent(plot.x.place(x))}" cy="{_percent(1 - plot.y.place(y))}"'
            yield f'<circle class="dot s{number}{shape}" {where} r="5"/>'


def _percent(share: float) -> str:
    return f"{100 * share:.3f}%"
