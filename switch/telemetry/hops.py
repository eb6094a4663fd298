"""How long a request takes from hop to hop: of one request in sixteen, so that looking costs next to nothing.

The hops of one request follow each other without a gap, and add up to its duration. What all requests of a group share
(deciding it, its commit) counts whole for each of them: that is how long each of them waited for it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from itertools import cycle
from typing import Final, NamedTuple

HOPS: Final = ("decode", "security", "queue", "group", "commit", "encode")
SAMPLED_OF: Final = 16
"""One request in so many is looked at."""

_PATTERN: Final = 1024


class GroupTimes:
    """When the group that was settled last began, was decided, and was known to be durable (`time.perf_counter`)."""

    __slots__ = ("began", "decided", "settled")

    def __init__(self) -> None:
        self.began = self.decided = self.settled = 0.0


class Hop(NamedTuple):
    """One stretch of a request's way; seconds of `time.perf_counter`."""

    name: str
    began: float
    ended: float


class Stopwatch:
    """Times one request; seconds of `time.perf_counter`."""

    __slots__ = ("begun", "counted", "decoded", "secured", "submitted", "traced")

    def __init__(self, begun: float, *, counted: bool, traced: bool = False) -> None:
        self.begun = begun
        self.counted = counted
        self.traced = traced
        self.decoded = self.submitted = begun
        self.secured = False
        """Whether guard and judge had the message in their hands."""

    def hand_over(self) -> None:
        """It is read, and goes to those who look after its keys."""
        self.decoded = time.perf_counter()
        self.secured = True

    def submit(self) -> None:
        """It goes to be decided."""
        self.submitted = time.perf_counter()

    def hops(self, group: GroupTimes, answered: float) -> list[Hop]:
        """Return the hops up to now; for a request that was never in a group only those before it."""
        before = (
            [Hop("decode", self.begun, self.decoded), Hop("security", self.decoded, self.submitted)]
            if self.secured
            else [Hop("decode", self.begun, self.submitted)]
        )
        if group.began < self.submitted:  # refused before a group took it on
            return before
        return [
            *before,
            Hop("queue", self.submitted, group.began),
            Hop("group", group.began, group.decided),
            Hop("commit", group.decided, group.settled),
            Hop("encode", group.settled, answered),
        ]


def sampling(one_in: int, seed: int = 0) -> Callable[[], bool]:
    """Return a function that says yes once in ``one_in`` times, in no rhythm that terminals could keep step with."""
    size = max(_PATTERN // one_in, 1) * one_in
    pattern = [place < size // one_in for place in range(size)]
    random.Random(seed).shuffle(pattern)  # noqa: S311 - no secret: which requests are timed
    return cycle(pattern).__next__


class HopObserver:
    """Puts sampled requests' hops into their histograms."""

    __slots__ = ("_observe",)

    def __init__(self, observe: Mapping[str, Callable[[float], None]]) -> None:
        self._observe = observe

    def observe(self, hops: list[Hop]) -> None:
        for name, began, ended in hops:
            self._observe[name](ended - began)
