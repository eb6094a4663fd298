from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from switch.values import Pan
from switch.wire.masking import shown


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


@settings(deadline=None)
@given(before=st.text("0123456789", max_size=30), after=st.text("0123456789", max_size=30))
def test_a_card_number_between_other_digits_is_not_shown(before: str, after: str) -> None:
    number = "5555555555554444"
    assert Pan(number).has_valid_check_digit()

    assert number not in shown(before + number + after, "free")
