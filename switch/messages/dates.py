"""Dates of a host that lives in one time zone: business days, and the years that messages leave out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_SECOND = 1_000_000
_GMT_DIGITS = 10
_HALF_A_YEAR = timedelta(days=183)
_CACHED_DATES_MAX = 64
"""Distinct MMDD values remembered per day; a terminal that sends every date there is cannot grow it."""


class HostCalendar:
    """Turns moments (microseconds since 1970, UTC) into local dates and times, and DE 13 into full dates.

    The calendar remembers the day it is in, so that the common question costs two comparisons.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._today = date.min
        self._begins_at = self._ends_at = 0
        self._resolved: dict[str, date | None] = {}

    def day_of(self, at: int) -> date:
        """The local date of a moment."""
        if not self._begins_at <= at < self._ends_at:
            self._enter(at)
        return self._today

    def time_of(self, at: int) -> tuple[str, str, str]:
        """(YYMMDD, MMDD, hhmmss) of a moment, local."""
        local = datetime.fromtimestamp(at // _SECOND, self._zone)
        day = f"{local.month:02d}{local.day:02d}"
        return f"{local.year % 100:02d}{day}", day, f"{local.hour:02d}{local.minute:02d}{local.second:02d}"

    def resolve(self, text: str, at: int) -> date | None:
        """The date that MMDD or YYMMDD, or the local one that a GMT time MMDDhhmmss (DE 7), means at a moment.

        A date without its year is the one nearest to the moment: on 2 January 1231 is last year's, on
        31 December 0101 is next year's (domain rule 6). None if there is no such day.
        """
        today = self.day_of(at)
        if len(text) == _GMT_DIGITS:
            return self._local_date(text, today)
        try:
            return self._resolved[text]
        except KeyError:
            found = _nearest(text, today)
            if len(self._resolved) < _CACHED_DATES_MAX:
                self._resolved[text] = found
            return found

    def skew_s(self, local_date: date, local_time: str, at: int) -> int:
        """How far a terminal's clock (hhmmss, "" where it says nothing) is off the host's, in seconds."""
        today = self.day_of(at)
        if not (local_time.isdigit() and len(local_time) == 6):  # noqa: PLR2004 - hhmmss
            return 0
        said = int(local_time[:2]) * 3600 + int(local_time[2:4]) * 60 + int(local_time[4:])
        days = 0 if local_date == today else (local_date - today).days
        return abs(days * 86_400 + said - (at - self._begins_at) // _SECOND)

    def _local_date(self, gmt: str, today: date) -> date | None:
        day, time = _nearest(gmt[:4], today), gmt[4:]
        try:
            moment = datetime.strptime(time, "%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return day
        return datetime.combine(day, moment.timetz()).astimezone(self._zone).date() if day else None

    def _enter(self, at: int) -> None:
        local = datetime.fromtimestamp(at // _SECOND, self._zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        tomorrow = datetime.combine(midnight.date() + timedelta(days=1), midnight.timetz()).replace(fold=0)
        self._today = local.date()
        self._begins_at = int(midnight.astimezone(UTC).timestamp()) * _SECOND
        self._ends_at = int(tomorrow.astimezone(UTC).timestamp()) * _SECOND
        self._resolved.clear()


def _nearest(text: str, today: date) -> date | None:
    if not (text.isascii() and text.isdigit() and len(text) in (4, 6)):
        return None
    month, day = int(text[-4:-2]), int(text[-2:])
    years = (2000 + int(text[:2]),) if len(text) == 6 else (today.year - 1, today.year, today.year + 1)  # noqa: PLR2004 - YYMMDD
    candidates = []
    for year in years:
        try:
            candidates.append(date(year, month, day))
        except ValueError:
            continue
    found = min(candidates, key=lambda candidate: abs(candidate - today), default=None)
    is_far = found is not None and len(text) == 4 and abs(found - today) > _HALF_A_YEAR  # noqa: PLR2004 - MMDD
    return None if is_far else found  # 29 February of a year without one is no day of another year
