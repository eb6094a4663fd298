"""The two promises that are kept or broken every minute, and how fast a broken one uses its month's budget up.

**Availability**: of all requests, so many get an answer that the switch stands behind. Bad is an answer of
`temporarily_unavailable` or `system_error`, silence (`none`), and an answer that did not reach the terminal. A decline
is an answer. **Latency**: of all requests, so many are done with within `SLOW_S`.

A burn of 1 uses the budget up in exactly 30 days. An alert wants both its windows: the long one says that it matters,
the short one that it still goes on (Google, The Site Reliability Workbook, chapter 5).
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

AVAILABILITY_BUDGET: Final = 0.0005
"""Share of requests that may go wrong: 99.95 %."""

LATENCY_BUDGET: Final = 0.01
"""Share of requests that may be slow: 99 %."""

SLOW_S: Final = 0.5
"""A bucket's bound of `switch_request_duration_seconds`."""

SPOILT_MIN: Final = 10
"""Requests of the long window that have to be spoilt before anybody is told: one lost answer at night wakes nobody."""

Severity = Literal["page", "ticket"]


class Burn(NamedTuple):
    """How fast, seen over which two windows, and who is told."""

    times: float
    long: str
    short: str
    severity: Severity
    spent: str


# fmt: off
BURNS: Final = (
    #    times  long   short  severity  of the month's budget
    Burn(14.4,  "1h",  "5m",  "page",   "2 % in an hour"),
    Burn(6,     "6h",  "30m", "page",   "5 % in six hours"),
    Burn(3,     "1d",  "2h",  "ticket", "10 % in a day"),
    Burn(1,     "3d",  "6h",  "ticket", "10 % in three days"),
)
# fmt: on

WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")

_SECONDS: Final = {"m": 60, "h": 3_600, "d": 86_400}


def seconds(window: str) -> int:
    """Return the length of a window as PromQL writes it."""
    return int(window[:-1]) * _SECONDS[window[-1]]


def burns_at(what: str, budget: float, burn: Burn) -> str:
    """Return the condition under which ``what`` (``requests_bad``, ``requests_slow``) burns its budget so fast."""
    limit = f"{burn.times * budget:.6g}"
    return (
        f"switch:{what}:rate{burn.long} * {seconds(burn.long)} >= {SPOILT_MIN}\n"
        f"and switch:{what}:ratio_rate{burn.long} > {limit}\n"
        f"and switch:{what}:ratio_rate{burn.short} > {limit}"
    )
