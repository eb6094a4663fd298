"""Keys go in and come out wrapped or in components, never as they are; altered ones are refused."""

from __future__ import annotations

from functools import reduce

import pytest

from switch.errors import ConfigurationError, OperatorError
from switch.messages.chip import ChipData
from switch.messages.chip_reading import read_chip
from switch.messages.issuer_data import Scheme
from switch.messages.verdicts import Finding
from switch.security.ciphers import des, xor
from switch.security.cryptogram_methods import CryptogramMethod
from switch.security.cryptograms import arpc, card_key_for, make_cryptogram
from switch.security.demo_keys import DEMO_CVK
from switch.security.hsm import NaturalReference, PinReference
from switch.security.key_blocks import KeyBlocks, KeyUsage
from switch.security.mac import MacAlgorithm, MacMethod, MacOutput
from switch.security.pin_blocks import PinFormat, closed
from switch.security.pin_checks import NaturalPin, natural_pin, pin_offset, pvv
from switch.security.software_hsm import CARDS_MAX, SoftwareHsm
from switch.security.working_keys import KeyForm, taken
from switch.values import Pan

MASTER = bytes(range(32))
TERMINAL_MASTER = bytes.fromhex("3B1CB5D6A2E94F7083C4DA61582F9E0D")
METHOD = MacMethod(MacAlgorithm.ECB, MacOutput.ASCII8)
PAN = Pan("4111111111111111")
ISSUER_KEY = bytes.fromhex("9E15204313F7318ACB79B90BD986AD29")
CHIP = (
    "95050080046000 9A03140701 9C0100 9F0206000000000001 5F2A020156 82027D00 9F1A020156 9F37041E78EEBC"
    "9F360200{:02X} 9F26{}"
)
ISSUER_DATA = {
    Scheme.UNIONPAY: "9F10 13 07000103A04002010A010000001000D1F61152",
    Scheme.VISA: "9F10 07 06011203A0B800",
    Scheme.MASTERCARD: "9F10 12 0110A00000000000 0000 0000000000000000",
}


@pytest.fixture
def hsm() -> SoftwareHsm:
    return SoftwareHsm(MASTER)


@pytest.mark.parametrize("form", KeyForm)
def test_working_keys_are_kept_as_they_were_sent(form: KeyForm, hsm: SoftwareHsm) -> None:
    master = hsm.take_in(KeyUsage.TERMINAL_MASTER, TERMINAL_MASTER, owner="", is_demo=False)

    new = hsm.working_keys(master.block, form, owner="terminal TERM0001", double_length_mac=False)

    keys = taken(TERMINAL_MASTER, new.delivery)
    sent = {KeyUsage.PIN: keys.pin_key, KeyUsage.MAC: keys.mac_key, KeyUsage.TRACK: keys.track_key}
    for usage, check, block in new.kept:
        key = KeyBlocks(MASTER).unwrap(block, KeyUsage(usage))
        assert key == sent[KeyUsage(usage)]
        assert check == KeyBlocks.check_value(key)


def test_the_block_that_a_mac_is_right_under_is_found(hsm: SoftwareHsm) -> None:
    blocks = [hsm.generate(KeyUsage.MAC, owner="").block for _ in range(3)]
    mac = hsm.mac(blocks[1], METHOD, b"message")

    assert hsm.authentic(blocks, METHOD, b"message", mac) == blocks[1]
    assert hsm.authentic(blocks, METHOD, b"messagf", mac) is None
    assert hsm.authentic(blocks[2:], METHOD, b"message", mac) is None


def test_a_pin_is_held_against_its_verification_value(hsm: SoftwareHsm) -> None:
    pins = hsm.take_in(KeyUsage.PIN, TERMINAL_MASTER, owner="", is_demo=False)
    pvk = hsm.take_in(KeyUsage.PVK, DEMO_CVK, owner="", is_demo=True)
    reference = PinReference(pvk.block, "1", pvv(des(DEMO_CVK), PAN.reveal(), "1", "1234"))

    def finding(pin: str, form: str = "0") -> Finding:
        block = closed(PinFormat(form), des(TERMINAL_MASTER), pin, PAN.reveal(), bytes)
        return hsm.check_pin(pins.block, form, block, PAN, reference)

    assert [finding(pin) for pin in ("1234", "1235", "123456")] == [Finding.RIGHT, Finding.WRONG, Finding.RIGHT]
    assert finding("1234", "1") is Finding.RIGHT
    assert hsm.check_pin(pins.block, "0", bytes(8), PAN, reference) is Finding.MALFORMED
    assert hsm.check_pin(pins.block, "4", bytes(16), PAN, reference) is Finding.MALFORMED


def test_a_pin_is_held_against_the_natural_one(hsm: SoftwareHsm) -> None:
    pins = hsm.take_in(KeyUsage.PIN, TERMINAL_MASTER, owner="", is_demo=False)
    key = hsm.take_in(KeyUsage.PIN_NATURAL, DEMO_CVK, owner="", is_demo=True)
    method = NaturalPin(digits=6)
    offset = pin_offset(des(DEMO_CVK), method, PAN.reveal(), "12345")

    def finding(pin: str, offset: str) -> Finding:
        block = closed(PinFormat.ISO_0, des(TERMINAL_MASTER), pin, PAN.reveal(), bytes)
        return hsm.check_pin(pins.block, "0", block, PAN, NaturalReference(key.block, method, offset))

    assert [finding(pin, offset) for pin in ("12345", "1234", "12346")] == [
        Finding.RIGHT,
        Finding.WRONG,
        Finding.WRONG,
    ]
    assert finding(natural_pin(des(DEMO_CVK), method, PAN.reveal(), 6), "") is Finding.RIGHT
    assert finding("12345", "") is Finding.WRONG
    block = closed(PinFormat.ISO_0, des(TERMINAL_MASTER), "12345", PAN.reveal(), bytes)
    with pytest.raises(ConfigurationError, match="holds a key of pin_natural"):
        hsm.check_pin(pins.block, "0", block, PAN, PinReference(key.block, "1", "0000"))
    assert offset not in repr(NaturalReference(key.block, method, offset))


def test_components_make_the_key_that_they_were_taken_from(hsm: SoftwareHsm) -> None:
    kept = hsm.generate(KeyUsage.TERMINAL_MASTER, owner="")

    parts = hsm.take_apart(kept.block, KeyUsage.TERMINAL_MASTER, 3)

    assert len(set(parts)) == 3
    assert KeyBlocks.check_value(reduce(xor, parts)) == kept.check_value
    assert hsm.put_together(KeyUsage.TERMINAL_MASTER, parts, owner="", is_demo=False).check_value == kept.check_value


def test_a_demo_key_is_for_demos(hsm: SoftwareHsm) -> None:
    half = bytes(range(16, 32))
    components = [half, xor(half, DEMO_CVK)]

    assert hsm.put_together(KeyUsage.CVK, components, owner="", is_demo=True).check_value == KeyBlocks.check_value(
        DEMO_CVK
    )
    with pytest.raises(OperatorError, match="everybody knows"):
        hsm.put_together(KeyUsage.CVK, components, owner="", is_demo=False)


def test_a_block_of_another_usage_or_altered_by_a_bit_is_refused(hsm: SoftwareHsm) -> None:
    block = hsm.generate(KeyUsage.PIN, owner="").block
    altered = block[:-1] + ("0" if block[-1] != "0" else "1")

    with pytest.raises(ConfigurationError, match="holds a key of pin"):
        hsm.mac(block, METHOD, b"")
    with pytest.raises(ConfigurationError, match="does not open"):
        hsm.check_pin(altered, "0", bytes(8), PAN, PinReference("", "1", "0000"))
    assert repr(hsm) == "SoftwareHsm()"


# --- cryptograms -------------------------------------------------------------------------------------------


def signed(scheme: Scheme, pan: Pan, atc: int) -> ChipData:
    """What a card of that number has in field 55 of its transaction ``atc``, its cryptogram right."""

    def chip(cryptogram: str) -> ChipData:
        found = read_chip(bytes.fromhex(CHIP.format(atc, cryptogram) + ISSUER_DATA[scheme]))
        assert isinstance(found, ChipData), found
        return found

    method, unsigned = CryptogramMethod(scheme), chip("00")  # a tag of no bytes is absent
    key = card_key_for(method, ISSUER_KEY, unsigned, pan)
    return chip(f"08{make_cryptogram(method, key, unsigned).hex()}")


@pytest.mark.parametrize("scheme", Scheme)
def test_each_request_is_answered_under_its_own_key_whatever_comes_between(scheme: Scheme, hsm: SoftwareHsm) -> None:
    block = hsm.take_in(KeyUsage.ISSUER_CRYPTOGRAM, ISSUER_KEY, owner="", is_demo=True).block
    method = CryptogramMethod(scheme)
    asked = [(Pan(f"620000000000000{digit}"), atc) for digit in range(3) for atc in (1, 2)]
    chips = [signed(scheme, pan, atc) for pan, atc in asked]

    for (pan, _), chip in zip(asked, chips, strict=True):
        assert hsm.check_cryptogram(block, method, chip, pan, "00").is_right
    answers = [
        hsm.answer_cryptogram(block, method, chip, pan, "00", b"00")
        for (pan, _), chip in zip(asked, chips, strict=True)
    ]

    keys = [card_key_for(method, ISSUER_KEY, chip, pan) for (pan, _), chip in zip(asked, chips, strict=True)]
    assert answers == [arpc(method, key, chip, b"00") for key, chip in zip(keys, chips, strict=True)]
    assert len(set(answers)) == len(asked)


def test_a_cryptogram_of_another_card_sequence_or_counter_is_wrong(hsm: SoftwareHsm) -> None:
    block = hsm.take_in(KeyUsage.ISSUER_CRYPTOGRAM, ISSUER_KEY, owner="", is_demo=True).block
    method, chip = CryptogramMethod(Scheme.UNIONPAY), signed(Scheme.UNIONPAY, PAN, 1)

    def finding(chip: ChipData, pan: Pan = PAN, sequence: str = "00") -> Finding:
        return hsm.check_cryptogram(block, method, chip, pan, sequence).finding

    assert finding(chip) is Finding.RIGHT
    assert finding(chip, Pan("4111111111111112")) is Finding.WRONG
    assert finding(chip, sequence="01") is Finding.WRONG
    assert finding(chip._replace(atc=2)) is Finding.WRONG
    assert finding(chip) is Finding.RIGHT


def test_the_key_of_a_card_that_was_pushed_out_is_derived_again(hsm: SoftwareHsm) -> None:
    block = hsm.take_in(KeyUsage.ISSUER_CRYPTOGRAM, ISSUER_KEY, owner="", is_demo=True).block
    method, chip = CryptogramMethod(Scheme.UNIONPAY), signed(Scheme.UNIONPAY, PAN, 1)
    assert hsm.check_cryptogram(block, method, chip, PAN, "00").is_right

    for number in range(CARDS_MAX):
        assert not hsm.check_cryptogram(block, method, chip, Pan(f"6200000000{number:06d}"), "00").is_right

    key = card_key_for(method, ISSUER_KEY, chip, PAN)
    assert hsm.answer_cryptogram(block, method, chip, PAN, "00", b"00") == arpc(method, key, chip, b"00")
