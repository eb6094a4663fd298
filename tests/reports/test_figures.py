from __future__ import annotations

import pytest

from switch.reports.figures import duration, one_or_many, plain, rate, ratio, share, span


@pytest.mark.parametrize(
    ("ms", "told"),
    [
        (0, "0 ms"),
        (0.0412, "41.2 µs"),
        (0.412, "412 µs"),
        (1.0, "1.00 ms"),
        (2.314, "2.31 ms"),
        (48.21, "48.2 ms"),
        (183.4, "183 ms"),
        (9999, "9,999 ms"),
        (12_345, "12.3 s"),
    ],
)
def test_times_are_told_in_the_unit_that_fits(ms: float, told: str) -> None:
    assert duration(ms) == told


@pytest.mark.parametrize(("value", "told"), [(0, "0"), (0.0041, "0.0041"), (1e-9, "1.0e-09"), (-12.34, "-12.3")])
def test_numbers_keep_three_digits_that_matter(value: float, told: str) -> None:
    assert plain(value) == told


@pytest.mark.parametrize(
    ("per_second", "told"), [(0, "0/s"), (0.4, "0.4/s"), (899.85, "899.9/s"), (4000, "4,000/s"), (8123.4, "8,123/s")]
)
def test_rates_are_told_each_second(per_second: float, told: str) -> None:
    assert rate(per_second) == told


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 3, "33.33 %"),
        (1, 10**6, "< 0.01 %"),
        (10**6 - 1, 10**6, "> 99.99 %"),
        (0, 0, "-"),
    ],
)
def test_a_little_is_not_nothing_and_nearly_all_is_not_all(part: int, whole: int, told: str) -> None:
    assert share(part, whole) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (8.25, "8.25 s"),
        (60, "60 s"),
        (125, "2 min 5 s"),
        (600, "10 min"),
        (3720, "1 h 2 min"),
        (86_400, "24 h"),
    ],
)
def test_spans_are_told_in_minutes_and_hours(seconds: float, told: str) -> None:
    assert span(seconds) == told


def test_a_ratio_that_is_none_is_a_dash() -> None:
    assert (ratio(None), ratio(1.066)) == ("-", "\N{MULTIPLICATION SIGN} 1.07")


def test_one_is_one_and_others_are_many() -> None:
    assert [one_or_many(1, "match", "matches"), one_or_many(2, "match", "matches")] == ["1 match", "2 matches"]
    assert one_or_many(0, "rate") == "0 rates"
