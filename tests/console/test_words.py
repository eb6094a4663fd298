"""Whatever a page says in English, it can say in Chinese."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from switch.console import words
from switch.console.rendering import TEMPLATES
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.office.roles import Role
from switch.rules import rulebook
from switch.rules.rule import Rule

SAID = re.compile(r"""\bt\(\s*(?:"([^"]+)"|'([^']+)')\s*\)""")
NAMES_TAKEN_OVER = frozenset({"MTI", "RRN", "STAN"})


def rules() -> set[str]:
    ladders = [value for value in vars(rulebook).values() if isinstance(value, tuple)]
    return {rung.name for ladder in ladders for rung in ladder if isinstance(rung, Rule)}


def said(path: Path) -> set[str]:
    return {first or second for first, second in SAID.findall(path.read_text("utf-8"))}


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_every_text_of_a_page_has_its_chinese(path: Path) -> None:
    assert said(path) - set(words.chinese_words()) - NAMES_TAKEN_OVER == set()


@pytest.mark.parametrize("path", sorted(Path(words.__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_every_text_of_a_page_module_has_its_chinese(path: Path) -> None:
    assert said(path) - set(words.chinese_words()) == set()


def test_kinds_answers_rules_and_roles_have_their_chinese() -> None:
    names = {str(kind) for kind in Kind} | {str(action) for action in Action} | {str(role) for role in Role} | rules()

    assert names - set(words.chinese_words()) == set()


def test_a_text_without_chinese_is_shown_as_it_is() -> None:
    assert words.translator("zh")("no such text") == "no such text"
    assert words.translator("zh")("purchase") == "消费"
    assert words.translator("en")("purchase") == "purchase"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-Hant-TW;q=0.8, en", "zh"),
        ("fr, de;q=0.5", "en"),
        ("fr,zh-CN", "zh"),
        (";;,", "en"),
    ],
)
def test_the_language_is_the_first_of_ours_that_the_browser_names(accepted: str, language: str) -> None:
    assert words.preferred(accepted) == language
