"""Whether a PIN is right: published values, a second implementation, and what a wrong one comes to."""

from __future__ import annotations

from typing import Final

import psec.pin
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from switch.messages.verdicts import Finding
from switch.security.ciphers import des
from switch.security.pin_checks import (
    NaturalPin,
    check_offset,
    check_pvv,
    natural_pin,
    pin_offset,
    pvv,
    read_natural_pin,
)

KEY: Final = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
PVK: Final = des(KEY)
PAN: Final = "4111111111111111"
PSEC_TABLE: Final = NaturalPin(table="1234567890123456")

# psec still takes Triple DES from where, and in sizes that, the library announces will not stay
psec_moves = pytest.mark.filterwarnings("ignore:.*TripleDES")

pins = st.text("0123456789", min_size=4, max_size=12)
four_digits = st.text("0123456789", min_size=4, max_size=4)
pans = st.text("0123456789", min_size=12, max_size=19)
digits = st.sampled_from("0123456789")
methods = st.builds(
    NaturalPin,
    start=st.integers(0, 4),
    size=st.integers(1, 16),
    fill=st.sampled_from("0123456789ABCDEF"),
    table=st.text("0123456789", min_size=16, max_size=16),
)


# --- Visa -------------------------------------------------------------------------------------------------


def test_a_published_verification_value() -> None:
    assert pvv(PVK, "1122334455667788", "3", "4524") == "4021"


@psec_moves
@given(pans, digits, four_digits)
def test_psec_makes_the_same_verification_value(pan: str, pvki: str, pin: str) -> None:
    assert pvv(PVK, pan, pvki, pin) == psec.pin.generate_visa_pvv(KEY, pvki, pin, pan)


@pytest.mark.parametrize(
    ("pan", "block", "value"),
    [
        ("4111110000021510", "7cdcfae6dba2ecfa", "7622"),
        ("4111110000185200", "ae6edeafaebfcfc0", "6004"),
        ("4111110000450710", "efeceadedbfcfc9a", "9454"),
    ],
)  # fmt: skip
def test_letters_stand_in_where_digits_are_too_few(pan: str, block: str, value: str) -> None:
    assert PVK.encrypt(bytes.fromhex(pan[-12:-1] + "11234")).hex() == block
    assert pvv(PVK, pan, "1", "1234") == value


def test_of_a_longer_pin_the_first_four_digits_count() -> None:
    assert pvv(PVK, PAN, "1", "123456") == pvv(PVK, PAN, "1", "1234")


def test_a_short_card_number_is_filled_up_with_zeros() -> None:
    assert pvv(PVK, "62000047", "1", "1234") == pvv(PVK, "000062000047", "1", "1234")


def test_the_right_pin_is_right_and_any_other_value_wrong() -> None:
    value = pvv(PVK, PAN, "1", "1234")

    assert check_pvv(PVK, PAN, "1", "1234", value) is Finding.RIGHT
    assert check_pvv(PVK, PAN, "1", "1235", value) is Finding.WRONG
    assert check_pvv(PVK, PAN, "2", "1234", value) is Finding.WRONG
    assert check_pvv(PVK, PAN[:-2] + "21", "1", "1234", value) is Finding.WRONG


@pytest.mark.parametrize("expected", ["", "1", "12345", "١٢٣٤"])
def test_a_value_that_is_none_makes_every_pin_wrong(expected: str) -> None:
    assert check_pvv(PVK, PAN, "1", "1234", expected) is Finding.WRONG


@pytest.mark.parametrize(
    ("pan", "pvki", "pin", "what"),
    [
        (PAN,                    "1",  "123",           "the PIN must be 4 to 12 digits"),
        (PAN,                    "1",  "1234567890123", "the PIN must be 4 to 12 digits"),
        (PAN,                    "1",  "12F4",          "the PIN must be 4 to 12 digits"),
        (PAN,                    "",   "1234",          "the PIN verification key's index must be 1 digits"),
        (PAN,                    "A",  "1234",          "the PIN verification key's index must be 1 digits"),
        (PAN,                    "12", "1234",          "the PIN verification key's index must be 1 digits"),
        ("",                     "1",  "1234",          "the card number must be 1 to 19 digits"),
        ("41111111111111111111", "1",  "1234",          "the card number must be 1 to 19 digits"),
        ("411111111111111F",     "1",  "1234",          "the card number must be 1 to 19 digits"),
    ],
)  # fmt: skip
def test_what_is_not_digits_is_refused_without_showing_it(pan: str, pvki: str, pin: str, what: str) -> None:
    with pytest.raises(ValueError, match=f"^{what}$"):
        pvv(PVK, pan, pvki, pin)


# --- IBM 3624 ---------------------------------------------------------------------------------------------


def test_a_published_natural_pin_has_an_offset_of_zeros() -> None:
    assert natural_pin(PVK, PSEC_TABLE, "1122334455667788", 4) == "4524"
    assert pin_offset(PVK, PSEC_TABLE, "1122334455667788", "4524") == "0000"


@psec_moves
@given(methods, pans, pins)
def test_psec_makes_the_same_offset(method: NaturalPin, pan: str, pin: str) -> None:
    used = len(pan[method.start : method.start + method.size])
    assume(used)
    oracle = psec.pin.generate_ibm3624_offset(KEY, method.table, pin, pan, method.start, used, method.fill)

    assert pin_offset(PVK, method, pan, pin) == oracle


@psec_moves
@given(methods, pans, pins)
def test_psec_finds_the_pin_again_by_its_offset(method: NaturalPin, pan: str, pin: str) -> None:
    offset = pin_offset(PVK, method, pan, pin)
    used = len(pan[method.start : method.start + method.size])
    assume(used)

    assert psec.pin.generate_ibm3624_pin(KEY, method.table, offset, pan, method.start, used, method.fill) == pin


def test_a_pin_is_right_with_its_own_offset_only() -> None:
    offset = pin_offset(PVK, NaturalPin(), PAN, "123456")

    assert check_offset(PVK, NaturalPin(), PAN, "123456", offset) is Finding.RIGHT
    assert check_offset(PVK, NaturalPin(), PAN, "123457", offset) is Finding.WRONG
    assert check_offset(PVK, NaturalPin(), PAN[:-2] + "21", "123456", offset) is Finding.WRONG
    assert check_offset(PVK, NaturalPin(table="9876543210987654"), PAN, "123456", offset) is Finding.WRONG


@pytest.mark.parametrize("pin", ["1234", "12345", "1234567"])
def test_a_pin_of_another_length_than_the_offset_is_wrong(pin: str) -> None:
    offset = pin_offset(PVK, NaturalPin(), PAN, "123456")

    assert check_offset(PVK, NaturalPin(), PAN, pin, offset) is Finding.WRONG


@pytest.mark.parametrize("size", [0, 3, 13])
def test_no_pin_has_so_many_digits(size: int) -> None:
    with pytest.raises(ValueError, match=f"^a PIN has 4 to 12 digits, not {size}$"):
        natural_pin(PVK, NaturalPin(), PAN, size)


@pytest.mark.parametrize("table", ["", "012345678901234", "0123456789ABCDEF", "01234567890123456"])
def test_a_table_is_sixteen_decimal_digits(table: str) -> None:
    with pytest.raises(ValueError, match=r"^the decimalisation table must be 16 digits$"):
        natural_pin(PVK, NaturalPin(table=table), PAN, 4)


@pytest.mark.parametrize("digits", [4, 6, 12])
def test_a_pin_without_an_offset_is_the_natural_one_as_long_as_pins_of_its_issuer_are(digits: int) -> None:
    method = NaturalPin(digits=digits)
    natural = natural_pin(PVK, method, PAN, 12)

    found = {size: check_offset(PVK, method, PAN, natural[:size], "") for size in range(4, 13)}

    assert [size for size, finding in found.items() if finding is Finding.RIGHT] == [digits]


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("", NaturalPin()),
        ("start=3 size=12 fill=0 table=9876543210987654", NaturalPin(3, 12, "0", "9876543210987654")),
        ("digits=6  start=0", NaturalPin(digits=6)),
    ],
)
def test_a_method_is_read_as_it_is_configured(text: str, method: NaturalPin) -> None:
    assert read_natural_pin(text) == method


@pytest.mark.parametrize(
    "text",
    [
        "start", "begin=1", "start=-1", "start=19", "start=\u0663", "size=0", "size=17", "fill=f", "fill=", "fill=00",
        "table=012345678901234", "table=01234567890123456", "table=012345678901234A", "digits=3", "digits=13",
        "padding=either",
    ],
)  # fmt: skip
def test_a_method_that_no_issuer_has_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"none of|cannot be that|has 4 to 12 digits"):
        read_natural_pin(text)
