"""Questions that a thread answers, many at a time: who asks goes on by callback, the loop waits for nobody.

Questions that come while a sweep is under way wait for the next one and are answered together, as requests wait for
the group before theirs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

import trio

_Q = TypeVar("_Q")
_A = TypeVar("_A")
_T = TypeVar("_T")

WAITING_MAX: Final = 4096
"""Questions that may wait: as many as requests may wait for a group."""


class Runner(Protocol):
    """Runs a blocking function off the event loop."""

    def __call__(self, function: Callable[[], _T], /) -> Awaitable[_T]: ...


class Sweeper(Generic[_Q, _A]):
    """Asks ``answer`` at most ``sweep_max`` questions at a time, on the runner's thread. ``run`` is its one task.

    ``failed`` hears of what ``answer`` raises; those who asked get None then.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[_Q]], Sequence[_A]],
        runner: Runner,
        failed: Callable[[Exception], None],
        sweep_max: int,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self._answer = answer
        self._runner = runner
        self._failed = failed
        self._sweep_max = sweep_max
        self._waiting_max = waiting_max
        self._waiting: deque[tuple[_Q, Callable[[_A | None], None]]] = deque()
        self._idle = trio.lowlevel.ParkingLot()

    def ask(self, question: _Q, deliver: Callable[[_A | None], None]) -> bool:
        """Queue a question; ``deliver`` is called once on the loop's thread, with None if it cannot be answered.

        False, and nothing is delivered, where too many wait already.
        """
        if len(self._waiting) >= self._waiting_max:
            return False
        self._waiting.append((question, deliver))
        self._idle.unpark()
        return True

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            while not self._waiting:
                await self._idle.park()
            asked = [self._waiting.popleft() for _ in range(min(self._sweep_max, len(self._waiting)))]
            answers: Sequence[_A | None]
            try:
                answers = await self._runner(partial(self._answer, [question for question, _ in asked]))
            except Exception as error:  # noqa: BLE001 - whatever it is, those who asked must hear of it
                self._failed(error)
                answers = [None] * len(asked)
            for (_, deliver), answer in zip(asked, answers, strict=True):
                deliver(answer)
