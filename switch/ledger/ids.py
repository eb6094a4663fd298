"""Journal ids: made here, without asking the database, rising with time."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

EPOCH: Final = 1_577_836_800_000_000
"""2020-01-01 in microseconds since 1970: what ids count from."""

TAG_BITS: Final = 12


class JournalIds:
    """63 bits: microseconds since 2020 above, a random tag of this worker below.

    Two workers would need the same tag and the same microsecond to collide; the primary key of the journal
    sees that, and the group is retried with new ids. ``clock`` gives microseconds since 1970.
    """

    def __init__(self, clock: Callable[[], int], tag: int | None = None) -> None:
        self._clock = clock
        self._tag = secrets.randbits(TAG_BITS) if tag is None else tag
        self._last = 0

    def __call__(self) -> int:
        """A new id, higher than every one before it, even where the clock was set back."""
        self._last = max(self._last + 1, self._clock() - EPOCH)
        return self._last << TAG_BITS | self._tag
