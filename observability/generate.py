"""Writes deploy/grafana/dashboards and deploy/prometheus/{rules,tests} from their tables: ``make dashboards``.

python -m observability.generate
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from observability.dashboards import DASHBOARDS
from observability.panels import document
from observability.rule_files import alerting_rules, recording_rules, rule_tests

DEPLOY: Final = Path(__file__).resolve().parent.parent / "deploy"


def files() -> dict[Path, str]:
    """Return what is written, by path below deploy/."""
    written = {
        Path("prometheus/rules/recording.yml"): recording_rules(),
        Path("prometheus/rules/alerts.yml"): alerting_rules(),
    }
    for dashboard in DASHBOARDS:
        text = json.dumps(document(dashboard), indent=2, ensure_ascii=False) + "\n"
        written[Path(f"grafana/dashboards/{dashboard.uid}.json")] = text
    for name, text in rule_tests().items():
        written[Path(f"prometheus/tests/{name}.yml")] = text
    return written


def main() -> None:
    """Write them."""
    for path, text in files().items():
        target = DEPLOY / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
