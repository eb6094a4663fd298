"""Alerts: what wakes somebody (`page`), and what waits for the morning (`ticket`). Each has a page in docs/runbooks.

A page is something that costs money or customers now and that a person can do something about; everything else is a
ticket. What is read from the books is the same from every process, so the largest counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from observability.slo import AVAILABILITY_BUDGET, BURNS, LATENCY_BUDGET, Burn, Severity, burns_at

RUNBOOKS: Final = "docs/runbooks"


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule; several may share a name. ``wait`` is how long it has to hold before it fires."""

    name: str
    severity: Severity
    expr: str
    wait: str
    summary: str
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def all_labels(self) -> dict[str, str]:
        return {"severity": self.severity, **self.labels}

    @property
    def annotations(self) -> dict[str, str]:
        return {"summary": self.summary, "runbook": f"{RUNBOOKS}/{self.name}.md"}


def _burning(name: str, what: str, budget: float, burn: Burn, summary: str) -> Alert:
    return Alert(
        name,
        burn.severity,
        burns_at(what, budget, burn),
        "2m" if burn.severity == "page" else "15m",
        f"{summary} in {burn.long}: the month's budget burns at {burn.times:g}x ({burn.spent})",
        {"burn": f"{burn.times:g}x"},
    )


_AVAILABILITY = tuple(
    _burning(
        "AvailabilityBurn",
        "requests_bad",
        AVAILABILITY_BUDGET,
        burn,
        "{{ $value | humanize }} requests without a proper answer",
    )
    for burn in BURNS
)

_LATENCY = tuple(
    _burning("LatencyBurn", "requests_slow", LATENCY_BUDGET, burn, "{{ $value | humanize }} requests answered late")
    for burn in BURNS
)

_SERVICE: Final = (
    Alert(
        "SwitchDown",
        "page",
        'up{job="switch"} == 0 or absent(up{job="switch"})',
        "1m",
        "The switch {{ $labels.instance }} cannot be scraped: it is gone, or its admin address does not answer",
    ),
    Alert(
        "ApprovalRateLow",
        "page",
        "switch:approvals:ratio_rate30m < 0.7 * (switch:approvals:ratio_rate1h offset 1w)\n"
        "and switch:money_asked:rate30m * 1800 >= 50",
        "10m",
        "{{ $value | humanizePercentage }} approved in half an hour: less than 70 % of the same hour a week ago",
    ),
    Alert(
        "QueueStuck",
        "page",
        "max(switch_queue_oldest_age_seconds) > 5",
        "1m",
        "A request has waited {{ $value | humanizeDuration }} for its commit: the database does not keep up",
    ),
    Alert(
        "GroupCommitSlow",
        "ticket",
        "switch:commit_duration_seconds:p90_rate5m > 0.25",
        "10m",
        "One commit in ten takes {{ $value | humanizeDuration }} and more",
    ),
    Alert(
        "CommitFateUnknown",
        "ticket",
        'sum(increase(switch_commits_failed_total{reason="unknown"}[15m])) > 0\n'
        'or count(switch_commits_failed_total{reason="unknown"}\n'
        '  unless switch_commits_failed_total{reason="unknown"} offset 15m) > 0',
        "0m",
        "The database went away during a commit: some terminals were not answered",
    ),
    Alert(
        "ConsoleDown",
        "ticket",
        "max(switch_console_up) == 0",
        "5m",
        "The operators' console does not answer; payments are not touched",
    ),
    Alert(
        "MaintenanceLong",
        "ticket",
        "max(switch_maintenance) == 1",
        "4h",
        "New transactions have been refused for maintenance for four hours",
    ),
)

_TERMINALS: Final = (
    Alert(
        "TerminalsDropped",
        "page",
        "switch:terminals_connected:avg5m < 0.6 * max_over_time(switch:terminals_connected:avg5m[30m])\n"
        "and max_over_time(switch:terminals_connected:avg5m[30m]) >= 10\n"
        "unless switch:terminals_connected:avg5m >= 0.8 * (switch:terminals_connected:avg5m offset 1w)",
        "5m",
        "{{ $value | humanize }} terminals are left of those that were connected half an hour ago",
    ),
    Alert(
        "MacFailureStorm",
        "page",
        "switch:macs_refused:ratio_rate5m > 0.05\n"
        "and sum by (listener) (increase(switch_macs_refused_total[5m])) >= 20",
        "5m",
        "{{ $value | humanizePercentage }} of the messages at {{ $labels.listener }} are refused for their MAC",
    ),
)

_BOOKS: Final = (
    Alert(
        "LedgerImbalance",
        "page",
        "max(abs(switch_ledger_imbalance_minor)) > 0",
        "1m",
        "Cardholders' balances and their entries differ by {{ $value | humanize }} minor units",
    ),
    Alert(
        "AuditFindings",
        "page",
        "max(switch_audit_findings) > 0",
        "0m",
        "The last audit of the books found {{ $value | humanize }} broken",
    ),
    Alert(
        "AuditTooOld",
        "ticket",
        "max(switch_audit_age_seconds) > 129600\n"
        "or (count(switch_books_looked_at_timestamp_seconds) unless on() count(switch_audit_age_seconds))",
        "1h",
        "The books were not audited for a day and a half, or never",
    ),
    Alert(
        "BooksNotRead",
        "ticket",
        "time() - max(switch_books_looked_at_timestamp_seconds) > 300\n"
        "or (count(switch_build_info) unless on() count(switch_books_looked_at_timestamp_seconds))",
        "5m",
        "The figures of the books are old, or were never read: the alerts about money are blind",
    ),
    Alert(
        "MoneyAtRisk",
        "ticket",
        "sum(switch_money_at_risk_payments) >= 10",
        "15m",
        "{{ $value | humanize }} approved payments whose answer did not leave, and which nobody has undone",
    ),
    Alert(
        "ReversalsUnmatched",
        "ticket",
        "max(switch_reversals_unmatched) >= 10",
        "10m",
        "{{ $value | humanize }} reversals of the last 24 hours found no original",
    ),
    Alert(
        "DifferencesWaiting",
        "ticket",
        "max(switch_batch_differences_open) > 0 or max(switch_adjustments_open) > 0",
        "1d",
        "Differences have waited for a decision for a day, {{ $value | humanize }} of them now",
    ),
    Alert(
        "DayNotSettled",
        "ticket",
        "max(switch_settlements_due) > 0",
        "30m",
        "{{ $value | humanize }} business days have ended and have no clearing file",
    ),
)

_PROGRAM: Final = (
    Alert(
        "DiskNearlyFull",
        "page",
        "min(switch_disk_free_bytes) < 2e9",
        "5m",
        "{{ $value | humanize1024 }}B are left on the disk of the books",
    ),
    Alert(
        "DiskNearlyFull",
        "ticket",
        "min(predict_linear(switch_disk_free_bytes[6h], 4 * 86400)) < 0\nand min(switch_disk_free_bytes offset 5h) > 0",
        "1h",
        "The disk of the books is full within four days, as it goes now",
    ),
    Alert(
        "CertificateEnding",
        "page",
        "min(switch_certificate_expiry_timestamp_seconds) - time() < 2 * 86400",
        "5m",
        "The admin address's certificate ends in {{ $value | humanizeDuration }}",
    ),
    Alert(
        "CertificateEnding",
        "ticket",
        "min(switch_certificate_expiry_timestamp_seconds) - time() < 21 * 86400",
        "1h",
        "The admin address's certificate ends in {{ $value | humanizeDuration }}",
    ),
)

GROUPS: Final = {
    "switch-objectives": (*_AVAILABILITY, *_LATENCY),
    "switch-service": _SERVICE,
    "switch-terminals": _TERMINALS,
    "switch-books": _BOOKS,
    "switch-program": _PROGRAM,
}

ALERTS: Final = tuple(alert for group in GROUPS.values() for alert in group)
