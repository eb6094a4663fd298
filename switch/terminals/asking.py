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

    def run(
        self,
        steps: Generator[Question | PasswordQuestion, Answer | Finding | None, _R],
        done: Callable[[_R | None], None],
    ) -> None:
        """Run to the end and hand over the result; ``done`` gets None where a step raised after a question.

        Before the first question what a step raises comes out here, to the caller whose message it is.
        """
        try:
            asked = next(steps)
        except StopIteration as end:
            done(end.value)
            return
        self._ask(steps, asked, done)

    def _ask(
        self,
        steps: Generator[Question | PasswordQuestion, Answer | Finding | None, _R],
        asked: Question | PasswordQuestion,
        done: Callable[[_R | None], None],
    ) -> None:
        def go_on(answer: Answer | Finding | None) -> None:
            result: _R | None
            try:
                again = steps.send(answer)
            except StopIteration as end:
                result = end.value
            except Exception as error:  # noqa: BLE001 - it is this message's; whoever answered has others to tell
                self._failed(error)
                result = None
            else:
                self._ask(steps, again, done)
                return
            done(result)

        queued = (
            self._passwords.ask(asked, go_on) if isinstance(asked, PasswordQuestion) else self._books.ask(asked, go_on)
        )
        if not queued:
            go_on(None)
