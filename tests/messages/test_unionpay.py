"""The private fields of UnionPay's terminals, as they write them and as nobody should."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.messages.unionpay import (
    SEQUENCE,
    ItemName,
    TerminalInfo,
    read_card_code,
    read_card_number,
    read_item_name,
    read_operator,
    read_pay_code,
    read_serial,
    read_terminal_info,
    read_tip,
)
from tests.messages.fields import sample

TEXTS = st.text("".join(map(chr, range(256))), max_size=60) | st.text("0123456789A", max_size=40)
CODES = st.text("0123456789", min_size=16, max_size=24)
SERIAL_NUMBERS = st.text("ABCXYZ0123456789.-", min_size=1, max_size=40)
ITEM_NAMES = st.builds(ItemName, st.binary(min_size=5, max_size=16), st.binary(min_size=1, max_size=1))
DEVICE = "0102040206SN1234" + "0306ABCDEF" + "0508V1.02.03"


# fmt: off
INFOS = [
    ("",                                                     TerminalInfo()),
    ("A30186212345678901234AB",                              TerminalInfo("6212345678901234AB")),
    (f"A2{len(DEVICE):03d}{DEVICE}",                         TerminalInfo("", "SN1234", "V1.02.03")),
    (f"A2{len(DEVICE):03d}{DEVICE}A3004CODE",                TerminalInfo("CODE", "SN1234", "V1.02.03")),
    ("A3004CODEA3005OTHER",                                  TerminalInfo("CODE")),
    ("A3004CODEand some words of the maker",                 TerminalInfo("CODE")),
    ("89860012345 460,00,12345 N31.2 E121.5A3004CODE",       TerminalInfo()),  # an older terminal's free text
    ("A3099CODE",                                            TerminalInfo()),  # it ends too soon
    ("A2011" + "0207SN 1234",                                TerminalInfo()),  # no machine's number has blanks
    ("A2020" + "05164111111111111111",                       TerminalInfo()),  # a card number is no version
    ("A2020" + "02164111111111111111",                       TerminalInfo("", "4111111111111111")),
    ("A2025" + "0521" + "1" * 21,                            TerminalInfo()),
    ("A3004\xd6\xd0\xb9\xfa",                                TerminalInfo()),  # Chinese is no pay code
    ("A30\xb24CODE",                                         TerminalInfo()),
]
SERIALS = [
    ("Sequence No12306061000001", "306061000001"),
    ("Sequence No04AB12and more", "AB12"),
    ("Sequence No12 30606100001", "30606100001"),
    ("Sequence No1230606100",     ""),
    ("Sequence No06AB/12*",       ""),
    (f"Sequence No41{'1' * 41}",  ""),
    ("Sequence No",               ""),
    ("Sequence NoAB30606100",     ""),
    ("\x00\x01\x02",              ""),
]
CARD_CODES = [("91123", "123"), ("91123310101199001011234", "123"), ("9112", ""), ("92123", ""), ("01310101", ""), ("91\xb21\xb2", "")]
CARDS = [("6200000000000005", "6200000000000005"), ("6200000000000005   ", "6200000000000005"),
         ("6200000", ""), ("62000000000000050000", ""), ("620000000000000A", ""), ("", ""), ("\xb9" * 16, "")]
OPERATORS = [
    ("01 ",           ("01", "")),
    ("001",           ("001", "")),
    ("01",            ("01", "")),
    ("012secret7",    ("012", "secret7")),
    ("01 0000  ",     ("01", "0000")),
    ("CUP",           ("", "")),
    ("",              ("", "")),
    ("\xb2\xb2\xb2x", ("", "")),
]
TIPS = [("000000000500", 500), ("500", None), ("", None), ("00000000050\xb2", None)]
ITEMS = [
    ("9F0605A0000003339F220108", ItemName(bytes.fromhex("A000000333"), b"\x08")),
    ("9F0608A000000333010101",   ItemName(bytes.fromhex("A000000333010101"), b"")),
    ("9F220108",                 None),
    ("9F0600",                   None),
    ("9F0605A0",                 None),
    ("",                         None),
]
# fmt: on


@pytest.mark.parametrize(("text", "info"), INFOS)
def test_field_59_is_read_as_far_as_it_makes_sense(text: str, info: TerminalInfo) -> None:
    assert read_terminal_info(text) == info


@pytest.mark.parametrize(("text", "serial"), SERIALS)
def test_a_machines_number_comes_with_its_length(text: str, serial: str) -> None:
    assert read_serial(text) == serial


@pytest.mark.parametrize("name", ["S6", "S7a"])
def test_captured_sign_ons_say_their_machines_number(name: str) -> None:
    fields = sample(name)

    assert read_serial(bytes.fromhex(fields[62]).decode("latin-1")) == f"3060{fields[41]}"


@pytest.mark.parametrize(("text", "code"), CARD_CODES)
def test_a_typed_code_is_three_digits_after_91(text: str, code: str) -> None:
    assert read_card_code(text) == code


@pytest.mark.parametrize(("text", "digits"), CARDS)
def test_the_card_of_a_transfer_is_a_card_number(text: str, digits: str) -> None:
    assert read_card_number(text) == digits


@pytest.mark.parametrize(("text", "expected"), OPERATORS)
def test_an_operator_is_three_characters_and_the_rest_the_password(text: str, expected: tuple[str, str]) -> None:
    assert read_operator(text) == expected


@pytest.mark.parametrize(("text", "minor"), TIPS)
def test_a_tip_is_twelve_digits(text: str, minor: int | None) -> None:
    assert read_tip(text) == minor


@pytest.mark.parametrize(("asked", "name"), ITEMS)
def test_a_download_names_an_application_or_a_key(asked: str, name: ItemName | None) -> None:
    assert read_item_name(bytes.fromhex(asked)) == name


def test_one_vendor_has_the_pay_code_in_field_62() -> None:
    private = bytes.fromhex(sample("S33")[62]).decode("latin-1")

    assert read_pay_code(private) == "284412345678901234"
    assert read_pay_code("Sequence No") == ""


@given(TEXTS)
def test_of_any_text_only_what_has_the_form_is_read(text: str) -> None:
    typed = re.match("[0-9]{3}", text)
    card = re.fullmatch(" *([0-9]{8,19}) *", text)
    operator = re.fullmatch("([0-9]{1,3}) *", text[:3])

    assert read_card_code(f"91{text}") == (typed[0] if typed else "")
    assert read_card_number(text) == (card[1] if card else "")
    assert read_operator(text) == ((operator[1], text[3:].rstrip(" ")) if operator else ("", ""))
    assert read_tip(text) == (int(text) if re.fullmatch("[0-9]{12}", text) else None)


@given(TEXTS)
def test_of_any_text_nothing_is_read_that_does_not_stand_in_it_or_that_nobody_could_print(text: str) -> None:
    """A number of a machine beside which its length does not stand is none."""
    info, serial = read_terminal_info(text), read_serial(f"{SEQUENCE}{text}")
    found = read_item_name(text.encode("latin-1"))

    for value in (*info, serial, read_pay_code(text)):
        assert value in text
        assert value.isascii()
        assert value.isprintable() or not value
    assert not serial or text[2 : 2 + int(text[:2])].strip(" \0") == serial
    assert read_serial(text) == "" or text.startswith(SEQUENCE)
    assert found is None or (found.name and found.name.decode("latin-1") in text)


@given(CODES, SERIAL_NUMBERS, ITEM_NAMES, st.text("0123456789 -", max_size=9))
def test_what_terminals_write_is_read_as_they_meant_it(code: str, serial: str, item: ItemName, words: str) -> None:
    """Objects one after the other, and a maker's words behind them that look like no object."""
    device = f"02{len(serial):02d}{serial}0508V1.02.03"
    scanned = f"A2{len(device):03d}{device}A3{len(code):03d}{code}--{words}"
    in_ber = b"\x5f\x01" + bytes([len(code)]) + code.encode()

    assert read_terminal_info(scanned) == TerminalInfo(code, serial, "V1.02.03")
    assert read_serial(f"{SEQUENCE}{len(serial):02d}{serial}{words}") == serial
    assert read_pay_code(in_ber.decode("latin-1")) == code
    assert read_item_name(b"\x9f\x06" + bytes([len(item.name)]) + item.name + b"\x9f\x22\x01" + item.key_index) == item
