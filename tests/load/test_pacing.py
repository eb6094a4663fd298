from __future__ import annotations

import pytest

from switch.errors import OperatorError
from switch.load.pacing import AsRecorded, AtOnce, AtRate, Pace, speed_in

RECORDED_US = [5_000_000, 5_010_000, 5_010_000, 5_500_000, 6_000_000]


def due(pace: Pace, recorded_us: list[int] = RECORDED_US) -> list[int]:
    return [pace.due_us(at_us) for at_us in recorded_us]


@pytest.mark.parametrize(("speed", "last_us"), [(1.0, 1_000_000), (10.0, 100_000), (0.5, 2_000_000)])
def test_messages_are_as_far_from_the_first_as_recorded_divided_by_the_speed(speed: float, last_us: int) -> None:
    assert due(AsRecorded(speed)) == [0, last_us // 100, last_us // 100, last_us // 2, last_us]


def test_a_time_that_goes_back_counts_as_the_one_ahead() -> None:
    assert due(AsRecorded(), [100, 300, 200, 400]) == [0, 200, 200, 300]


def test_a_capture_that_begins_again_goes_on_after_its_end() -> None:
    pace = AsRecorded()
    due(pace)

    pace.begin_again()

    assert due(pace)[:2] == [1_001_000, 1_011_000]


def test_a_rate_knows_no_recorded_time_and_no_rounds() -> None:
    pace = AtRate(3)
    first = due(pace)

    pace.begin_again()

    assert first + due(pace)[:2] == [0, 333_333, 666_666, 1_000_000, 1_333_333, 1_666_666, 2_000_000]


def test_a_rate_does_not_drift() -> None:
    pace = AtRate(7_000)

    assert due(pace, [0] * 70_001)[-1] == 10_000_000


def test_at_once_is_always_due() -> None:
    assert due(AtOnce()) == [0] * 5


@pytest.mark.parametrize(("text", "speed"), [("1x", 1.0), ("10x", 10.0), ("0.5x", 0.5), ("max", None)])
def test_a_speed_is_a_factor_or_max(text: str, speed: float | None) -> None:
    assert speed_in(text) == speed


@pytest.mark.parametrize("text", ["", "10", "0x", "-1x", "x", "fast", "1e3x", "0.0x"])
def test_anything_else_is_no_speed(text: str) -> None:
    with pytest.raises(OperatorError, match="--speed wants a factor like 1x"):
        speed_in(text)
