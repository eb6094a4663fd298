"""Holds back an address that fails to log in again and again.

A token cannot be guessed (256 random bits): this keeps the noise down, and others are not made to wait for it.
"""

from __future__ import annotations

import ipaddress
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
        began, count = self._failures.get(_household(address), (now, 0))
        return max(0.0, began + WINDOW_S - now) if count >= PER_ADDRESS else 0.0

    def failed(self, address: str) -> None:
        """Count a failure."""
        now, whose = self._clock(), _household(address)
        began, count = self._failures.get(whose, (now, 0))
        self._failures[whose] = (began, count + 1) if now - began < WINDOW_S else (now, 1)
        self._failures.move_to_end(whose)
        while len(self._failures) > ADDRESSES_MAX:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget an address's failures."""
        self._failures.pop(_household(address), None)


def _household(address: str) -> str:
    """Return the /64 of an IPv6 address, of which anybody has all 2^64; other addresses as they are."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:  # noqa: PLR2004 - IPv4
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
