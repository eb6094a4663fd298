"""The shapes of queries that dashboards have in common."""

from __future__ import annotations

from typing import Final

LISTENER: Final = 'listener=~"$listener"'


def rate(metric: str, *matchers: str, by: str = "") -> str:
    """Return how often a second a counter goes up, summed, for each value of ``by``."""
    chosen = f"{{{','.join(matchers)}}}" if matchers else ""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}{chosen}[$__rate_interval]))"


def or_none(expr: str) -> str:
    """Return an expression that is 0 where nothing was ever counted: such a counter has no series yet."""
    return f"{expr} or on() vector(0)"


def percentile(share: float, histogram: str, *matchers: str, by: str = "") -> str:
    """Return the value that so large a share of a histogram's observations stays below."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share:g}, {rate(f'{histogram}_bucket', *matchers, by=labels)})"


def mean(histogram: str, *matchers: str, by: str = "") -> str:
    """Return the mean of a histogram's observations."""
    return f"{rate(f'{histogram}_sum', *matchers, by=by)} / {rate(f'{histogram}_count', *matchers, by=by)}"
