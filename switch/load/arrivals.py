"""When messages are due: a schedule that no answer can move, made of a shape, a rate and a seed.

A shape is a row of stretches, in each of which the rate goes straight from one value to another. What lies below that
line is how many messages are due by a moment; a message is due where the line's area reaches its number. Evenly spaced
arrivals are due at the whole numbers, so that their count is exact; a Poisson stream's at the sums of exponential gaps,
so that its count is exact only for its seed.

Times are seconds from the start of the run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import Final, NamedTuple

DAY_CURVE: Final = (
    *(0.10, 0.06, 0.04, 0.03, 0.03, 0.06, 0.15, 0.30),
    *(0.45, 0.55, 0.65, 0.85, 1.00, 0.85, 0.65, 0.60),
    *(0.65, 0.80, 0.95, 1.00, 0.85, 0.60, 0.40, 0.20),
)
"""How busy each hour of a shop's day is, against its busiest: peaks at noon and at seven in the evening. Our guess."""


class Stretch(NamedTuple):
    """A part of a run: ``seconds`` long, its rate (messages a second) going straight from one value to the other."""

    seconds: float
    rate: float
    last_rate: float

    @property
    def area(self) -> float:
        """How many messages are due in it; hardly ever a whole number."""
        return self.seconds * (self.rate + self.last_rate) / 2

    def reached(self, count: float) -> float:
        """When so many are due, in seconds from the stretch's beginning: the root of its area."""
        if count <= 0:
            return 0.0
        slope = (self.last_rate - self.rate) / self.seconds
        # rate t + slope t^2 / 2 = count, written so that it also holds for a slope of nothing
        return 2 * count / (self.rate + math.sqrt(max(0.0, self.rate**2 + 2 * slope * count)))


Shape = tuple[Stretch, ...]


def constant(rate: float, seconds: float) -> Shape:
    """The same rate all the time."""
    return (Stretch(seconds, rate, rate),)


def ramp(first: float, last: float, seconds: float) -> Shape:
    """From one rate straight to another."""
    return (Stretch(seconds, first, last),)


def steps(rates: Sequence[float], seconds: float) -> Shape:
    """Each rate for an equal part of the time."""
    return tuple(Stretch(seconds / len(rates), rate, rate) for rate in rates)


def day(curve: Sequence[float], busiest: float, seconds: float) -> Shape:
    """A whole day in ``seconds``: ``curve`` says how busy each of its parts begins; the busiest has that rate.

    Between two values the rate goes straight; the last one leads back to the first.
    """
    scale = busiest / max(curve)
    part = seconds / len(curve)
    return tuple(Stretch(part, a * scale, b * scale) for a, b in pairwise((*curve, curve[0])))


def total(shape: Shape) -> float:
    """How many messages a shape asks for: those evenly spaced are as many, rounded up."""
    return sum(stretch.area for stretch in shape)


def busiest(shape: Shape) -> float:
    """The highest rate of a shape."""
    return max(max(stretch.rate, stretch.last_rate) for stretch in shape)


def due_times(shape: Shape, chance: Random | None = None) -> Iterator[float]:
    """Yield when messages are due, in order: evenly along the shape, or, with ``chance``, as a Poisson stream."""
    ends, passed = 0.0, 0.0
    wanted = _wanted(chance)
    count = next(wanted)
    for stretch in shape:
        while count < passed + stretch.area - _ROUNDING:
            yield ends + stretch.reached(count - passed)
            count = next(wanted)
        ends += stretch.seconds
        passed += stretch.area


_ROUNDING: Final = 1e-9
"""Areas are sums of floats: a message that is due exactly at the end belongs to what comes after it."""


def _wanted(chance: Random | None) -> Iterator[float]:
    """How many messages are due at each arrival: 0, 1, 2 ..., or sums of gaps that are 1 on average."""
    count = 0.0
    while True:
        if chance is not None:
            count += chance.expovariate(1.0)
        yield count
        if chance is None:
            count += 1.0
