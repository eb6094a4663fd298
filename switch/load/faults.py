"""What a bad network and bad terminals do, and what has to come of it.

    fault               what is done                                        what has to come of it
    half_frame          half a frame, then silence, then broken off         no answer
    malformed           bytes that are no message, then broken off          nothing approved
    dropped_connection  a sale, broken off before its answer; sent again    approved, once
    slow_reader         a row of sales, whose answers are not read a while  all approved
    bad_mac             a sale with a wrong MAC                             mac_wrong
    duplicate_stan      another sale under a number already used            duplicate_conflict
    repeat              an approved message once more                       the answer of the first time
    late_reversal       the reversal of the oldest sale, for no answer      approved

The first four have connections of their own, apart from those that are measured. What an action is in field 39 says
the dialect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from random import Random
from types import MappingProxyType
from typing import Final

from switch.reports.results import Limit

HALF_FRAME: Final = "half_frame"
MALFORMED: Final = "malformed"
DROPPED: Final = "dropped_connection"
SLOW_READER: Final = "slow_reader"
BAD_MAC: Final = "bad_mac"
DUPLICATE_STAN: Final = "duplicate_stan"
REPEAT: Final = "repeat"
LATE_REVERSAL: Final = "late_reversal"

# fmt: off
EXPECTED: Final[Mapping[str, str]] = MappingProxyType({
    DROPPED:        "approved",
    SLOW_READER:    "approved",
    BAD_MAC:        "mac_wrong",
    DUPLICATE_STAN: "duplicate_conflict",
    REPEAT:         "approved",
    LATE_REVERSAL:  "approved",
})
"""The action that a fault's message has to be answered with, where one has to be answered."""

_SAYS: Final = MappingProxyType({
    HALF_FRAME:     "unanswered",
    MALFORMED:      "survived",
    DROPPED:        "approved once",
    SLOW_READER:    "approved",
    BAD_MAC:        "refused",
    DUPLICATE_STAN: "refused",
    REPEAT:         "answered as before",
    LATE_REVERSAL:  "reversed",
})
# fmt: on

_SHORTEST: Final = 4


class Effects:
    """Counts faults: how many were sent, and what came of those that did not have the effect they must have."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.wrong: dict[str, Counter[str]] = {}

    def tell_wrong(self, fault: str, what: str) -> None:
        """One of them was answered, or not answered, otherwise."""
        self.wrong.setdefault(fault, Counter())[what] += 1

    def limits(self) -> Iterator[Limit]:
        """Each fault as a limit that the host is held to: all of them have the effect that they must have."""
        for fault, sent in sorted(self.sent.items()):
            wrong = self.wrong.get(fault, Counter())
            told = ", ".join(f"{count} {what}" for what, count in wrong.most_common(3))
            value = f"{sent - wrong.total()}" + (f" ({told})" if told else "")
            yield Limit(name=f"{fault} {_SAYS[fault]}", limit=f"all {sent}", value=value, held=not wrong)


def garbled(body: bytes, framed: Callable[[bytes], bytes], chance: Random) -> bytes:
    """A frame that nobody can read as the message it was: cut short, without a type, noise, or a length that lies."""
    match chance.randrange(4):
        case 0:
            return framed(body[: max(_SHORTEST, len(body) // 2)])
        case 1:
            return framed(b"\xfa\xce\xfa\xce" + body[4:])
        case 2:
            return framed(b"\xff" + chance.randbytes(len(body) - 1))
    return b"\xff\xff\xff\xff" + framed(body)[4:]
