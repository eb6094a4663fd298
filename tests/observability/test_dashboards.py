from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from observability.checking import names_used, queries, rules_used, unknown
from observability.dashboards import DASHBOARDS
from observability.generate import DEPLOY, files
from observability.panels import Dashboard
from observability.recording import GROUPS
from switch.telemetry import Metrics

RUNBOOKS = DEPLOY.parent / "docs" / "runbooks"
FILES = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))


def panels_of(file: Path) -> list[dict[str, Any]]:
    return [panel for panel in json.loads(file.read_text("utf-8"))["panels"] if panel["type"] != "row"]


def test_what_is_committed_is_what_is_written_from_the_tables() -> None:
    stale = [str(path) for path, text in files().items() if (DEPLOY / path).read_text("utf-8") != text]

    assert stale == []


def test_nothing_is_left_of_tables_that_are_gone() -> None:
    folders = {(DEPLOY / path).parent for path in files()}
    there = {path for folder in folders for path in folder.iterdir()}

    assert there == {DEPLOY / path for path in files()}


def test_each_question_of_operators_has_its_dashboard() -> None:
    assert [dashboard.title for dashboard in DASHBOARDS] == [
        "Switch 1: service",
        "Switch 2: terminals and merchants",
        "Switch 3: declines",
        "Switch 4: ledger and settlement",
        "Switch 5: database and runtime",
    ]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_every_panel_says_what_to_do_and_leads_to_a_runbook(dashboard: Dashboard) -> None:
    for panel in (panel for row in dashboard.rows for panel in row.panels):
        assert len(panel.description) > 20, panel.title
        assert panel.description.endswith("."), panel.title
        assert (RUNBOOKS / f"{panel.runbook}.md").exists(), panel.title


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_panel_has_a_title_of_its_own_a_unit_and_a_link(file: Path) -> None:
    panels = panels_of(file)

    assert [title for title, times in Counter(panel["title"] for panel in panels).items() if times > 1] == []
    assert [panel["title"] for panel in panels if not panel["fieldConfig"]["defaults"]["unit"]] == []
    assert [panel["title"] for panel in panels if not panel["links"]] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_panel_covers_another(file: Path) -> None:
    taken: Counter[tuple[int, int]] = Counter()
    for panel in json.loads(file.read_text("utf-8"))["panels"]:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        taken.update((x, y) for x in columns for y in range(place["y"], place["y"] + place["h"]))

    assert taken.most_common(1)[0][1] == 1
    assert max(x for x, _ in taken) < 24


def test_dashboards_rules_and_alerts_name_only_metrics_that_exist() -> None:
    told = {definition.name for definition in Metrics().definitions}

    assert unknown(names_used(), told) == {}


def test_dashboards_rules_and_alerts_name_only_series_that_are_recorded() -> None:
    recorded = {rule.record for rules in GROUPS.values() for rule in rules}

    assert rules_used() - recorded == set()


def test_a_name_that_does_not_exist_is_found() -> None:
    wrong = unknown(
        {"switch_nonsense": ["a panel"], "switch_request_duration_seconds_bucket": ["another"]},
        {"switch_request_duration_seconds"},
    )

    assert wrong == {"switch_nonsense": ["a panel"]}


def test_queries_are_filled_in_as_grafana_does() -> None:
    assert [asked.panel for asked in queries() if "$" in asked.expr] == []
