"""Runs to draw: one that held, the search for a knee, and one of which nothing came."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from switch.reports.results import (
    Books,
    ConnectionEvent,
    Difference,
    Environment,
    Latency,
    Limit,
    Percentile,
    Results,
    Second,
    Step,
)

NOTHING: dict[str, Any] = {
    "title": "a host that says nothing",
    "command": "switch replay day.capture --to 127.0.0.1:8583",
    "target": "127.0.0.1:8583",
    "dialect": "iso8583-1987-ascii",
    "started_at": datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
    "duration_s": 0.0,
    "environment": Environment(switch="0.1.0", python="3.12.4", system="Linux 6.8 x86_64", cores=2),
}


def nothing_answered(**changes: Any) -> Results:
    """Sixty messages went out, nothing came back."""
    silent = [Second(second=one, sent=20, errors=20) for one in range(3)]
    return Results(**{**NOTHING, "duration_s": 3.0, "sent": 60, "missing": 60, "timeline": silent, **changes})


def a_run(**changes: Any) -> Results:
    """A minute at 900 a second that held, with a hiccup in its middle."""
    parts: dict[str, Any] = {
        **NOTHING,
        "title": "purchases, one minute at 900 a second",
        "command": "switch load purchase --to 127.0.0.1:8583 --rate 900 --duration 60 --warm-up 5 --html run.html",
        "duration_s": 60.0,
        "warm_up_s": 5.0,
        "connections": 64,
        "sent": 54_000,
        "answered": 53_991,
        "late": 6,
        "missing": 3,
        "throughput_per_s": 899.85,
        "latency_ms": Latency(p50=2.31, p90=4.87, p99=11.9, p999=48.2, max=183.4, mean=2.96),
        "distribution": distribution(),
        "answers": {"00": 53_120, "51": 611, "61": 240, "55": 26},
        "timeline": [second(one) for one in range(-5, 60)],
        "connection_events": [ConnectionEvent(second=31.402, connection="17", what="closed by the host")],
        "faults_sent": {"half frames": 12, "bad MACs": 3},
        "limits": [
            Limit(name="p99", limit="at most 50 ms", value="11.9 ms", held=True),
            Limit(name="errors", limit="at most 0.1 %", value="0.02 %", held=True),
        ],
        "books": Books(approvals_on_wire=53_120, approvals_in_books=53_120, audit_findings=[], agree=True),
    }
    return Results(**{**parts, **changes})


def second(at: int, *, slow: float = 1.0) -> Second:
    """One second at about 900; the thirtieth is slow."""
    wave = math.sin(at / 4)
    hiccup = 9.0 if at in {30, 31} else 1.0
    return Second(
        second=at,
        sent=900,
        answered=round(900 + 14 * wave - (220 if at == 30 else 0)),
        errors=3 if at == 30 else 0,
        p50_ms=round(slow * (2.3 + 0.2 * wave) * hiccup**0.5, 3),
        p99_ms=round(slow * (11.0 + 1.5 * math.cos(at / 3)) * hiccup, 3),
    )


def distribution(slow: float = 1.0) -> list[Percentile]:
    """A long tail, as recorded ones are: its ends are at the median and at the worst of all."""
    nines = [0.0, 0.3, 0.6, 1.0, 1.3, 1.6, 2.0, 2.3, 2.6, 3.0, 3.3, 3.6, 4.0, 4.3, 4.7]
    points = [Percentile(share=1 - 10**-one, ms=round(slow * 1.4 * 2.8**one, 3)) for one in nines]
    return [*points, Percentile(share=1.0, ms=round(slow * 183.4, 3))]


def a_knee_search() -> Results:
    """Six rates, of which four held."""
    steps = [
        Step(rate_per_s=1000.0 * n, throughput_per_s=1000.0 * n, p99_ms=3.0 + n * n, errors=0, held=True)
        for n in range(1, 5)
    ]
    broken = [
        Step(rate_per_s=5000, throughput_per_s=4720, p99_ms=210.0, errors=0, held=False),
        Step(rate_per_s=4500, throughput_per_s=4480, p99_ms=64.0, errors=12, held=False),
    ]
    return a_run(title="where is the knee?", knee=[*steps, *broken])


def a_changed_run() -> Results:
    """A replay whose answers are not all what they were."""
    first = [
        Difference(message=f"#{n} 0210 STAN {n:06}", field="39 response code", before="00", after="05")
        for n in range(1, 21)
    ]
    return a_run(title="replay of a day", differences=412, difference_list=first)
