from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.capture.tokens import FF1, Tokens, kept_digits
from switch.values import Pan

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
TOKENS, OTHERS = Tokens(KEY), Tokens(OTHER)
PANS = st.text("0123456789", min_size=12, max_size=19)

# NIST SP 800-38G, FF1 samples 1, 2, 4, 5, 7 and 8.
AES_128 = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
AES_192 = AES_128 + bytes.fromhex("EF4359D8D580AA4F")
AES_256 = AES_192 + bytes.fromhex("7F036D6F04FC6A94")
TWEAK = bytes.fromhex("39383736353433323130")
# fmt: off
SAMPLES = [
    (AES_128, b"",   "2433477484"),
    (AES_128, TWEAK, "6124200773"),
    (AES_192, b"",   "2830668132"),
    (AES_192, TWEAK, "2496655549"),
    (AES_256, b"",   "6657667009"),
    (AES_256, TWEAK, "1001623463"),
]
# fmt: on


@pytest.mark.parametrize(("key", "tweak", "expected"), SAMPLES)
def test_the_published_samples_come_out(key: bytes, tweak: bytes, expected: str) -> None:
    assert FF1(key).encrypt("0123456789", tweak) == expected
    assert FF1(key).decrypt(expected, tweak) == "0123456789"


# fmt: off
OF_BEFORE = [
    ("4111111111111111",    "4111111184742396"),
    ("620000000000047",     "620000502132363"),
    ("6200000000000000047", "6200000077115080023"),
    ("411111111112",        "411111606517"),
]
# fmt: on


@pytest.mark.parametrize(("pan", "token"), OF_BEFORE)
def test_tokens_are_those_of_captures_made_before(pan: str, token: str) -> None:
    assert TOKENS.token(pan) == token
    assert TOKENS.original(token) == pan


@given(PANS)
def test_length_bin_and_rightness_of_the_check_digit_stay(pan: str) -> None:
    token = TOKENS.token(pan)

    kept = 8 if len(pan) >= 16 else 6
    assert kept_digits(len(pan)) == kept
    assert (len(token), token[:kept]) == (len(pan), pan[:kept])
    assert Pan(token).has_valid_check_digit() == Pan(pan).has_valid_check_digit()


@given(PANS)
def test_no_card_is_its_own_token_and_the_key_leads_back(pan: str) -> None:
    token = TOKENS.token(pan)

    assert token != pan
    assert TOKENS.original(token) == pan


@pytest.mark.parametrize("start", ["411111", "62220212"])
def test_every_number_of_a_small_range_has_a_token_of_its_own(start: str) -> None:
    size = 12 if len(start) == 6 else 16
    free = min(3, size - len(start))
    fixed = size - len(start) - free
    pans = [f"{start}{'0' * fixed}{number:0{free}d}" for number in range(10**free)]

    tokens = {TOKENS.token(pan) for pan in pans}

    assert len(tokens) == len(pans)


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_all_short_numbers_are_permuted(size: int) -> None:
    numbers = {f"{number:0{size}d}" for number in range(10**size)} if size < 5 else {f"1{n:04d}" for n in range(10**4)}

    tokens = {TOKENS.token(number) for number in numbers}

    assert len(tokens) == len(numbers)
    assert size == 5 or tokens == numbers


def test_another_key_gives_other_tokens() -> None:
    pans = [f"622202{number:09d}" for number in range(100)]

    same = [pan for pan in pans if TOKENS.token(pan) == OTHERS.token(pan)]

    assert not same


def test_the_same_key_gives_the_same_token_always() -> None:
    assert Tokens(KEY).token("6222020000000000011") == TOKENS.token("6222020000000000011")


def test_a_key_of_another_size_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 31") as caught:
        Tokens(b"\xab" * 31)

    assert "ab" not in str(caught.value).replace("bytes", "")
    assert "0" not in repr(TOKENS)
