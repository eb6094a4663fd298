"""How fast a purchase is decoded, answered and encoded, against pyiso8583 doing the same with the same dialect."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import iso8583

from switch.wire.codec import Codec
from switch.wire.dialect import load_dialect
from switch.wire.oracle import pyiso8583_spec

DIALECT = "iso8583-1987-ascii"
MESSAGES = 500
"""Different messages of one layout; each round handles every one of them once with either codec."""


def purchases() -> Iterator[bytes]:
    """Make 16-field purchases that differ in card, amount, numbers, terminal and merchant."""
    for number in range(1, MESSAGES + 1):
        pan = f"400000{number * 7919:09d}{number % 10}"
        track = f"{pan}=29121010000012345"
        yield (
            f"0200723C448028C0800016{pan}000000{number * 37 % 20000 + 100:012d}1121{number:06d}{number:06d}{number:06d}"
            f"1121291254110210034{track}{532400000000 + number:012d}TERM{number % 100:04d}MERCHANT{number % 25:07d}840"
        ).encode("ascii")


def measure(rounds: int = 7) -> dict[str, float]:
    """Return microseconds for one message with ours and with pyiso8583 (medians of interleaved rounds), and the ratio.

    Each decodes the request, sets fields 38 and 39 and the answer's message type, and encodes. The answers are
    compared before anything is timed.
    """
    codec = Codec(load_dialect(DIALECT))
    spec = pyiso8583_spec(codec.dialect)

    def ours(message: bytes) -> bytes:
        fields = codec.decode(message)
        fields[0] = "0210"
        fields[38] = "123456"
        fields[39] = "00"
        return codec.encode(fields)

    def theirs(message: bytes) -> bytes:
        fields, _ = iso8583.decode(message, spec)
        fields["t"] = "0210"
        fields["38"] = "123456"
        fields["39"] = "00"
        return bytes(iso8583.encode(fields, spec)[0])

    messages = list(purchases())
    if any(ours(message) != theirs(message) for message in messages):
        raise AssertionError("the two codecs disagree")
    pairs = [(_time(ours, messages), _time(theirs, messages)) for _ in range(rounds)]
    our_time = statistics.median(pair[0] for pair in pairs)
    their_time = statistics.median(pair[1] for pair in pairs)
    return {"ours_us": our_time, "pyiso8583_us": their_time, "ratio": their_time / our_time}


def _time(handle: Callable[[bytes], bytes], messages: list[bytes]) -> float:
    """Return the microseconds that one message took."""
    began = time.perf_counter()
    for message in messages:
        handle(message)
    return (time.perf_counter() - began) / len(messages) * 1e6


if __name__ == "__main__":
    for name, figure in measure().items():
        print(f"{name:14} {figure:8.2f}")
