"""The build fails where the code leaves the shape that docs/architecture.md describes."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "switch").rglob("*.py"))
SCRIPTS = [
    path
    for folder in ("switch", "tests", "benchmarks", "migrations", "observability")
    for path in (ROOT / folder).rglob("*.py")
]
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
SHAPELESS_NAMES = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
TO_DO = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_floors_hold(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    status = lint_imports(config_filename=str(ROOT / ".importlinter"), no_cache=True)

    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_no_module_is_long() -> None:
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}

    assert {name: lines for name, lines in lengths.items() if lines > MODULE_LINES_MAX} == {}


def test_every_function_fits_a_screen() -> None:
    lengths = {
        f"{name_of(path)}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in MODULES
        for node in functions(path)
    }

    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES_MAX} == {}


def test_every_module_opens_with_a_sentence() -> None:
    silent = [
        name_of(path)
        for path in MODULES
        if path.read_text("utf-8").strip() and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]

    assert silent == []


def test_no_module_is_named_after_nothing_or_after_the_standard_library() -> None:
    names = {path.stem if path.stem != "__init__" else path.parent.name for path in MODULES} - {"__main__"}

    assert names & SHAPELESS_NAMES == set()
    assert names & (sys.stdlib_module_names | {"iso8583", "alembic"}) == set()


def test_nothing_is_left_for_later() -> None:
    left = [
        f"{name_of(path)}:{number}"
        for path in SCRIPTS
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if TO_DO.search(line)
    ]

    assert left == []


def test_migrations_know_the_schema_and_nothing_else_of_the_program() -> None:
    strangers = {
        f"{name_of(path)}: {module}"
        for path in (ROOT / "migrations").rglob("*.py")
        for module in imported(path)
        if module.split(".")[0] == "switch" and not f"{module}.".startswith("switch.ledger.schema.")
    }

    assert strangers == set()
