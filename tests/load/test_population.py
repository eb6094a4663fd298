from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest

from switch.errors import ConfigurationError
from switch.load.population import TerminalNumber, card_number, numbered, populate
from switch.load.scenario import Scenario, changed, load_scenario
from switch.values import Pan

TODAY = date(2026, 11, 21)


def scenario(**changes: Any) -> Scenario:
    return changed(load_scenario("purchase"), {"terminals": {}, **changes})


def test_the_demo_has_its_active_terminals_of_active_merchants_and_its_good_cards() -> None:
    found = populate(scenario(), TODAY)

    assert [terminal.terminal_id for terminal in found.terminals] == ["TERM0001", "TERM0005", "TERM0006", "TERM0007"]
    ends = {card.pan.reveal()[-5:] for card in found.cards}
    assert {"11111", "00047"} <= ends
    assert not ends & {"24242", "54444", "00005", "00104"}  # expired, frozen, stolen, inactive
    assert found.pay_codes


def test_cards_are_drawn_as_their_money_lasts() -> None:
    found = populate(scenario(), TODAY)
    chance = Random(1)

    drawn = Counter(found.cards[found.draw(chance)].pan.reveal()[-4:] for _ in range(10_000))

    assert drawn["0047"] / drawn["1111"] == pytest.approx(10_000 / 8_000, rel=0.1)  # balance, and a daily limit
    assert 0 < drawn["0005"] < 100  # a card with 50.00 on it


def test_terminals_of_a_pattern_are_numbered() -> None:
    pattern = {"pattern": "SHOP##-A", "count": 12, "merchant": "M1"}

    found = populate(scenario(terminals=pattern), TODAY)

    assert found.terminals[0] == TerminalNumber("SHOP01-A", "M1")
    assert found.terminals[11].terminal_id == "SHOP12-A"
    assert numbered("##", 7) == "07"
    with pytest.raises(ConfigurationError, match="2 # are too few to number 100 terminals"):
        populate(scenario(terminals={**pattern, "count": 100}), TODAY)


def test_cards_that_are_made_up_are_different_and_pass_the_check_of_their_digit() -> None:
    found = populate(scenario(cards={"prefix": "620000", "count": 500}), TODAY)

    assert len({card.pan.reveal() for card in found.cards}) == 500
    assert all(card.pan.has_valid_check_digit() for card in found.cards)
    assert all(Pan(card_number("6200001234", index)).has_valid_check_digit() for index in range(50))


def test_files_are_taken_as_they_are_imported(tmp_path: Path) -> None:
    terminals, cards = tmp_path / "terminals.csv", tmp_path / "cards.csv"
    terminals.write_text("merchant_id,terminal_id\nM1,T1\nM1,T2\n", "utf-8")
    cards.write_text("pan,expiry_yymm\n4111111111111111,3012\n4242424242424242,2610\n", "utf-8")

    found = populate(scenario(terminals={"file": str(terminals), "only": ["T2"]}, cards={"file": str(cards)}), TODAY)

    assert found.terminals == (TerminalNumber("T2", "M1"),)
    assert found.weights == (1.0,)
    assert found.pay_codes == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pan\n4111111111111111\n", "has no column expiry_yymm"),
        ("pan,expiry_yymm\n41x1111111111111,3012\n", "line 2: pan: not a card number"),
        ("pan,expiry_yymm,balance_minor\n4111111111111111,3012,ten\n", "line 2: an amount is not a whole number"),
        ("pan,expiry_yymm,status\n4111111111111111,3012,frozen\n", "no card that is active"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_without_what_is_in_it(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "cards.csv"
    path.write_text(text, "utf-8")

    with pytest.raises(ConfigurationError, match=said) as caught:
        populate(scenario(cards={"file": str(path)}), TODAY)

    assert "1111" not in str(caught.value)


def test_terminals_that_think_too_long_for_the_rate_are_told_before_the_run() -> None:
    slow = {"pattern": "T###", "count": 100, "think_s": 2}

    with pytest.raises(
        ConfigurationError, match="100 terminals that think 2 s send at most 50 messages a second, and 200"
    ):
        populate(scenario(terminals=slow), TODAY)


def test_a_card_shows_its_masked_number_only() -> None:
    card = populate(scenario(), TODAY).cards[0]

    assert card.pan.reveal() not in repr(card)
