"""Working keys: published check values, the forms of field 62, components, and keys nobody should use."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import reduce
from itertools import repeat
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from switch.errors import InternalError, OperatorError, PeerError
from switch.security.ciphers import des, sm4, xor
from switch.security.mac import MacAlgorithm, mac_key
from switch.security.working_keys import (
    _WEAK,
    FORMS,
    KeyForm,
    WorkingKeys,
    check_value,
    combined,
    delivery,
    fresh_key,
    fresh_working_keys,
    sm4_check_value,
    taken,
    weakness,
    with_odd_parity,
)

VECTORS: Final = Path(__file__).resolve().parents[1] / "vectors" / "messages.jsonl"
SAMPLES: Final[dict[str, Any]] = {
    sample["id"]: sample for sample in map(json.loads, VECTORS.read_text("utf-8").splitlines())
}

TMK: Final = bytes.fromhex("70F2A84CCBC2AE8625CBB0F2C22AB923")
SINGLE: Final = bytes.fromhex("0123456789ABCDEF")
DOUBLE: Final = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
OTHER: Final = bytes.fromhex("23456789ABCDEF011032547698BADCFE")

single_keys = st.binary(min_size=8, max_size=8)
double_keys = st.binary(min_size=16, max_size=16).filter(lambda key: any(key[8:]))


def giving(*keys: bytes) -> Callable[[int], bytes]:
    """A source of randomness that gives these values, cut to the size asked for."""
    source = iter(keys)
    return lambda size: next(source)[:size]


# --- check values and parity ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("0123456789ABCDEF", "D5D44FF7"),
        ("0123456789ABCDEFFEDCBA9876543210", "08D7B4FB"),
        ("0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF", "D5D44FF7"),
        ("0000000000000000", "8CA64DE9"),
    ],
)
def test_check_values_that_every_security_module_shows(key: str, value: str) -> None:
    assert check_value(bytes.fromhex(key)).hex().upper() == value


def test_an_sm4_key_opens_and_has_its_published_check_value() -> None:
    vector = SAMPLES["V3"]

    key = sm4(vector["decoded"]["kek_ascii"].encode()).decrypt(bytes.fromhex(vector["hex"]))

    assert key.hex().upper() == vector["decoded"]["tmk"]
    assert sm4_check_value(key).hex().upper() == "08EEDEC7"


@given(st.binary(min_size=8, max_size=24))
def test_odd_parity_changes_no_more_than_the_last_bit_of_a_byte(key: bytes) -> None:
    adjusted = with_odd_parity(key)

    assert all(byte.bit_count() % 2 for byte in adjusted)
    assert [byte >> 1 for byte in adjusted] == [byte >> 1 for byte in key]


# --- delivery ---------------------------------------------------------------------------------------------


def test_a_published_mac_key_is_the_one_that_its_master_key_delivers() -> None:
    mac = bytes.fromhex("C24A8FB57AA20123")

    sent = delivery(TMK, KeyForm.SINGLE, SINGLE, mac)

    assert sent[12:20].hex().upper() == "96D605EA176B7E9E"
    assert taken(TMK, sent).mac_key == mac


def test_a_captured_sale_has_its_mac_under_a_key_that_went_through_delivery() -> None:
    key = taken(TMK, delivery(TMK, KeyForm.DOUBLE, DOUBLE, bytes.fromhex("C24A8FB57AA20123"))).mac_key

    mac = mac_key(MacAlgorithm.ECB, key).compute(bytes.fromhex(SAMPLES["S16"]["hex"]))

    assert mac[:4].hex().upper() == "8A9E91B8"


@pytest.mark.parametrize("sample", ["S5a", "S7b", "S18a"])
def test_a_single_mac_key_fills_its_slot_as_captured_answers_do(sample: str) -> None:
    captured = bytes.fromhex(SAMPLES[sample]["decoded"]["fields"]["62"].removeprefix("hex:"))

    sent = delivery(TMK, KeyForm.DOUBLE, DOUBLE, SINGLE)

    assert len(sent) == len(captured) == 40
    assert sent[28:36] == captured[28:36] == bytes(8)
    assert sent[20:28] == des(TMK).encrypt(SINGLE)
    assert sent[36:] == check_value(SINGLE)


def test_the_60_byte_form_is_three_slots_of_key_and_check_value() -> None:
    sent = delivery(TMK, KeyForm.DOUBLE_WITH_TRACK, DOUBLE, DOUBLE, OTHER)

    one, other = (des(TMK).encrypt(key) + check_value(key) for key in (DOUBLE, OTHER))
    assert sent == one + one + other


@pytest.mark.parametrize(("code", "length"), [("001", 24), ("003", 40), ("004", 60)])
@given(data=st.data(), tmk=double_keys)
def test_the_terminal_takes_what_was_delivered(code: str, length: int, data: st.DataObject, tmk: bytes) -> None:
    form = FORMS[code]
    whole = single_keys if form is KeyForm.SINGLE else double_keys
    mac = single_keys if form is KeyForm.SINGLE else single_keys | double_keys
    keys = data.draw(st.builds(WorkingKeys, whole, mac, whole if form.with_track else st.just(b"")))

    sent = delivery(tmk, form, keys.pin_key, keys.mac_key, keys.track_key)

    assert len(sent) == length
    assert taken(tmk, sent) == keys


def test_a_mac_key_with_a_zero_half_is_delivered_as_a_single_one() -> None:
    padded = delivery(TMK, KeyForm.DOUBLE, DOUBLE, SINGLE + bytes(8))

    assert padded == delivery(TMK, KeyForm.DOUBLE, DOUBLE, SINGLE)


@pytest.mark.parametrize(
    ("form", "keys", "problem"),
    [
        (KeyForm.SINGLE, (DOUBLE, SINGLE), "PIN key has 16 bytes; the form of 24 bytes takes 8"),
        (KeyForm.SINGLE, (SINGLE, DOUBLE), "MAC key has 16 bytes"),
        (KeyForm.DOUBLE, (SINGLE, SINGLE), "PIN key has 8 bytes"),
        (KeyForm.DOUBLE, (DOUBLE, SINGLE, DOUBLE), "no track key"),
        (KeyForm.DOUBLE_WITH_TRACK, (DOUBLE, SINGLE), "a track key"),
        (KeyForm.DOUBLE_WITH_TRACK, (DOUBLE, SINGLE, SINGLE), "track key has 8 bytes"),
        (KeyForm.DOUBLE, (DOUBLE, b"\1" * 24), "8 or 16 bytes, not 24"),
    ],
)
def test_keys_that_do_not_fit_their_form_are_not_delivered(
    form: KeyForm, keys: tuple[bytes, ...], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        delivery(TMK, form, *keys)


# --- taken ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("altered", "name"),
    [
        (0, "PIN"),
        (16, "PIN"),
        (19, "PIN"),
        (20, "MAC"),
        (28, "MAC"),
        (35, "MAC"),
        (39, "MAC"),
        (40, "track"),
        (59, "track"),
    ],
)
def test_an_altered_byte_is_laid_to_its_key(altered: int, name: str) -> None:
    sent = bytearray(delivery(TMK, KeyForm.DOUBLE_WITH_TRACK, DOUBLE, SINGLE, OTHER))
    sent[altered] ^= 0x10

    with pytest.raises(PeerError, match=f"the {name} key does not match its check value"):
        taken(TMK, bytes(sent))


def test_another_master_key_does_not_open_them() -> None:
    sent = delivery(TMK, KeyForm.DOUBLE, DOUBLE, SINGLE)

    with pytest.raises(PeerError, match=r"the PIN key .* another master key"):
        taken(OTHER, sent)


@pytest.mark.parametrize("length", [0, 23, 25, 41, 56, 84, 104])
def test_other_lengths_are_no_form(length: int) -> None:
    with pytest.raises(PeerError, match=f"24, 40, 60 bytes, not {length}"):
        taken(TMK, bytes(length))


# --- made -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [8, 16, 24])
def test_a_fresh_key_is_what_the_source_gave_with_odd_parity(size: int) -> None:
    given_bytes = bytes(range(100, 124))

    assert fresh_key(size, giving(given_bytes)) == with_odd_parity(given_bytes[:size])


def test_a_weak_key_is_thrown_away_and_the_next_one_taken() -> None:
    source = giving(bytes(16), SINGLE + SINGLE, DOUBLE)

    assert fresh_key(16, source) == DOUBLE


def test_a_source_that_is_stuck_is_told_on() -> None:
    with pytest.raises(InternalError, match="8 weak keys in a row"):
        fresh_key(16, giving(*repeat(b"\xff" * 16, 9)))


@pytest.mark.parametrize("size", [0, 7, 32])
def test_no_key_of_another_size_is_made(size: int) -> None:
    with pytest.raises(ValueError, match=f"not {size}"):
        fresh_key(size, giving(bytes(32)))


@pytest.mark.parametrize(
    ("form", "double_length_mac", "sizes"),
    [
        (KeyForm.SINGLE, False, (8, 8, 0)),
        (KeyForm.SINGLE, True, (8, 8, 0)),
        (KeyForm.DOUBLE, False, (16, 8, 0)),
        (KeyForm.DOUBLE, True, (16, 16, 0)),
        (KeyForm.DOUBLE_WITH_TRACK, False, (16, 8, 16)),
        (KeyForm.DOUBLE_WITH_TRACK, True, (16, 16, 16)),
    ],
)
def test_a_form_gets_its_keys_in_their_lengths(
    form: KeyForm,
    double_length_mac: bool,  # noqa: FBT001 - a table's cell
    sizes: tuple[int, int, int],
) -> None:
    keys = fresh_working_keys(form, giving(DOUBLE, OTHER, bytes(range(16))), double_length_mac=double_length_mac)

    assert (len(keys.pin_key), len(keys.mac_key), len(keys.track_key)) == sizes
    assert taken(TMK, delivery(TMK, form, keys.pin_key, keys.mac_key, keys.track_key)) == keys
    assert len({keys.pin_key[:8], keys.mac_key[:8], keys.track_key[:8]}) == 3


def test_working_keys_show_nothing() -> None:
    assert repr(WorkingKeys(DOUBLE, SINGLE, OTHER)) == "WorkingKeys()"


# --- components -------------------------------------------------------------------------------------------


@given(st.lists(double_keys, min_size=1, max_size=3))
def test_components_make_the_key_they_were_split_from(parts: list[bytes]) -> None:
    last = reduce(xor, parts, DOUBLE)
    assume(any(last))

    assert combined([*parts, last]) == DOUBLE


@pytest.mark.parametrize(
    ("components", "problem"),
    [
        ([], "at least 2 components"),
        ([DOUBLE], "at least 2 components"),
        ([DOUBLE, SINGLE], "component 2 has 8 bytes, component 1 has 16"),
        ([DOUBLE, DOUBLE[:15]], "component 2 has 15 bytes; it must have 8, 16 or 24"),
        ([DOUBLE, OTHER, bytes(16)], "component 3 is all zeros"),
        ([DOUBLE, DOUBLE], "all zeros; see that none was entered twice"),
        ([DOUBLE, xor(DOUBLE, SINGLE + SINGLE)], "equal"),
        ([DOUBLE, xor(DOUBLE, SINGLE + xor(SINGLE, bytes(7) + b"\1"))], "equal"),
        ([DOUBLE, xor(DOUBLE, SINGLE + bytes.fromhex("1FE01FE00EF10EF1"))], "weak"),
    ],
)
def test_components_that_make_no_good_key_are_refused(components: list[bytes], problem: str) -> None:
    with pytest.raises(OperatorError, match=problem) as error:
        combined(components)

    assert not any(part[:4].hex() in str(error.value).lower() for part in components)


@pytest.mark.parametrize(
    ("key", "weak"),
    [
        ("0123456789ABCDEF", False),
        ("0123456789ABCDEFFEDCBA9876543210", False),
        ("0123456789ABCDEFFEDCBA98765432100123456789ABCDEF", False),
        ("0123456789ABCDEF0123456789ABCDEFFEDCBA9876543210", True),
        ("FEDCBA98765432100123456789ABCDEF0123456789ABCDEF", True),
        ("0022446688AACCEE0123456789ABCDEF", True),
        ("0223456789ABCDEF0123456789ABCDEF", False),
        ("0000000000000000", True),
        ("FFFFFFFFFFFFFFFF", True),
        ("0123456789ABCDEFE0FEE0FEF1FEF1FE", True),
    ],
)
def test_weak_keys_are_known_whatever_their_parity(key: str, weak: bool) -> None:  # noqa: FBT001 - a table's cell
    assert (weakness(bytes.fromhex(key)) is not None) is weak


def test_every_weak_key_in_the_table_encrypts_back_to_the_start_under_itself_or_its_partner() -> None:
    undone = {
        key: [other for other in _WEAK if des(other).encrypt(des(key).encrypt(DOUBLE)) == DOUBLE] for key in _WEAK
    }

    assert len(_WEAK) == 16
    assert all(len(partners) == 1 for partners in undone.values())
