"""PIN blocks: published vectors, a second implementation, and what is no PIN block."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

import psec.pinblock
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.errors import PeerError
from switch.security.ciphers import BlockCipher, aes, des
from switch.security.pin_blocks import TRANSLATIONS, PinBlockError, PinFormat, closed, opened

DES: Final = des(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))
AES_KEY: Final = bytes.fromhex("AF8CB133A78F8DC2D1359F18527593FB")
PAN: Final = "4111111111111111"

pins = st.text("0123456789", min_size=4, max_size=12)
pans = st.text("0123456789", min_size=8, max_size=19)
formats = st.sampled_from(PinFormat)


def cipher_for(form: PinFormat) -> BlockCipher:
    return aes(AES_KEY) if form is PinFormat.ISO_4 else DES


def giving(text: str) -> Callable[[int], bytes]:
    return lambda size: bytes.fromhex(text)[:size]


def clear(form: PinFormat, pin: str, pan: str, random: Callable[[int], bytes] = bytes) -> str:
    return DES.decrypt(closed(form, DES, pin, pan, random)).hex().upper()


def opened_clear(form: PinFormat, field: str, pan: str = PAN) -> str:
    return opened(form, DES, DES.encrypt(bytes.fromhex(field)), pan)


# --- vectors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pin", "pan", "block"),
    [
        ("123456", "123456789012345678", "061253DFFEDCBA98"),  # the example of the UnionPay specification
        ("123456", "1234567890123456",   "0612713176FEDCBA"),
        ("1234",   "4012345678909",      "041274EDCBA9876F"),  # ANSI X9.24-1
        ("1234",   "5544332211009966",   "041277CDDEEFF669"),
    ],
)  # fmt: skip
def test_published_blocks_of_format_0(pin: str, pan: str, block: str) -> None:
    assert clear(PinFormat.ISO_0, pin, pan) == block
    assert opened_clear(PinFormat.ISO_0, block, pan) == pin


@pytest.mark.parametrize("pan", ["62000047", PAN])
def test_the_published_block_without_card_number_looks_at_none(pan: str) -> None:
    assert clear(PinFormat.UNBOUND_0, "123456", pan) == "06123456FFFFFFFF"
    assert opened_clear(PinFormat.UNBOUND_0, "06123456FFFFFFFF", pan) == "123456"


def test_a_published_block_of_format_3() -> None:
    assert opened_clear(PinFormat.ISO_3, "341277EEEFCCB43C", "5544332211009966") == "1234"


@pytest.mark.parametrize(
    ("key", "random", "pan", "block"),
    [  # the first two: supplement to ANSI X9.24-3
        ("AF8CB133A78F8DC2D1359F18527593FB", "2F69ADDE2E9E7ACE", PAN,                  "A912150391AB65A67E52883D81CE2D15"),
        ("D30BDC73EC9714B000BEC66BDB7B6D09", "2F69ADDE2E9E7ACE", PAN,                  "52A00503BD34BA1383F6A7EE9FE2547F"),
        ("00112233445566778899AABBCCDDEEFF", "146C6601F4A8035C", "432198765432109870", "88E33C3ACF404F234F10F889C364E377"),
    ],
)  # fmt: skip
def test_published_blocks_of_format_4(key: str, random: str, pan: str, block: str) -> None:
    cipher = aes(bytes.fromhex(key))

    assert closed(PinFormat.ISO_4, cipher, "1234", pan, giving(random)).hex().upper() == block
    assert opened(PinFormat.ISO_4, cipher, bytes.fromhex(block), pan) == "1234"


# --- a second implementation ------------------------------------------------------------------------------


@given(pins, st.text("0123456789", min_size=13, max_size=19))
def test_psec_writes_and_reads_the_same(pin: str, pan: str) -> None:
    assert clear(PinFormat.ISO_0, pin, pan) == psec.pinblock.encode_pinblock_iso_0(pin, pan).hex().upper()
    assert psec.pinblock.decode_pinblock_iso_3(bytes.fromhex(clear(PinFormat.ISO_3, pin, pan, os.urandom)), pan) == pin
    assert opened_clear(PinFormat.ISO_3, psec.pinblock.encode_pinblock_iso_3(pin, pan).hex(), pan) == pin


@given(pins, pans)
def test_psec_reads_and_writes_the_same_format_4(pin: str, pan: str) -> None:
    cipher = aes(AES_KEY)
    block = closed(PinFormat.ISO_4, cipher, pin, pan, os.urandom)

    assert psec.pinblock.decipher_pinblock_iso_4(AES_KEY, block, pan) == pin
    assert opened(PinFormat.ISO_4, cipher, psec.pinblock.encipher_pinblock_iso_4(AES_KEY, pin, pan), pan) == pin


@given(formats, pins, pans)
def test_what_was_closed_opens(form: PinFormat, pin: str, pan: str) -> None:
    cipher = cipher_for(form)
    block = closed(form, cipher, pin, pan, os.urandom)

    assert len(block) == form.block_bytes
    assert opened(form, cipher, block, pan) == pin


# --- what fills up ----------------------------------------------------------------------------------------


def test_format_1_is_filled_with_what_the_source_gives() -> None:
    assert clear(PinFormat.ISO_1, "1234", PAN, giving("0123456789ABCDEF")) == "1412340123456789"


@given(st.binary(min_size=8, max_size=8))
def test_format_3_is_filled_with_letters_only(source: bytes) -> None:
    field = clear(PinFormat.ISO_3, "1234", "0", lambda _: source)

    assert field.startswith("341234")
    assert not field[6:].strip("ABCDEF")


def test_format_3_is_filled_with_all_letters_in_the_long_run() -> None:
    blocks = [clear(PinFormat.ISO_3, "1234", "0", os.urandom)[6:] for _ in range(200)]

    assert all({block[at] for block in blocks} == set("ABCDEF") for at in range(10))


@pytest.mark.parametrize("form", [PinFormat.ISO_1, PinFormat.ISO_3, PinFormat.ISO_4])
def test_one_pin_of_one_card_is_never_twice_the_same_block(form: PinFormat) -> None:
    blocks = {closed(form, cipher_for(form), "1234", PAN, os.urandom) for _ in range(20)}

    assert len(blocks) == 20


# --- what is no PIN block ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "field"),
    [
        (PinFormat.UNBOUND_0, "141234FFFFFFFFFF"),
        (PinFormat.UNBOUND_0, "03123FFFFFFFFFFF"),
        (PinFormat.UNBOUND_0, "0D1234567890123F"),
        (PinFormat.UNBOUND_0, "04123AFFFFFFFFFF"),
        (PinFormat.UNBOUND_0, "041234FFFFFFFFF0"),
        (PinFormat.UNBOUND_0, "041234FFF5FFFFFF"),
        (PinFormat.UNBOUND_0, "041234AFFFFFFFFF"),
        (PinFormat.ISO_1,     "0412340123456789"),
        (PinFormat.ISO_1,     "1312340123456789"),
        (PinFormat.ISO_1,     "14123A0123456789"),
        (PinFormat.ISO_0,     "341225EEEEEEEEEE"),
        (PinFormat.ISO_3,     "041225EEEEEEEEEE"),
    ],
)  # fmt: skip
def test_a_wrong_digit_length_or_fill_is_no_pin_block(form: PinFormat, field: str) -> None:
    with pytest.raises(PinBlockError):
        opened_clear(form, field)


@pytest.mark.parametrize("fill", ["AAAAAAAAAF", "AAAAA0AAAA", "FFFFFFFFFF"])
def test_format_4_is_filled_with_a_only(fill: str) -> None:
    cipher = aes(AES_KEY)
    mixed = bytes.fromhex(f"4{PAN}".ljust(32, "0"))
    first = cipher.encrypt(bytes.fromhex("441234" + fill) + bytes(8))
    block = cipher.encrypt(bytes(left ^ right for left, right in zip(first, mixed, strict=True)))

    with pytest.raises(PinBlockError, match="not filled up"):
        opened(PinFormat.ISO_4, cipher, block, PAN)


@pytest.mark.parametrize("form", [PinFormat.ISO_0, PinFormat.ISO_4])
@given(pin=pins, digit=st.integers(3, 14), other=st.integers(1, 9))
def test_a_block_does_not_open_for_another_card_without_being_noticed(
    form: PinFormat, pin: str, digit: int, other: int
) -> None:
    changed = PAN[:digit] + str((int(PAN[digit]) + other) % 10) + PAN[digit + 1 :]
    block = closed(form, cipher_for(form), pin, PAN, os.urandom)

    try:
        found = opened(form, cipher_for(form), block, changed)
    except PinBlockError:
        return

    assert found != pin


def test_a_short_pin_of_another_card_is_always_noticed_in_format_0() -> None:
    block = closed(PinFormat.ISO_0, DES, "1234", PAN, bytes)

    with pytest.raises(PinBlockError, match="another card's"):
        opened(PinFormat.ISO_0, DES, block, "4111111111111129")


def test_a_block_under_another_key_hardly_ever_opens() -> None:
    other = des(bytes.fromhex("23456789ABCDEF011032547698BADCFE"))

    def opens(number: int) -> bool:
        try:
            return bool(opened(PinFormat.ISO_0, other, number.to_bytes(8, "big"), PAN))
        except PinBlockError:
            return False

    assert not any(opens(number) for number in range(2000))


@pytest.mark.parametrize("form", PinFormat)
@pytest.mark.parametrize("size", [0, 7, 9, 15, 17, 32])
def test_a_block_of_another_size_is_refused(form: PinFormat, size: int) -> None:
    with pytest.raises(PinBlockError, match=f"has {form.block_bytes} bytes, not {size}$"):
        opened(form, cipher_for(form), b"\x12" * size, PAN)


def test_what_is_wrong_is_the_peers_and_not_quoted() -> None:
    with pytest.raises(PeerError) as error:
        opened_clear(PinFormat.UNBOUND_0, "0698765AFFFFFFFF")

    assert "9876" not in str(error.value)


# --- what may not be asked for ----------------------------------------------------------------------------


@pytest.mark.parametrize("pin", ["", "123", "1234567890123", "12a4", "١٢٣٤"])
def test_a_pin_that_is_none_is_not_closed(pin: str) -> None:
    with pytest.raises(ValueError, match=r"^a PIN has 4 to 12 digits$"):
        closed(PinFormat.ISO_0, DES, pin, PAN, bytes)


@pytest.mark.parametrize("form", [PinFormat.ISO_0, PinFormat.ISO_3, PinFormat.ISO_4])
@pytest.mark.parametrize("pan", ["", "41111111111111111111", "411111111111111F", "4111 1111"])
def test_a_card_number_that_is_none_is_not_mixed_in(form: PinFormat, pan: str) -> None:
    with pytest.raises(ValueError, match=r"^a card number is 1 to 19 digits$"):
        closed(form, cipher_for(form), "1234", pan, bytes)


@pytest.mark.parametrize("form", PinFormat)
def test_a_cipher_of_another_block_size_is_refused(form: PinFormat) -> None:
    wrong = DES if form is PinFormat.ISO_4 else aes(AES_KEY)

    with pytest.raises(ValueError, match="takes a cipher with blocks"):
        closed(form, wrong, "1234", PAN, bytes)
    with pytest.raises(ValueError, match="takes a cipher with blocks"):
        opened(form, wrong, bytes(form.block_bytes), PAN)


# --- sent on ----------------------------------------------------------------------------------------------


def test_every_format_may_become_one_that_is_bound_to_the_card_and_no_other() -> None:
    bound = {PinFormat.ISO_0, PinFormat.ISO_3, PinFormat.ISO_4}

    assert set(TRANSLATIONS) == set(PinFormat)
    assert all(targets == bound for targets in TRANSLATIONS.values())
