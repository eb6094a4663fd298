from __future__ import annotations

from pathlib import Path

from switch.telemetry import Metrics
from switch.telemetry.catalogue import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


def test_the_page_of_metrics_is_what_the_code_says_now() -> None:
    assert PAGE.read_text("utf-8") == page(Metrics()), "run make metrics"


def test_every_metric_is_defined_once_and_belongs_to_a_section_of_the_page() -> None:
    metrics = Metrics()

    names = [each.name for each in metrics.definitions]
    families = {family.name for family in metrics.registry.collect()}

    assert len(names) == len(set(names))
    assert {name.removesuffix("_total") for name in names} == families
    assert [name for name in names if f"| `{name}" not in page(metrics)] == []


def test_what_is_read_from_the_books_is_not_added_up_over_processes() -> None:
    across = {each.name: each.across for each in Metrics().definitions}

    assert across["switch_requests_total"] == "sum"
    assert across["switch_money_at_risk_minor"] == "sum"
    assert across["switch_adjustments_open"] == "max"
    assert across["switch_terminals"] == "max"
