"""Dashboards and alerts against a real Prometheus that has scraped a loaded switch: one run, looked at from each side."""

from __future__ import annotations

import math
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import trio

from observability.checking import Answered, names_used, unknown
from observability.generate import DEPLOY
from observability.observe import DATA_WITHIN_S, Observed, load_until, observed
from observability.prometheus import Prometheus, QueryError, Sample, missing
from observability.recording import GROUPS
from observability.table import WIDTH, rows

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "it is installed")

RUNBOOKS = DEPLOY.parent / "docs" / "runbooks"
PROMQL = re.compile(r"```promql\n(.*?)```", re.DOTALL)
REQUESTS = 300


@dataclass(frozen=True)
class Seen:
    """What a loaded switch and its Prometheus told."""

    answers: list[Answered]
    rules: list[dict[str, Any]]
    recorded: dict[str, list[Sample]]
    told: set[str]
    refused: dict[str, str]
    metrics: str
    series: int


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return trio.run(look, tmp_path_factory.mktemp("observed"))


async def look(folder: Path) -> Seen:
    async with observed(folder) as (installation, prometheus):
        answers = await load_until(installation, prometheus, REQUESTS)
        recorded = await all_recorded(prometheus)
        return Seen(
            answers,
            await prometheus.rules(),
            recorded,
            await prometheus.scraped(),
            await refused_of_runbooks(prometheus),
            await trio.to_thread.run_sync(metrics_of, Observed(installation, prometheus)),
            int((await prometheus.ask('count({job="switch"})'))[0].value),
        )


async def all_recorded(prometheus: Prometheus) -> dict[str, list[Sample]]:
    """Ask for each recorded series until all have values, or there was time enough."""
    found: dict[str, list[Sample]] = {rule.record: [] for rules in GROUPS.values() for rule in rules}
    with trio.move_on_after(DATA_WITHIN_S):
        while missing := [name for name, samples in found.items() if not samples]:
            for name in missing:
                found[name] = [sample for sample in await prometheus.ask(name) if not math.isnan(sample.value)]
    return found


async def refused_of_runbooks(prometheus: Prometheus) -> dict[str, str]:
    """Ask every query that a runbook gives; those that Prometheus does not understand, with its reason."""
    refused = {}
    for page, expr in queries_of_runbooks():
        try:
            await prometheus.ask(expr)
        except QueryError as error:
            refused[page] = str(error)
    return refused


def queries_of_runbooks() -> Iterator[tuple[str, str]]:
    for page in sorted(RUNBOOKS.glob("*.md")):
        for block in PROMQL.findall(page.read_text("utf-8")):
            yield from ((page.stem, expr) for expr in block.split("\n\n") if expr.strip())


def metrics_of(it: Observed) -> str:
    trust = ssl.create_default_context(cafile=it.installation.certificate)
    with urlopen(f"https://{it.installation.admin}/metrics", timeout=10, context=trust) as answer:
        return str(answer.read().decode())


def test_every_panel_of_every_dashboard_has_data(seen: Seen) -> None:
    empty = [
        f"{answer.asked.dashboard}: {answer.asked.panel}: {answer.asked.expr}"
        for answer in seen.answers
        if not answer.has_data
    ]

    assert empty == []
    assert len(seen.answers) > 80


def test_no_metric_is_named_that_the_switch_does_not_tell_of(seen: Seen) -> None:
    assert unknown(names_used(), seen.told) == {}


def test_every_rule_and_alert_is_evaluated_without_an_error(seen: Seen) -> None:
    assert [(rule["name"], rule.get("lastError")) for rule in seen.rules if rule["health"] != "ok"] == []


def test_every_recorded_series_has_a_value(seen: Seen) -> None:
    assert [name for name, samples in seen.recorded.items() if not samples] == []


def test_a_healthy_switch_under_load_pages_nobody(seen: Seen) -> None:
    firing = [rule["name"] for rule in seen.rules if rule["type"] == "alerting" and rule["state"] == "firing"]

    assert firing == []


def test_prometheus_understands_the_queries_of_the_runbooks(seen: Seen) -> None:
    assert seen.refused == {}
    assert len([*queries_of_runbooks()]) >= len([*RUNBOOKS.glob("*.md")]) - 1


def test_what_the_switch_tells_passes_the_lint_of_metrics(seen: Seen) -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None

    done = subprocess.run(
        [promtool, "check", "metrics"], input=seen.metrics, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_series_of_a_process_stay_bounded(seen: Seen) -> None:
    assert seen.series < 2_000


def test_the_table_of_panels_fits_a_terminal(seen: Seen) -> None:
    lines = [re.sub(r"\[/?[a-z]+\]", "", line) for line in rows(seen.answers)]

    assert max(len(line) for line in lines) <= WIDTH
    assert any(line.startswith("Imbalance (must be 0)") and line.endswith(" 0") for line in lines)
