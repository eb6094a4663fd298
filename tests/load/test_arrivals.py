from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.load.arrivals import DAY_CURVE, Shape, Stretch, busiest, constant, day, due_times, ramp, steps, total

RATES = st.floats(0.5, 200)
STRETCHES = st.builds(Stretch, st.floats(0.1, 20), RATES, RATES)
SHAPES = st.lists(STRETCHES, min_size=1, max_size=5).map(tuple)


def due(shape: Shape, seed: int | None = None) -> list[float]:
    return list(due_times(shape, None if seed is None else Random(seed)))


def test_a_constant_rate_is_due_at_equal_distances_and_as_often_as_it_says() -> None:
    times = due(constant(4, 2.5))

    assert times == [0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25]


def test_a_ramp_has_as_many_in_each_part_as_lie_below_its_line() -> None:
    times = due(ramp(0, 100, 10))

    assert len(times) == 500
    assert sum(time < 5 for time in times) == 125
    gaps = [b - a for a, b in pairwise(times)]
    assert gaps == sorted(gaps, reverse=True)


def test_a_ramp_down_to_nothing_ends_with_its_last_message() -> None:
    times = due(ramp(100, 0, 10))

    assert len(times) == 500
    assert times[-1] < 10


def test_steps_last_equally_long_each_with_its_own_count() -> None:
    times = due(steps((10, 50, 20), 6))

    assert [sum(low <= time < low + 2 for time in times) for low in (0, 2, 4)] == [20, 100, 40]


def test_a_day_is_busiest_where_its_curve_is_highest_and_as_busy_as_asked_for() -> None:
    shape = day(DAY_CURVE, 100, 240)

    assert len(DAY_CURVE) == 24
    assert busiest(shape) == 100
    times = due(shape)
    per_hour = [sum(10 * hour <= time < 10 * hour + 10 for time in times) for hour in range(24)]
    assert max(per_hour) == per_hour[18]
    assert min(per_hour) == per_hour[3]
    assert len(times) == pytest.approx(total(shape), abs=1)


def test_a_poisson_stream_is_the_same_for_the_same_seed_and_about_as_many_as_its_rate() -> None:
    shape = constant(100, 100)

    first, again, other = due(shape, 1), due(shape, 1), due(shape, 2)

    assert first == again != other
    assert len(first) == pytest.approx(10_000, abs=400)  # four standard deviations
    squares = [(b - a) ** 2 for a, b in pairwise(first)]
    assert sum(squares) / len(squares) == pytest.approx(2 / 100**2, rel=0.1)  # of an exponential gap


@given(SHAPES)
def test_every_shape_is_due_in_order_within_its_time_and_as_often_as_lies_below_it(shape: Shape) -> None:
    times = due(shape)

    assert times == sorted(times)
    assert all(0 <= time <= sum(stretch.seconds for stretch in shape) + 1e-6 for time in times)
    assert abs(len(times) - total(shape)) <= 1


@given(SHAPES, st.integers(0, 99))
def test_chance_moves_arrivals_but_keeps_them_in_order_and_within_their_time(shape: Shape, seed: int) -> None:
    times = due(shape, seed)

    assert times == sorted(times)
    assert all(0 <= time <= sum(stretch.seconds for stretch in shape) + 1e-6 for time in times)
