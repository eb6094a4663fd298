"""What the door should do and does not yet: each test fails for a fault that is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switch.ledger.lookups import KeptKey, Verification
from switch.messages.verdicts import Finding
from switch.security.card_codes import card_code
from switch.security.ciphers import des
from switch.security.issuers import IssuerKeyRow, Issuers
from switch.security.key_blocks import KeyUsage
from switch.security.mac import MacAlgorithm, MacMethod, MacOutput
from switch.security.software_hsm import SoftwareHsm
from switch.security.tracks import encrypted_track
from switch.security.working_keys import taken
from switch.telemetry import ListenerMetrics
from switch.terminals.asking import Asker
from switch.terminals.exchange import Security
from switch.terminals.guard import Admitted
from switch.wire.dialect import Dialect
from tests.fakes import FakeHandler
from tests.terminals.door import open_door
from tests.terminals.safe import CVK, ISSUER_KEY, Safe, has_right_mac, maced, pin_block
from tests.terminals.test_judge import UNIONPAY, VISA, chip_text, signed_chip

TRACK = f"{VISA}D30122010000012345"
SIGN_ON = {0: "0800", 11: "000900", 41: "TERM0001", 42: "MERCHANT0000001", 60: "00000001003"}
ANOTHER_MASTER = bytes.fromhex("1A2B3C4D5E6F708192A3B4C5D6E7F809")


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


# --- keys --------------------------------------------------------------------------------------------------


async def test_a_new_master_key_is_used_at_the_next_sign_on(safe: Safe) -> None:
    keys = safe.sign_on()
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(maced(door.codec, keys, door.purchase()))
        await peer.receive()
        kept = safe.hsm.take_in(KeyUsage.TERMINAL_MASTER, ANOTHER_MASTER, owner="terminal TERM0001", is_demo=False)
        safe.books.keys["TERM0001"][KeyUsage.TERMINAL_MASTER] = KeptKey(kept.block, "", safe.now)
        await peer.send(SIGN_ON)
        await peer.receive()

        new_keys = door.handler.requests[-1].verdicts.new_keys
        assert new_keys is not None
        assert taken(ANOTHER_MASTER, new_keys.delivery).pin_key


async def test_a_key_copied_from_another_terminal_in_the_books_is_not_used(safe: Safe) -> None:
    keys = safe.sign_on()
    safe.books.keys["TERM0002"] = dict(safe.books.keys["TERM0001"])
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        codes = []
        for terminal_id in ("TERM0002", "TERM0001"):
            await peer.send(maced(door.codec, keys, {**door.purchase(), 41: terminal_id}))
            codes.append((await peer.receive())[39])

    assert codes == ["A7", "00"]


async def test_a_previous_key_copied_from_another_terminal_is_not_used(safe: Safe) -> None:
    keys = safe.sign_on()
    safe.own_terminal("TERM0002")
    safe.sign_on("TERM0002")
    moved = safe.books.keys["TERM0001"][KeyUsage.MAC].block
    own = safe.books.keys["TERM0002"][KeyUsage.MAC]
    safe.books.keys["TERM0002"][KeyUsage.MAC] = own._replace(previous=moved)
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(maced(door.codec, keys, {**door.purchase(), 41: "TERM0002"}))
        code = (await peer.receive())[39]

    assert code == "A7"


async def test_old_keys_are_refused_once_the_new_ones_were_used(safe: Safe) -> None:
    old = safe.sign_on()
    new = safe.sign_on()
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        codes = []
        for stan, keys in enumerate((old, new, old), start=1):
            await peer.send(maced(door.codec, keys, door.purchase(stan)))
            codes.append((await peer.receive())[39])

    assert codes == ["00", "00", "A0"]


async def test_a_pin_under_the_old_keys_is_read_as_long_as_these_are_good(safe: Safe) -> None:
    old = safe.sign_on()
    safe.sign_on()
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        fields = door.purchase(f52=pin_block(old, VISA), f53="2600000000000000")
        await peer.send(maced(door.codec, old, fields))
        await peer.receive()

        assert door.handler.requests[0].verdicts.pin is Finding.RIGHT


async def test_a_track_under_the_old_keys_is_opened_as_long_as_these_are_good(safe: Safe) -> None:
    old = safe.sign_on()
    safe.sign_on()
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        track = encrypted_track(des(old.track_key), TRACK)
        await peer.send(maced(door.codec, old, door.purchase(f2="", f35=track, f53="0010000000000000")))

        assert (await peer.receive())[39] == "00"


async def test_a_terminal_whose_key_block_was_altered_is_asked_to_sign_on(safe: Safe) -> None:
    keys = safe.sign_on()
    kept = safe.books.keys["TERM0001"]
    block = kept[KeyUsage.MAC].block
    altered = f"{block[:60]}{'A' if block[60] != 'A' else 'B'}{block[61:]}"
    kept[KeyUsage.MAC] = kept[KeyUsage.MAC]._replace(block=altered)
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(maced(door.codec, keys, door.purchase()))
        frame = await peer.receive_frame()

        assert door.codec.decode(frame.body)[39] in {"A0", "A7"}
        assert frame.header[5:].hex()[5] == "3"


async def test_a_switch_without_a_master_key_takes_no_message_that_needs_one() -> None:
    async with open_door("unionpay-pos") as door, door.connect() as peer:
        await peer.send(door.purchase(f52="0123456789ABCDEF", f53="2600000000000000", f64="DEADBEEF"))

        assert (await peer.receive())[39] != "00"


# --- MACs --------------------------------------------------------------------------------------------------


async def test_a_refusal_without_a_decision_has_a_mac_where_its_message_had_a_right_one(safe: Safe) -> None:
    keys = safe.sign_on()
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(maced(door.codec, keys, door.purchase(f55="9F2608AA")))
        answer = await peer.receive()

        assert answer[39] == "30"
        assert has_right_mac(door.codec, keys, answer)


async def test_a_message_whose_last_field_is_no_mac_is_refused_for_its_mac(safe: Safe) -> None:
    safe.sign_on()
    safe.method = MacMethod(MacAlgorithm.X9_19, MacOutput.RAW8)
    async with open_door("iso8583-1987-ascii", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(door.purchase(f64="0123456789ABCDEF", f102="AN ACCOUNT OF SOMEBODY"))
        await peer.receive()

    assert safe.faults == []


# --- cards -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("track", [f"{VISA}D3012101", f"{VISA}D301210100000", f"{VISA}DD101"])
async def test_a_stripe_without_its_code_is_not_good_where_the_issuer_has_a_key(track: str, safe: Safe) -> None:
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(door.purchase(f2="", f35=track))
        await peer.receive()

        assert door.handler.requests[0].verdicts.track_code in {Finding.WRONG, Finding.MALFORMED}


async def test_a_code_is_held_against_the_one_of_several_keys_that_the_card_names(safe: Safe) -> None:
    rows = [safe.issue("4", KeyUsage.CVK, key, index=at) for at, key in (("1", ISSUER_KEY), ("2", CVK))]
    safe.issuers = Issuers(rows)
    known = next(iter(safe.books.cards))
    safe.books.cards[known] = Verification("", "", "2", "201", "3012", "")
    wrong = f"{(int(card_code(CVK, VISA, '3012', '000')) + 1) % 1000:03d}"
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(door.purchase(f22="012", f14="3012", f62=f"91{wrong}".encode().hex().upper()))
        await peer.receive()

        assert door.handler.requests[0].verdicts.card_code is Finding.WRONG


async def test_a_wrong_cryptogram_is_wrong_where_the_issuer_has_a_key_whatever_the_card_begins_with(safe: Safe) -> None:
    safe.issuers = Issuers([safe.issue("95588", KeyUsage.ISSUER_CRYPTOGRAM, ISSUER_KEY)])
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        chip = chip_text(t9F26="0102030405060708", t84="")
        await peer.send(door.purchase(f2="9558800000000003", f22="051", f55=chip))
        await peer.receive()

        assert door.handler.requests[0].verdicts.cryptogram in {Finding.WRONG, Finding.MALFORMED}


async def test_a_pay_code_is_not_paid_by_another_card(safe: Safe) -> None:
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(door.purchase(f22="032", f59="A30196220000000000000001"))
        await peer.receive()

        assert all(request.pan is None for request in door.handler.requests)


async def test_a_chip_that_cannot_be_answered_any_more_costs_the_answer_its_chip_data_only(safe: Safe) -> None:
    handler = FakeHandler(answers_at_once=False)
    async with (
        open_door("unionpay-pos", secure=safe.secure, handler=handler) as door,
        door.connect() as peer,
        door.connect() as other,
    ):
        await peer.send(door.purchase(f2=UNIONPAY, f22="051", f55=signed_chip()))
        await other.send({0: "0820", 41: "TERM0001", 42: "MERCHANT0000001", 60: "00000001301"})
        await other.receive()
        block = SoftwareHsm(bytes(32)).take_in(KeyUsage.ISSUER_CRYPTOGRAM, ISSUER_KEY, owner="", is_demo=True).block
        safe.issuers = Issuers([IssuerKeyRow("62", KeyUsage.ISSUER_CRYPTOGRAM, "", block, "")])
        handler.answer("000001")

        assert (await peer.receive())[39] == "00"


# --- operators, counters, reprs ----------------------------------------------------------------------------


class FullPasswords:
    """Takes no question: too many wait."""

    def ask(self, _: object, __: object) -> bool:
        return False


async def test_a_password_that_could_not_be_checked_is_not_a_wrong_one(safe: Safe) -> None:
    safe.books.passwords["MERCHANT0000001", "01"] = "secret"

    def secure(dialect: Dialect, metrics: ListenerMetrics) -> Security:
        asker = Asker(safe.books, FullPasswords(), safe.faults.append)
        return replace(safe.secure(dialect, metrics), asker=asker)

    async with open_door("unionpay-pos", secure=secure) as door, door.connect() as peer:
        await peer.send({**SIGN_ON, 63: "01 secret"})
        await peer.receive()

        assert all(request.verdicts.password is not Finding.WRONG for request in door.handler.requests)


async def test_what_was_found_of_secrets_is_counted(safe: Safe) -> None:
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(door.purchase(f2=UNIONPAY, f22="051", f55=chip_text(t9F26="0102030405060708")))
        await peer.receive()

        assert door.counted("verdicts_total", what="cryptogram", finding="wrong") == 1


def test_an_admitted_message_shows_nothing_of_its_card() -> None:
    assert VISA not in repr(Admitted({2: VISA, 35: TRACK}))
