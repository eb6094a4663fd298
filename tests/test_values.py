"""Card numbers: which check digits are right, and what of a number is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.values import Pan

PANS = st.text("0123456789", min_size=8, max_size=19)


def luhn(digits: str) -> int:
    """As the standard's annex tells it, digit by digit."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value // 10 + value % 10
    return total % 10


@pytest.mark.parametrize("digits", ["4111111111111111", "6200000000000047", "378282246310005", "79927398713"])
def test_known_numbers_have_a_right_check_digit(digits: str) -> None:
    others = [Pan(digits[:-1] + other) for other in "0123456789" if other != digits[-1]]

    assert Pan(digits).has_valid_check_digit()
    assert not any(other.has_valid_check_digit() for other in others)


@given(PANS)
def test_check_digits_are_those_of_the_standard(digits: str) -> None:
    assert Pan(digits).has_valid_check_digit() == (luhn(digits) == 0)


@given(PANS)
def test_a_number_shows_its_first_six_and_last_four_at_most(digits: str) -> None:
    pan = Pan(digits)
    shown = "".join(digit for digit in f"{pan}{pan!r}" if digit in "0123456789")

    assert len(pan.masked) == len(digits)
    assert shown in ("", (digits[:6] + digits[-4:]) * 2)
