"""The vault: what is sealed opens, what was altered does not, and nothing shows."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.errors import ConfigurationError, InternalError
from switch.security.keys import Keys
from switch.security.vault import NONCE_BYTES, TAG_BYTES, Vault
from switch.values import Pan

OLD, NEW, LOOKUP = b"o" * 32, b"n" * 32, b"l" * 32
PAN = Pan("4111111111111111")
VAULT = Vault(Keys(1, {1: OLD}, LOOKUP))
ROTATED = Vault(Keys(2, {1: OLD, 2: NEW}, LOOKUP))

pans = st.text("0123456789", min_size=8, max_size=19).map(Pan)


@given(pans)
def test_what_is_sealed_opens_again(pan: Pan) -> None:
    assert VAULT.open(VAULT.seal(pan), 1) == pan


@given(pans)
def test_the_look_up_hash_is_hmac_sha_256_of_the_digits(pan: Pan) -> None:
    assert VAULT.pan_key(pan) == hmac.digest(LOOKUP, pan.reveal().encode(), "sha256")


@given(pans)
def test_a_pay_code_has_another_look_up_hash_than_the_card_number_of_its_digits(pan: Pan) -> None:
    key = VAULT.code_key(pan.reveal())

    assert key == hmac.digest(LOOKUP, b"pay code:" + pan.reveal().encode(), "sha256")
    assert key != VAULT.pan_key(pan)


def test_sealing_twice_gives_other_bytes_of_the_documented_length() -> None:
    first, second = VAULT.seal(PAN), VAULT.seal(PAN)

    assert first != second
    assert len(first) == len(second) == NONCE_BYTES + 16 + TAG_BYTES
    assert PAN.reveal().encode() not in first


def test_old_versions_still_open_after_a_rotation_and_look_ups_stay() -> None:
    sealed = VAULT.seal(PAN)

    assert ROTATED.key_version == 2
    assert ROTATED.open(sealed, 1) == PAN
    assert ROTATED.open(ROTATED.seal(PAN), 2) == PAN
    assert ROTATED.pan_key(PAN) == VAULT.pan_key(PAN)


def test_a_version_that_is_not_at_hand_is_the_operators_to_give() -> None:
    sealed = ROTATED.seal(PAN)

    with pytest.raises(ConfigurationError, match="no key of version 2"):
        VAULT.open(sealed, 2)


def test_a_value_does_not_open_under_another_version_even_of_the_same_key() -> None:
    twins = Vault(Keys(1, {1: OLD, 2: OLD}, LOOKUP))

    with pytest.raises(InternalError):
        twins.open(twins.seal(PAN), 2)


@pytest.mark.parametrize("position", [0, NONCE_BYTES, -1])
def test_one_altered_byte_keeps_it_shut(position: int) -> None:
    altered = bytearray(VAULT.seal(PAN))
    altered[position] ^= 1

    with pytest.raises(InternalError, match="does not open"):
        VAULT.open(bytes(altered), 1)


@pytest.mark.parametrize("length", [0, 5, NONCE_BYTES, NONCE_BYTES + TAG_BYTES - 1])
def test_bytes_too_short_to_be_sealed_do_not_open(length: int) -> None:
    with pytest.raises(InternalError):
        VAULT.open(bytes(length), 1)


def test_the_vault_shows_versions_and_nothing_else() -> None:
    assert repr(ROTATED) == "Vault(current=2, versions=[1, 2])"
