"""Questions are answered together, in a thread's time; what goes wrong is told to those who asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import trio
import trio.testing

from switch.terminals.sweeps import Sweeper

_T = TypeVar("_T")


class Desk:
    """Doubles numbers; counts how many were asked at a time."""

    def __init__(self, waiting_max: int = 10, sweep_max: int = 3) -> None:
        self.sweeps: list[list[int]] = []
        self.faults: list[Exception] = []
        self.answers: list[int | None] = []
        self.sweeper: Sweeper[int, int] = Sweeper(
            self._answer, self._run, self.faults.append, sweep_max=sweep_max, waiting_max=waiting_max
        )

    def _answer(self, questions: Sequence[int]) -> list[int]:
        self.sweeps.append(list(questions))
        if 13 in questions:
            raise OSError("the books are away")
        return [2 * question for question in questions]

    async def _run(self, function: Callable[[], _T]) -> _T:
        await trio.lowlevel.checkpoint()
        return function()

    def ask(self, question: int) -> bool:
        return self.sweeper.ask(question, self.answers.append)


async def settled(desk: Desk) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.sweeper.run)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_what_waits_is_answered_together_in_order() -> None:
    desk = Desk()
    for question in range(5):
        assert desk.ask(question)

    await settled(desk)

    assert desk.sweeps == [[0, 1, 2], [3, 4]]
    assert desk.answers == [0, 2, 4, 6, 8]


async def test_who_asked_in_a_sweep_that_failed_hears_of_it_and_the_next_one_works() -> None:
    desk = Desk()
    for question in (1, 13, 2, 3):
        desk.ask(question)

    await settled(desk)

    assert desk.answers == [None, None, None, 6]
    assert [str(fault) for fault in desk.faults] == ["the books are away"]


async def test_too_many_are_turned_away_at_once() -> None:
    desk = Desk(waiting_max=2)

    assert [desk.ask(question) for question in range(3)] == [True, True, False]
