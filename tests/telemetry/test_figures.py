from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from switch.telemetry.figures import Figure, Figures


@pytest.fixture
def figures() -> Figures:
    figures = Figures()
    figures.define(Figure("switch_settlements_due", "Days."))
    figures.define(Figure("switch_terminals", "Terminals.", ("status",)))
    return figures


def samples(figures: Figures) -> list[str]:
    registry = CollectorRegistry()
    registry.register(figures)
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_a_figure_is_absent_until_it_is_known(figures: Figures) -> None:
    before = samples(figures)

    figures.set("switch_settlements_due", 0)
    known = samples(figures)
    figures.set("switch_settlements_due", None)

    assert (before, known, samples(figures)) == ([], ["switch_settlements_due 0.0"], [])


def test_series_that_are_not_there_any_more_are_gone(figures: Figures) -> None:
    figures.set_all("switch_terminals", {("active",): 3, ("locked",): 1})

    figures.set_all("switch_terminals", {("active",): 4})

    assert samples(figures) == ['switch_terminals{status="active"} 4.0']


def test_a_figure_can_be_told_at_each_scrape(figures: Figures) -> None:
    told: list[float | None] = [None, 2.0]
    figures.read_by("switch_settlements_due", lambda: told.pop(0))

    found = [samples(figures) for _ in range(2)]

    assert found == [[], ["switch_settlements_due 2.0"]]
