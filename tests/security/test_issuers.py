"""Which issuer's key is for a card, and how its cryptograms are made."""

from __future__ import annotations

import pytest

from switch.errors import ConfigurationError
from switch.messages.chip import ChipData
from switch.messages.chip_reading import read_chip
from switch.messages.issuer_data import Scheme
from switch.security.cryptogram_methods import Padding
from switch.security.issuers import IF_LAID_OUT, IssuerKeyRow, Issuers, check_range
from switch.security.key_blocks import KeyUsage
from switch.values import Pan

PAN = Pan("6200000000000047")


def key(prefix: str, usage: KeyUsage = KeyUsage.CVK, index: str = "", method: str = "") -> IssuerKeyRow:
    return IssuerKeyRow(prefix, usage, index, f"block of {prefix} {index}", method)


def chip(aid: str) -> ChipData:
    data = bytes.fromhex(f"84{len(aid) // 2:02X}{aid}") if aid else b""
    read = read_chip(data)
    assert isinstance(read, ChipData)
    return read


def test_the_longest_prefix_that_fits_is_the_range() -> None:
    issuers = Issuers([key("6"), key("6200"), key("62"), key("63")])

    found = issuers.find(PAN, KeyUsage.CVK)

    assert found is not None
    assert found.block == "block of 6200 "


def test_a_card_of_nobody_has_no_key() -> None:
    assert Issuers([key("4")]).find(PAN, KeyUsage.CVK) is None
    assert Issuers([key("62")]).find(PAN, KeyUsage.PVK) is None
    assert Issuers().find(PAN, KeyUsage.CVK) is None


@pytest.mark.parametrize(
    ("indexes", "asked", "found"),
    [(("1", "2"), "2", "2"), (("", "2"), "3", ""), (("1",), "", "1"), (("1", "2"), "", None), (("1", "2"), "3", None)],
)
def test_a_card_names_its_key_where_there_are_several(indexes: tuple[str, ...], asked: str, found: str | None) -> None:
    chosen = Issuers([key("62", index=index) for index in indexes]).find(PAN, KeyUsage.CVK, asked)

    assert (chosen.key_index if chosen else None) == found


@pytest.mark.parametrize(
    ("aid", "pan", "scheme"),
    [
        ("A000000333010101", "4111111111111111", Scheme.UNIONPAY),
        ("A0000000031010", "6200000000000047", Scheme.VISA),
        ("", "6200000000000047", Scheme.UNIONPAY),
        ("A000000999", "5555555555554444", Scheme.MASTERCARD),
    ],
)
def test_a_chips_application_says_whose_rules_it_follows_else_its_number(aid: str, pan: str, scheme: Scheme) -> None:
    issuers = Issuers([key("", KeyUsage.ISSUER_CRYPTOGRAM, method="padding=either")])
    found = issuers.find(Pan(pan), KeyUsage.ISSUER_CRYPTOGRAM)

    assert found is not None
    method = found.method_for(chip(aid), Pan(pan))
    assert method is not None
    assert (method.scheme, method.padding) == (scheme, Padding.EITHER)


@pytest.mark.parametrize(
    ("prefix", "usage", "method", "problem"),
    [
        ("62x", KeyUsage.CVK, "", "named by 1 to 12 digits"),
        ("1" * 13, KeyUsage.CVK, "", "named by 1 to 12 digits"),
        ("62", KeyUsage.CVK, "lenient", "the method is if_laid_out or nothing"),
        ("62", KeyUsage.ISSUER_CRYPTOGRAM, "padding=none", "none"),
        ("62", KeyUsage.ISSUER_CRYPTOGRAM, "colour=red", "colour"),
    ],
)
def test_a_range_or_method_that_makes_no_sense_is_refused(
    prefix: str, usage: KeyUsage, method: str, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        check_range(prefix, usage, method)


def test_a_range_that_makes_sense_is_taken() -> None:
    check_range("6200", KeyUsage.CVK, IF_LAID_OUT)
