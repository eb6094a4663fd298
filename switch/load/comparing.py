"""Holds the answers of a run against those that the capture has, field by field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from switch.errors import OperatorError
from switch.messages.kinds import Kind
from switch.reports.results import Difference
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect
from switch.wire.fields import Show
from switch.wire.masking import shown

IGNORED: Final = frozenset({12, 13, 37, 38, 64, 128})
"""Fields that differ from run to run: local time and date, reference, approval code, MACs."""

KEPT: Final = 1_000
"""Differences that are told one by one; all are counted."""

WAITING_MAX: Final = 20_000
"""Answers of one side that wait for those of the other; of more the oldest are not compared."""

_ABSENT: Final = "absent"
_DIGITS_MAX: Final = 3


class Recorded(NamedTuple):
    """What is kept of a message of the capture: its place among those to the host, from 1, and what people call it."""

    number: int
    mti: str
    stan: str
    kind: Kind | None = None

    def __str__(self) -> str:
        return f"#{self.number} {self.mti}" + (f" STAN {self.stan}" if self.stan else "")


class Comparison:
    """Takes the answers of both sides, in whatever order they come, and compares those of the same message.

    Of a field that may never be shown (a PIN block, keys) only whether it is there is compared.
    """

    def __init__(self, dialect: Dialect, ignored: Iterable[int] = IGNORED) -> None:
        self.taken = self.compared = 0
        self.found = 0
        self.differences: list[Difference] = []
        self._dialect = dialect
        self._ignored = frozenset(ignored)
        self._secret = frozenset(number for number, field in dialect.fields.items() if field.show == "secret")
        self._answers: dict[int, Fields] = {}
        self._recorded: dict[int, Fields] = {}

    def recorded(self, message: Recorded, answer: Fields) -> Fields | None:
        """Take the capture's answer; the run's, if it is there already."""
        live = self._answers.pop(message.number, None)
        if live is None:
            _keep(self._recorded, message.number, answer)
        else:
            self._compare(message, answer, live)
        return live

    def answered(self, message: Recorded, answer: Fields) -> Fields | None:
        """Take the run's answer; the capture's, if that is there already."""
        self.taken += 1
        recorded = self._recorded.pop(message.number, None)
        if recorded is None:
            _keep(self._answers, message.number, answer)
        else:
            self._compare(message, recorded, answer)
        return recorded

    def _compare(self, message: Recorded, before: Fields, after: Fields) -> None:
        self.compared += 1
        for number in sorted(before.keys() | after.keys()):
            if number in self._ignored or before.get(number) == after.get(number):
                continue
            if number in self._secret and number in before and number in after:
                continue
            self.found += 1
            if len(self.differences) < KEPT:
                self.differences.append(self._told(message, number, before, after))

    def _told(self, message: Recorded, number: int, before: Fields, after: Fields) -> Difference:
        return Difference(
            message=str(message),
            field=str(number) if number else "mti",
            before=self._shown(number, before),
            after=self._shown(number, after),
        )

    def _shown(self, number: int, fields: Fields) -> str:
        if number not in fields:
            return _ABSENT
        show: Show = self._dialect.fields[number].show if number else "clear"
        return shown(fields[number], "free" if show == "tlv" else show)


def ignored_in(text: str) -> frozenset[int]:
    """The field numbers in ``15,63``. Raises `OperatorError` for what is none."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() and len(part) <= _DIGITS_MAX for part in parts):
        raise OperatorError("--ignore wants the numbers of fields, like 15,63")
    return frozenset(map(int, parts))


def _keep(kept: dict[int, Fields], number: int, fields: Fields) -> None:
    kept[number] = fields
    if len(kept) > WAITING_MAX:
        del kept[next(iter(kept))]
