"""The results of one run as a page: one HTML file that asks nothing of any network and runs no script."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from switch.reports import drawings, sections
from switch.reports.figures import span
from switch.reports.markup import document, note, section
from switch.reports.plots import draw
from switch.reports.results import Results
from switch.reports.verdict import Outcome, Verdict, verdict

MARKS: Final = {
    Outcome.HELD: "\N{CHECK MARK}",
    Outcome.BROKEN: "\N{MULTIPLICATION SIGN}",
    Outcome.UNANSWERED: "\N{MULTIPLICATION SIGN}",
    Outcome.DIFFERENT: "\N{NOT EQUAL TO}",
}


def page(results: Results) -> str:
    """Return the page, whole. Nothing in the results can be markup: everything is escaped."""
    return document(f"{results.title} - {verdict(results).headline}", _body(results))


def banner(judged: Verdict) -> str:
    """Return the verdict as it stands at the head of a page: a mark, a headline, why."""
    because = escape("; ".join(judged.because))
    mark = f'<i aria-hidden="true">{MARKS[judged.outcome]}</i>'
    return f'<div class="verdict {judged.outcome}">{mark}<b>{escape(judged.headline)}</b><p>{because}</p></div>'


def _body(results: Results) -> Iterator[str]:
    yield from _head(results)
    yield banner(verdict(results))
    yield from sections.totals(results)
    yield from sections.limits(results)
    yield from _knee(results)
    yield from _over_time(results)
    yield from _latency(results)
    yield '<div class="pair">'
    yield from sections.counts(results)
    yield from sections.answers(results)
    yield "</div>"
    yield from sections.differences(results)
    yield '<div class="pair">'
    yield from sections.books(results)
    yield from sections.faults(results)
    yield "</div>"
    yield from sections.events(results)
    yield from sections.environment(results)
    yield (
        "<footer>Latency counts from the time a message was due, not from when it could be sent: "
        "a host that stalls is not excused.</footer>"
    )


def _head(results: Results) -> Iterator[str]:
    yield f"<header><h1>{escape(results.title)}</h1>"
    when = f"{results.started_at:%d %B %Y, %H:%M}".lstrip("0")
    told = (when, span(results.duration_s), f"to {results.target}", results.dialect)
    yield f'<p class="when">{escape(" · ".join(one for one in told if one))}</p></header>'


def _knee(results: Results) -> Iterator[str]:
    plot = drawings.knee(results)
    if plot is not None:
        tried = sections.steps(results)
        yield from section("The knee", ('<div class="pair">', draw(plot), *tried, "</div>"))


def _over_time(results: Results) -> Iterator[str]:
    drawn = [draw(plot) for plot in (drawings.throughput(results), drawings.latency(results)) if plot is not None]
    yield from section("Over time", drawn or [note("No second of this run was recorded.")])


def _latency(results: Results) -> Iterator[str]:
    plot = drawings.distribution(("answers", results))
    if plot is None:
        yield from section("Latency", [note("Nothing was answered: there is no latency to draw.")])
        return
    figures = sections.percentiles(results.latency_ms)
    yield from section("Latency", ('<div class="beside">', draw(plot), *figures, "</div>"))
