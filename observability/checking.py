"""Holds dashboards and alerts, as they are committed, against a Prometheus that has scraped a switch.

A panel without data, and a name that the switch does not tell of, are what an operator finds out at the worst moment.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from observability.alerts import ALERTS
from observability.generate import DEPLOY
from observability.prometheus import Prometheus, Sample
from observability.recording import GROUPS

RATE_INTERVAL: Final = "1m"
"""What stands for ``$__rate_interval``: long enough for all of a short load."""

_FILLED_IN: Final = {"$__rate_interval": RATE_INTERVAL, "$listener": ".*"}
_METRIC: Final = re.compile(r"\b(?:switch|process|python)_[a-z0-9_]+")
_OF_HISTOGRAMS: Final = re.compile(r"_(bucket|count|sum)$")
_OF_RULES: Final = re.compile(r"\bswitch:[a-z0-9_:]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a panel, as Grafana would send it."""

    dashboard: str
    panel: str
    unit: str
    expr: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one query: the series that have a value."""

    asked: Asked
    samples: list[Sample]

    @property
    def has_data(self) -> bool:
        return bool(self.samples)


def queries() -> Iterator[Asked]:
    """Read the queries of all panels of deploy/grafana/dashboards."""
    dashboards = [json.loads(file.read_text("utf-8")) for file in (DEPLOY / "grafana/dashboards").glob("*.json")]
    for dashboard in sorted(dashboards, key=lambda each: str(each["title"])):
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                unit = panel["fieldConfig"]["defaults"]["unit"]
                yield Asked(dashboard["title"], panel["title"], unit, _filled_in(target["expr"]))


def names_used() -> dict[str, list[str]]:
    """Return each metric of the switch that a panel, a rule or an alert names, and who does."""
    users = [(f"{asked.dashboard}: {asked.panel}", asked.expr) for asked in queries()]
    users += [(rule.record, rule.expr) for rules in GROUPS.values() for rule in rules]
    users += [(alert.name, alert.expr) for alert in ALERTS]
    found: dict[str, list[str]] = {}
    for user, expr in users:
        for name in _METRIC.findall(expr):
            found.setdefault(name, []).append(user)
    return found


def rules_used() -> set[str]:
    """Return each recorded series that a panel, a rule or an alert names."""
    exprs = [asked.expr for asked in queries()]
    exprs += [rule.expr for rules in GROUPS.values() for rule in rules]
    exprs += [alert.expr for alert in ALERTS]
    return {name for expr in exprs for name in _OF_RULES.findall(expr)}


def unknown(names: dict[str, list[str]], told: set[str]) -> dict[str, list[str]]:
    """Return the names that the switch does not tell of, ``told`` being those of its /metrics, and who uses them."""
    return {
        name: users for name, users in names.items() if name not in told and _OF_HISTOGRAMS.sub("", name) not in told
    }


async def ask_all(prometheus: Prometheus) -> list[Answered]:
    """Execute the queries of all panels. Raises `QueryError` for one that Prometheus does not understand."""
    answers = []
    for asked in queries():
        samples = await prometheus.ask(asked.expr)
        answers.append(Answered(asked, [sample for sample in samples if not math.isnan(sample.value)]))
    return answers


def _filled_in(expr: str) -> str:
    for variable, value in _FILLED_IN.items():
        expr = expr.replace(variable, value)
    return expr
