"""The words of which dashboards are made, and how Grafana reads them.

A panel has one question for its title, a unit, a description that says what to do when it looks wrong, and a runbook.
In its queries stand ``$listener`` (a choice of listeners) and ``$__rate_interval``, as Grafana fills them in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

RUNBOOKS: Final = "/public/runbooks"
"""Where dashboards find the runbooks: deploy/compose.yaml has Grafana serve docs/runbooks there."""

Unit = Literal["reqps", "s", "percentunit", "short", "bytes", "ops", "dtdurations", "none", "minor"]
"""Grafana's units; ``minor`` is a number of minor units of a currency."""

Look = Literal["timeseries", "stat", "table"]

_TAG: Final = "acquiring-switch"
_COLUMNS: Final = 24
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}

# fmt: off
_SIZES: Final[dict[Look, tuple[int, int]]] = {
    "stat":       (4, 4),
    "timeseries": (12, 8),
    "table":      (12, 8),
}
# fmt: on


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression, and what its series are called: ``{{label}}``, or plain words."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One question and its answer; a figure is red from ``bad_from`` on, or below ``bad_below``."""

    title: str
    unit: Unit
    queries: tuple[Query, ...]
    description: str
    runbook: str
    look: Look = "timeseries"
    bad_from: float | None = None
    bad_below: float | None = None
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page; ``uid`` is its file's name and stands in its address."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]


def figure(
    title: str,
    unit: Unit,
    expr: str,
    description: str,
    runbook: str,
    *,
    bad_from: float | None = None,
    bad_below: float | None = None,
) -> Panel:
    """Return a panel that shows one number."""
    return Panel(title, unit, (Query(expr),), description, runbook, "stat", bad_from, bad_below)


def document(dashboard: Dashboard) -> dict[str, Any]:
    """Return a dashboard as Grafana's JSON model."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": [_TAG],
        "schemaVersion": 39,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": [_alerts_shown()]},
        "links": [{"type": "dashboards", "title": "Switch", "tags": [_TAG], "asDropdown": False, "keepTime": True}],
        "templating": {"list": _variables()},
        "panels": _laid_out(dashboard.rows),
    }


def _laid_out(rows: tuple[Row, ...]) -> list[dict[str, Any]]:
    """Rows from top to bottom; the panels of each from left to right, as many as fit."""
    shown: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        shown.append(_placed(len(shown) + 1, {"type": "row", "title": row.title, "collapsed": False}, 0, y, (24, 1)))
        x, y, height = 0, y + 1, 0
        for panel in row.panels:
            size = _SIZES[panel.look]
            if x + size[0] > _COLUMNS:
                x, y, height = 0, y + height, 0
            shown.append(_placed(len(shown) + 1, _panel(panel), x, y, size))
            x, height = x + size[0], max(height, size[1])
        y += height
    return shown


def _placed(number: int, panel: dict[str, Any], x: int, y: int, size: tuple[int, int]) -> dict[str, Any]:
    return {"id": number, **panel, "gridPos": {"x": x, "y": y, "w": size[0], "h": size[1]}}


def _panel(panel: Panel) -> dict[str, Any]:
    instant = panel.look != "timeseries"
    return {
        "type": panel.look,
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "links": [{"title": panel.runbook, "url": f"{RUNBOOKS}/{panel.runbook}.md", "targetBlank": True}],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel.look),
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": _SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "instant": instant,
                "range": not instant,
                **({"format": "table"} if panel.look == "table" else {}),
            }
            for number, query in enumerate(panel.queries)
        ],
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": "none" if panel.unit == "minor" else panel.unit, "min": None}
    if panel.look == "timeseries":
        drawn = {
            "fillOpacity": 25 if panel.stacked else 5,
            "stacking": {"group": "A", "mode": "normal" if panel.stacked else "none"},
        }
        defaults["custom"] = {"drawStyle": "line", "showPoints": "never", **drawn}
    if panel.bad_from is not None:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": panel.bad_from}]
    elif panel.bad_below is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": panel.bad_below}]
    else:
        steps = [{"color": "blue", "value": None}]
    defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    return {key: value for key, value in defaults.items() if value is not None}


def _options(look: Look) -> dict[str, Any]:
    if look == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "none"}
    if look == "timeseries":
        return {"legend": {"displayMode": "table", "placement": "right", "calcs": ["lastNotNull", "max"]}}
    return {"showHeader": True}


def _variables() -> list[dict[str, Any]]:
    return [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1},
        {
            "name": "listener",
            "label": "Listener",
            "type": "query",
            "datasource": _SOURCE,
            "query": {"query": "label_values(switch_connections_open, listener)", "refId": "listener"},
            "refresh": 2,
            "includeAll": True,
            "multi": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        },
    ]


def _alerts_shown() -> dict[str, Any]:
    """Marks on the time axis where an alert began and ended."""
    return {
        "name": "Alerts",
        "datasource": _SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertstate="firing"}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{severity}} {{listener}}",
    }
