"""What two processes send each other arrives whole, in order, and as what it was."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
import trio

from switch.decisions import Standing
from switch.ledger.parcels import Asked, Channel, Told, Word
from switch.messages.actions import Action
from switch.messages.model import NO_EXTRAS, Extras, Reply
from switch.messages.verdicts import UNCHECKED, Finding, Verdicts
from switch.values import Pan, Secret
from tests.builders import a_chip, a_request


def pair() -> tuple[Channel, Channel]:
    ours, its = socket.socketpair()
    return Channel(ours), Channel(its)


async def first(told: AsyncGenerator[object, None]) -> object:
    async with aclosing(told):
        return await anext(told, None)


async def sent_over(parcel: object) -> object:
    ours, its = pair()
    ours.put(parcel)
    found = await first(its.parcels())
    ours.close()
    its.close()
    return found


async def test_a_request_arrives_as_it_was() -> None:
    whole = a_request(
        chip=a_chip(pan=Pan("6200000000000047")),
        verdicts=Verdicts(pin=Finding.RIGHT),
        extras=Extras(password=Secret("1234"), to_pan=Pan("4111111111111111")),
    )
    asked = Asked(True, [(7, 1_700_000_000_000_000, a_request()), (8, 0, whole)])

    found = await sent_over(asked)

    assert found == asked


async def test_of_a_chip_only_the_named_tags_arrive() -> None:
    chip = a_chip(tags={"9F26": bytes(8), "9F41": b"\x01"})

    found = await sent_over(Asked(False, [(1, 0, a_request(chip=chip))]))

    assert isinstance(found, Asked)
    assert found.requests[0][2].chip == chip._replace(tags={})


async def test_what_is_told_arrives_as_it_was() -> None:
    outcome = (Standing.REPEAT, Reply(Action.APPROVED, 5, "123456789012", "123456"), "", 99, 6)
    told = Told([("group", (2, 0.25, ["retry: OperationalError"]))], [(7, outcome)])

    assert await sent_over(told) == told


async def test_what_is_told_apart_by_being_the_one_is_still_that_one() -> None:
    found = await sent_over(Asked(False, [(1, 0, a_request()), (2, 0, a_request(verdicts=Verdicts(because="x")))]))

    assert isinstance(found, Asked)
    (_, _, plain), (_, _, other) = found.requests
    assert plain.verdicts is UNCHECKED
    assert plain.extras is NO_EXTRAS
    assert other.verdicts == Verdicts(because="x")
    assert await sent_over(Word.READY) is Word.READY


async def test_more_than_there_is_room_for_arrives_whole_and_in_order() -> None:
    ours, its = pair()
    parcels = [bytes([number]) * 300_000 for number in range(20)]
    found: list[object] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.run)
        for parcel in parcels:
            ours.put(parcel)
        async with aclosing(its.parcels()) as told:
            async for each in told:
                found.append(each)
                if len(found) == len(parcels):
                    break
        nursery.cancel_scope.cancel()
    ours.close()
    its.close()

    assert found == parcels


@pytest.mark.parametrize("begun", [b"", b"\x00\x00\x01\x00only the beginning"])
async def test_an_end_is_an_end_however_it_comes(begun: bytes) -> None:
    ours, end = socket.socketpair()
    its = Channel(end)
    ours.send(begun)
    its.put("nobody takes this")
    ours.close()

    assert await first(its.parcels()) is None

    its.put("nor this")
    its.close()
