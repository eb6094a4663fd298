"""The classes that travel with the program load; a slip in the file stops the switch and is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from switch.errors import ConfigurationError
from switch.rules.account_classes import load_account_classes
from switch.rules.limits import lowest, parsed


def test_the_classes_of_the_program_grow_stricter_from_one_to_three() -> None:
    classes = load_account_classes()

    assert list(classes) == ["I", "II", "III", "prepaid"]
    assert lowest(classes["I"], "swipe", "daily") is None
    assert lowest(classes["II"], "swipe", "daily") == 1_000_000
    assert lowest(classes["III"], "swipe", "daily") == 200_000
    assert lowest(classes["III"], "contactless", "no_pin") == 100_000


def test_a_class_is_written_in_the_words_of_all_limits(tmp_path: Path) -> None:
    file = tmp_path / "classes.toml"
    file.write_text("[gold]\ndaily = 5\n[gold.qr]\nsingle = 3\n", "utf-8")

    assert load_account_classes(file) == {"gold": parsed("daily=5 qr.single=3")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[II]\ndaily = '5'\n", "II.daily: Input should be a valid integer"),
        ("[II]\ndaily = true\n", "II.daily: Input should be a valid integer"),
        ("[II]\ndaily = -5\n", "II.daily: Input should be greater than or equal to 0"),
        ("[II.qr]\ndaily = 1.5\n", "II.qr.daily: Input should be a valid integer"),
        ("[II]\nweekly = 5\n", "class II: limit 'weekly=5': no such limit"),
        ("[II.fax]\ndaily = 5\n", "class II: limit 'fax.daily=5': no such channel"),
        ("II = 5\n", "II: Input should be a valid dictionary"),
        ("[II\n", "not TOML"),
    ],
)
def test_a_slip_is_named_with_file_and_class(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "classes.toml"
    file.write_text(text, "utf-8")

    with pytest.raises(ConfigurationError) as error:
        load_account_classes(file)

    assert str(error.value).startswith(f"{file}: ")
    assert said in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_account_classes(tmp_path / "none.toml")
