"""What a run against a host came to, in lines for 80 columns, and as files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from switch.reports.results import Results, Step
from switch.reports.verdict import verdict

if TYPE_CHECKING:
    from rich.console import Console

_COLUMNS: Final = 80
_SHOWN: Final = 3
_USUAL: Final = ("opened", "closed by us")


def summary(results: Results, *, is_compared: bool = False) -> Iterator[str]:
    """Counts, latency, answers, what happened to connections, limits or (of a replay) differences, books, verdict."""
    ms = results.latency_ms
    yield f"{results.title} to {results.target}, {results.dialect}, {results.duration_s:,.1f} s"
    yield f"  sent {results.sent:,}  answered {results.answered:,}  late {results.late:,}  missing {results.missing:,}"
    if results.unmatched or results.duplicates or results.unreadable:
        yield (
            f"  unmatched {results.unmatched:,}  duplicates {results.duplicates:,}  unreadable {results.unreadable:,}"
        )
    yield f"  {results.throughput_per_s:,.1f} answers/s over {results.connections:,} connections"
    shares = (("p50", ms.p50), ("p90", ms.p90), ("p99", ms.p99), ("p99.9", ms.p999), ("max", ms.max))
    yield "  ms " + "  ".join(f"{name} {value:,.2f}" for name, value in shares)
    if results.answers:
        yield "  answers " + "  ".join(f"{code or 'none'}: {count:,}" for code, count in results.answers.items())
    yield from events(results)
    yield from _differences(results) if is_compared else _limits(results)
    if results.books is not None:
        books = results.books
        said = "they agree" if books.agree else "THEY DO NOT AGREE"
        yield f"  approvals: {books.approvals_on_wire:,} on the wire, {books.approvals_in_books:,} in the books; {said}"
        yield from (f"    {finding}" for finding in books.audit_findings)
    judged = verdict(results)
    yield f"{judged.headline}: {'; '.join(judged.because)}"


def wrapped(lines: Iterable[str]) -> Iterator[str]:
    """The lines, those that are too long for the terminal in several, further in."""
    for line in lines:
        if len(line) <= _COLUMNS:
            yield line
        else:
            indent = " " * (len(line) - len(line.lstrip()))
            yield from wrap(line, _COLUMNS, subsequent_indent=f"{indent}    ", break_long_words=False)


def step_told(step: Step) -> str:
    """One step of a search for the knee."""
    return (
        f"{step.rate_per_s:>9,.1f}/s  answered {step.throughput_per_s:>9,.1f}/s  p99 {step.p99_ms:>9,.1f} ms  "
        f"{step.errors:>5,} errors  {'held' if step.held else 'broke'}"
    )


def events(results: Results) -> Iterator[str]:
    """What happened to connections that does not happen to all of them; the first ones."""
    unusual = [event for event in results.connection_events if event.what not in _USUAL]
    for event in unusual[:_SHOWN]:
        yield f"  connection {event.connection} at {event.second:,.1f} s: {event.what}"
    if len(unusual) > _SHOWN:
        yield f"  ... and {len(unusual) - _SHOWN:,} more such events"


def _limits(results: Results) -> Iterator[str]:
    width = max((len(limit.name) for limit in results.limits), default=0)
    for limit in results.limits:
        said = "held " if limit.held else "BROKE"
        yield f"  {said}  {limit.name:<{width}}  {limit.limit}: {limit.value}"


def _differences(results: Results) -> Iterator[str]:
    yield f"  differences {results.differences:,}"
    for one in results.difference_list[:_SHOWN]:
        yield f"    {one.message}  field {one.field}: {one.before} -> {one.after}"
    if results.differences > _SHOWN:
        yield f"    ... and {results.differences - _SHOWN:,} more; --json keeps {len(results.difference_list):,}"


def written(errors: Console, results: Results, report: Path | None, json: Path | None) -> bool:
    """Write what was asked for; whether all of it could be."""
    from switch.reports.files import CannotWrite, write_report, write_results
    from switch.reports.page import page

    is_written = True
    for path, write in ((json, write_results), (report, lambda path, results: write_report(path, page(results)))):
        if path is None:
            continue
        try:
            write(path, results)
        except CannotWrite as error:
            errors.print(f"switch: {error}", soft_wrap=True)
            is_written = False
    return is_written
