from __future__ import annotations

import re

from observability.generate import DEPLOY
from observability.panels import RUNBOOKS

COMPOSE = (DEPLOY / "compose.yaml").read_text("utf-8")
MOUNT = re.compile(r"- (\.\.?/[^:\s]+):([^:\s]+):ro")


def test_what_compose_mounts_is_there() -> None:
    mounts = dict(MOUNT.findall(COMPOSE))

    assert len(mounts) == 4
    assert [source for source in mounts if not (DEPLOY / source).exists()] == []


def test_grafana_finds_dashboards_and_runbooks_where_they_are_mounted() -> None:
    mounts = dict(MOUNT.findall(COMPOSE))
    provider = (DEPLOY / "grafana/provisioning/dashboards/switch.yaml").read_text("utf-8")

    assert f"path: {mounts['./grafana/dashboards']}" in provider
    assert mounts["../docs/runbooks"] == f"/usr/share/grafana{RUNBOOKS}"


def test_the_job_has_the_name_that_alerts_look_for() -> None:
    assert "- job_name: switch\n" in (DEPLOY / "prometheus/prometheus.yml").read_text("utf-8")
