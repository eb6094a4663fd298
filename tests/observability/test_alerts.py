from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from observability.alert_cases import CASES
from observability.alerts import ALERTS, Alert
from observability.checking import unknown
from observability.generate import DEPLOY
from observability.rule_files import rules_meant
from switch.cli.main import app
from switch.telemetry import Metrics

RUNBOOKS = DEPLOY.parent / "docs" / "runbooks"
PAGES = sorted(RUNBOOKS.glob("*.md"))
SECTIONS = ["## What it means", "## Look here", "## Do this", "## It is over when"]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
INLINE = re.compile(r"`(switch [a-z][^`]*)`")
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def commands_in(page: Path) -> Iterator[list[str]]:
    for block in SHELL.findall(page.read_text("utf-8")):
        for line in block.splitlines():
            if line.startswith("switch "):
                yield line.partition("#")[0].split()[1:]


def commands_named_in(page: Path) -> Iterator[list[str]]:
    """Those in the text, besides: they may name a group, too."""
    yield from (found.split()[1:] for found in INLINE.findall(page.read_text("utf-8")))


def is_a_command(words: list[str], *, or_a_group: bool = False) -> bool:
    command: Any = typer.main.get_command(app)
    for position, word in enumerate(words):
        inner = getattr(command, "commands", None)
        if inner is None:
            options = {name for parameter in command.params for name in parameter.opts}
            return all(each in options for each in words[position:] if each.startswith("--"))
        if word not in inner:
            return False
        command = inner[word]
    return or_a_group or not hasattr(command, "commands")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: " ".join([alert.name, *alert.all_labels.values()]))
def test_every_alert_is_proved_to_fire_and_to_be_silent(alert: Alert) -> None:
    fired = [
        any(alert in rules_meant(case.alert, one) for one in case.fires) for case in CASES if case.alert == alert.name
    ]

    assert True in fired
    assert False in fired


def test_every_case_is_about_an_alert() -> None:
    lost = [case.story for case in CASES for one in case.fires if not rules_meant(case.alert, one)]

    assert lost == []
    assert {case.alert for case in CASES} == {alert.name for alert in ALERTS}


def test_no_two_rules_are_told_apart_by_nothing() -> None:
    told = [(alert.name, *sorted(alert.all_labels.items())) for alert in ALERTS]

    assert len(set(told)) == len(told)


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {page.stem for page in PAGES} - {"README"} == {alert.name for alert in ALERTS}
    assert [
        alert.name for alert in ALERTS if not (RUNBOOKS.parent.parent / alert.annotations["runbook"]).exists()
    ] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem != "README"], ids=lambda page: page.stem)
def test_a_runbook_says_what_it_means_where_to_look_what_to_do_and_when_it_is_over(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()

    assert lines[0] == f"# {page.stem}"
    assert [line for line in lines if line.startswith("## ")] == SECTIONS
    assert any(True for _ in commands_in(page)), "which commands?"
    assert "```promql" in page.read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_runbook_exist(page: Path) -> None:
    wrong = [words for words in commands_in(page) if not is_a_command(words)]
    wrong += [words for words in commands_named_in(page) if not is_a_command(words, or_a_group=True)]

    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_metrics_of_a_runbook_exist(page: Path) -> None:
    told = {definition.name for definition in Metrics().definitions}
    named = re.findall(r"\bswitch_[a-z0-9_]+", page.read_text("utf-8"))

    assert unknown({name: [page.stem] for name in named}, told) == {}


def test_the_list_of_runbooks_names_each_and_who_is_told() -> None:
    listed = (RUNBOOKS / "README.md").read_text("utf-8")

    assert [page.stem for page in PAGES if page.stem != "README" and f"]({page.name})" not in listed] == []


def test_a_command_that_does_not_exist_is_found() -> None:
    assert is_a_command(["audit", "--all"])
    assert not is_a_command(["audit", "--nonsense"])
    assert not is_a_command(["nonsense"])
    assert not is_a_command(["settlement"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_links_of_a_runbook_lead_somewhere(page: Path) -> None:
    assert [target for target in LINK.findall(page.read_text("utf-8")) if not (page.parent / target).exists()] == []
