"""Stands in for the process of the books: ``python books_double.py WAY`` answers, or ends, as WAY says."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import aclosing
from pathlib import Path

import trio

from switch.decisions import Standing
from switch.ledger.parcels import Asked, Channel, Refused, Told, ToldOutcome, Word
from switch.messages.actions import Action
from switch.messages.model import Reply

ENDS = {"ends once": 1, "is changed": 1, "ends thrice": 3}
"""Processes that end over what they are asked, by the way."""


async def serve(way: str, begun: int) -> None:
    channel = Channel(socket.socket(fileno=0))
    if way == "is never ready":
        await trio.sleep_forever()
    if way == "never begins" or (way == "begins once" and begun):
        return
    if way == "cannot serve" or (way == "is changed" and begun):
        channel.put(Refused("the program was changed", is_final=True))
        return
    async with aclosing(channel.parcels()) as incoming, trio.open_nursery() as nursery:
        nursery.start_soon(channel.run)
        await anext(incoming)
        channel.put(Word.READY)
        async for parcel in incoming:
            if parcel is Word.DRAIN:
                channel.put(Word.DRAINED)
            elif isinstance(parcel, Asked):
                if way in ("always ends", "begins once") or begun < ENDS.get(way, 0):
                    os._exit(1)
                outcomes: list[tuple[int, ToldOutcome]] = [
                    (number, (Standing.FIRST, Reply(Action.APPROVED, begun), f"{parcel.in_maintenance}", number, 0))
                    for number, _, _ in parcel.requests
                ]
                channel.put(Told([("group", (len(outcomes), 0.5, [])), ("refused", ("funds",))], outcomes))
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    marks = Path(sys.argv[2])
    number = len(list(marks.iterdir()))
    (marks / f"{number}").touch()
    trio.run(serve, sys.argv[1], number)
