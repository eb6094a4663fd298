"""What the judge finds out about PINs, codes and cryptograms, and how the chip is answered."""

from __future__ import annotations

import pytest

from switch.messages.chip import ChipData
from switch.messages.chip_reading import read_chip
from switch.messages.issuer_data import Scheme
from switch.messages.verdicts import Finding
from switch.security.card_codes import card_code
from switch.security.ciphers import des
from switch.security.cryptogram_methods import CryptogramMethod
from switch.security.cryptograms import arpc, card_key_for, make_cryptogram
from switch.security.issuers import IF_LAID_OUT, Issuers
from switch.security.key_blocks import KeyUsage
from switch.security.pin_blocks import PinFormat, closed
from switch.security.tracks import encrypted_track
from switch.values import Pan
from switch.wire.tlv import Tlv, build_tlv, parse_tlv
from tests.terminals.door import open_door
from tests.terminals.safe import CVK, ISSUER_KEY, PIN, FakeBooks, Safe, maced, pin_block

VISA = "4111111111111111"
UNIONPAY = "6200000000000047"
CHIP = {
    "9F27": "80", "9F10": "07010103A0B000010A010000000000", "9F37": "8A1B2C3D", "9F36": "0021", "95": "0000048000",
    "9A": "261121", "9C": "00", "9F02": "000000001000", "5F2A": "0156", "82": "7C00", "9F1A": "0156",
    "9F03": "000000000000", "5F34": "01", "84": "A000000333010101",
}  # fmt: skip
METHOD = CryptogramMethod(Scheme.UNIONPAY)


@pytest.fixture
def safe() -> Safe:
    safe = Safe()
    safe.own_terminal()
    safe.know_card(VISA)
    safe.issuers = Issuers(
        [
            safe.issue("4", KeyUsage.PVK, CVK),
            safe.issue("4", KeyUsage.CVK, CVK),
            safe.issue("62", KeyUsage.ISSUER_CRYPTOGRAM, ISSUER_KEY),
        ]
    )
    return safe


def chip_text(**changes: str) -> str:
    tags = {**CHIP, **{name.removeprefix("t"): value for name, value in changes.items()}}
    return build_tlv(tuple(Tlv(tag, bytes.fromhex(value)) for tag, value in tags.items() if value)).hex().upper()


def chip_of(text: str) -> ChipData:
    chip = read_chip(bytes.fromhex(text))
    assert isinstance(chip, ChipData)
    return chip


def signed_chip(**changes: str) -> str:
    chip = chip_of(chip_text(**changes))
    key = card_key_for(METHOD, ISSUER_KEY, chip, Pan(UNIONPAY))
    return chip_text(**{**changes, "t9F26": make_cryptogram(METHOD, key, chip).hex()})


async def pin_finding(safe: Safe, block: str | None, pan: str = VISA) -> Finding:
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        keys = safe.sign_on(form="003")
        text = block if block is not None else pin_block(keys, pan)
        fields = door.purchase(f2=pan, f52=text, f53="2600000000000000", f26="12", f22="021")
        await peer.send(maced(door.codec, keys, fields))
        await peer.receive()
        return door.handler.requests[0].verdicts.pin


async def test_the_cards_own_pin_is_right(safe: Safe) -> None:
    assert await pin_finding(safe, None) is Finding.RIGHT


async def test_another_pin_is_wrong(safe: Safe) -> None:
    safe.know_card(VISA, pin="4321")

    assert await pin_finding(safe, None) is Finding.WRONG


async def test_a_pin_block_under_another_key_is_malformed(safe: Safe) -> None:
    other = closed(PinFormat.ISO_0, des(CVK), PIN, VISA, bytes).hex().upper()

    assert await pin_finding(safe, other) is Finding.MALFORMED


async def test_a_pin_of_a_card_without_a_verification_value_is_unchecked(safe: Safe) -> None:
    safe.books.cards.clear()

    assert await pin_finding(safe, None) is Finding.UNCHECKED


async def test_a_pin_from_a_terminal_that_never_signed_on_is_malformed(safe: Safe) -> None:
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(door.purchase(f52="0123456789ABCDEF", f53="2600000000000000"))
        await peer.receive()

        verdicts = door.handler.requests[0].verdicts
        assert verdicts.pin is Finding.MALFORMED
        assert "sign on" in verdicts.because


async def test_no_pin_stands_anywhere_in_the_log(safe: Safe) -> None:
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        keys = safe.sign_on(form="003")
        block = pin_block(keys, VISA)
        await peer.send(maced(door.codec, keys, door.purchase(f52=block, f53="2600000000000000")))
        await peer.receive()

        assert block not in door.log.getvalue()
        assert block not in repr(door.handler.requests[0])


@pytest.mark.parametrize(("off", "finding"), [(0, Finding.RIGHT), (1, Finding.WRONG)])
async def test_the_code_typed_from_the_back_of_the_card(off: int, finding: Finding, safe: Safe) -> None:
    code = card_code(CVK, VISA, "3012", "000")
    typed = f"{(int(code) + off) % 1000:03d}"
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(door.purchase(f22="012", f14="3012", f62=f"91{typed}".encode().hex().upper()))
        await peer.receive()

        assert door.handler.requests[0].verdicts.card_code is finding


def stripe(code: str, pvki_and_pvv: str = "00000") -> str:
    return f"{VISA}D3012201{pvki_and_pvv}{code}00"


async def stripe_finding(safe: Safe, track: str) -> Finding:
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(door.purchase(f2="", f35=track))
        await peer.receive()
        return door.handler.requests[0].verdicts.track_code


async def test_the_code_on_the_stripe(safe: Safe) -> None:
    code = card_code(CVK, VISA, "3012", "201")
    other = f"{(int(code) + 1) % 1000:03d}"

    assert await stripe_finding(safe, stripe(code)) is Finding.RIGHT
    assert await stripe_finding(safe, stripe(other)) is Finding.WRONG


@pytest.mark.parametrize(("off", "finding"), [(0, Finding.RIGHT), (1, Finding.WRONG)])
async def test_the_code_on_an_encrypted_stripe(off: int, finding: Finding, safe: Safe) -> None:
    code = f"{(int(card_code(CVK, VISA, '3012', '201')) + off) % 1000:03d}"
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        track = encrypted_track(des(safe.sign_on(form="004").track_key), stripe(code))
        await peer.send(door.purchase(f2="", f35=track, f53="0610000000000000"))
        await peer.receive()

        assert door.handler.requests[0].verdicts.track_code is finding


async def test_a_stripe_that_is_not_laid_out_in_the_usual_way_may_be_let_be(safe: Safe) -> None:
    safe.issuers = Issuers([safe.issue("4", KeyUsage.CVK, CVK, IF_LAID_OUT)])
    own = "1" + next(iter(safe.books.cards.values())).pvv

    assert await stripe_finding(safe, stripe("999")) is Finding.UNCHECKED
    assert await stripe_finding(safe, stripe(card_code(CVK, VISA, "3012", "201"), own)) is Finding.RIGHT
    wrong = f"{(int(card_code(CVK, VISA, '3012', '201')) + 1) % 1000:03d}"
    assert await stripe_finding(safe, stripe(wrong, own)) is Finding.WRONG


async def test_a_right_cryptogram_is_answered_with_the_issuers(safe: Safe) -> None:
    text = signed_chip()
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(door.purchase(f2=UNIONPAY, f22="051", f55=text))
        answer = await peer.receive()

        assert door.handler.requests[0].verdicts.cryptogram is Finding.RIGHT
    chip = chip_of(text)
    key = card_key_for(METHOD, ISSUER_KEY, chip, Pan(UNIONPAY))
    (issuers,) = parse_tlv(bytes.fromhex(answer[55]))
    assert (issuers.tag, issuers.value) == ("91", arpc(METHOD, key, chip, b"00"))


@pytest.mark.parametrize("changes", [{"t9F02": "000000001001"}, {"t9F36": "0022"}, {"t5F34": "02"}])
async def test_a_cryptogram_of_other_data_is_wrong_and_not_answered(changes: dict[str, str], safe: Safe) -> None:
    cryptogram = chip_of(signed_chip()).cryptogram.hex()
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(door.purchase(f2=UNIONPAY, f22="051", f55=chip_text(**{**changes, "t9F26": cryptogram})))
        answer = await peer.receive()

        assert door.handler.requests[0].verdicts.cryptogram is Finding.WRONG
        assert 55 not in answer


async def test_a_cryptogram_version_that_is_not_known_is_no_way_round_the_check(safe: Safe) -> None:
    text = chip_text(t9F10="07017703A0B000010A010000000000", t9F26="0011223344556677")
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(door.purchase(f2=UNIONPAY, f22="051", f55=text))
        await peer.receive()

        assert door.handler.requests[0].verdicts.cryptogram is Finding.WRONG


async def test_a_chip_of_cards_whose_issuers_key_is_not_here_is_unchecked(safe: Safe) -> None:
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(door.purchase(f2=VISA, f22="051", f55=signed_chip()))
        await peer.receive()

        assert door.handler.requests[0].verdicts.cryptogram is Finding.UNCHECKED


async def test_malformed_chip_data_is_a_format_error(safe: Safe) -> None:
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(door.purchase(f2=UNIONPAY, f22="051", f55="9F2608AABB"))

        assert (await peer.receive())[39] == "30"
        assert door.handler.requests == []


@pytest.mark.parametrize(
    ("typed", "stored", "finding"),
    [
        ("01 s3cret", "s3cret", Finding.RIGHT),
        ("01 other", "s3cret", Finding.WRONG),
        ("01 s3cret", "", Finding.UNCHECKED),
    ],
)
async def test_an_operators_password(typed: str, stored: str, finding: Finding, safe: Safe) -> None:
    safe.books.passwords["MERCHANT0000001", "01"] = stored
    sign_on = {0: "0800", 11: "000900", 41: "TERM0001", 42: "MERCHANT0000001", 60: "00000001003", 63: typed}
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(sign_on)
        await peer.receive()

        assert door.handler.requests[0].verdicts.password is finding


async def test_trouble_in_the_middle_is_this_messages_alone() -> None:
    safe = Safe(books=FakeBooks(later=True))
    safe.own_terminal()
    keys = safe.sign_on()
    broken = safe.books.keys["TERM0001"]
    block = broken[KeyUsage.MAC].block
    altered = block[:-1] + ("1" if block.endswith("0") else "0")
    broken[KeyUsage.MAC] = broken[KeyUsage.MAC]._replace(block=altered)
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(maced(door.codec, keys, door.purchase(1)), door.purchase(2))
        assert (await peer.receive())[39] == "00"
        safe.books.answer()

        assert (await peer.receive())[39] == "A7"
        assert "does not open" in door.log.getvalue()
