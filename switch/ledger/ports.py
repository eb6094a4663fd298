"""What the ledger asks of the rest of the program; `switch.app` hands it in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Protocol, TypeVar

from switch.decisions import Card, Decision, Facts, Limits, Merchant, Outcome, Payment, Terminal
from switch.messages.model import Request
from switch.values import Pan

_T = TypeVar("_T")

Decide = Callable[[Request, Facts], Decision]
"""Pure: the same request and facts always give the same decision."""

Deliver = Callable[[Outcome], None]
"""Called once for each request on the event loop's thread, after its group is durable. Must not raise or wait."""

Clock = Callable[[], int]
"""Wall clock: microseconds since 1970, UTC."""

Ids = Callable[[], int]
"""A new positive int64 journal id: rising with time within a process, unique across processes."""

BusinessDay = Callable[[int], date]
"""The business day that a moment belongs to."""


PanKey = Callable[[Pan], bytes]
"""The keyed hash that a card is looked up by (`PanVault.pan_key`)."""

ReadLimits = Callable[[str], Limits]
"""What the limits of a terminal, a merchant or a card say; never called with "". Remembers what it has read."""

Counter = tuple[str, int]
"""Owner and period of a counter that has a limit, as in `switch.decisions.CountSpending`."""

Counters = Callable[[Request, Terminal | None, Merchant | None, Card | None, date], Sequence[Counter]]
"""The counters that a new request is held against, on that business day: none for most."""

GivenBack = Callable[[Payment], Sequence[Counter]]
"""The counters that a payment may have been counted in, which what undoes it gives back to where they are kept."""


class Runner(Protocol):
    """Runs a blocking function off the event loop (a worker thread), or in place (simulation)."""

    def __call__(self, function: Callable[[], _T], /) -> Awaitable[_T]: ...


class PanVault(Protocol):
    """Seals card numbers and makes the keyed hash they are looked up by. Implemented in `switch.security`."""

    @property
    def key_version(self) -> int: ...

    def pan_key(self, pan: Pan) -> bytes:
        """HMAC-SHA-256 of the digits under the look-up key: equal for equal PANs, useless without the key."""
        ...

    def code_key(self, code: str) -> bytes:
        """HMAC-SHA-256 of a pay code under the look-up key, never equal to any card number's."""
        ...

    def seal(self, pan: Pan) -> bytes:
        """Encrypt under the current key version (AES-GCM, fresh nonce)."""
        ...

    def open(self, sealed: bytes, key_version: int) -> Pan:
        """Decrypt; raises `switch.errors.ConfigurationError` where that key version is not at hand."""
        ...
