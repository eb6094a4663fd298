from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from switch.data_files import specs_directory
from switch.errors import ConfigurationError, OperatorError
from switch.messages.chip import ChipData, answer_tlv
from switch.messages.chip_reading import read_chip
from switch.security.cryptogram_methods import CryptogramMethod
from switch.security.cryptograms import arpc, card_key_for, verify_cryptogram
from switch.tools.simulated_card import ARQC, ATC_MAX, TC, CardData, SimulatedCard, load_cards

ISSUER_KEY = "9E15204313F7318ACB79B90BD986AD29"
CARDS = load_cards(specs_directory() / "demo" / "day.toml").cards
TODAY = date(2026, 11, 21)


def asked(card: SimulatedCard, decides: int = ARQC) -> bytes:
    return card.chip(1200, "156", "00", TODAY, bytes.fromhex("01020304"), decides=decides)


def read(data: bytes) -> ChipData:
    found = read_chip(data)
    assert isinstance(found, ChipData)
    return found


def answered(data: CardData, question: bytes, code: bytes = b"00") -> bytes:
    """What an issuer that knows the key answers."""
    method, chip = CryptogramMethod(data.scheme), read(question)
    key = card_key_for(method, bytes.fromhex(ISSUER_KEY), chip, SimulatedCard(data).pan, "001")
    return answer_tlv(arpc(method, key, chip, code))


@pytest.mark.parametrize("name", ["union", "visa"])
def test_its_cryptogram_is_right_under_its_issuers_key(name: str) -> None:
    card = SimulatedCard(CARDS[name])

    chip = read(asked(card))

    method = CryptogramMethod(CARDS[name].scheme)
    key = card_key_for(method, bytes.fromhex(ISSUER_KEY), chip, card.pan, card.sequence)
    assert verify_cryptogram(method, key, chip)
    assert chip.asks_online
    assert (chip.amount_minor, chip.currency) == (1200, "156")
    assert (chip.tags["9A"].hex(), chip.tags["9C"].hex()) == ("261121", "00")


def test_its_counter_increases() -> None:
    card = SimulatedCard(CARDS["union"], atc=41)

    counters = [read(asked(card)).atc for _ in range(3)]

    assert counters == [42, 43, 44]


def test_a_chip_may_agree_by_itself() -> None:
    chip = read(asked(SimulatedCard(CARDS["union"]), decides=TC))

    assert chip.is_approved_offline
    assert chip.tags["8A"] == b"Y1"


@pytest.mark.parametrize("name", ["union", "visa"])
def test_it_believes_its_issuer_and_nobody_else(name: str) -> None:
    card = SimulatedCard(CARDS[name])
    question = asked(card)
    right = answered(CARDS[name], question)

    wrong = right[:-1] + bytes([right[-1] ^ 1])

    assert card.disbelief(question, right, "00") is None
    assert card.disbelief(question, wrong, "00") == "the ARPC (tag 91) is wrong"
    assert card.disbelief(question, right, "11") == "the ARPC (tag 91) is wrong"
    assert card.disbelief(question, b"", "00") == "no ARPC (tag 91) came back"
    assert card.disbelief(question, b"\x91", "00") is not None


def test_a_card_without_a_chip_and_one_that_is_worn_out_say_so() -> None:
    with pytest.raises(OperatorError, match=r"620000\*\*\*\*\*\*0104 has no chip"):
        asked(SimulatedCard(CARDS["prepaid"]))
    with pytest.raises(OperatorError, match="counter is at its end"):
        asked(SimulatedCard(CARDS["union"], atc=ATC_MAX))


def test_nothing_of_a_card_is_shown_but_its_masked_number() -> None:
    data = CARDS["visa"]

    shown = repr(data) + repr(SimulatedCard(data))

    assert "411111******1111" in shown
    assert not [secret for secret in (data.pan, data.pin, data.issuer_key, data.stripe) if f"'{secret}'" in shown]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cards = 1", "cards: Input should be a valid dictionary"),
        (
            '[cards.a]\npan = "41x1"\nexpiry = "3012"\nscheme = "visa"\nstripe = "101"',
            "cards.a.pan: String should match",
        ),
        ("pan 41x1", "not TOML"),
    ],
)
def test_a_file_of_cards_that_makes_no_sense_is_refused_without_its_contents(
    text: str, problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "cards.toml"
    file.write_text(text, "utf-8")

    with pytest.raises(ConfigurationError, match=problem) as refused:
        load_cards(file)

    assert str(file) in str(refused.value)
    assert "41x1" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.toml: cannot be read"):
        load_cards(tmp_path / "none.toml")
