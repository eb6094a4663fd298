from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.reports.axes import Axis, elapsed, fitting, linear, logarithmic, percentiles


def labels(axis: Axis) -> list[str]:
    return [tick.label for tick in axis.ticks]


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        (0.0, ["0", "1"]),
        (0.9, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (914, ["0", "200", "400", "600", "800", "1,000"]),
        (90.7, ["0", "20", "40", "60", "80", "100"]),
        (5000, ["0", "1,000", "2,000", "3,000", "4,000", "5,000"]),
    ],
)
def test_a_linear_axis_ends_at_a_round_number(highest: float, expected: list[str]) -> None:
    axis = linear("ms", highest)

    assert labels(axis) == expected
    assert (axis.ticks[0].at, axis.ticks[-1].at) == (0.0, 1.0)


@given(st.floats(0, 1e12), st.floats(0, 1e12))
def test_every_value_has_its_place_in_order(one: float, other: float) -> None:
    low, high = sorted((one, other))

    for axis in (linear("x", high), fitting("x", (low, high)), elapsed(-5, max(high, 1))):
        assert 0 <= axis.place(low) <= axis.place(high) <= 1
        assert 1 <= len(axis.ticks) <= 21
        assert [tick.at for tick in axis.ticks] == sorted(tick.at for tick in axis.ticks)


def test_a_logarithmic_axis_is_cut_at_round_numbers() -> None:
    assert labels(logarithmic("ms", 3.0, 180.0)) == ["2", "5", "10", "20", "50", "100", "200"]
    assert labels(logarithmic("ms", 1.0, 90_000.0)) == ["1", "10", "100", "1,000", "10,000", "100,000"]


def test_an_axis_is_logarithmic_only_where_few_values_dwarf_the_rest() -> None:
    assert fitting("ms", [1.0, 2.0, 3.0, 9.0]).name == "ms"
    assert fitting("ms", [1.0, 2.0, 3.0, 900.0]).name == "ms, log scale"
    assert fitting("ms", []).name == "ms"


@pytest.mark.parametrize(
    ("last", "name", "some"),
    [
        (60, "seconds from the start", ["0", "10", "60"]),
        (600, "minutes from the start", ["0:00", "1:00", "10:00"]),
        (86_400, "hours from the start", ["0:00", "4:00", "20:00"]),
    ],
)
def test_time_is_marked_as_clocks_are(last: int, name: str, some: list[str]) -> None:
    axis = elapsed(0, last)

    assert axis.name == name
    assert [one for one in some if one not in labels(axis)] == []


def test_the_warm_up_is_before_zero() -> None:
    axis = elapsed(-10, 20)

    assert labels(axis)[0] == "\N{MINUS SIGN}10"
    assert axis.place(0) == pytest.approx(1 / 3)


def test_each_nine_takes_as_much_room_as_the_one_before() -> None:
    axis = percentiles([0.5, 0.99999, 1.0])

    nines = [axis.place(1 - 10**-number) for number in (1, 2, 3, 4)]

    steps = [after - before for before, after in pairwise(nines)]
    assert steps == pytest.approx([steps[0]] * 3)
    assert axis.place(0.0) == 0.0
    assert axis.place(1.0) == 1.0
    assert labels(axis) == ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"]


def test_where_there_is_little_room_every_second_nine_gives_way_but_not_the_last() -> None:
    needed = [tick.label for tick in percentiles([0.99999]).ticks if tick.needed]

    assert needed == ["0 %", "90 %", "99.9 %", "99.999 %"]


def test_labels_never_say_minus_zero() -> None:
    assert "-0" not in "".join(labels(linear("x", 3.0)) + labels(percentiles([])))
