"""Key serial numbers in their parts, and base derivation keys found by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.errors import ConfigurationError, PeerError
from switch.security import dukpt, dukpt_aes
from switch.security.base_keys import BaseKeyRow, BaseKeys, key_set_algorithm
from switch.security.key_blocks import KeyAlgorithm, KeyBlocks, KeyUsage, base_owner
from switch.security.key_serials import KeySerial, read_key_serial

BLOCKS = KeyBlocks(bytes(range(32)))
KEY = bytes.fromhex("5DB50B454F8389ADCE573BE50861F2BF")
TDES, AES = KeyAlgorithm.TDES, KeyAlgorithm.AES


def row(key_set: str, algorithm: KeyAlgorithm = TDES, owner: str = "") -> BaseKeyRow:
    block = BLOCKS.wrap(KeyUsage.BDK, KEY, algorithm, base_owner(owner or key_set))
    return BaseKeyRow(key_set, "A1B2C3", block)


@pytest.mark.parametrize(
    ("ksn", "key_set", "device", "counter"),
    [
        ("FFFF9876543210E00001", "FFFF987654", "FFFF9876543210E00000", 1),
        ("FFFF9876543210EFF800", "FFFF987654", "FFFF9876543210E00000", 0xFF800),
        ("9876543210F00000",     "FFFF987654", "FFFF9876543210E00000", 0x100000),
        ("01234567890123FFF800", "0123456789", "01234567890123E00000", 0x1FF800),
        ("123456789012345600000001", "12345678", "1234567890123456", 1),
        ("1234567890123456FFFF0000", "12345678", "1234567890123456", 0xFFFF0000),
    ],
)  # fmt: skip
def test_a_serial_number_says_key_set_device_and_transaction(ksn: str, key_set: str, device: str, counter: int) -> None:
    serial = read_key_serial(bytes.fromhex(ksn))

    assert (serial.key_set, serial.device.hex().upper(), serial.counter) == (key_set, device, counter)
    assert serial.counter <= serial.last


@given(st.binary(max_size=32))
def test_any_bytes_are_a_serial_number_that_keys_are_derived_for_or_are_refused(data: bytes) -> None:
    try:
        serial = read_key_serial(data)
    except PeerError:
        with pytest.raises(PeerError):
            (dukpt_aes if len(data) == dukpt_aes.KSN_BYTES else dukpt).transaction_key(KEY, data)
        return

    derive = dukpt_aes if serial.algorithm is AES else dukpt
    assert derive.transaction_key(KEY, data) == derive.transaction_key(KEY, serial.ksn)
    assert 0 < serial.counter <= serial.last
    assert serial.ksn.endswith(data)


@given(st.binary(min_size=8, max_size=10), st.binary(min_size=12, max_size=12))
def test_one_device_has_one_initial_key(tdes: bytes, aes: bytes) -> None:
    for data, derive in ((tdes, dukpt), (aes, dukpt_aes)):
        try:
            serial = read_key_serial(data)
        except PeerError:
            continue
        whole = serial.device.ljust(len(serial.ksn), b"\0")
        assert derive.initial_key(KEY, whole) == derive.initial_key(KEY, data)


# --- base derivation keys ----------------------------------------------------------------------------------


def test_a_base_key_is_found_by_key_set() -> None:
    bases = BaseKeys([row("FFFF987654"), row("12345678", AES)])

    found = bases.find(serial("9876543210E00001"))
    other = bases.find(serial("123456789012345600000001"))

    assert found is not None
    assert BLOCKS.unwrap(found.base, KeyUsage.BDK) == KEY
    assert other is not None
    assert BLOCKS.unwrap(other.base, KeyUsage.BDK, AES) == KEY
    assert bases.find(serial("FFFF9876643210E00001")) is None
    assert found.base not in repr(found)
    assert found.base not in repr(bases)


def serial(ksn: str) -> KeySerial:
    return read_key_serial(bytes.fromhex(ksn))


def test_a_base_key_moved_to_another_key_set_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="kept for key set FFFF987655 is another's"):
        BaseKeys([row("FFFF987655", owner="FFFF987654")])


def test_a_base_key_of_another_algorithm_than_its_key_sets_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="key set 12345678 is for another algorithm"):
        BaseKeys([row("12345678", TDES)])


@pytest.mark.parametrize(
    "key_set", ["", "FFFF98765", "FFFF98765432", "ffff987654", "FFFF98765X", "1234567\N{FULLWIDTH DIGIT EIGHT}"]
)
def test_a_key_set_has_8_or_10_digits(key_set: str) -> None:
    with pytest.raises(ConfigurationError, match="10 hex digits for Triple DES"):
        key_set_algorithm(key_set)
