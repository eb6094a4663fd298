"""Recording rules: what alerts and dashboards ask again and again, counted once.

Names are ``switch:WHAT:OPERATION``, as Prometheus recommends. All of them are over all processes of an installation.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from observability.slo import SLOW_S, WINDOWS

MONEY: Final = "purchase|authorisation|increment|code_purchase|transfer|load"
"""Kinds that ask for money: what happened already, cancels and questions say nothing about approving."""


class Recording(NamedTuple):
    """One series that Prometheus keeps."""

    record: str
    expr: str


def _over(window: str) -> tuple[Recording, ...]:
    """The shares of a window: bad, slow, and of what was asked for, approved.

    A counter's series begins with its first event: while there was none, nothing of all that was asked is the share.
    """
    asked = f"sum(rate(switch_requests_total[{window}]))"
    bad = (
        f'sum(rate(switch_requests_total{{action=~"temporarily_unavailable|system_error"}}[{window}]))',
        f'sum(rate(switch_requests_total{{action="none",kind!="unknown"}}[{window}]))',
        f"sum(rate(switch_answers_unsent_total[{window}]))",
    )
    counted = f"sum(rate(switch_request_duration_seconds_count[{window}]))"
    in_time = f'sum(rate(switch_request_duration_seconds_bucket{{le="{SLOW_S}"}}[{window}]))'
    return (
        Recording(f"switch:requests:rate{window}", asked),
        Recording(f"switch:requests_bad:rate{window}", "\n+ ".join(f"({part} or 0 * {asked})" for part in bad)),
        Recording(
            f"switch:requests_bad:ratio_rate{window}",
            f"switch:requests_bad:rate{window} / switch:requests:rate{window}",
        ),
        Recording(f"switch:requests_slow:rate{window}", f"{counted}\n- {in_time}"),
        Recording(f"switch:requests_slow:ratio_rate{window}", f"switch:requests_slow:rate{window}\n/ {counted}"),
    )


def _approvals(window: str) -> tuple[Recording, ...]:
    money = f'sum(rate(switch_requests_total{{kind=~"{MONEY}"}}[{window}]))'
    approved = f'sum(rate(switch_requests_total{{kind=~"{MONEY}",action="approved"}}[{window}]))'
    return (
        Recording(f"switch:money_asked:rate{window}", money),
        Recording(f"switch:approvals:ratio_rate{window}", f"({approved} or 0 * {money})\n/ {money}"),
    )


SHARES: Final = tuple(rule for window in WINDOWS for rule in _over(window))

APPROVALS: Final = (*_approvals("30m"), *_approvals("1h"))

STATE: Final = (
    Recording("switch:terminals_connected:sum", "sum(switch_terminals_connected)"),
    Recording("switch:terminals_connected:avg5m", "avg_over_time(switch:terminals_connected:sum[5m])"),
    Recording(
        "switch:commit_duration_seconds:p90_rate5m",
        "histogram_quantile(0.9, sum by (le) (rate(switch_commit_duration_seconds_bucket[5m])))",
    ),
    Recording(
        "switch:macs_refused:ratio_rate5m",
        "sum by (listener) (rate(switch_macs_refused_total[5m]))\n"
        "/ sum by (listener) (rate(switch_requests_total[5m]))",
    ),
)

GROUPS: Final = {"switch-shares": SHARES, "switch-approvals": APPROVALS, "switch-state": STATE}
