from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from observability.generate import DEPLOY

PROMETHEUS = DEPLOY / "prometheus"
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def promtool(*arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_configuration_is_valid_and_finds_its_rules() -> None:
    status, said = promtool("check", "config", PROMETHEUS / "prometheus.yml")

    assert (status, said.count("rules found")) == (0, 2), said


def test_the_rules_are_valid_and_without_lint() -> None:
    status, said = promtool("check", "rules", "--lint-fatal", *sorted((PROMETHEUS / "rules").glob("*.yml")))

    assert status == 0, said


def test_alerts_fire_and_are_silent_as_their_cases_say() -> None:
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda file: (file.stem, *promtool("test", "rules", file)), TESTS)

    assert {name: said for name, status, said in done if status} == {}


def test_a_case_that_is_wrong_is_found(tmp_path: Path) -> None:
    wrong = (PROMETHEUS / "tests" / "LedgerImbalance.yml").read_text("utf-8").replace("0x5 -40x20", "0x30")
    (tmp_path / "wrong.yml").write_text(wrong.replace("../rules", str(PROMETHEUS / "rules")), "utf-8")

    status, said = promtool("test", "rules", tmp_path / "wrong.yml")

    assert (status, "LedgerImbalance" in said) == (1, True)
