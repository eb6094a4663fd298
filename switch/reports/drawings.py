"""The pictures of a run, each made from its results: over time, the distribution, the search for the knee."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from switch.reports.axes import Axis, elapsed, fitting, linear, percentiles
from switch.reports.figures import Unit, duration, one_or_many, rate, unit_for
from switch.reports.plots import Plot, Point, Series
from switch.reports.results import Percentile, Results, Second
from switch.reports.verdict import best_step

POINTS_MAX: Final = 600
"""A longer run is drawn in as many stretches: no screen shows more."""


def throughput(results: Results) -> Plot | None:
    """Draw messages sent and answered in each second."""
    seconds = _in_order(results.timeline)
    if not seconds:
        return None
    each = _stretch(seconds)
    series = [
        Series("answered", _thinned([(one.second, one.answered) for one in seconds], each)),
        Series("sent", _thinned([(one.second, one.sent) for one in seconds], each)),
    ]
    if any(one.errors for one in seconds):
        series.append(Series("errors", _thinned([(one.second, one.errors) for one in seconds], each)))
    highest = max((y for curve in series for _, y in curve.points if y is not None), default=0.0)
    told = f"Messages sent and answered each second. {rate(results.throughput_per_s)} answered over the whole run."
    if each > 1:
        told += f" Each point is the mean of {each} seconds."
    x = _time(seconds)
    return Plot("throughput", "Throughput", told, x, linear("messages/s", highest), series, _warm_up(seconds))


def latency(results: Results) -> Plot | None:
    """Draw the median and p99 of each second's answers."""
    seconds = _in_order(results.timeline)
    times = [ms for one in seconds for ms in (one.p50_ms, one.p99_ms) if ms is not None]
    if not times:
        return None
    unit, each = unit_for(max(times)), _stretch(seconds)
    series = [
        Series("p50", _thinned([(one.second, _in(unit, one.p50_ms)) for one in seconds], each)),
        Series("p99", _thinned([(one.second, _in(unit, one.p99_ms)) for one in seconds], each, worst=True)),
    ]
    slowest = max((one for one in seconds if one.p99_ms is not None), key=lambda one: one.p99_ms or 0.0, default=None)
    told = "From the time a message was due until its answer was read."
    if slowest is not None:
        told += f" The slowest second was {slowest.second:,}: its p99 was {duration(slowest.p99_ms or 0.0)}."
    if each > 1:
        told += f" Each point is of {each} seconds: the mean of p50, the worst p99."
    y = fitting(unit.sign, (y for one in series for _, y in one.points if y is not None))
    return Plot("latency", "Latency", told, _time(seconds), y, series, _warm_up(seconds))


def distribution(*runs: tuple[str, Results]) -> Plot | None:
    """Draw the latency at each share of the answers; several runs, each with its name, into one picture."""
    drawn = [(name, one) for name, one in runs if one.distribution]
    times = [point.ms for _, one in drawn for point in one.distribution]
    if not times:
        return None
    unit = unit_for(max(times))
    x = percentiles(point.share for _, one in drawn for point in one.distribution)
    series = [Series(name, _climbing(one.distribution, unit)) for name, one in drawn]
    # Not `fitting`: the long tail is what a distribution is looked at for.
    y = linear(unit.sign, max(times) * unit.factor)
    told = " ".join(_tail(name if len(drawn) > 1 else "", one) for name, one in drawn)
    told += " Each step to the right takes as many answers as are left of ten."
    return Plot("distribution", "Distribution", told, x, y, series, tall=True)


def knee(results: Results) -> Plot | None:
    """Draw the p99 of each rate that was tried; rings are rates that did not hold."""
    steps = sorted(results.knee, key=lambda step: step.rate_per_s)
    if not steps:
        return None
    unit = unit_for(max(step.p99_ms for step in steps))
    points = [(step.rate_per_s, step.p99_ms * unit.factor) for step in steps]
    broken = frozenset(at for at, step in enumerate(steps) if not step.held)
    best = best_step(results)
    told = f"Full dots held, rings did not. {one_or_many(len(steps), 'rate')} tried; "
    told += "none held." if best is None else f"the highest that held is {rate(best.rate_per_s)}."
    x = linear("messages/s asked for", steps[-1].rate_per_s)
    y = fitting(f"p99, {unit.sign}", (y for _, y in points))
    return Plot("knee", "The search for the knee", told, x, y, [Series("p99", points, broken, dotted=True)])


def _in_order(timeline: Iterable[Second]) -> list[Second]:
    return sorted(timeline, key=lambda one: one.second)


def _time(seconds: Sequence[Second]) -> Axis:
    return elapsed(seconds[0].second, seconds[-1].second)


def _warm_up(seconds: Sequence[Second]) -> tuple[float, float, str] | None:
    return (seconds[0].second, min(0, seconds[-1].second), "warm-up, not counted") if seconds[0].second < 0 else None


def _in(unit: Unit, ms: float | None) -> float | None:
    return None if ms is None else ms * unit.factor


def _stretch(seconds: Sequence[Second]) -> int:
    """Return how many seconds one point stands for."""
    return -(-(seconds[-1].second - seconds[0].second + 1) // POINTS_MAX)


def _thinned(points: Sequence[Point], each: int, *, worst: bool = False) -> list[Point]:
    """Return one point for each stretch, its mean or worst, and a break where a stretch has none."""
    stretches: dict[int, list[float]] = {}
    for x, y in points:
        values = stretches.setdefault(int(x) // each, [])
        if y is not None:
            values.append(y)
    thinned: list[Point] = []
    for number, values in stretches.items():
        if thinned and number * each - thinned[-1][0] > each:
            thinned.append((number * each, None))
        value = (max(values) if worst else sum(values) / len(values)) if values else None
        thinned.append((number * each, value))
    return thinned


def _climbing(points: Iterable[Percentile], unit: Unit) -> list[Point]:
    return [(point.share, point.ms * unit.factor) for point in sorted(points, key=lambda one: (one.share, one.ms))]


def _tail(name: str, results: Results) -> str:
    times = results.latency_ms
    told = f"half came within {duration(times.p50)}, 99 % within {duration(times.p99)}"
    told += f", the last took {duration(times.max)}."
    return f"{name}: {told}" if name else told[0].upper() + told[1:]
