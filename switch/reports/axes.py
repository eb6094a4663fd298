"""Scales and their ticks: where a value stands on an axis, from 0 at its start to 1 at its end, and what is written.

Three kinds are enough: linear, logarithmic, and that of percentiles, which stretches towards 100 % so that each
further nine takes as much room as the one before (as HdrHistogram plots them).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from switch.reports.figures import plain

_TIME_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
_DECADES_WITH_PARTS: Final = 2.1
"""A logarithmic axis of so few decades is marked at 2 and 5 as well."""

_TIGHT: Final = 6
"""With more ticks than this, every second one gives way where there is little room."""


class Tick(NamedTuple):
    """A mark on an axis; what is not ``needed`` is left out on a narrow page."""

    at: float
    label: str
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis: its name with its unit, how a value is placed (0 to 1), its ticks from its start to its end."""

    name: str
    place: Callable[[float], float]
    ticks: tuple[Tick, ...]


def linear(name: str, highest: float, *, lowest: float = 0.0) -> Axis:
    """Return an axis from ``lowest`` to the round number above ``highest``."""
    step = _round_step((highest - lowest) / 5 or 1.0)
    first, last = math.floor(lowest / step + 1e-9), max(math.ceil(highest / step - 1e-9), 1)
    low, high = first * step, last * step
    place = _linear_place(low, high)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    marks = (number * step for number in range(first, last + 1))
    return Axis(name, place, tuple(Tick(place(mark), f"{mark:,.{decimals}f}") for mark in marks))


def logarithmic(name: str, lowest: float, highest: float) -> Axis:
    """Return an axis of powers of ten around two values above zero, cut at 1, 2 or 5 times one."""
    marks = sorted({part * 10.0**power for power in range(-6, 13) for part in (1, 2, 5)})
    below = max((mark for mark in marks if mark <= lowest * 1.0001), default=marks[0])
    above = min((mark for mark in marks if mark >= highest / 1.0001 and mark > below), default=marks[-1])
    low, high = math.log10(below), math.log10(above)

    def place(value: float) -> float:
        return min(max((math.log10(max(value, below)) - low) / (high - low), 0.0), 1.0)

    every = high - low <= _DECADES_WITH_PARTS
    chosen = (mark for mark in marks if below <= mark <= above and (every or f"{mark:e}".startswith("1")))
    return Axis(name, place, tuple(Tick(place(mark), _short(mark)) for mark in chosen))


def fitting(name: str, values: Iterable[float]) -> Axis:
    """Return a linear axis from 0, or a logarithmic one where a few values would push all others to the ground."""
    above_zero = sorted(value for value in values if value > 0)
    if not above_zero:
        return linear(name, 1.0)
    if above_zero[-1] > 30 * above_zero[len(above_zero) // 2]:
        return logarithmic(f"{name}, log scale", above_zero[0], above_zero[-1])
    return linear(name, above_zero[-1])


def elapsed(first: float, last: float) -> Axis:
    """Return an axis of seconds from the start of the run; longer ones are marked in minutes or hours."""
    width = max(last - first, 1.0)
    step = next((one for one in _TIME_STEPS if width / one <= 10), 86_400 * math.ceil(width / 864_000))  # noqa: PLR2004
    place = _linear_place(first, first + width)
    marks = range(math.ceil(first / step) * step, math.floor(first + width) + 1, step)
    tight = len(marks) > _TIGHT
    ticks = (Tick(place(mark), _clock(mark, step), not tight or number % 2 == 0) for number, mark in enumerate(marks))
    return Axis(_time_name(step), place, tuple(ticks))


def percentiles(shares: Iterable[float]) -> Axis:
    """Return an axis of shares in 1/(1 - share), from 0 % to a little past the last share below 1, where 1 is put."""
    finite = [_nines(one) for one in shares if 0 <= one < 1]
    last = max(max(finite, default=0.0) + 0.15, 1.0)

    def place(share: float) -> float:
        return min(_nines(share) / last, 1.0) if share < 1 else 1.0

    wanted = [(0.0, "0 %"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %")]
    wanted += [(1 - 10.0**-nines, f"99.{'9' * (nines - 2)} %") for nines in range(4, 9)]
    ticks = [Tick(place(at), label) for at, label in wanted if _nines(at) <= last]
    tight = len(ticks) >= _TIGHT
    # The last nine stays: it says how far the picture reaches. 50 % stands too near to 0 %.
    needed = [not tight or at == 0 or (at != 1 and (len(ticks) - 1 - at) % 2 == 0) for at in range(len(ticks))]
    return Axis("share of the answers", place, tuple(t._replace(needed=n) for t, n in zip(ticks, needed, strict=True)))


def _linear_place(low: float, high: float) -> Callable[[float], float]:
    return lambda value: min(max((value - low) / (high - low), 0.0), 1.0)


def _round_step(rough: float) -> float:
    """Return the next of 1, 2, 2.5 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(part * power for part in (1, 2, 5, 10) if part * power >= rough * 0.9999)


def _nines(share: float) -> float:
    return -math.log10(1 - min(share, 1 - 1e-12))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else plain(value).rstrip("0")


def _clock(second: int, step: int) -> str:
    sign, whole = ("\N{MINUS SIGN}" if second < 0 else ""), abs(second)
    if step < 30:  # noqa: PLR2004 - see _time_name
        return f"{sign}{whole:,}"
    if step < 1800:  # noqa: PLR2004 - see _time_name
        return f"{sign}{whole // 60}:{whole % 60:02}"
    return f"{sign}{whole // 3600}:{whole % 3600 // 60:02}"


def _time_name(step: int) -> str:
    if step < 30:  # noqa: PLR2004 - marked in seconds
        return "seconds from the start"
    return "minutes from the start" if step < 1800 else "hours from the start"  # noqa: PLR2004
