"""How long answers wait: draws from the distributions that a host simulator's script may name."""

from __future__ import annotations

import random
from collections.abc import Callable

from switch.tools.host_script import LATEST_MS, Delay

Draw = Callable[[random.Random], float]
"""Seconds, from 0 to the longest that a script may name."""


def draw_of(delay: Delay | None) -> Draw | None:
    """Return how to draw a delay; None where an answer does not wait."""
    if delay is None:
        return None
    milliseconds = _milliseconds(delay)
    return lambda chance: min(max(milliseconds(chance), 0.0), LATEST_MS) / 1000


def _milliseconds(delay: Delay) -> Draw:
    if delay.uniform_ms is not None:
        low, high = delay.uniform_ms
        return lambda chance: chance.uniform(low, high)
    if delay.normal_ms is not None:
        mean, deviation = delay.normal_ms
        return lambda chance: chance.gauss(mean, deviation)
    if delay.exponential_ms is not None:
        rate = 1 / delay.exponential_ms
        return lambda chance: chance.expovariate(rate)
    if delay.percentiles_ms is not None:
        table = delay.percentiles_ms
        return lambda chance: at_percentile(table, 100 * chance.random())
    constant = delay.constant_ms or 0.0
    return lambda _: constant


def at_percentile(table: tuple[tuple[float, float], ...], percent: float) -> float:
    """Read a rising table of (percent, milliseconds), in a straight line between its rows; it begins at 0 and 0."""
    before, below = 0.0, 0.0
    for until, ms in table:
        if percent <= until:
            return below + (ms - below) * (percent - before) / (until - before) if until > before else ms
        before, below = until, ms
    return below
