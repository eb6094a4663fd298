"""DUKPT with AES: the published vectors, and key serial numbers that no terminal sends."""

from __future__ import annotations

from typing import Final

import pytest

from switch.errors import PeerError
from switch.security.ciphers import aes
from switch.security.dukpt_aes import KeyKind, Purpose, initial_key, transaction_key, working_key
from switch.security.pin_blocks import PinFormat, closed, opened

# ANSI X9.24-3:2017 annex B and the supplement of test vectors
BDK_128: Final = bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1")
BDK_256: Final = BDK_128 * 2
IK_128: Final = bytes.fromhex("1273671EA26AC29AFA4D1084127652A1")
IK_256: Final = bytes.fromhex("CE9CE0C101D1138F97FB6CAD4DF045A7083D4EAE2D35A31789D01CCF0949550F")
IDENTITY: Final = bytes.fromhex("1234567890123456")


def ksn(counter: int) -> bytes:
    return IDENTITY + counter.to_bytes(4, "big")


def key_for(initial: bytes, counter: int, purpose: Purpose, kind: KeyKind) -> str:
    return working_key(transaction_key(initial, ksn(counter)), ksn(counter), purpose, kind).hex().upper()


# --- the published vectors --------------------------------------------------------------------------------


@pytest.mark.parametrize(("bdk", "initial"), [(BDK_128, IK_128), (BDK_256, IK_256)])
@pytest.mark.parametrize("counter", [0, 1, 0xFFFFFFFF])
def test_the_initial_key_is_the_terminals_whatever_the_counter(bdk: bytes, initial: bytes, counter: int) -> None:
    assert initial_key(bdk, ksn(counter)) == initial


@pytest.mark.parametrize(
    ("initial", "counter", "key"),
    [
        (IK_128, 0x1,        "4F21B565BAD9835E112B6465635EAE44"),
        (IK_128, 0x2,        "2F34D68DE10F68D38091A73B9E7C437C"),
        (IK_128, 0x3,        "031504E530365CF81264238540518318"),
        (IK_128, 0x4,        "0EEFC7ADA628BA68878DA9165A8A1887"),
        (IK_128, 0x7,        "A8253CEED9AC042C54F75D35C8352278"),
        (IK_128, 0x8,        "718EE6CF0B27E53D5F7AF99C4D8146A2"),
        (IK_128, 0xFFFE4000, "396C2C7CA1EA701C03B86B7D41F0C562"),
        (IK_128, 0xFFFE8000, "0387625F189B58AE03EF0E8CCA41105E"),
        (IK_128, 0xFFFF0000, "F6BA59389BD14A9855BE9727E7C52E3C"),
        (IK_256, 0x1,        "54AC2B32B145EA4A554CB8BC44B17467063A799856B1CCC2A138D36E8DBF78B3"),
        (IK_256, 0x2,        "5DD5A0253842BBBE1D7C0DA27021412C6F1FAB53FB928DEAE56DA06090A9DE97"),
        (IK_256, 0x3,        "8EEEF7C464AE415BB1D73FAED21993CD669F7999092A579EC6DD3CC680C65171"),
    ],
)  # fmt: skip
def test_published_derivation_keys(initial: bytes, counter: int, key: str) -> None:
    assert transaction_key(initial, ksn(counter)).hex().upper() == key


@pytest.mark.parametrize(
    ("purpose", "key"),
    [
        (Purpose.KEY_ENCRYPTION,   "36A724B7BEFA5A25F5E7B5782A4554A2"),
        (Purpose.PIN_ENCRYPTION,   "AF8CB133A78F8DC2D1359F18527593FB"),
        (Purpose.MAC_GENERATION,   "A2DC23DE6FDE0824A2BC321E08E4B8B7"),
        (Purpose.MAC_VERIFICATION, "DBB463945B286C07CD3AD82EE96FD9C9"),
        (Purpose.MAC_BOTH_WAYS,    "85675439D18D7F1158BD8E3EAA3D502B"),
        (Purpose.DATA_ENCRYPTION,  "A35C412EFD41FDB98B69797C02DCD08F"),
        (Purpose.DATA_DECRYPTION,  "16292C6EA8F64C5420A0584BFBC577BE"),
        (Purpose.DATA_BOTH_WAYS,   "A308E080DD15A1B741F1721BF67DE11C"),
    ],
)  # fmt: skip
def test_published_working_keys_of_the_first_transaction(purpose: Purpose, key: str) -> None:
    assert key_for(IK_128, 1, purpose, KeyKind.AES_128) == key


@pytest.mark.parametrize(
    ("counter", "key"),
    [
        (0x2,        "D30BDC73EC9714B000BEC66BDB7B6D09"),
        (0x3,        "7D69F01F3B45449F62C7816ECE723268"),
        (0x4,        "91A0588318EC2673214271F70137896E"),
        (0x5,        "35A43BC9EFEB09C756204B57E3FB7D4D"),
        (0x6,        "02DCC6CD1201A3A2CA7099559C862123"),
        (0x7,        "6ECF912F3B18CA11A7A27BB60705FD09"),
        (0x8,        "4D9DF3FBEE3448FC3E676D04320A90F5"),
        (8675309,    "D1DDA386AA4A556AF0119FDCB5D132C6"),
        (0xFFFE4000, "6239A27F572DEDB17BCA1AC413EF9FE9"),
        (0xFFFE8000, "F10C1404137A80718FCCE8BD90FF9F67"),
        (0xFFFF0000, "27EFAC1D158632588F4AC69E45C247C4"),
    ],
)  # fmt: skip
def test_published_pin_keys_of_later_transactions(counter: int, key: str) -> None:
    assert key_for(IK_128, counter, Purpose.PIN_ENCRYPTION, KeyKind.AES_128) == key


@pytest.mark.parametrize(
    ("initial", "kind", "purpose", "key"),
    [
        (IK_128, KeyKind.DES_DOUBLE, Purpose.PIN_ENCRYPTION,  "630C706D9546E47D4449313F61C4D4AB"),
        (IK_128, KeyKind.DES_DOUBLE, Purpose.MAC_GENERATION,  "5D8FD787E8A796D07035FFCA9B5800BB"),
        (IK_128, KeyKind.DES_DOUBLE, Purpose.DATA_ENCRYPTION, "BD44121C223F831446A01EE3A4CB58D2"),
        (IK_128, KeyKind.DES_TRIPLE, Purpose.PIN_ENCRYPTION,  "EA8B3F37EB9B15831167EF2977FD8762D9B5913F35766F6A"),
        (IK_128, KeyKind.DES_TRIPLE, Purpose.MAC_GENERATION,  "2A1061A6EAC2C14FAC3758EA07B3648A624B24E942785BF1"),
        (IK_128, KeyKind.DES_TRIPLE, Purpose.DATA_ENCRYPTION, "F716DFBC6B2D2D5825B694EEEE181A013F2F1C09380BBE0C"),
        (IK_256, KeyKind.AES_256,    Purpose.PIN_ENCRYPTION,  "8C1AB7BEE973829E30242E0BBBDD4946D540C98FC1B5BDCF94790001A23FD502"),
        (IK_256, KeyKind.AES_256,    Purpose.MAC_GENERATION,  "61DABDF4B340CF461EE860B1D1AB55357142BD2D6977306859CF49AEFE8F1549"),
        (IK_256, KeyKind.AES_256,    Purpose.DATA_ENCRYPTION, "71EB36C9A6B7F801D1D1700C29741FC5A5C4E9B45D742DA7AF6992B8AA29AF58"),
    ],
)  # fmt: skip
def test_published_working_keys_of_other_kinds(initial: bytes, kind: KeyKind, purpose: Purpose, key: str) -> None:
    assert key_for(initial, 1, purpose, kind) == key


@pytest.mark.parametrize(
    ("counter", "block"), [(1, "A912150391AB65A67E52883D81CE2D15"), (2, "52A00503BD34BA1383F6A7EE9FE2547F")]
)
def test_published_pin_blocks(counter: int, block: str) -> None:
    cipher = aes(bytes.fromhex(key_for(IK_128, counter, Purpose.PIN_ENCRYPTION, KeyKind.AES_128)))
    random = bytes.fromhex("2F69ADDE2E9E7ACE")

    assert closed(PinFormat.ISO_4, cipher, "1234", "4111111111111111", lambda _: random).hex().upper() == block
    assert opened(PinFormat.ISO_4, cipher, bytes.fromhex(block), "4111111111111111") == "1234"


# --- without a published vector: derivation data written out ----------------------------------------------


def test_keys_of_24_bytes_are_two_blocks_cut_off() -> None:
    bdk = BDK_256[:24]
    first = _derived(bdk, "80010003 00C0 12345678 90123456")
    second = _derived(first, "80000003 00C0 90123456 00000001")
    third = _derived(second, "10000003 00C0 90123456 00000001")

    assert initial_key(bdk, ksn(1)) == first
    assert transaction_key(first, ksn(1)) == second
    assert key_for(first, 1, Purpose.PIN_ENCRYPTION, KeyKind.AES_192) == third.hex().upper()


def _derived(key: bytes, rest: str) -> bytes:
    return (aes(key).encrypt(bytes.fromhex("0101" + rest)) + aes(key).encrypt(bytes.fromhex("0102" + rest)))[:24]


# --- key serial numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 8, 10, 11, 13])
def test_a_serial_number_of_another_size_is_the_terminals_mistake(size: int) -> None:
    for derive in (initial_key, transaction_key):
        with pytest.raises(PeerError, match=f"has 12 bytes, not {size}$"):
            derive(IK_128, bytes(size))
    with pytest.raises(PeerError, match=f"has 12 bytes, not {size}$"):
        working_key(IK_128, bytes(size), Purpose.PIN_ENCRYPTION, KeyKind.AES_128)


@pytest.mark.parametrize("counter", [0, 0x1FFFF, 0xFFFF0001, 0xFFFFFFFF])
def test_a_counter_that_terminals_skip_is_refused(counter: int) -> None:
    with pytest.raises(PeerError, match=r"counter is zero, or one that terminals skip$"):
        transaction_key(IK_128, ksn(counter))


# --- keys -------------------------------------------------------------------------------------------------


def test_every_purpose_and_kind_has_a_key_of_its_own() -> None:
    keys = {key_for(IK_256, 1, purpose, kind)[:32] for purpose in Purpose for kind in KeyKind}

    assert len(keys) == len(Purpose) * len(KeyKind)


@pytest.mark.parametrize(
    ("size", "kind"),
    [(16, KeyKind.AES_192), (16, KeyKind.AES_256), (24, KeyKind.AES_256)],
)  # fmt: skip
def test_no_key_is_derived_from_a_shorter_one(size: int, kind: KeyKind) -> None:
    with pytest.raises(ValueError, match=f"^a {kind.name} key cannot be derived from one of {size} bytes$"):
        working_key(BDK_256[:size], ksn(1), Purpose.PIN_ENCRYPTION, kind)


@pytest.mark.parametrize("size", [0, 8, 15, 33])
def test_other_sizes_are_no_keys(size: int) -> None:
    key = b"\1" * size

    with pytest.raises(ValueError, match=f"^the base derivation key has 16, 24 or 32 bytes, not {size}$"):
        initial_key(key, ksn(1))
    with pytest.raises(ValueError, match=f"^the initial key has 16, 24 or 32 bytes, not {size}$"):
        transaction_key(key, ksn(1))
    with pytest.raises(ValueError, match=f"^the transaction key has 16, 24 or 32 bytes, not {size}$"):
        working_key(key, ksn(1), Purpose.PIN_ENCRYPTION, KeyKind.AES_128)
