from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyemv import kd, tools

from switch.security.chip_keys import CardKey, KeyOption, SessionKey, card_key
from switch.security.ciphers import des
from switch.security.mac import MacAlgorithm, mac_key
from switch.values import Pan

pytestmark = pytest.mark.filterwarnings("ignore:.*TripleDES")  # pyemv's way to its cipher

KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")


def secret(card: CardKey) -> str:
    """The card's key with odd parity, as the examples are printed."""
    return tools.adjust_key_parity(card.session(SessionKey.CARD, b"")).hex().upper()


@pytest.mark.parametrize(
    ("pan", "sequence", "option", "expected"),
    [
        ("99012345678901234", "45", KeyOption.A, "67F8292358083E5EA7AB7FDA58D53B6B"),
        ("12345678901234567", "01", KeyOption.A, "73AD54688CEF2934B0979857E3C719F1"),
        ("12345678901234567", "01", KeyOption.B, "AD406D7F6D7570916D75E5DCAB8CF737"),
    ],
)
def test_card_keys_of_pyemvs_documented_examples(pan: str, sequence: str, option: KeyOption, expected: str) -> None:
    assert secret(card_key(KEY, Pan(pan), sequence, option)) == expected


def test_the_common_session_key_of_pyemvs_documented_example() -> None:
    key = CardKey(KEY).session(SessionKey.COMMON, bytes.fromhex("001C"))

    assert tools.adjust_key_parity(key).hex().upper() == "E9FB384AF807B940FEDCEA613461B0C4"


def test_the_published_unionpay_session_key() -> None:
    card = CardKey(bytes.fromhex("0D2E3CB0BC1F9E03AED58F663A2F9679"))

    assert card.session(SessionKey.UICS, b"\x00\x0e").hex().upper() == "C3D3F062E9992B4E923D338D66193526"


@settings(deadline=None)
@given(
    st.binary(min_size=16, max_size=16),
    st.text("0123456789", min_size=8, max_size=19),
    st.text("0123456789", min_size=2, max_size=2),
)
def test_card_keys_are_as_pyemv_has_them(issuer_key: bytes, pan: str, sequence: str) -> None:
    option_a = card_key(issuer_key, Pan(pan), sequence)
    option_b = card_key(issuer_key, Pan(pan), sequence, KeyOption.B)

    assert secret(option_a) == kd.derive_icc_mk_a(issuer_key, pan, sequence).hex().upper()
    assert secret(option_b) == kd.derive_icc_mk_b(issuer_key, pan, sequence).hex().upper()


def test_a_hash_with_too_few_decimal_digits_goes_on_with_its_letters() -> None:
    pan = "62000000000000491"  # the first whose SHA-1 has fewer than 16 decimal digits

    assert secret(card_key(KEY, Pan(pan), "00", KeyOption.B)) == kd.derive_icc_mk_b(KEY, pan, "00").hex().upper()


@settings(deadline=None)
@given(st.binary(min_size=2, max_size=2), st.binary(min_size=4, max_size=4))
def test_mastercards_session_keys_are_as_pyemv_has_them(atc: bytes, unpredictable: bytes) -> None:
    key = CardKey(KEY).session(SessionKey.MASTERCARD, atc, unpredictable)

    assert tools.adjust_key_parity(key) == kd.derive_common_sk(KEY, atc + bytes(2) + unpredictable)


@pytest.mark.parametrize("kind", [SessionKey.COMMON, SessionKey.UICS, SessionKey.MASTERCARD])
def test_each_transaction_has_its_own_key(kind: SessionKey) -> None:
    card = CardKey(KEY)

    assert card.session(kind, b"\x00\x01", bytes(4)) != card.session(kind, b"\x00\x02", bytes(4))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([SessionKey.CARD, SessionKey.COMMON, SessionKey.MASTERCARD, SessionKey.UICS]),
            st.sampled_from([b"\x00\x01", b"\x00\x02"]),
            st.sampled_from([bytes(4), bytes(3) + b"\x01"]),
        ),
        min_size=2,
        max_size=6,
    ),
    st.binary(min_size=1, max_size=40),
)
def test_a_transactions_key_is_ready_for_what_its_bytes_are_for(
    transactions: list[tuple[SessionKey, bytes, bytes]], data: bytes
) -> None:
    card = CardKey(KEY)

    for kind, atc, unpredictable in transactions:
        key = CardKey(KEY).session(kind, atc, unpredictable)
        ready = card.transaction(kind, atc, unpredictable)
        assert ready.mac(data) == mac_key(MacAlgorithm.X9_19, key).compute(data)
        assert ready.cipher.encrypt(bytes(8)) == des(key).encrypt(bytes(8))


def test_what_answers_is_the_key_that_checked() -> None:
    card = CardKey(KEY)

    assert card.transaction(SessionKey.UICS, b"\x00\x01") is card.transaction(SessionKey.UICS, b"\x00\x01")
    assert repr(card.transaction(SessionKey.UICS, b"\x00\x01")) == "TransactionKey()"


def test_sizes_that_no_card_has_are_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        card_key(KEY[:8], Pan("4111111111111111"))
    with pytest.raises(ValueError, match="two digits"):
        card_key(KEY, Pan("4111111111111111"), "001")
    with pytest.raises(ValueError, match="9F36"):
        CardKey(KEY).session(SessionKey.COMMON, b"\x01")
    with pytest.raises(ValueError, match="9F37"):
        CardKey(KEY).session(SessionKey.MASTERCARD, b"\x00\x01")
    with pytest.raises(ValueError, match="version"):
        CardKey(KEY).session(SessionKey.BY_VERSION, b"\x00\x01")


def test_a_card_key_shows_nothing() -> None:
    assert repr(CardKey(KEY)) == "CardKey()"
