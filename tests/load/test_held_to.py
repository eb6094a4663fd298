from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from switch.load.held_to import failed, held_to
from switch.load.scenario import Limits
from switch.load.tallying import here
from switch.reports.results import Latency, Results
from switch.wire.dialect import load_dialect

DIALECT = load_dialect("unionpay-pos")


def results(**changes: Any) -> Results:
    parts: dict[str, Any] = {
        "title": "a run",
        "command": "switch load",
        "target": "127.0.0.1:1",
        "dialect": "unionpay-pos",
        "started_at": datetime(2026, 11, 21, tzinfo=UTC),
        "duration_s": 1,
        "environment": here(),
        "sent": 100,
        "answered": 97,
        "late": 1,
        "missing": 2,
        "throughput_per_s": 98,
        "latency_ms": Latency(p50=10, p99=99.9, p999=200),
        "answers": {"00": 90, "51": 6, "96": 1, "91": 1},
    }
    return Results(**parts | changes)


@pytest.mark.parametrize(
    ("limits", "value", "held"),
    [
        ({"p50_ms": 10}, "10.0", True),
        ({"p99_ms": 99.8}, "99.9", False),
        ({"p999_ms": 200}, "200.0", True),
        ({"error_share": 0.05}, "0.05000", True),
        ({"error_share": 0.049}, "0.05000", False),
        ({"approved_share": 0.9}, "0.90000", True),
        ({"approved_share": 0.91}, "0.90000", False),
        ({"throughput_per_s": 98}, "98.0", True),
        ({"throughput_per_s": 99}, "98.0", False),
    ],
)
def test_each_limit_that_is_named_is_looked_at(limits: dict[str, float], value: str, held: bool) -> None:  # noqa: FBT001
    (limit,) = held_to(Limits.model_validate(limits), results(), DIALECT)

    assert (limit.name, limit.value, limit.held) == (next(iter(limits)), value, held)


def test_errors_are_the_hosts_failures_and_what_it_never_said_but_no_declines() -> None:
    assert failed(results(), DIALECT) == 1 + 2 + 1 + 1
    assert failed(results(unreadable=3), DIALECT) == 8
    assert failed(results(answers={"51": 97}, late=0, missing=0), DIALECT) == 0


def test_a_run_in_which_nothing_was_answered_holds_no_limit() -> None:
    silent = results(sent=0, answered=0, late=0, missing=0, answers={}, latency_ms=Latency(), throughput_per_s=0)
    every = Limits(p50_ms=1, p99_ms=1, p999_ms=1, error_share=1, approved_share=0.1, throughput_per_s=1)

    assert [limit.held for limit in held_to(every, silent, DIALECT)] == [False] * 6


def test_what_is_not_named_is_not_looked_at() -> None:
    assert [*held_to(Limits(), results(), DIALECT)] == []
