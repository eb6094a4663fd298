from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from switch.errors import ConfigurationError, OperatorError
from switch.load.arrivals import busiest, total
from switch.load.scenario import Arrival, Entry, changed, load_scenario, read_scenario, scenario_names
from switch.messages.kinds import Kind

SMALL = """
title      = "small"
dialect    = "iso8583-1987-ascii"
duration_s = 4

[arrival]
rate = 10

[[mix]]
kind = "purchase"
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text, "utf-8")
        return path

    return write


def test_the_scenarios_that_come_with_the_switch_are_read_by_name() -> None:
    assert scenario_names() == ("abuse", "idle", "purchase", "unionpay-day")
    for name in scenario_names():
        assert load_scenario(name).mix
    assert load_scenario("idle").connections == 2000
    assert set(load_scenario("abuse").faults.shares) == {
        "half_frame", "malformed", "dropped_connection", "slow_reader", "bad_mac", "duplicate_stan", "repeat", "late_reversal",
    }  # fmt: skip


def test_what_a_file_does_not_say_is_ordinary(written: Callable[[str], Path]) -> None:
    found = load_scenario(str(written(SMALL)))

    assert found.mix[0].kind is Kind.PURCHASE
    assert found.mix[0].entry == {Entry.SWIPE: 1.0}
    assert (found.connections, found.warm_up_s, found.faults.shares, found.terminals.file) == (1, 0, {}, "demo")
    assert len([*found.due_us()]) == 40


def test_files_that_a_scenario_names_are_beside_it(written: Callable[[str], Path], tmp_path: Path) -> None:
    found = read_scenario(written(SMALL + '[terminals]\nfile = "shops/terminals.csv"\n'))

    assert found.terminals.file == str(tmp_path / "shops/terminals.csv")
    assert found.cards.file == "demo"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SMALL.replace("rate = 10", "rate = -1"), "arrival.rate: "),
        (SMALL.replace("rate = 10", ""), "arrival: a constant needs a rate"),
        (SMALL.replace("rate = 10", 'shape = "steps"'), "arrival: steps need rates"),
        (
            SMALL.replace("rate = 10", 'shape = "ramp"\nrate = 5\nfrom_rate = 9'),
            "arrival: a ramp's rate is its highest",
        ),
        (SMALL.replace("rate = 10", 'shape = "day"\nrate = 5\ncurve = [0, 0]'), "arrival: a curve needs a value"),
        (SMALL.replace("purchase", "shopping"), "mix.0.kind: "),
        (SMALL + "amount_minor = [5, 1]\n", "mix.0.amount_minor: the least is above the most"),
        (SMALL + "entry = { wink = 1 }\n", "mix.0.entry.wink"),
        (SMALL + "[faults]\nrepeat = 0.6\nbad_mac = 0.6\n", "faults: the shares come to more than 1"),
        (SMALL + "[faults]\ngremlins = 0.1\n", "faults.gremlins: "),
        (SMALL + '[terminals]\npattern = "T"\n', "terminals.pattern: "),
        ('time_zone = "Mars/Olympus"\n' + SMALL, "time_zone: no such time zone"),
        ("duration_s", "not TOML"),
        (SMALL.replace("duration_s = 4", "duration_s = 0"), "duration_s: "),
        ("version = 2\n" + SMALL, "version: "),
    ],
)
def test_a_mistake_is_told_with_file_key_and_reason(text: str, said: str, written: Callable[[str], Path]) -> None:
    path = written(text)

    with pytest.raises(ConfigurationError) as caught:
        read_scenario(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_a_mistake_in_a_pay_code_or_card_does_not_show_it(written: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_scenario(written(SMALL + '[cards]\npay_codes = ["62200000000000000X1"]\nprefix = "4111111111111111"\n'))

    assert "62200000000000000X1" not in str(caught.value)
    assert "4111111111111111" not in str(caught.value)


@pytest.mark.parametrize(("name", "said"), [("nothing", "there are abuse, idle"), ("gone.toml", "cannot be read")])
def test_a_scenario_that_is_not_there_is_named(name: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_scenario(name)


@pytest.mark.parametrize(
    "shape",
    [
        {"shape": "constant", "rate": 50},
        {"shape": "poisson", "rate": 50},
        {"shape": "ramp", "from_rate": 5, "rate": 50},
        {"shape": "steps", "rates": [10, 50, 25]},
        {"shape": "day", "rate": 50},
    ],
)
def test_another_rate_is_the_highest_of_the_same_shape(shape: dict[str, Any]) -> None:
    arrival = Arrival.model_validate(shape)

    faster = arrival.at(200)

    assert (arrival.highest, faster.highest) == (50, 200)
    assert busiest(faster.over(60)) == pytest.approx(200)
    assert total(faster.over(60)) == pytest.approx(4 * total(arrival.over(60)))


def test_a_warm_up_is_at_the_first_rate_and_comes_on_top(written: Callable[[str], Path]) -> None:
    found = read_scenario(written("warm_up_s = 2\n" + SMALL))

    due = [*found.due_us()]

    assert len(due) == 60
    assert sum(at < 2_000_000 for at in due) == 20
    assert found.whole_s == 6


def test_chance_is_the_same_again_for_the_same_seed(written: Callable[[str], Path]) -> None:
    poisson = read_scenario(written(SMALL.replace("rate = 10", "rate = 10\npoisson = true")))

    assert [*poisson.due_us()] == [*poisson.due_us()]
    assert [*poisson.due_us()] != [*changed(poisson, {"seed": 1}).due_us()]


def test_what_an_option_may_not_say_is_refused_by_its_key() -> None:
    with pytest.raises(OperatorError, match="connections: "):
        changed(load_scenario("purchase"), {"connections": 1_000_000})
