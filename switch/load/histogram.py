"""Counts latencies in buckets that are never wider than a thousandth of what they hold (as HdrHistogram does).

Values below `_EXACT` have a bucket each. Above, each doubling is parted into `_EXACT` / 2 buckets, so a bucket is found
with two shifts, and its upper end is at most 1/1024 above any value in it. Only buckets that hold something exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

_EXACT_BITS: Final = 11
_EXACT: Final = 1 << _EXACT_BITS
_PARTS: Final = _EXACT // 2


class Histogram:
    """Counts of whole numbers from 0 up (microseconds, for us); values are exact to three digits."""

    __slots__ = ("_buckets", "_sum", "count", "max")

    def __init__(self) -> None:
        self.count = 0
        self.max = 0
        self._sum = 0
        self._buckets: dict[int, int] = {}

    def record(self, value: int) -> None:
        """Count one value; a negative one is 0."""
        value = max(value, 0)
        doublings = value.bit_length() - _EXACT_BITS
        bucket = value if doublings <= 0 else doublings * _PARTS + (value >> doublings)
        buckets = self._buckets
        buckets[bucket] = buckets.get(bucket, 0) + 1
        self.count += 1
        self._sum += value
        self.max = max(self.max, value)

    def add(self, other: Histogram) -> None:
        """Count everything that another one counted."""
        for bucket, count in other._buckets.items():
            self._buckets[bucket] = self._buckets.get(bucket, 0) + count
        self.count += other.count
        self._sum += other._sum
        self.max = max(self.max, other.max)

    @property
    def mean(self) -> float:
        """The exact mean, 0 of nothing."""
        return self._sum / self.count if self.count else 0.0

    def at(self, share: float) -> int:
        """The smallest value that this share (0 to 1) of all is not above, to three digits; 0 of nothing."""
        return next(self.values_at([share]))

    def values_at(self, shares: Iterable[float]) -> Iterator[int]:
        """`at` for several shares that ascend, in one pass."""
        counts = iter(sorted(self._buckets.items()))
        reached, value = 0, 0
        for share in shares:
            wanted = min(max(share * self.count, 1), self.count)
            while reached < wanted:
                bucket, count = next(counts)
                reached += count
                value = min(_highest(bucket), self.max)
            yield value


def _highest(bucket: int) -> int:
    """The highest value that belongs into a bucket."""
    doublings = max(bucket // _PARTS - 1, 0)
    if doublings == 0:
        return bucket
    return ((bucket - doublings * _PARTS + 1) << doublings) - 1
