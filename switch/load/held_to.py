"""Holds the results of a run to a scenario's limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from switch.load.scenario import Limits
from switch.reports.results import Limit, Results
from switch.wire.dialect import Dialect

_FAILURES: Final = ("temporarily_unavailable", "system_error")
_TIMED_OUT: Final = frozenset({"68", "98"})
"""Codes that no action of ours has: an upstream's time-out, by dialect."""


def failed(results: Results, dialect: Dialect) -> int:
    """Errors of the host: late or no answers, unreadable ones, and those that say that it could not.

    An ordinary decline is none.
    """
    codes = {dialect.actions[action] for action in _FAILURES} | _TIMED_OUT
    told = sum(count for code, count in results.answers.items() if code in codes)
    return results.late + results.missing + results.unreadable + told


def held_to(limits: Limits, results: Results, dialect: Dialect) -> Iterator[Limit]:
    """Each limit that is named, and whether it held. A run without messages holds none of them."""
    latency = results.latency_ms
    for name, limit, value in (
        ("p50_ms", limits.p50_ms, latency.p50),
        ("p99_ms", limits.p99_ms, latency.p99),
        ("p999_ms", limits.p999_ms, latency.p999),
    ):
        if limit is not None:
            has_answers = results.answered + results.late > 0
            yield Limit(
                name=name, limit=f"at most {limit:g}", value=f"{value:.1f}", held=has_answers and value <= limit
            )
    sent = max(results.sent, 1)
    if limits.error_share is not None:
        share = failed(results, dialect) / sent
        held = results.sent > 0 and share <= limits.error_share
        yield Limit(name="error_share", limit=f"at most {limits.error_share:g}", value=f"{share:.5f}", held=held)
    if limits.approved_share is not None:
        share = results.answers.get(dialect.actions["approved"], 0) / sent
        yield Limit(
            name="approved_share",
            limit=f"at least {limits.approved_share:g}",
            value=f"{share:.5f}",
            held=share >= limits.approved_share,
        )
    if limits.throughput_per_s is not None:
        value = results.throughput_per_s
        held = value >= limits.throughput_per_s
        yield Limit(
            name="throughput_per_s", limit=f"at least {limits.throughput_per_s:g}", value=f"{value:.1f}", held=held
        )
