"""Card verification codes: published values, a second implementation, and the rare ones that it gets wrong."""

from __future__ import annotations

from typing import Final

import psec.cvv
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from switch.messages.verdicts import Finding
from switch.security.card_codes import (
    CVV2_SERVICE_CODE,
    ICVV_SERVICE_CODE,
    ExpiryOrder,
    card_code,
    check_card_code,
    decimals,
)

CVK: Final = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
PAN: Final = "4111111111111111"

# psec still takes Triple DES from where, and in sizes that, the library announces will not stay
psec_moves = pytest.mark.filterwarnings("ignore:.*TripleDES")

pans = st.text("0123456789", min_size=8, max_size=19)
expiries = st.text("0123456789", min_size=4, max_size=4)
service_codes = st.text("0123456789", min_size=3, max_size=3)


@pytest.mark.parametrize(
    ("pan", "expiry", "service_code", "code"),
    [
        ("4123456789012345", "8701", "101", "561"),  # the example of Visa's payment technology standards
        ("1234567890123456", "9912", "220", "170"),
    ],
)  # fmt: skip
def test_published_codes(pan: str, expiry: str, service_code: str, code: str) -> None:
    assert card_code(CVK, pan, expiry, service_code) == code


@psec_moves
@given(pans, expiries, service_codes)
@example("6200000000000000047", "3012", "201")
def test_psec_makes_the_same_code(pan: str, expiry: str, service_code: str) -> None:
    oracle = psec.cvv.generate_cvv(CVK, pan, expiry, service_code)

    assert card_code(CVK, pan, expiry, service_code).startswith(oracle)  # it stops where the digits are too few


@pytest.mark.parametrize(("pan", "code"), [("4111110000011780", "550"), ("4111110000367080", "014")])
def test_letters_stand_in_where_digits_are_too_few(pan: str, code: str) -> None:
    assert card_code(CVK, pan, "3012", "201") == code


@pytest.mark.parametrize(
    ("block", "digits"),
    [
        ("acbefbcfba5af5dc", "550"),
        ("0bebadcdfaeafdda", "014"),
        ("abcdefabcdefabcd", "012"),
        ("123abcdefabcdefa", "123"),
        ("abcdefabcdef9876", "987"),
    ],
)  # fmt: skip
def test_digits_come_first_then_letters_as_0_to_5(block: str, digits: str) -> None:
    assert decimals(bytes.fromhex(block), 3) == digits


def test_the_three_codes_of_a_card_are_not_the_same() -> None:
    codes = {card_code(CVK, PAN, "3012", each) for each in ("201", CVV2_SERVICE_CODE, ICVV_SERVICE_CODE)}

    assert len(codes) == 3


def test_an_issuer_may_write_the_month_first() -> None:
    turned = card_code(CVK, PAN, "3012", CVV2_SERVICE_CODE, ExpiryOrder.MMYY)

    assert turned == card_code(CVK, PAN, "1230", CVV2_SERVICE_CODE)
    assert turned != card_code(CVK, PAN, "3012", CVV2_SERVICE_CODE)
    assert check_card_code(CVK, PAN, "3012", CVV2_SERVICE_CODE, turned, ExpiryOrder.MMYY) is Finding.RIGHT
    assert check_card_code(CVK, PAN, "3012", CVV2_SERVICE_CODE, turned) is Finding.WRONG


def test_a_code_is_right_for_its_card_expiry_and_service_code_only() -> None:
    code = card_code(CVK, PAN, "3012", "201")

    assert check_card_code(CVK, PAN, "3012", "201", code) is Finding.RIGHT
    assert check_card_code(CVK, PAN, "3012", "201", f"{(int(code) + 1) % 1000:03}") is Finding.WRONG
    assert check_card_code(CVK, PAN, "3011", "201", code) is Finding.WRONG
    assert check_card_code(CVK, PAN, "3012", "999", code) is Finding.WRONG
    assert check_card_code(CVK, "4242424242424242", "3012", "201", code) is Finding.WRONG
    assert check_card_code(CVK[8:] + CVK[:8], PAN, "3012", "201", code) is Finding.WRONG


@pytest.mark.parametrize("code", ["", "1", "1234", "٥٦١", "abc"])
def test_what_is_no_code_is_wrong(code: str) -> None:
    assert check_card_code(CVK, "4123456789012345", "8701", "101", code) is Finding.WRONG


@pytest.mark.parametrize(("expiry", "service_code"), [("", "201"), ("3012", ""), ("3012", "20="), ("٣٠١٢", "201")])
def test_leaving_out_what_a_code_is_made_of_does_not_help(expiry: str, service_code: str) -> None:
    assert check_card_code(CVK, PAN, expiry, service_code, "000") is Finding.WRONG
    with pytest.raises(ValueError, match=r"takes an expiry of 4 digits and a service code of 3$"):
        card_code(CVK, PAN, expiry, service_code)


@pytest.mark.parametrize("size", [0, 8, 15, 24])
def test_a_key_pair_has_16_bytes(size: int) -> None:
    with pytest.raises(ValueError, match=f"has 16 bytes, not {size}$"):
        card_code(b"\1" * size, PAN, "3012", "201")


@pytest.mark.parametrize("pan", ["", "41111111111111111111", "411111111111111F"])
def test_a_card_number_that_is_none_is_refused_without_showing_it(pan: str) -> None:
    with pytest.raises(ValueError, match=r"^a card number is at most 19 digits$"):
        card_code(CVK, pan, "3012", "201")
