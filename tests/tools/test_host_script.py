from __future__ import annotations

from pathlib import Path

import pytest

from switch.errors import ConfigurationError
from switch.tools.host_rules import HostRules
from switch.tools.host_script import built_in_scripts, load_script
from switch.wire.dialect import dialect_names, load_dialect

RULE = '[[rules]]\nname = "r"\n'


def written(folder: Path, text: str) -> str:
    path = folder / "script.toml"
    path.write_text(text, "utf-8")
    return str(path)


def test_the_scripts_that_come_with_the_switch_fit_every_dialect() -> None:
    assert built_in_scripts() == ("approve-all", "flaky")
    for name in built_in_scripts():
        path, script = load_script(name)
        for dialect in dialect_names():
            assert HostRules(script, load_dialect(dialect), lambda: 0, path).names[-1] == "(default)"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("rules = 1 1", "not TOML"),
        ("rulez = []", "rulez: no such key"),
        ("[[rules]]\nwhen = {}", "rules.0.name: Field required"),
        (RULE + 'when = { "4" = {} }', "rules.0.when.4: an empty condition"),
        (RULE + 'when = { amount = "1" }', "rules.0.when.amount"),
        (RULE + "share = 1.5", "rules.0.share"),
        (RULE + "every = 0", "rules.0.every"),
        (RULE + 'do = "explode"', "rules.0.do"),
        (RULE + 'do = "late"', "rules.0: a late answer needs a delay"),
        (RULE + "delay = {}", "rules.0.delay: give exactly one of constant_ms"),
        (RULE + "delay = { constant_ms = 1, exponential_ms = 2 }", "rules.0.delay: give exactly one of"),
        (RULE + "delay = { uniform_ms = [9, 1] }", "rules.0.delay: uniform_ms: the first is more"),
        (RULE + "delay = { percentiles_ms = [[50, 1], [99, 2]] }", "rules.0.delay: percentiles_ms"),
        (RULE + "delay = { percentiles_ms = [[50, 9], [100, 2]] }", "rules.0.delay: percentiles_ms"),
        (RULE + 'answer = { "38" = { copy = "37", generate = "rrn" } }', "rules.0.answer.38: give exactly one of text"),
        (RULE + RULE, "two rules have the name 'r'"),
    ],
)
def test_a_slip_is_named_by_file_and_key(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_script(written(tmp_path, text))

    assert str(error.value).startswith(str(tmp_path / "script.toml"))
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('dialect = "unionpay-pos"', "dialect: the script is for unionpay-pos"),
        (RULE + 'action = "sure"', "rules.0.action: no action 'sure'"),
        (RULE + 'when = { "60.2" = "000001" }', "rules.0.when.60.2: iso8583-1987-ascii has no field 60.2"),
        (RULE + 'when = { mac = "maybe" }', "rules.0.when.mac: must be one of absent, right, unchecked, wrong"),
        (RULE + 'answer = { "39" = "000" }', "rules.0.answer.39: "),
        ('[default]\nanswer = { "1" = "0" }', "default.answer.1: iso8583-1987-ascii has no field 1"),
        (RULE + 'answer = { "38" = { copy = "200" } }', "rules.0.answer.38: iso8583-1987-ascii has no field 200"),
    ],
)
def test_what_does_not_fit_the_dialect_is_refused_at_once(tmp_path: Path, text: str, reason: str) -> None:
    path, script = load_script(written(tmp_path, text))

    with pytest.raises(ConfigurationError) as error:
        HostRules(script, load_dialect("iso8583-1987-ascii"), lambda: 0, path)

    assert str(error.value).startswith(f"{path}: {reason}")


def test_a_script_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(
        ConfigurationError, match="no such file, and no built-in script \\(there are approve-all, flaky"
    ):
        load_script("nowhere.toml")
