"""What proves the alerts: for each one series that make it fire, and others, as near as may be, that do not.

Series are written as `promtool test rules` reads them: ``0+6x90`` is 0, 6, 12, ..., ninety more values after the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Fired:
    """What fires: ``value`` as the summary shows it, ``only`` which rule where several share the name.

    ``labels`` are those that the expression leaves.
    """

    value: str = ""
    only: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """Series, one value each ``step``, and what of the alert fires ``at`` that time: nothing, unless it is said."""

    alert: str
    story: str
    series: dict[str, str]
    at: str
    fires: tuple[Fired, ...] = ()
    step: str = "1m"


_REQUESTS: Final = 'switch_requests_total{listener="pos",kind="purchase",action="%s"}'
_APPROVED, _FAILED, _DECLINED = (_REQUESTS % action for action in ("approved", "system_error", "insufficient_funds"))
_COUNT: Final = 'switch_request_duration_seconds_count{listener="pos",kind="purchase"}'
_IN_TIME: Final = 'switch_request_duration_seconds_bucket{listener="pos",kind="purchase",le="0.5"}'
_CONNECTED: Final = 'switch_terminals_connected{listener="pos"}'
_MONEY_ASKED: Final = "switch:money_asked:rate30m"
_UP_ELSEWHERE: Final = {'switch_console_up{instance="b"}': "1x20"}

_Spoilt = tuple[int, str, str, dict[str, str]]

# fmt: off
_UNANSWERED: Final[tuple[_Spoilt, ...]] = (
    # of 10,000    at     step   what burns the budget too fast
    (80,           "70m", "1m",  {"14.4x": "4.8k", "6x": "5.6k", "3x": "5.6k", "1x": "5.6k"}),
    (70,           "70m", "1m",  {"6x": "4.9k", "3x": "4.9k", "1x": "4.9k"}),
    (40,           "7h",  "1m",  {"6x": "14.4k", "3x": "16.8k", "1x": "16.8k"}),
    (20,           "7h",  "1m",  {"3x": "8.4k", "1x": "8.4k"}),
    (20,           "26h", "10m", {"3x": "2.88k", "1x": "3.12k"}),
    (10,           "26h", "10m", {"1x": "1.56k"}),
    ( 4,           "26h", "10m", {}),
)
_LATE: Final[tuple[_Spoilt, ...]] = (
    (1500,         "70m", "1m",  {"14.4x": "90k", "6x": "105k", "3x": "105k", "1x": "105k"}),
    (1400,         "70m", "1m",  {"6x": "98k", "3x": "98k", "1x": "98k"}),
    ( 700,         "7h",  "1m",  {"6x": "252k", "3x": "294k", "1x": "294k"}),
    ( 500,         "7h",  "1m",  {"3x": "210k", "1x": "210k"}),
    ( 400,         "26h", "10m", {"3x": "57.6k", "1x": "62.4k"}),
    ( 200,         "26h", "10m", {"1x": "31.2k"}),
    (  90,         "26h", "10m", {}),
)
# fmt: on


def _burns() -> Iterator[Case]:
    for bad, at, step, burns in _UNANSWERED:
        series = {_APPROVED: f"0+{10_000 - bad}x600", _FAILED: f"0+{bad}x600"}
        yield Case("AvailabilityBurn", f"{bad} of 10,000 without an answer, {at}", series, at, _burning(burns), step)
    for bad, at, step, burns in _LATE:
        series = {_COUNT: "0+10000x600", _IN_TIME: f"0+{10_000 - bad}x600"}
        yield Case("LatencyBurn", f"{bad} of 10,000 late, {at}", series, at, _burning(burns), step)
    over = {_APPROVED: "0+10000x600", _FAILED: "0+300x70 21000x600"}
    still = {"3x": "21k", "1x": "21k"}
    yield Case("AvailabilityBurn", "300 of 10,000, over for forty minutes", over, "110m", _burning(still))
    few = {_APPROVED: "0+1x600", _FAILED: "0 0 0 1x600"}
    yield Case("AvailabilityBurn", "one bad answer among few, at night", few, "30m")
    declines = {_APPROVED: "0+1000x600", _DECLINED: "0+1000x600"}
    yield Case("AvailabilityBurn", "declines are answers", declines, "70m")


def _burning(burns: dict[str, str]) -> tuple[Fired, ...]:
    return tuple(Fired(value, {"burn": burn}) for burn, value in burns.items())


_SERVICE: Final = (
    Case(
        "SwitchDown",
        "does not answer",
        {'up{job="switch",instance="a:8580"}': "1x10 0x20"},
        "13m",
        fires=(Fired(labels={"job": "switch", "instance": "a:8580"}),),
    ),
    Case(
        "SwitchDown",
        "none is known",
        {'up{job="other"}': "1x20"},
        "13m",
        fires=(Fired(labels={"job": "switch"}),),
    ),
    Case("SwitchDown", "answers", {'up{job="switch",instance="a:8580"}': "1x20"}, "13m"),
    Case(
        "ApprovalRateLow",
        "half of last week's share",
        {"switch:approvals:ratio_rate1h": "0.9x400", "switch:approvals:ratio_rate30m": "0.9x335 0.4x60"}
        | {_MONEY_ASKED: "2x400"},
        "169h",
        fires=(Fired("40%"),),
        step="30m",
    ),
    Case(
        "ApprovalRateLow",
        "as low as at that hour a week ago",
        {"switch:approvals:ratio_rate1h": "0.45x400", "switch:approvals:ratio_rate30m": "0.4x400"}
        | {_MONEY_ASKED: "2x400"},
        "169h",
        step="30m",
    ),
    Case(
        "ApprovalRateLow",
        "low, of a handful of requests",
        {"switch:approvals:ratio_rate1h": "0.9x400", "switch:approvals:ratio_rate30m": "0.4x400"}
        | {_MONEY_ASKED: "0.01x400"},
        "169h",
        step="30m",
    ),
    Case(
        "QueueStuck",
        "waits for the database",
        {"switch_queue_oldest_age_seconds": "0x5 8x10"},
        "10m",
        fires=(Fired("8s"),),
    ),
    Case("QueueStuck", "waits for a moment", {"switch_queue_oldest_age_seconds": "2x20"}, "10m"),
    Case(
        "GroupCommitSlow",
        "nine in ten take up to half a second",
        {
            'switch_commit_duration_seconds_bucket{le="0.25"}': "0+80x60",
            'switch_commit_duration_seconds_bucket{le="0.5"}': "0+100x60",
            'switch_commit_duration_seconds_bucket{le="+Inf"}': "0+100x60",
        },
        "30m",
        fires=(Fired("375ms"),),
    ),
    Case(
        "GroupCommitSlow",
        "nine in ten are quick",
        {
            'switch_commit_duration_seconds_bucket{le="0.1"}': "0+90x60",
            'switch_commit_duration_seconds_bucket{le="0.25"}': "0+95x60",
            'switch_commit_duration_seconds_bucket{le="+Inf"}': "0+100x60",
        },
        "30m",
    ),
    Case(
        "CommitFateUnknown",
        "the first one since the start",
        {'switch_commits_failed_total{reason="unknown"}': "_x20 1x20"},
        "25m",
        fires=(Fired(),),
    ),
    Case(
        "CommitFateUnknown",
        "one more",
        {'switch_commits_failed_total{reason="unknown"}': "1x20 2x20"},
        "25m",
        fires=(Fired(),),
    ),
    Case(
        "CommitFateUnknown",
        "an old one, and some that were tried again",
        {
            'switch_commits_failed_total{reason="unknown"}': "1x60",
            'switch_commits_failed_total{reason="retried"}': "0+1x60",
        },
        "40m",
    ),
    Case("ConsoleDown", "does not answer", {"switch_console_up": "1x5 0x20"}, "12m", fires=(Fired(),)),
    Case("ConsoleDown", "answers at one of two", {'switch_console_up{instance="a"}': "0x20"} | _UP_ELSEWHERE, "12m"),
    Case("MaintenanceLong", "since five hours ago", {"switch_maintenance": "1x40"}, "5h", fires=(Fired(),), step="10m"),
    Case("MaintenanceLong", "since an hour ago", {"switch_maintenance": "0x24 1x10"}, "5h", step="10m"),
)

_TERMINALS: Final = (
    Case(
        "TerminalsDropped",
        "half of them at once",
        {_CONNECTED: "100x4 40x10"},
        "90m",
        fires=(Fired("40"),),
        step="15m",
    ),
    Case("TerminalsDropped", "a few of them", {_CONNECTED: "100x4 70x10"}, "90m", step="15m"),
    Case("TerminalsDropped", "three of four", {_CONNECTED: "4x4 1x10"}, "90m", step="15m"),
    Case(
        "TerminalsDropped",
        "shops close, as they did a week ago",
        {_CONNECTED: "100x4 40x666 100x4 40x10"},
        "10170m",
        step="15m",
    ),
    Case(
        "MacFailureStorm",
        "one in ten",
        {
            'switch_macs_refused_total{listener="pos",reason="wrong"}': "0+10x60",
            'switch_requests_total{listener="pos",kind="unknown",action="mac_wrong"}': "0+10x60",
            'switch_requests_total{listener="pos",kind="purchase",action="approved"}': "0+90x60",
        },
        "30m",
        fires=(Fired("10%", labels={"listener": "pos"}),),
    ),
    Case(
        "MacFailureStorm",
        "one in a hundred",
        {
            'switch_macs_refused_total{listener="pos",reason="wrong"}': "0+10x60",
            'switch_requests_total{listener="pos",kind="purchase",action="approved"}': "0+1000x60",
        },
        "30m",
    ),
    Case(
        "MacFailureStorm",
        "one terminal, now and then",
        {
            'switch_macs_refused_total{listener="pos",reason="wrong"}': "0+1x60",
            'switch_requests_total{listener="pos",kind="purchase",action="approved"}': "0+5x60",
        },
        "30m",
    ),
)

_BOOKS: Final = (
    Case("LedgerImbalance", "too little", {"switch_ledger_imbalance_minor": "0x5 -40x20"}, "10m", (Fired("40"),)),
    Case("LedgerImbalance", "balanced", {"switch_ledger_imbalance_minor": "0x30"}, "10m"),
    Case(
        "AuditFindings",
        "one broken",
        {"switch_audit_findings": "0x5 1x20"},
        "10m",
        fires=(Fired("1"),),
    ),
    Case("AuditFindings", "sound", {"switch_audit_findings": "0x30"}, "10m"),
    Case("AuditTooOld", "two days", {"switch_audit_age_seconds": "172800x90"}, "65m", fires=(Fired(),)),
    Case("AuditTooOld", "never", {"switch_books_looked_at_timestamp_seconds": "1x90"}, "65m", fires=(Fired(),)),
    Case(
        "AuditTooOld",
        "this morning",
        {"switch_audit_age_seconds": "9000+60x90", "switch_books_looked_at_timestamp_seconds": "1x90"},
        "65m",
    ),
    Case(
        "BooksNotRead",
        "since the start",
        {"switch_books_looked_at_timestamp_seconds": "0x60"},
        "20m",
        fires=(Fired(),),
    ),
    Case("BooksNotRead", "never", {'switch_build_info{version="1"}': "1x60"}, "20m", fires=(Fired(),)),
    Case("BooksNotRead", "all the time", {"switch_books_looked_at_timestamp_seconds": "0+60x60"}, "20m"),
    Case(
        "MoneyAtRisk",
        "of two processes",
        {f'switch_money_at_risk_payments{{instance="{name}"}}': "6x40" for name in "ab"},
        "20m",
        fires=(Fired("12"),),
    ),
    Case("MoneyAtRisk", "a few", {"switch_money_at_risk_payments": "6x40"}, "20m"),
    Case(
        "ReversalsUnmatched",
        "many",
        {"switch_reversals_unmatched": "12x40"},
        "20m",
        fires=(Fired("12"),),
    ),
    Case("ReversalsUnmatched", "a few", {"switch_reversals_unmatched": "9x40"}, "20m"),
    Case("DifferencesWaiting", "of batches", {"switch_batch_differences_open": "3x160"}, "25h", (Fired("3"),), "10m"),
    Case(
        "DifferencesWaiting",
        "late reversals",
        {"switch_batch_differences_open": "0x160", "switch_adjustments_open": "2x160"},
        "25h",
        fires=(Fired("2"),),
        step="10m",
    ),
    Case("DifferencesWaiting", "since noon", {"switch_batch_differences_open": "0x120 3x40"}, "25h", step="10m"),
    Case(
        "DayNotSettled",
        "since the cut-over",
        {"switch_settlements_due": "0x5 1x60"},
        "40m",
        fires=(Fired("1"),),
    ),
    Case("DayNotSettled", "under way", {"switch_settlements_due": "0x20 1x10 0x30"}, "40m"),
)

_PROGRAM: Final = (
    Case(
        "DiskNearlyFull",
        "a gigabyte left",
        {"switch_disk_free_bytes": "1073741824x40"},
        "10m",
        fires=(Fired("1Gi", only={"severity": "page"}),),
    ),
    Case("DiskNearlyFull", "ten left", {"switch_disk_free_bytes": "10000000000x40"}, "10m"),
    Case(
        "DiskNearlyFull",
        "a gigabyte goes in an hour, of fifty",
        {"switch_disk_free_bytes": "5e10-8.5e7x200"},
        "8h",
        fires=(Fired(only={"severity": "ticket"}),),
        step="5m",
    ),
    Case(
        "DiskNearlyFull",
        "a hundred megabytes go in an hour, of fifty gigabytes",
        {"switch_disk_free_bytes": "5e10-8.5e6x200"},
        "8h",
        step="5m",
    ),
    Case(
        "CertificateEnding",
        "tomorrow",
        {"switch_certificate_expiry_timestamp_seconds": "86400x40"},
        "10m",
        fires=(Fired("23h 50m 0s", only={"severity": "page"}),),
    ),
    Case(
        "CertificateEnding",
        "in two weeks",
        {"switch_certificate_expiry_timestamp_seconds": "1213200x90"},
        "65m",
        fires=(Fired("13d 23h 55m 0s", only={"severity": "ticket"}),),
    ),
    Case(
        "DiskNearlyFull",
        "an import, seen for an hour",
        {"switch_disk_free_bytes": "_x60 5e10-8.5e7x40"},
        "8h",
        step="5m",
    ),
    Case("CertificateEnding", "in a month", {"switch_certificate_expiry_timestamp_seconds": "2592000x90"}, "65m"),
)

CASES: Final = (*_burns(), *_SERVICE, *_TERMINALS, *_BOOKS, *_PROGRAM)
