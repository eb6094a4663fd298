from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from switch.values import Pan
from switch.wire.masking import kept, kept_text, plain_name, shown


def test_a_card_number_shows_its_first_six_and_last_four() -> None:
    assert shown("4111111111111111", "pan") == "411111******1111"
    assert shown("411111111111111X", "pan") == "*" * 16


def test_a_track_shows_no_more_than_its_card_number() -> None:
    assert shown("4111111111111111=30121010000012345", "track") == "411111******1111=" + "*" * 17
    assert shown("4111111111111111D3012", "track") == "411111******1111D****"
    assert shown("62220206A9A86108", "track") == "*" * 16


def test_a_secret_does_not_even_show_its_length() -> None:
    assert shown("00112233445566778899", "secret") == "********"


def test_free_text_shows_all_but_card_numbers() -> None:
    assert shown("ref 4111111111111111 ok", "free") == "ref 411111******1111 ok"
    assert shown("ref 4111111111111112 ok", "free") == "ref 4111111111111112 ok"
    assert shown("batch 000519, 12 sales", "free") == "batch 000519, 12 sales"
    assert shown("total=1200 D30", "free") == "total=1200 D30"


def test_a_track_in_free_text_shows_no_more_than_its_card_number() -> None:
    assert shown("a 4111111111111111=30122010000012345 b", "free") == "a 411111******1111=***************** b"
    assert shown("570F4111111111111111D30122015F", "free") == "570F411111******1111D********F"
    assert shown("B4111111111111111^DOE/J^3012201?", "free") == "B411111******1111^*************?"


def test_a_card_number_in_groups_of_four_is_not_shown() -> None:
    assert shown("card 4111 1111 1111 1111.", "free") == "card 4111 11** **** 1111."
    assert shown("4111-1111-1111-1111", "free") == "4111-11**-****-1111"
    assert shown("4111 1111 1111 1112", "free") == "4111 1111 1111 1112"


def test_an_operator_is_shown_without_the_password() -> None:
    assert shown("01 secret7", "operator") == "01 *******"
    assert shown("01 0000  ", "operator") == "01 ****"
    assert shown("001", "operator") == "001"
    assert shown("   secret", "operator") == "   ******"
    assert shown("CUP approved", "operator") == "CUP approved"
    assert shown("CUP 4111111111111111", "operator") == "CUP 411111******1111"


def test_a_pay_code_that_was_scanned_is_not_shown() -> None:
    assert shown("A20100206SN1234A3004CODE", "scan") == "A20100206SN1234A3004****"
    assert shown("some words A3099CODE", "scan") == "some words A3099****"
    assert shown("A3019A3004CODE and more", "scan") == "A3019" + "*" * 18
    assert shown("4111111111111111", "scan") == "411111******1111"


def test_bytes_are_kept_without_the_card_numbers_in_them() -> None:
    assert kept(b"SN 12345678901234 OK") == b"SN 12345678901234 OK"
    assert kept(b"4111111111111111=3012201") == b"411111******1111=*******"
    assert kept(bytes.fromhex("C1 AB 4111111111111111 FF")).hex() == "c1ab411111ffffff1111ff"
    assert kept(bytes.fromhex("4111111111111111D3012201")).hex() == "411111ffffff1111dfffffff"
    assert kept(b"\x9f\x1e\x0c012345678901") == b"\x9f\x1e\x0c012345678901"
    assert kept_text(bytes.fromhex("4111111111111111")).hex() == "4111111111111111"
    assert kept_text(b"4111111111111111") == b"411111******1111"


@settings(deadline=None)
@given(before=st.binary(max_size=20), after=st.binary(max_size=20), sealed=st.booleans())
def test_a_card_number_among_bytes_is_not_kept(before: bytes, after: bytes, sealed: bool) -> None:  # noqa: FBT001
    number = "5500000000000004"
    written = bytes.fromhex(number) + b"\xff" if sealed else number.encode()

    content = kept(before + written + after)

    assert len(content) == len(before + written + after)
    assert written not in content


def test_a_name_of_a_machine_is_short_and_plain() -> None:
    assert plain_name("V1.02-b", 20) == "V1.02-b"
    assert [plain_name(text, 20) for text in ("1" * 21, "V 1", "V1\n", "4111111111111111", "")] == [""] * 5


@settings(deadline=None)
@given(before=st.text("0123456789", max_size=30), after=st.text("0123456789", max_size=30))
def test_a_card_number_between_other_digits_is_not_shown(before: str, after: str) -> None:
    number = "5555555555554444"
    assert Pan(number).has_valid_check_digit()

    assert number not in shown(before + number + after, "free")
