from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from observability.alerts import ALERTS
from observability.checking import queries
from observability.recording import GROUPS
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.verdicts import Finding
from switch.rules import rulebook
from switch.rules.rule import Rule

MATCHER = re.compile(r'\b(action|kind|rule|finding|what|status)(=|!=|=~|!~)"([^"]*)"')
RULES = {
    rule.name
    for ladder in vars(rulebook).values()
    if isinstance(ladder, tuple)
    for rule in ladder
    if isinstance(rule, Rule)
}
VALUES = {
    "action": {*map(str, Action), "none"},
    "kind": {*map(str, Kind), "unknown"},
    "rule": {*RULES, "posting"},
    "finding": {*map(str, Finding)},
    "what": {"pin", "card_code", "track_code", "cryptogram", "password"},
    "status": {"active"},
}


def matchers() -> Iterator[tuple[str, str]]:
    """Each alternative of each matcher of a panel, a rule or an alert, with its label."""
    exprs = [asked.expr for asked in queries()]
    exprs += [rule.expr for rules in GROUPS.values() for rule in rules]
    exprs += [alert.expr for alert in ALERTS]
    for expr in exprs:
        for label, sign, value in MATCHER.findall(expr):
            yield from ((label, part) for part in (value.split("|") if "~" in sign else [re.escape(value)]))


@pytest.mark.parametrize("label", VALUES)
def test_what_is_looked_for_is_a_word_that_the_switch_uses(label: str) -> None:
    asked = {pattern for name, pattern in matchers() if name == label}

    assert asked
    assert [
        pattern for pattern in sorted(asked) if not any(re.fullmatch(pattern, each) for each in VALUES[label])
    ] == []


def test_every_decline_is_about_something() -> None:
    declines = next(asked for asked in queries() if asked.panel == "The ten most frequent declines")
    groups = [asked.expr for asked in queries() if asked.panel == "Declines, by what they are about"]
    patterns = [found[2] for expr in groups for found in MATCHER.findall(expr)]

    missed = [
        action
        for action in VALUES["action"] - {"approved", "none"}
        if not any(re.fullmatch(each, action) for each in patterns)
    ]
    twice = [action for action in VALUES["action"] if sum(bool(re.fullmatch(each, action)) for each in patterns) > 1]

    assert 'action!~"approved|none"' in declines.expr
    assert (missed, twice) == ([], [])
