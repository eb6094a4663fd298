"""Two runs on one page: what got better and what worse, and both distributions in one picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from switch.reports.comparing import Comparison, Row, Word
from switch.reports.drawings import distribution
from switch.reports.figures import one_or_many, ratio, span
from switch.reports.markup import Cell, Column, document, facts, note, section, table
from switch.reports.meanings import meanings
from switch.reports.page import banner
from switch.reports.plots import draw
from switch.reports.results import Results
from switch.reports.verdict import Outcome, Verdict

# fmt: off
_CELLS: Final = {
    Word.BETTER: Cell("\N{BLACK UP-POINTING TRIANGLE} better",  "good"),
    Word.WORSE:  Cell("\N{BLACK DOWN-POINTING TRIANGLE} worse", "bad"),
    Word.SAME:   Cell("= same",                                 "same"),
    Word.OTHER:  Cell("\N{NOT EQUAL TO} other",                 "warn"),
}
# fmt: on


def comparing_page(comparison: Comparison) -> str:
    """Return the page, whole; everything in both runs is escaped."""
    return document(f"{comparison.after.title} - {judged(comparison).headline}", _body(comparison))


def judged(comparison: Comparison) -> Verdict:
    """Return the verdict: broken where a figure got worse than is allowed."""
    worse = [row.name for row in comparison.figures if row.word is Word.WORSE]
    better = [row.name for row in comparison.figures if row.word is Word.BETTER]
    too_much = [row.name for row in comparison.too_much]
    because = [f"{word}: {', '.join(names)}" for names, word in ((better, "better"), (worse, "worse")) if names]
    other = sum(row.word is Word.OTHER for row in comparison.answers)
    if other:
        codes = one_or_many(other, "response code")
        because.append(f"{codes} with another share of the answers")
    if too_much:
        return Verdict(Outcome.BROKEN, f"Worse than allowed: {', '.join(too_much)}", tuple(because))
    headline = "No worse than allowed" if worse else "No worse than before"
    return Verdict(Outcome.HELD, headline, tuple(because))


def _body(comparison: Comparison) -> Iterator[str]:
    before, after = comparison.before, comparison.after
    yield f"<header><h1>{escape(after.title)}</h1>"
    yield f'<p class="when">held against {escape(before.title)} of {before.started_at:%Y-%m-%d %H:%M}</p></header>'
    yield banner(judged(comparison))
    yield from section("Figures", _figures(comparison))
    plot = distribution(("Before", before), ("After", after))
    missing = note("Neither run was answered: there is no latency to draw.")
    yield from section("Latency", [draw(plot) if plot is not None else missing])
    if comparison.answers:
        yield from section("Answers", _answers(comparison))
    yield '<div class="pair">'
    for name, run in (("Before", before), ("After", after)):
        yield from section(name, _made(run))
    yield "</div>"


def _figures(comparison: Comparison) -> Iterator[str]:
    yield from table(_columns("Figure"), (_cells(row, (row.name,)) for row in comparison.figures), "Figures")
    yield note(
        f"The same: within {100 * comparison.tolerance:g} %. Counts are held against each other as shares of "
        "what was sent."
    )


def _answers(comparison: Comparison) -> Iterable[str]:
    words = meanings(comparison.after.dialect)
    columns = (Column("DE 39"), *_columns("Meaning"))
    rows = (_cells(row, (Cell(row.name or "none", "code"), words.get(row.name, ""))) for row in comparison.answers)
    return table(columns, rows, "Answers by response code")


def _columns(first: str) -> tuple[Column, ...]:
    numbers = (Column(name, numbers=True) for name in ("Before", "After", "Ratio"))
    return (Column(first), Column("It is"), *numbers)


def _cells(row: Row, names: tuple[str | Cell, ...]) -> tuple[str | Cell, ...]:
    word = _CELLS[row.word]
    if row.word is Word.WORSE and not row.too_much:
        word = Cell(f"{word.text}, as allowed", "warn")
    return (*names, word, *row.told(), ratio(row.ratio))


def _made(run: Results) -> Iterator[str]:
    where = run.environment
    yield from facts(
        (
            ("Title", run.title),
            ("Started", f"{run.started_at:%Y-%m-%d %H:%M:%S %Z}".rstrip()),
            ("Took", span(run.duration_s) + (", ended early" if run.interrupted else "")),
            ("Host", run.target),
            ("Generator", f"switch {where.switch}, Python {where.python}"),
            ("System", f"{where.system}, {one_or_many(where.cores, 'core')}"),
        )
    )
    if run.command:
        yield f"<pre>{escape(run.command)}</pre>"
