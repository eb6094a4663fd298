"""What the ledger asks of the rest of the program; `switch.app` hands it in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Protocol, TypeVar

from switch.decisions import Decision, Facts, Outcome
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

    def seal(self, pan: Pan) -> bytes:
        """Encrypt under the current key version (AES-GCM, fresh nonce)."""
        ...

    def open(self, sealed: bytes, key_version: int) -> Pan:
        """Decrypt; raises `switch.errors.ConfigurationError` where that key version is not at hand."""
        ...
