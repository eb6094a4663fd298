"""What a run waits for, over all its connections: what is in time, what is overdue, what was answered already."""

from __future__ import annotations

from collections import deque
from typing import Final

from switch.load.line import Waiting
from switch.load.matching import MatchKey

OUTSTANDING_MAX: Final = 50_000
"""Messages waited for at once; of more the oldest are given up, so that a silent host cannot fill the memory."""

_REMEMBERED: Final = 20_000
"""Answered keys, in each of two generations, that a second answer is recognised by."""


class Awaiting:
    """Messages in the order in which they were due. ``open`` is how many may still be answered in time."""

    def __init__(self, deadline_us: int, outstanding_max: int = OUTSTANDING_MAX) -> None:
        self.open = 0
        self._deadline_us = deadline_us
        self._outstanding_max = outstanding_max
        self._in_time: deque[Waiting] = deque()
        self._overdue: deque[Waiting] = deque()
        self._answered: set[tuple[int, MatchKey]] = set()
        self._answered_before: set[tuple[int, MatchKey]] = set()

    def add(self, waiting: Waiting) -> None:
        """Wait for one more."""
        self._in_time.append(waiting)
        self.open += 1

    def settle(self, waiting: Waiting) -> None:
        """It was answered, or never will be."""
        waiting.is_settled = True
        if not waiting.is_overdue:
            self.open -= 1

    def pass_deadlines(self, now_us: int) -> tuple[list[Waiting], list[Waiting]]:
        """See deadlines pass: (overdue from now on, given up for good, which are settled then).

        A late answer still counts, as such, until the run ends or too many are waited for.
        """
        latest_us = now_us - self._deadline_us
        in_time, overdue, late, given_up = self._in_time, self._overdue, [], []
        while in_time and (in_time[0].is_settled or in_time[0].due_us < latest_us):
            one = in_time.popleft()
            if not one.is_settled:
                one.is_overdue = True
                self.open -= 1
                overdue.append(one)
                late.append(one)
        while overdue and (overdue[0].is_settled or len(overdue) + len(in_time) > self._outstanding_max):
            given_up.append(overdue.popleft())
        while len(in_time) > self._outstanding_max:
            given_up.append(in_time.popleft())
        given_up = [one for one in given_up if not one.is_settled]
        for one in given_up:
            self.settle(one)
        return late, given_up

    def remember(self, connection: int, key: MatchKey) -> None:
        """Take down that this was answered."""
        if len(self._answered) >= _REMEMBERED:
            self._answered_before = self._answered
            self._answered = set()
        self._answered.add((connection, key))

    def was_answered(self, connection: int, key: MatchKey) -> bool:
        """Whether an answer with this key came lately."""
        known = (connection, key)
        return known in self._answered or known in self._answered_before
