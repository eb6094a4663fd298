"""What the door answers to one message, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes import FakeHandler
from tests.terminals.door import PURCHASES, open_door

DIALECTS = sorted(PURCHASES)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_purchase_is_answered_with_its_echoes(dialect: str) -> None:
    async with open_door(dialect) as door, door.connect() as peer:
        request = door.purchase()
        await peer.send(request)
        answer = await peer.receive()

    assert answer[0] == request[0][:2] + "10"
    assert {number: answer[number] for number in (3, 4, 11, 41, 42)} == {
        number: request[number] for number in (3, 4, 11, 41, 42)
    }
    assert (answer[37], answer[38]) == ("000000000001", "123456")


@pytest.mark.parametrize(
    "framing",
    [
        {"length": "binary2"},
        {"length": "bcd2"},
        {"length": "ascii4"},
        {"length": "hex4"},
        {"length": "binary2", "length_includes_itself": True},
        {"length": "ascii4", "length_includes_itself": True},
        {"length": "binary2", "trailer": b"\x03"},
        {"length": "bcd2", "trailer": b"\x03", "trailer_counted": True},
        {"length": "hex4", "tpdu": True, "header_bytes": 12},
    ],
    ids=str,
)
async def test_each_framing_is_understood_and_answered_in_kind(framing: dict[str, Any]) -> None:
    async with open_door(**framing) as door, door.connect() as peer:
        await peer.send(door.purchase(1), door.purchase(2))

        assert [(await peer.receive())[11], (await peer.receive())[11]] == ["000001", "000002"]


async def test_a_message_may_arrive_byte_by_byte() -> None:
    async with open_door() as door, door.connect() as peer:
        for byte in door.frame(door.purchase()):
            await peer.stream.send_all(bytes([byte]))

        assert (await peer.receive())[39] == "00"


async def test_the_tpdus_addresses_change_places_and_the_header_is_mirrored() -> None:
    header = bytes.fromhex("60 0087 0005") + bytes.fromhex("60310031110E")
    async with open_door("unionpay-pos") as door, door.connect() as peer:
        await peer.stream.send_all(door.frame(door.purchase(), header))
        frame = await peer.receive_frame()

    assert frame.header == bytes.fromhex("60 0005 0087") + bytes.fromhex("60310031110E")


async def test_a_repeat_is_answered_with_the_mti_of_the_first() -> None:
    async with open_door() as door, door.connect() as peer:
        await peer.send({**door.purchase(), 0: "0201"})

        assert (await peer.receive())[0] == "0210"


@pytest.mark.parametrize("mti", ["0210", "0410", "0810", "0230", "0110"])
async def test_an_answer_is_never_answered(mti: str) -> None:
    async with open_door() as door, door.connect() as peer:
        await peer.send({**door.purchase(1), 0: mti}, door.purchase(2))

        assert (await peer.receive())[11] == "000002"
        assert door.handler.stans == ["000002"]


@pytest.mark.parametrize(
    ("framing", "keep_alive"),
    [
        ({}, b"\0\0"),
        ({"length": "ascii4"}, b"0000"),
        ({"length": "binary2", "length_includes_itself": True}, b"\0\2"),
        ({"tpdu": True}, b"\0\0"),
    ],
)
async def test_a_keep_alive_is_echoed(framing: dict[str, Any], keep_alive: bytes) -> None:
    async with open_door(**framing) as door, door.connect() as peer:
        await peer.stream.send_all(keep_alive)

        assert await peer.stream.receive_some() == keep_alive
        assert door.handler.requests == []


async def test_an_undecodable_message_with_a_readable_mti_is_answered_30() -> None:
    async with open_door() as door, door.connect() as peer:
        good = door.codec.encode({**door.purchase(), 0: "0201"})
        bad = good.replace(b"TERM0001", b"TERM\xff001")[:-3] + b"\xff\xff\xff"
        await peer.stream.send_all(door.framing.wrap_request(bad))
        answer = await peer.receive()
        await peer.send(door.purchase(2))
        after = await peer.receive()

    assert (answer[0], answer[3], answer[4], answer[11], answer[39]) == (
        "0210", "000000", "000000001000", "000001", "30",
    )  # fmt: skip
    assert after[39] == "00"
    assert door.counted("decode_errors_total") == 1


async def test_an_undecodable_answer_is_not_answered() -> None:
    async with open_door() as door, door.connect() as peer:
        await peer.stream.send_all(door.framing.wrap_request(b"0210ZZZZ"))

        assert await peer.is_closed()


@pytest.mark.parametrize("body", [b"\xff\xfe\xfd\xfc", b"GET / HTTP/1.1\r\n\r\n", b"02"])
async def test_a_message_without_an_mti_ends_the_connection(body: bytes) -> None:
    async with open_door() as door, door.connect() as peer:
        await peer.stream.send_all(door.framing.wrap_request(body))

        assert await peer.is_closed()
        async with door.connect() as another:
            await another.send(door.purchase())
            assert (await another.receive())[39] == "00"


async def test_an_unknown_kind_is_answered_12() -> None:
    async with open_door() as door, door.connect() as peer:
        await peer.send(door.purchase(f3="990000"), {**door.purchase(2), 0: "0300"})

        assert [(await peer.receive())[39], (await peer.receive())[39]] == ["12", "12"]
        assert door.handler.requests == []


@pytest.mark.parametrize("missing", [2, 4, 7, 11, 41, 42])
async def test_a_missing_required_field_is_answered_30(missing: int) -> None:
    async with open_door() as door, door.connect() as peer:
        await peer.send(door.purchase(1, **{f"f{missing}": ""}))
        answer = await peer.receive()

    assert (answer[0], answer[39]) == ("0210", "30")
    assert missing not in answer
    assert door.handler.requests == []


async def test_an_echo_is_answered_without_the_books() -> None:
    async with open_door() as door, door.connect() as peer:
        await peer.send({0: "0800", 7: "0304040000", 11: "000009", 70: "301"})
        answer = await peer.receive()

    assert answer == {0: "0810", 7: "0304040000", 11: "000009", 39: "00", 70: "301"}
    assert door.handler.requests == []


async def test_a_request_whose_fate_is_unknown_gets_no_answer_and_blocks_nobody() -> None:
    handler = FakeHandler(answers_at_once=False)
    async with open_door(handler=handler) as door, door.connect() as peer:
        await peer.send(door.purchase(1), door.purchase(2), {0: "0800", 7: "0304040000", 11: "000009", 70: "301"})
        await peer.receive()
        handler.stay_silent("000001")
        handler.answer("000002")

        assert (await peer.receive())[11] == "000002"


async def test_nothing_of_a_card_is_in_the_log_but_its_bin_and_last_four() -> None:
    async with open_door() as door, door.connect() as peer:
        await peer.send(door.purchase(1), door.purchase(2, f35="4242424242424242=3012"), door.purchase(3, f4=""))
        for _ in range(3):
            await peer.receive()
        door.transactions.flush()

    assert "411111******1111" in door.log.getvalue()
    assert "4111111111111111" not in door.log.getvalue()
    assert "4242424242424242" not in door.log.getvalue()


async def test_a_clock_that_is_off_is_counted_and_not_refused() -> None:
    async with open_door() as door, door.connect() as peer:
        await peer.send(door.purchase(1), door.purchase(2, f12="103000"), door.purchase(3, f13="0904"))
        codes = [(await peer.receive())[39] for _ in range(3)]

    assert codes == ["00", "00", "00"]
    assert door.counted("clock_skew_total") == 2
