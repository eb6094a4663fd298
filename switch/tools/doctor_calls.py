"""Asks a host which dialect it speaks: one harmless message in each, on a connection of its own, nothing else.

The message is the dialect's echo (ISO 8583 network management): it moves no money and signs nobody on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import trio

from switch.errors import DecodeError, FrameError
from switch.messages.mapping import answer_mti
from switch.wire.codec import Codec, Fields
from switch.wire.diagnosis import RECOGNISED, diagnose, stranger
from switch.wire.dialect import Dialect, TransactionRow
from switch.wire.framing import KEEP_ALIVE, Frame

ANSWER_DEADLINE_S: Final = 3.0
CONNECT_DEADLINE_S: Final = 5.0

_RECEIVED_MAX: Final = 4096
_STAN: Final = "000001"


@dataclass(frozen=True, slots=True)
class Call:
    """One dialect tried: what was sent, in a clause, and what came back. ``answered`` says that it was an answer."""

    dialect: str
    sent: str
    answered: bool
    outcome: str


def echo_message(dialect: Dialect, terminal_id: str, merchant_id: str, now: datetime) -> Fields | None:
    """Return the fields of the dialect's echo; None where it has none."""
    row = next((row for row in dialect.transactions if row.kind == "echo"), None)
    if row is None:
        return None
    fields: Fields = {0: row.mti}
    for number in sorted({int(path) for path in row.required}):
        fields[number] = _value(dialect, row, number, (terminal_id, merchant_id), now)
    return fields


def sent_words(fields: Fields) -> str:
    """Say which message it is, without its contents: ``0800 with fields 7, 11, 70``."""
    return f"{fields[0]} with fields {', '.join(str(number) for number in fields if number)}"


async def call(address: tuple[str, int], codec: Codec, fields: Fields) -> Call:
    """Send one message on a new connection, and say what came of it. Raises OSError where none can be made."""
    with trio.move_on_after(CONNECT_DEADLINE_S) as connecting:
        stream = await trio.open_tcp_stream(*address)
    if connecting.cancelled_caught:
        raise TimeoutError(f"none within {CONNECT_DEADLINE_S:.0f} s")
    begun = time.perf_counter()
    async with stream:
        received, has_ended = await _exchanged(stream, codec, fields)
    duration_s = time.perf_counter() - begun
    answered, outcome = _judged(codec, fields, received, has_ended=has_ended)
    late = f" after {duration_s * 1000:.0f} ms" if answered else ""
    return Call(codec.dialect.name, sent_words(fields), answered, outcome + late)


async def _exchanged(stream: trio.abc.Stream, codec: Codec, fields: Fields) -> tuple[bytes, bool]:
    """Send, and return what came until there was a whole frame, and whether the host closed the connection."""
    received = b""
    with trio.move_on_after(ANSWER_DEADLINE_S):
        try:
            await stream.send_all(codec.dialect.framing.wrap_request(codec.encode(fields)))
            while len(received) < _RECEIVED_MAX and not _frames(codec, received):
                data = await stream.receive_some(_RECEIVED_MAX)
                if not data:
                    return received, True
                received += data
        except trio.BrokenResourceError:
            return received, True
    return received, False


def _value(dialect: Dialect, row: TransactionRow, number: int, who: tuple[str, str], now: datetime) -> str:
    """The value of one field: what makes the message an echo, who asks, the time; zeros where nothing else is due."""
    field, path = dialect.fields[number], str(number)
    if path in row.when:
        return _first(row.when[path])
    role = next((name for name, place in dialect.roles.items() if place == path), "")
    by_role = {"terminal": who[0].ljust(field.characters)[: field.characters], "stan": _STAN}
    by_role |= {"merchant": who[1].ljust(field.characters)[: field.characters]}
    by_role |= {"transmitted_at": now.astimezone(UTC).strftime("%m%d%H%M%S")}
    if role in by_role:
        return by_role[role]
    parts = [(sub, _first(row.when[sub.path])) for sub in dialect.subfields.values() if sub.path in row.when]
    parts = [(sub, text) for sub, text in parts if sub.field == number]
    size = max((sub.start + sub.size for sub, _ in parts), default=field.characters if not field.prefix else 0)
    text = "0" * size
    for sub, value in parts:
        text = text[: sub.start] + value + text[sub.start + sub.size :]
    return text


def _first(pattern: str) -> str:
    return pattern.partition("|")[0].replace("?", "0")


def _frames(codec: Codec, received: bytes) -> list[Frame]:
    """The whole frames that are no keep-alives, none where the bytes are not framed so."""
    try:
        return [frame for frame in codec.dialect.framing.framer().feed(received) if frame != KEEP_ALIVE]
    except FrameError:
        return []


def _judged(codec: Codec, sent: Fields, received: bytes, *, has_ended: bool) -> tuple[bool, str]:
    """Whether an answer came, and what came, without contents but for DE 39."""
    if not received:
        return False, "closed the connection" if has_ended else f"nothing within {ANSWER_DEADLINE_S:.0f} s"
    for frame in _frames(codec, received):
        try:
            fields = codec.decode(frame.body)
        except DecodeError:
            break
        if fields[0] == answer_mti(sent[0]):
            return True, f"answered {fields[0]}" + "".join(_code(fields))
        return False, f"a {fields[0]} came, which is no answer to a {sent[0]}"
    words = stranger(received)
    if not words:
        best = next(iter(diagnose(received, (codec,))), None)
        words = best.words if best is not None and best.confidence >= RECOGNISED else "nothing known"
    return False, f"{len(received)} bytes that do not parse; they look like {words}"


def _code(fields: Fields) -> Iterator[str]:
    code = fields.get(39, "")
    if code.isalnum():
        yield f" with {code} in field 39"
