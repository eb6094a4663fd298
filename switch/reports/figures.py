"""Numbers as people read them: times in a unit that fits, counts in groups, shares, spans. Pure text, no markup."""

from __future__ import annotations

from typing import Final, NamedTuple

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_SHORT_SPAN_S: Final = 120
"""Up to here seconds are told as such."""


class Unit(NamedTuple):
    """A unit of time: what milliseconds are multiplied by, and its sign."""

    factor: float
    sign: str


MICROSECONDS: Final = Unit(1000.0, "µs")
MILLISECONDS: Final = Unit(1.0, "ms")
SECONDS: Final = Unit(0.001, "s")


def unit_for(ms: float) -> Unit:
    """Return the unit in which a time is read best, or all times up to it."""
    if 0 < ms < 1:
        return MICROSECONDS
    return MILLISECONDS if ms < 10_000 else SECONDS  # noqa: PLR2004 - 9,999 ms are still read, 10,000 are 10 s


def plain(value: float) -> str:
    """Return a number with three digits that matter, or whole where it is larger: 0.00412, 2.31, 48.2, 12,345."""
    if value == 0:
        return "0"
    if abs(value) >= 100:  # noqa: PLR2004 - three digits before the point
        return f"{value:,.0f}"
    if abs(value) < 1e-4:  # noqa: PLR2004 - zeros behind the point that nobody counts
        return f"{value:.1e}"
    decimals = 2 if abs(value) >= 1 else 4
    decimals = 1 if abs(value) >= 10 else decimals  # noqa: PLR2004 - two digits before the point
    return f"{value:.{decimals}f}"


def duration(ms: float) -> str:
    """Return milliseconds in the unit that fits: 412 µs, 2.31 ms, 12.4 s."""
    unit = unit_for(ms)
    return f"{plain(ms * unit.factor)} {unit.sign}"


def count(number: int) -> str:
    """Return a count in groups of three."""
    return f"{number:,}"


def rate(per_second: float) -> str:
    """Return a rate: 899.9/s, 12,345/s."""
    has_tenths = 0 < per_second < 1000 and per_second % 1  # noqa: PLR2004 - four digits are enough
    return f"{per_second:,.1f}/s" if has_tenths else f"{per_second:,.0f}/s"


def share(part: float, whole: float) -> str:
    """Return a part in per cent of the whole, never 0 % for a little and never 100 % for nearly all."""
    if whole <= 0:
        return "-"
    percent = 100 * part / whole
    if 0 < percent < 0.01:  # noqa: PLR2004
        return "< 0.01 %"
    if 99.99 < percent < 100:  # noqa: PLR2004
        return "> 99.99 %"
    return f"{percent:.2f} %" if percent % 100 else f"{percent:.0f} %"


def span(seconds: float) -> str:
    """Return how long something took: 8.25 s, 12 min 5 s, 1 h 2 min."""
    if seconds < _SHORT_SPAN_S:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + " s"
    whole = round(seconds)
    hours, rest = divmod(whole, _HOUR_S)
    minutes, left = divmod(rest, _MINUTE_S)
    if hours:
        return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"
    return f"{minutes} min {left} s" if left else f"{minutes} min"


def ratio(value: float | None) -> str:
    """Return a ratio as it stands in a column of a comparison; "-" where there is none."""
    return "-" if value is None else f"\N{MULTIPLICATION SIGN} {value:,.2f}"


def one_or_many(number: int, noun: str, nouns: str = "") -> str:
    """Return a count with its noun: 1 message, 2 messages."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"
