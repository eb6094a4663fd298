"""Holds back an address that fails to log in again and again.

A token cannot be guessed (256 random bits): this keeps the noise down, and others are not made to wait for it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

PER_ADDRESS: Final = 10
"""Failures of one address in a minute before it has to wait."""

WINDOW_S: Final = 60.0
ADDRESSES_MAX: Final = 4_096
"""Addresses remembered: the one heard of longest ago is forgotten first."""


class Attempts:
    """Counts failed log-ins in a window of a minute. ``clock`` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Return how long an address has to wait before its next try; 0 where it may try now."""
        now = self._clock()
        began, count = self._failures.get(address, (now, 0))
        return max(0.0, began + WINDOW_S - now) if count >= PER_ADDRESS else 0.0

    def failed(self, address: str) -> None:
        """Count a failure."""
        now = self._clock()
        began, count = self._failures.get(address, (now, 0))
        self._failures[address] = (began, count + 1) if now - began < WINDOW_S else (now, 1)
        self._failures.move_to_end(address)
        while len(self._failures) > ADDRESSES_MAX:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget an address's failures."""
        self._failures.pop(address, None)
