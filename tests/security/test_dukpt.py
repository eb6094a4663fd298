"""DUKPT with Triple DES: the published sequence, and key serial numbers that no terminal sends."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.errors import PeerError
from switch.security.ciphers import des
from switch.security.dukpt import KEY_BYTES, Purpose, initial_key, transaction_key, working_key
from switch.security.mac import MacAlgorithm, mac_key
from switch.security.pin_blocks import PinFormat, closed, opened

# ANSI X9.24-1:2009 annex A.4
BDK: Final = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
INITIAL: Final = bytes.fromhex("6AC292FAA1315B4D858AB3A3D7D5933A")
PAN: Final = "4012345678909"
DATA: Final = b"4012345678909D987"


def ksn(end: str) -> bytes:
    return bytes.fromhex("FFFF9876543210" + end)


def key_for(end: str, purpose: Purpose) -> bytes:
    return working_key(transaction_key(INITIAL, ksn(end)), purpose)


# --- the published sequence -------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["E00000", "E00001", "EFF800", "FFFFFF"])
def test_the_initial_key_is_the_terminals_whatever_the_counter(end: str) -> None:
    assert initial_key(BDK, ksn(end)) == INITIAL


@pytest.mark.parametrize(
    ("end", "key"),
    [
        ("E00001", "042666B49184CFA368DE9628D0397BC9"),
        ("E00002", "C46551CEF9FD24B0AA9AD834130D3BC7"),
        ("E00003", "0DF3D9422ACA56E547676D07AD6BADFA"),
        ("E00004", "279C0F6AEED0BE652B2C733E1383AE91"),
        ("E00005", "5F8DC6D2C845C125508DDC048093B83F"),
        ("E00008", "27F66D5244FF62E1AA6F6120EDEB4280"),
        ("EFF800", "F9CDFEBF4F5B1D9EB3EC12454527E176"),
    ],
)  # fmt: skip
def test_published_transaction_keys(end: str, key: str) -> None:
    assert transaction_key(INITIAL, ksn(end)).hex().upper() == key


@pytest.mark.parametrize(
    ("purpose", "key"),
    [
        (Purpose.PIN,          "042666B49184CF5C68DE9628D0397B36"),
        (Purpose.MAC_REQUEST,  "042666B4918430A368DE9628D03984C9"),
        (Purpose.MAC_RESPONSE, "042666B46E84CFA368DE96282F397BC9"),
        (Purpose.DATA_REQUEST, "448D3F076D8304036A55A3D7E0055A78"),
    ],
)  # fmt: skip
def test_published_variants_of_the_first_key(purpose: Purpose, key: str) -> None:
    assert key_for("E00001", purpose).hex().upper() == key


@pytest.mark.parametrize(
    ("end", "block"),
    [
        ("E00001", "1B9C1845EB993A7A"), ("E00002", "10A01C8D02C69107"), ("E00003", "18DC07B94797B466"),
        ("E00004", "0BC79509D5645DF7"), ("E00005", "5BC0AF22AD87B327"), ("E00006", "A16DF70AE36158D8"),
        ("E00007", "27711C16CB257F8E"), ("E00008", "50E55547A5027551"), ("E00009", "536CF7F678ACFC8D"),
        ("E0000A", "EDABBA23221833FE"), ("E0000B", "2328981C57B4BDBA"), ("E0000C", "038D03CC926CF286"),
        ("E0000D", "6C8AA97088B62C68"), ("E0000E", "F17C9E1D72CD4950"), ("E0000F", "B170F6E7F7F2F64A"),
        ("E00010", "D5D9638559EF53D6"), ("E00011", "D544F8CDD292C863"), ("E00012", "7A21BD10F36DC41D"),
        ("E00013", "78649BD17D0DFA60"), ("E00014", "7E7E16EA0C31AD56"), ("E00015", "72105C22EBC791E6"),
        ("EFF800", "33365F5CC6F23C35"), ("EFF801", "3A86BF003F835C9D"), ("EFF802", "3DB977D05C36DF3F"),
        ("EFF804", "BA83243305712099"), ("EFF808", "B0DA04AC90A36D85"), ("EFF810", "2CF02BD9C309EEDA"),
        ("EFF820", "9D1E2F77AEEE81C6"), ("EFF840", "40870B0F8BA2011C"), ("EFF880", "22E340D6ABB40981"),
        ("EFF900", "1A4C10AFBA03A430"), ("EFFA00", "849763B43E5F9CFF"), ("EFFC00", "DEFC6F09F8927B71"),
        ("F00000", "73EC88AD0AC5830E"),
    ],
)  # fmt: skip
def test_published_pin_blocks(end: str, block: str) -> None:
    cipher = des(key_for(end, Purpose.PIN))

    assert closed(PinFormat.ISO_0, cipher, "1234", PAN, bytes).hex().upper() == block
    assert opened(PinFormat.ISO_0, cipher, bytes.fromhex(block), PAN) == "1234"


@pytest.mark.parametrize(
    ("end", "request_mac", "response_mac"),
    [
        ("E00001", "9CCC78173FC4FB64", "20364223C1FF00FA"),
        ("E00002", "F608A9BCA6FFC311", "D1FCA6BEF05D24D2"),
        ("E00003", "20B59A4FEAC937E3", "BAD4CC9CC2AE326C"),
        ("E00004", "C7BFA6CC44161828", "1EB08AEECE6FF0C2"),
        ("E00005", "0202B96339022058", "5CBE3E81D1D2A0FB"),
    ],
)  # fmt: skip
def test_published_macs(end: str, request_mac: str, response_mac: str) -> None:
    def mac(purpose: Purpose) -> str:
        return mac_key(MacAlgorithm.X9_19, key_for(end, purpose)).compute(DATA).hex().upper()

    assert mac(Purpose.MAC_REQUEST) == request_mac
    assert mac(Purpose.MAC_RESPONSE) == response_mac


@pytest.mark.parametrize(
    ("end", "request_data", "response_data"),
    [
        ("E00001", "FC0D53B7EA1FDA9EE68AAF2E70D9B9506229BE2AA993F04F", "1FCC89AF66222F27B903898BB2BC8589CDBFDE5EC6AFCC25"),
        ("E00002", "A2B4E70F846E63D68775B7215EB4563DFD3037244C61CC13", "5B692A6B1FDD5E25B0DEFAFDE1672E402F8011360CFF3508"),
        ("E00003", "BD751E65F10E75B6C1D5B1D283496A36C2DE21D993C387A7", "345992D4163E4926C927BFD8ABD5D76F087A9CE81D5A27B8"),
        ("E00004", "1118F50947441BBDA3C8C70220021A12EC31CC473F7215F4", "418C7413576C0D1819E785D3807AF32334231FDEC23414DB"),
        ("E00005", "9FD7BD1EC28845ACA93367A9DA9317BD555C6B33AE22D365", "7D4C109E49E83355A556AE949EED359F4404E7A2F0167C00"),
    ],
)  # fmt: skip
def test_published_data(end: str, request_data: str, response_data: str) -> None:
    def encrypted(purpose: Purpose) -> str:
        return des(key_for(end, purpose)).encrypt_cbc(DATA.ljust(24, b"\0")).hex().upper()

    assert encrypted(Purpose.DATA_REQUEST) == request_data
    assert encrypted(Purpose.DATA_RESPONSE) == response_data


# --- key serial numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [8, 9])
def test_leading_bytes_may_be_left_out(size: int) -> None:
    short = ksn("E00003")[-size:]

    assert initial_key(BDK, short) == INITIAL
    assert transaction_key(INITIAL, short) == transaction_key(INITIAL, ksn("E00003"))


def test_another_terminal_has_another_key() -> None:
    assert initial_key(BDK, bytes.fromhex("FFFF9876543212E00001")) != INITIAL


@pytest.mark.parametrize("size", [0, 7, 11])
def test_a_serial_number_of_another_size_is_the_terminals_mistake(size: int) -> None:
    for derive in (initial_key, transaction_key):
        with pytest.raises(PeerError, match=f"has 8 to 10 bytes, not {size}$"):
            derive(BDK, bytes(size))


@pytest.mark.parametrize("end", ["E00000", "E007FF", "FFFFFF", "EFFC01"])
def test_a_counter_that_terminals_skip_is_refused(end: str) -> None:
    with pytest.raises(PeerError, match=r"counter is zero, or one that terminals skip$"):
        transaction_key(INITIAL, ksn(end))


@given(st.sets(st.integers(0, 20), min_size=1, max_size=10), st.binary(min_size=16, max_size=16))
def test_a_step_more_is_a_step_from_the_key_before(bits: set[int], initial: bytes) -> None:
    """A key leads on to the one whose counter has one more bit set, to the right of the others."""
    *before, _ = sorted(bits, reverse=True)
    counter, parent = sum(1 << bit for bit in bits), sum(1 << bit for bit in before)
    parent_key = transaction_key(initial, _counted(parent)) if parent else initial

    assert transaction_key(initial, _counted(counter)) == _stepped(parent_key, _counted(counter)[2:])


def _counted(counter: int) -> bytes:
    return ksn("E00000")[:7] + (0xE00000 | counter).to_bytes(3, "big")


def _stepped(key: bytes, register: bytes) -> bytes:
    """The step written out with whole numbers, as an independent reading of the standard."""
    number, masks = int.from_bytes(register, "big"), (0xC0C0C0C0_00000000, 0)
    halves = []
    for mask in masks:
        left, right = (int.from_bytes(part, "big") ^ mask for part in (key[:8], key[8:]))
        encrypted = des(left.to_bytes(8, "big")).encrypt((number ^ right).to_bytes(8, "big"))
        halves.append((int.from_bytes(encrypted, "big") ^ right).to_bytes(8, "big"))
    return b"".join(halves)


# --- keys -------------------------------------------------------------------------------------------------


def test_every_purpose_has_a_key_of_its_own() -> None:
    assert len({key_for("E00001", purpose) for purpose in Purpose}) == len(Purpose)


@pytest.mark.parametrize("size", [0, 8, 15, 24])
def test_other_sizes_are_no_keys(size: int) -> None:
    key = b"\1" * size

    with pytest.raises(ValueError, match=f"^the base derivation key has {KEY_BYTES} bytes, not {size}$"):
        initial_key(key, ksn("E00001"))
    with pytest.raises(ValueError, match=f"^the initial key has {KEY_BYTES} bytes, not {size}$"):
        transaction_key(key, ksn("E00001"))
    with pytest.raises(ValueError, match=f"^the transaction key has {KEY_BYTES} bytes, not {size}$"):
        working_key(key, Purpose.PIN)
