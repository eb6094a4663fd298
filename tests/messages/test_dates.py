"""Dates without a year mean the nearest day; days begin at midnight of the configured zone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.messages.dates import HostCalendar

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(text: str, zone: ZoneInfo = SHANGHAI) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 1_000_000


# fmt: off
DATES = [
    ("2026-11-21T10:00", "1121",   date(2026, 11, 21)),
    ("2027-01-02T10:00", "1231",   date(2026, 12, 31)),  # last year's, sent again after New Year
    ("2026-12-31T23:59", "0101",   date(2027, 1, 1)),    # a clock that runs ahead
    ("2028-03-01T00:01", "0229",   date(2028, 2, 29)),
    ("2027-03-01T00:01", "0229",   None),                # not next year's: a key would wait there for its owner
    ("2026-11-21T10:00", "261120", date(2026, 11, 20)),  # 1993 has the year
    ("2026-11-21T10:00", "1399",   None),
    ("2026-11-21T10:00", "0000",   None),
    ("2026-11-21T10:00", "",       None),
    ("2026-11-21T10:00", "11 1",   None),
]
# fmt: on


@pytest.mark.parametrize(("now", "text", "expected"), DATES)
def test_a_date_is_resolved_against_the_hosts_clock(now: str, text: str, expected: date | None) -> None:
    assert HostCalendar(SHANGHAI).resolve(text, at(now)) == expected


def test_what_was_resolved_yesterday_is_resolved_anew_today() -> None:
    calendar = HostCalendar(SHANGHAI)

    before = calendar.resolve("0630", at("2026-12-29T10:00"))
    after = calendar.resolve("0630", at("2026-12-30T10:00"))

    assert (before, after) == (date(2026, 6, 30), date(2027, 6, 30))


def test_a_day_begins_at_local_midnight() -> None:
    calendar = HostCalendar(SHANGHAI)

    assert calendar.day_of(at("2026-11-21T23:59:59")) == date(2026, 11, 21)
    assert calendar.day_of(at("2026-11-22T00:00:00")) == date(2026, 11, 22)
    assert calendar.day_of(at("2026-11-21T23:59:59")) == date(2026, 11, 21)


@given(st.integers(0, 3_000_000_000), st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "UTC"]))
def test_the_remembered_day_is_the_day_of_the_moment(second: int, name: str) -> None:
    zone = ZoneInfo(name)
    calendar = HostCalendar(zone)
    calendar.day_of((second - 7200) * 1_000_000)

    assert calendar.day_of(second * 1_000_000) == datetime.fromtimestamp(second, UTC).astimezone(zone).date()


def test_a_clock_that_is_off_is_measured_even_across_midnight() -> None:
    calendar = HostCalendar(SHANGHAI)
    now = at("2026-11-22T00:00:30")

    assert calendar.skew_s(date(2026, 11, 21), "235930", now) == 60
    assert calendar.skew_s(date(2026, 11, 22), "010030", now) == 3600
    assert calendar.skew_s(date(2026, 11, 22), "", now) == 0


def test_a_transmission_time_in_gmt_means_the_local_date() -> None:
    calendar = HostCalendar(ZoneInfo("Asia/Shanghai"))
    just_after_midnight = int(datetime(2026, 12, 31, 16, 1, tzinfo=UTC).timestamp()) * 1_000_000

    assert calendar.resolve("1231155959", just_after_midnight) == date(2026, 12, 31)
    assert calendar.resolve("1231160000", just_after_midnight) == date(2027, 1, 1)
    assert calendar.resolve("1231999999", just_after_midnight) == date(2026, 12, 31)
    assert calendar.resolve("0000000000", just_after_midnight) is None
