"""What the guard lets through: MACs under the right keys, tracks that open, and nothing else."""

from __future__ import annotations

import pytest

from switch.messages.kinds import Kind
from switch.security.ciphers import des
from switch.security.key_blocks import KeyUsage
from switch.security.mac import MacAlgorithm, MacMethod, MacOutput, mac_key
from switch.security.tracks import encrypted_track
from switch.security.working_keys import taken
from tests.fakes import FakeHandler
from tests.terminals.door import Door, open_door
from tests.terminals.safe import GRACE_US, TERMINAL_MASTER, FakeBooks, Safe, has_right_mac, maced

TRACK = "4111111111111111D30122010000012345"
SIGN_ON = {0: "0800", 11: "000900", 41: "TERM0001", 42: "MERCHANT0000001", 60: "00000001003"}


@pytest.fixture
def safe() -> Safe:
    safe = Safe()
    safe.own_terminal()
    return safe


def frame_of_wrong_mac(door: Door) -> dict[int, str]:
    return {**door.purchase(), 64: "DEADBEEF"}


async def test_a_right_mac_is_let_through_and_answered_with_one(safe: Safe) -> None:
    keys = safe.sign_on()
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(maced(door.codec, keys, door.purchase()))
        answer = await peer.receive()

        assert answer[39] == "00"
        assert has_right_mac(door.codec, keys, answer)


async def test_a_wrong_mac_is_refused_undecided_and_the_terminal_is_asked_to_sign_on(safe: Safe) -> None:
    safe.sign_on()
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(frame_of_wrong_mac(door))
        frame = await peer.receive_frame()

        assert door.codec.decode(frame.body)[39] == "A0"
        assert frame.header[5:].hex()[5] == "3"
        assert door.handler.requests == []
        assert door.counted("macs_refused_total", reason="wrong") == 1


async def test_one_bit_altered_on_the_way_is_a_wrong_mac(safe: Safe) -> None:
    keys = safe.sign_on()
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send({**maced(door.codec, keys, door.purchase()), 4: "000000001001"})

        assert (await peer.receive())[39] == "A0"


async def test_a_mac_of_a_terminal_without_keys_is_refused() -> None:
    async with open_door("unionpay-pos", secure=Safe().secure) as door, door.connect() as peer:
        await peer.send(frame_of_wrong_mac(door))

        assert (await peer.receive())[39] == "A0"


@pytest.mark.parametrize(("policy", "code"), [("optional", "00"), ("required", "A0"), ("off", "00")])
async def test_a_message_without_a_mac(policy: str, code: str, safe: Safe) -> None:
    safe.policy = policy  # type: ignore[assignment]
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(door.purchase())
        answer = await peer.receive()

    assert answer[39] == code
    assert 64 not in answer


async def test_where_macs_are_off_a_wrong_one_is_not_looked_at(safe: Safe) -> None:
    safe.policy = "off"
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(frame_of_wrong_mac(door))

        assert (await peer.receive())[39] == "00"


async def test_keys_given_out_elsewhere_are_read_once_more_before_a_mac_is_refused(safe: Safe) -> None:
    first = safe.sign_on()
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(maced(door.codec, first, door.purchase(1)))
        assert (await peer.receive())[39] == "00"
        second = safe.sign_on()
        await peer.send(maced(door.codec, second, door.purchase(2)))

        assert (await peer.receive())[39] == "00"


async def test_old_keys_are_good_until_the_new_ones_are_used(safe: Safe) -> None:
    old = safe.sign_on()
    new = safe.sign_on()
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        codes = []
        for stan, keys in enumerate((old, new, old), start=1):
            await peer.send(maced(door.codec, keys, door.purchase(stan)))
            codes.append((await peer.receive())[39])

    assert codes[:2] == ["00", "00"]


async def test_yesterdays_keys_are_refused(safe: Safe) -> None:
    old = safe.sign_on()
    safe.sign_on()
    safe.now += GRACE_US + 1
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(maced(door.codec, old, door.purchase()))

        assert (await peer.receive())[39] == "A0"


async def test_a_sign_on_gets_new_keys_that_only_its_terminal_can_read(safe: Safe) -> None:
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(SIGN_ON)
        assert (await peer.receive())[39] == "00"
        new_keys = door.handler.requests[0].verdicts.new_keys
        assert new_keys is not None
        keys = taken(TERMINAL_MASTER, new_keys.delivery)
        await peer.send(maced(door.codec, keys, door.purchase()))

        assert (await peer.receive())[39] == "00"
        assert len(new_keys.delivery) == 40
        assert {usage for usage, _, _ in new_keys.kept} == {KeyUsage.PIN, KeyUsage.MAC}


async def test_a_terminal_without_a_master_key_signs_on_without_keys_unless_macs_are_required() -> None:
    answers = []
    for policy in ("optional", "required"):
        safe = Safe(policy)
        async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
            await peer.send(SIGN_ON)
            answers.append((await peer.receive())[39])

    assert answers == ["00", "A7"]


async def test_an_encrypted_track_is_opened_in_place(safe: Safe) -> None:
    keys = safe.sign_on()
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        track = encrypted_track(des(keys.track_key), TRACK)
        await peer.send(door.purchase(f2="", f35=track, f53="0610000000000000"))

        assert (await peer.receive())[39] == "00"
        assert str(door.handler.requests[0].pan) == "411111******1111"


async def test_a_track_that_opens_to_rubbish_is_a_format_error(safe: Safe) -> None:
    safe.sign_on()
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        track = encrypted_track(des(bytes.fromhex("1A2B3C4D5E6F70819202A3B4C5D6E7F8")), TRACK)
        await peer.send(door.purchase(f2="", f35=track, f53="0610000000000000"))

        assert (await peer.receive())[39] == "30"
        assert door.handler.requests == []


@pytest.mark.parametrize(("form", "code"), [("004", "30"), ("003", "A7")])
async def test_the_answer_to_a_track_that_does_not_open_has_a_mac_where_the_message_had_one(
    form: str, code: str, safe: Safe
) -> None:
    keys = safe.sign_on(form=form)
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(maced(door.codec, keys, door.purchase(f2="", f35="F" * 37, f53="0610000000000000")))
        answer = await peer.receive()

        assert answer[39] == code
        assert has_right_mac(door.codec, keys, answer)


async def test_an_encrypted_track_of_a_terminal_without_a_track_key_is_refused(safe: Safe) -> None:
    safe.sign_on(form="003")
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(door.purchase(f2="", f35=TRACK, f53="0610000000000000"))

        assert (await peer.receive())[39] == "A7"


async def test_messages_wait_for_the_books_and_overtake_each_other_meanwhile() -> None:
    safe = Safe(books=FakeBooks(later=True))
    safe.own_terminal()
    keys = safe.sign_on()
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(maced(door.codec, keys, door.purchase(1)), door.purchase(2))
        second = await peer.receive()
        safe.books.answer()
        first = await peer.receive()

    assert (second[11], first[11]) == ("000002", "000001")


@pytest.mark.parametrize("trouble", ["is_broken", "is_full"])
async def test_books_that_cannot_be_asked_make_the_terminal_try_again(trouble: str, safe: Safe) -> None:
    keys = safe.sign_on()
    setattr(safe.books, trouble, True)
    async with open_door("unionpay-pos", secure=safe.secure) as door, door.connect() as peer:
        await peer.send(maced(door.codec, keys, door.purchase()))

        assert (await peer.receive())[39] == "91"
        assert door.handler.requests == []


async def test_an_iso_terminals_mac_is_bytes_in_hexadecimal(safe: Safe) -> None:
    safe.method = MacMethod(MacAlgorithm.X9_19, MacOutput.RAW8)
    keys = safe.sign_on()
    key = mac_key(MacAlgorithm.X9_19, keys.mac_key)
    async with open_door(secure=safe.secure) as door, door.connect() as peer:
        body = door.codec.encode({**door.purchase(), 64: "0" * 16})
        await peer.send({**door.purchase(), 64: key.compute(body[:-16]).hex().upper()})
        answer = await peer.receive()
        encoded = door.codec.encode(answer)

        assert answer[39] == "00"
        assert key.compute(encoded[:-16]) == bytes.fromhex(answer[64])


async def test_a_plain_message_asks_the_books_nothing(safe: Safe) -> None:
    async with open_door("unionpay-pos", secure=safe.secure, handler=FakeHandler()) as door, door.connect() as peer:
        await peer.send(door.purchase())
        await peer.receive()

        assert safe.books.questions == []
        assert door.handler.requests[0].kind is Kind.PURCHASE
