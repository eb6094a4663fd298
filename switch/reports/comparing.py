"""Holds one run against another, figure by figure: better, worse, the same within a tolerance, or merely other.

Times and throughput are compared as they are. Counts of what went wrong are compared as shares of what was sent, so
that a longer run is not a worse one. Answers by response code are neither good nor bad: they are the same or other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from switch.reports.allowing import Allowances
from switch.reports.figures import count, duration, rate
from switch.reports.results import Results

TOLERANCE: Final = 0.05
"""What two runs of the same thing differ by anyhow."""


class Word(StrEnum):
    """What a figure has become."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of both runs. None: the run has none (nothing was answered). ``ratio`` is after / before.

    The ratio of counts is that of their shares of what was sent. ``too_much``: worse than is allowed.
    """

    name: str
    before: float | None
    after: float | None
    ratio: float | None
    word: Word
    write: Callable[[float], str]
    too_much: bool = False

    def told(self) -> tuple[str, str]:
        """Return both values as text."""
        return (
            "-" if self.before is None else self.write(self.before),
            "-" if self.after is None else self.write(self.after),
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rows: ``figures`` can be better or worse, ``answers`` (by response code) only other."""

    before: Results
    after: Results
    tolerance: float
    figures: tuple[Row, ...]
    answers: tuple[Row, ...]

    @property
    def too_much(self) -> tuple[Row, ...]:
        """The figures that got worse than is allowed."""
        return tuple(row for row in self.figures if row.too_much)


class _Figure(NamedTuple):
    name: str
    of: Callable[[Results], float]
    write: Callable[[float], str]
    more_is_better: bool = False
    of_answers: bool = False  # there is none where nothing was answered
    of_sent: bool = False  # compared as a share


def _whole(number: float) -> str:
    return count(round(number))


# fmt: off
_FIGURES: Final = (
    _Figure("throughput",  lambda one: one.throughput_per_s, rate, more_is_better=True),
    _Figure("p50",         lambda one: one.latency_ms.p50,   duration, of_answers=True),
    _Figure("p90",         lambda one: one.latency_ms.p90,   duration, of_answers=True),
    _Figure("p99",         lambda one: one.latency_ms.p99,   duration, of_answers=True),
    _Figure("p999",        lambda one: one.latency_ms.p999,  duration, of_answers=True),
    _Figure("max",         lambda one: one.latency_ms.max,   duration, of_answers=True),
    _Figure("mean",        lambda one: one.latency_ms.mean,  duration, of_answers=True),
    _Figure("answered",    lambda one: one.answered,         _whole, more_is_better=True, of_sent=True),
    _Figure("late",        lambda one: one.late,             _whole, of_sent=True),
    _Figure("missing",     lambda one: one.missing,          _whole, of_sent=True),
    _Figure("unmatched",   lambda one: one.unmatched,        _whole, of_sent=True),
    _Figure("duplicates",  lambda one: one.duplicates,       _whole, of_sent=True),
    _Figure("unreadable",  lambda one: one.unreadable,       _whole, of_sent=True),
    _Figure("differences", lambda one: one.differences,      _whole, of_sent=True),
)
# fmt: on

FIGURES: Final = tuple(figure.name for figure in _FIGURES)
"""The names of the figures that can get worse."""


def compare(
    before: Results, after: Results, tolerance: float = TOLERANCE, allowed: Allowances | None = None
) -> Comparison:
    """Hold ``after`` against ``before``. ``tolerance`` is a share (0.05 = 5 %).

    What got worse is too much beyond ``allowed``; without it, whatever is worse at all.
    """
    allowances = Allowances() if allowed is None else allowed
    figures = tuple(_row(figure, before, after, tolerance, allowances) for figure in _FIGURES)
    return Comparison(before, after, tolerance, figures, tuple(_answers(before, after, tolerance)))


def _row(figure: _Figure, before: Results, after: Results, tolerance: float, allowed: Allowances) -> Row:
    first, second = _value(figure, before), _value(figure, after)
    if first is None or second is None:
        word = _of_none(first, second)
        too_much = word is Word.WORSE and not allowed.allow(figure.name, 0.0, float("inf"))
        return Row(figure.name, first, second, None, word, figure.write, too_much)
    scale = _share_of_sent(before, after) if figure.of_sent else 1.0
    ratio = second * scale / first if first else None
    word = _word(first, second * scale, tolerance, more_is_better=figure.more_is_better)
    worse_by = first - second * scale if figure.more_is_better else second * scale - first
    too_much = word is Word.WORSE and not allowed.allow(figure.name, first, worse_by)
    return Row(figure.name, first, second, ratio, word, figure.write, too_much)


def _value(figure: _Figure, run: Results) -> float | None:
    if figure.of_answers and not run.answered + run.late:
        return None
    return float(figure.of(run))


def _share_of_sent(before: Results, after: Results) -> float:
    """Return what a count of the later run is multiplied by to be as of as many messages as the earlier one's."""
    return before.sent / after.sent if before.sent and after.sent else 1.0


def _word(first: float, second: float, tolerance: float, *, more_is_better: bool) -> Word:
    if abs(second - first) <= tolerance * abs(first):
        return Word.SAME
    return Word.BETTER if (second > first) == more_is_better else Word.WORSE


def _of_none(first: float | None, second: float | None) -> Word:
    """Judge a figure that a run lacks: it has no answers."""
    if first is None and second is None:
        return Word.SAME
    return Word.BETTER if first is None else Word.WORSE


def _answers(before: Results, after: Results, tolerance: float) -> Iterator[Row]:
    scale = _share_of_sent(before, after)
    for code in sorted({*before.answers, *after.answers}):
        first, second = before.answers.get(code, 0), after.answers.get(code, 0)
        same = abs(second * scale - first) <= tolerance * first
        ratio = second * scale / first if first else None
        yield Row(code, first, second, ratio, Word.SAME if same else Word.OTHER, _whole)
