"""Any bytes at all: the door answers, is silent or closes, and goes on serving the others."""

from __future__ import annotations

import random

import pytest
import trio

from switch.wire.codec import Codec, Fields
from switch.wire.framing import Framing
from tests.terminals.door import PURCHASES, open_door

MUTANTS = 150


def mutant(framing: Framing, codec: Codec, fields: Fields, chance: random.Random) -> bytes:
    """A good frame with something wrong with it, or none at all."""
    kept = {number: text for number, text in fields.items() if number == 0 or chance.random() < 0.9}
    frame = bytearray(framing.wrap_request(codec.encode(kept)))
    trick = chance.randrange(6)
    if trick == 0:
        return chance.randbytes(chance.randrange(1, 300))
    if trick == 1:  # a good length around anything
        return framing.wrap_request(chance.randbytes(framing.all_header_bytes + chance.randrange(1, 300)))
    if trick == 2:  # cut short, and its length says so
        body = bytes(frame[2 + framing.all_header_bytes :])
        return framing.wrap_request(body[: chance.randrange(1, len(body))])
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(2, len(frame))
        frame[at] = chance.randrange(256) if trick == 3 else frame[at] ^ (1 << chance.randrange(8))
    if trick == 4:
        at = chance.randrange(2, len(frame))
        frame[at:at] = chance.randbytes(3)
    return bytes(frame)


async def pester(address: tuple[str, int], data: bytes) -> None:
    """Send the bytes and wait for whatever comes back."""
    async with await trio.open_tcp_stream(*address) as stream:
        try:
            await stream.send_all(data)
            await stream.send_eof()
            while await stream.receive_some():
                pass
        except trio.BrokenResourceError:
            pass  # closed on us, with bytes unread


@pytest.mark.parametrize("dialect", sorted(PURCHASES))
async def test_no_bytes_break_the_door(dialect: str) -> None:
    chance = random.Random(8583)
    with trio.fail_after(60):
        async with open_door(dialect) as door:
            for _ in range(MUTANTS):
                fields = door.purchase(chance.randrange(1, 999_999))
                await pester(door.address, mutant(door.framing, door.codec, fields, chance))
            async with door.connect() as peer:
                await peer.send(door.purchase())

                assert (await peer.receive())[39].strip("0") == ""
