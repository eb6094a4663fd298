"""What Prometheus reads: rules, and the tests of the alerts, as YAML."""

from __future__ import annotations

import re
from typing import Final

from observability import alerts, recording
from observability.alert_cases import CASES, Case, Fired
from observability.alerts import ALERTS, Alert
from observability.yaml_text import Value, yaml_text

_HEAD: Final = "# Written by `make dashboards` from observability/{}.py; a test holds the two together.\n"
_VALUE: Final = re.compile(r"{{ \$value [^}]*}}")
_LABEL: Final = re.compile(r"{{ \$labels\.(\w+) }}")

_EVALUATED_EACH: Final = {
    "AvailabilityBurn": "10m",
    "LatencyBurn": "10m",
    "ApprovalRateLow": "30m",
    "TerminalsDropped": "15m",
    "MaintenanceLong": "10m",
    "DifferencesWaiting": "10m",
    "DiskNearlyFull": "5m",
}
"""Where days have to pass in a test; a minute for the others."""


def recording_rules() -> str:
    """Return the file of recording rules."""
    groups: list[Value] = [
        {"name": name, "rules": [{"record": rule.record, "expr": rule.expr} for rule in rules]}
        for name, rules in recording.GROUPS.items()
    ]
    return _HEAD.format("recording") + yaml_text({"groups": groups})


def alerting_rules() -> str:
    """Return the file of alerts."""
    groups: list[Value] = [
        {"name": name, "rules": [_rule(alert) for alert in group]} for name, group in alerts.GROUPS.items()
    ]
    return _HEAD.format("alerts") + yaml_text({"groups": groups})


def rule_tests() -> dict[str, str]:
    """Return the tests of each alert, by its name."""
    return {name: _tests_of(name) for name in dict.fromkeys(case.alert for case in CASES)}


def _rule(alert: Alert) -> Value:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.wait,
        "labels": alert.all_labels,
        "annotations": alert.annotations,
    }


def _tests_of(name: str) -> str:
    return _HEAD.format("alert_cases") + yaml_text(
        {
            "rule_files": ["../rules/recording.yml", "../rules/alerts.yml"],
            "evaluation_interval": _EVALUATED_EACH.get(name, "1m"),
            "group_eval_order": [*recording.GROUPS, *alerts.GROUPS],
            "tests": [_test(case) for case in CASES if case.alert == name],
        }
    )


def _test(case: Case) -> Value:
    expected = [_expected(alert, fired) for fired in case.fires for alert in rules_meant(case.alert, fired)]
    return {
        "name": case.story,
        "interval": case.step,
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "alert_rule_test": [{"eval_time": case.at, "alertname": case.alert, "exp_alerts": expected}],
    }


def rules_meant(name: str, fired: Fired) -> list[Alert]:
    """Return the rules of an alert that are meant to fire."""
    return [alert for alert in ALERTS if alert.name == name and fired.only.items() <= alert.all_labels.items()]


def _expected(alert: Alert, fired: Fired) -> Value:
    summary = _LABEL.sub(lambda found: fired.labels.get(found[1], ""), alert.summary)
    summary = _VALUE.sub(lambda _: fired.value, summary)
    labels = {**alert.all_labels, **fired.labels}
    return {"exp_labels": labels, "exp_annotations": {**alert.annotations, "summary": summary}}
