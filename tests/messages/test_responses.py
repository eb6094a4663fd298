from __future__ import annotations

import re
from pathlib import Path

import pytest

from switch.data_files import specs_directory
from switch.errors import ConfigurationError
from switch.messages.actions import Action
from switch.messages.responses import load_responses

HAN = re.compile("[\u4e00-\u9fff]")
CASHIER_COLUMNS = 48  # two lines of a small terminal; a Chinese character takes two columns


def changed(folder: Path, old: str, new: str) -> Path:
    text = (specs_directory() / "responses.toml").read_text("utf-8")
    path = folder / "responses.toml"
    path.write_text(text.replace(old, new), "utf-8")
    return path


def test_every_action_has_its_texts_in_both_languages() -> None:
    responses = load_responses()

    assert set(responses) == set(Action)
    for texts in responses.values():
        assert HAN.search(texts.zh.cashier + texts.zh.cardholder)
        assert not HAN.search(texts.en.cashier + texts.en.cardholder + texts.en.technician + texts.en.next)


def test_what_the_cashier_sees_fits_a_terminal() -> None:
    for texts in load_responses().values():
        assert len(texts.en.cashier) <= CASHIER_COLUMNS
        assert len(texts.zh.cashier) * 2 <= CASHIER_COLUMNS


def test_the_cardholder_is_never_told_that_the_card_is_lost_or_stolen() -> None:
    responses = load_responses()

    for action in (Action.CARD_LOST, Action.CARD_STOLEN):
        assert "lost" not in responses[action].en.cardholder
        assert "stolen" not in responses[action].en.cardholder


def test_a_missing_action_is_named(tmp_path: Path) -> None:
    path = tmp_path / "responses.toml"
    path.write_text("", "utf-8")

    with pytest.raises(ConfigurationError, match="no texts for approved, format_error"):
        load_responses(path)


def test_an_unknown_action_is_named(tmp_path: Path) -> None:
    path = changed(tmp_path, "[approved.", "[aproved.")

    with pytest.raises(ConfigurationError, match=r"responses\.toml: aproved: no such action"):
        load_responses(path)


def test_a_missing_text_is_named_by_its_key(tmp_path: Path) -> None:
    path = changed(tmp_path, 'cashier = "Approved"\n', "")

    with pytest.raises(ConfigurationError, match=r"responses\.toml: approved\.en\.cashier: Field required"):
        load_responses(path)


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    path = changed(tmp_path, "[approved.zh]", "[approved.tlh]")

    with pytest.raises(ConfigurationError, match=r"approved\.tlh"):
        load_responses(path)


def test_what_is_not_toml_or_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "responses.toml"
    path.write_text("[", "utf-8")

    with pytest.raises(ConfigurationError, match="not TOML"):
        load_responses(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_responses(tmp_path / "missing.toml")
