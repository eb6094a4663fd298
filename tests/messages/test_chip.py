from __future__ import annotations

import pytest

from switch.messages.chip import ChipData, answer_tlv, answerable
from switch.messages.chip_reading import read_chip
from switch.wire.tlv import parse_tlv


def test_an_answer_carries_issuer_authentication_and_then_scripts() -> None:
    script = bytes.fromhex("7209 9F180400000001 8600")

    answer = answer_tlv(bytes.fromhex("21415243527CE78F3031"), script)

    assert answer == bytes.fromhex("910A21415243527CE78F3031 7209 9F180400000001 8600")
    assert [one.tag for one in parse_tlv(answer)] == ["91", "72"]


def test_an_answer_without_issuer_authentication_is_its_scripts() -> None:
    assert answer_tlv(b"", bytes.fromhex("7100")) == bytes.fromhex("7100")
    assert answer_tlv(b"") == b""


@pytest.mark.parametrize(
    ("authentication", "scripts", "said"),
    [
        ("21415243527CE7", "", "8 to 16 bytes"),
        ("21" * 17, "", "8 to 16 bytes"),
        ("", "9F180400000001", "71 and 72"),
        ("", "7209", "cannot be read"),
    ],
)
def test_an_answer_that_no_card_reads_is_not_built(authentication: str, scripts: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        answer_tlv(bytes.fromhex(authentication), bytes.fromhex(scripts))


def test_what_an_answer_is_made_of_is_read_again_as_it_was() -> None:
    asked = read_chip(
        bytes.fromhex("9F2608A1B2C3D4E5F60718 9F36020007 9F370401020304 9F100807010103A0000001 4F07A0000003330101")
    )
    assert isinstance(asked, ChipData)

    kept = read_chip(answerable(asked, "003"))

    assert isinstance(kept, ChipData)
    for name in ("cryptogram", "atc", "unpredictable", "issuer_data", "aid"):
        assert getattr(kept, name) == getattr(asked, name)
    assert kept.sequence() == asked.sequence("003") == "03"


def test_an_answer_can_be_made_of_little() -> None:
    asked = read_chip(bytes.fromhex("9F2608A1B2C3D4E5F60718"))
    assert isinstance(asked, ChipData)

    kept = read_chip(answerable(asked))

    assert isinstance(kept, ChipData)
    assert (kept.cryptogram, kept.atc, kept.sequence()) == (asked.cryptogram, None, "00")
