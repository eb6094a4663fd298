from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.load.histogram import Histogram

VALUES = st.lists(st.integers(0, 10**12), min_size=1, max_size=200)


def filled(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def exact(values: list[int], share: float) -> int:
    return sorted(values)[max(ceil(share * len(values)), 1) - 1]


@given(VALUES, st.floats(0, 1))
def test_a_percentile_is_that_of_the_sorted_values_to_three_digits(values: list[int], share: float) -> None:
    found = filled(values).at(share)

    assert exact(values, share) <= found <= exact(values, share) * (1 + 1 / 1024)


@given(VALUES)
def test_the_highest_value_the_mean_and_the_number_are_exact(values: list[int]) -> None:
    histogram = filled(values)

    assert (histogram.max, histogram.count) == (max(values), len(values))
    assert histogram.at(1.0) == max(values)
    assert histogram.mean == pytest.approx(sum(values) / len(values))


@given(VALUES, VALUES, st.floats(0, 1))
def test_two_added_are_one_of_all_values(left: list[int], right: list[int], share: float) -> None:
    both = filled(left)
    both.add(filled(right))

    assert both.at(share) == filled(left + right).at(share)
    assert (both.count, both.max) == (len(left) + len(right), max(left + right))


def test_small_values_are_exact() -> None:
    values = list(range(2048))

    found = filled(values).values_at([value / 2048 for value in range(1, 2049)])

    assert list(found) == values


def test_of_nothing_all_is_zero() -> None:
    empty = Histogram()

    assert (empty.at(0.99), empty.mean, empty.max) == (0, 0.0, 0)


def test_what_comes_before_its_time_counts_as_no_time() -> None:
    assert filled([-5]).at(1.0) == 0
