"""Runs what has questions to its end: each answer is sent in where its question was yielded.

Without a question everything happens at once, in the caller's stack; with one, the rest goes on by callback when the
thread that may wait has answered. A question that cannot be queued is answered with None, like one that failed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol, TypeVar

from switch.ledger.lookups import Answer, Question
from switch.messages.verdicts import Finding
from switch.terminals.judge import PasswordQuestion

_R = TypeVar("_R")
_Q_contra = TypeVar("_Q_contra", contravariant=True)
_A_co = TypeVar("_A_co", covariant=True)

Asked = Question | PasswordQuestion
Told = Answer | Finding | None
Steps = Generator[Asked, Told, _R]
"""What asks questions on its way to a result."""


class Oracle(Protocol[_Q_contra, _A_co]):
    """Answers questions later: `switch.terminals.sweeps`."""

    def ask(self, question: _Q_contra, deliver: Callable[[_A_co | None], None], /) -> bool: ...


class Asker:
    """Knows whom to ask: the books, or whoever checks passwords. ``failed`` hears of what a step raises."""

    def __init__(
        self,
        books: Oracle[Question, Answer],
        passwords: Oracle[PasswordQuestion, Finding],
        failed: Callable[[Exception], None],
    ) -> None:
        self._books = books
        self._passwords = passwords
        self._failed = failed

    def run(self, steps: Steps[_R], done: Callable[[_R | None], None]) -> None:
        """Run to the end and hand over the result; ``done`` gets None where a step raised."""
        self._go_on(steps, None, done)

    def _go_on(self, steps: Steps[_R], told: Told, done: Callable[[_R | None], None]) -> None:
        result: _R | None
        try:
            asked = steps.send(told)
        except StopIteration as end:
            result = end.value
        except Exception as error:  # noqa: BLE001 - it is this message's alone; whoever answered has others to tell
            self._failed(error)
            result = None
        else:
            self._ask(steps, asked, done)
            return
        done(result)

    def _ask(self, steps: Steps[_R], asked: Asked, done: Callable[[_R | None], None]) -> None:
        def go_on(told: Told) -> None:
            self._go_on(steps, told, done)

        if isinstance(asked, PasswordQuestion):
            is_queued = self._passwords.ask(asked, go_on)
        else:
            is_queued = self._books.ask(asked, go_on)
        if not is_queued:
            go_on(None)
