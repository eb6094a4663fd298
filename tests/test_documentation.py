"""What the guides say exists, exists; what exists, the guides say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from switch.config import FramingSettings, Settings
from switch.messages.kinds import Kind
from switch.telemetry import Metrics
from switch.wire.dialect import dialect_names

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
OPERATORS = (ROOT / "docs" / "operators.md").read_text("utf-8")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def settings_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kinds = [kind for kind in (field.annotation, *getattr(field.annotation, "__args__", ())) if kind]
        inner = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if inner is FramingSettings:
            yield f"{prefix}{name}.*"
        elif inner is not None:
            yield from settings_of(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_the_operators_guide_lists_every_setting() -> None:
    missing = [name for name in settings_of(Settings) if f"`{name}`" not in OPERATORS]

    assert missing == []
    assert [name for name in FramingSettings.model_fields if f"`{name}`" not in OPERATORS] == []


def test_the_page_of_metrics_lists_every_metric() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")

    families = {family.name for family in Metrics().registry.collect()}

    assert [name for name in sorted(families) if f"`{name}" not in page] == []


def test_the_dialect_authors_guide_names_every_kind() -> None:
    page = (ROOT / "docs" / "dialects.md").read_text("utf-8")

    assert [kind.value for kind in Kind if kind.value not in page] == []


def test_the_integrators_guide_names_every_dialect() -> None:
    page = (ROOT / "docs" / "integrators.md").read_text("utf-8")

    assert [name for name in dialect_names() if f"`{name}`" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [target for target in LINK.findall(page.read_text("utf-8")) if not (page.parent / target).exists()]

    assert [target for target in broken if target != "docs/benchmarks.md"] == []  # written by make bench
