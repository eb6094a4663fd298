"""``switch report``: one run as a table and a page, or two runs held against each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from switch.reports.comparing import Comparison, Row
    from switch.reports.results import Results
    from switch.reports.verdict import Verdict

_COLUMNS: Final = 80
_NAME: Final = 13
_VALUE: Final = 15
_CANNOT_WRITE: Final = 3
_TONES: Final = {"better": "green", "worse": "bold red", "same": "dim", "other": "yellow"}


def report(
    files: Annotated[
        list[Path], typer.Argument(metavar="A.json [B.json]", help="The results of one run, or of two: before, after.")
    ],
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write it as a page, too.")] = None,
    tolerance: Annotated[
        str, typer.Option("--tolerance", metavar="N%", help="Two figures so near each other are the same.")
    ] = "5%",
    allow_worse: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-worse",
            metavar="[NAME=]N%|N|any",
            help="Let figures be so much worse: 10%, p99=20%, p99=5 (ms, messages), max=any. Can be given again.",
        ),
    ] = None,
) -> None:
    """Show what a run came to, or hold a run against an earlier one.

    Exit status 1: limits broken or differences, or something got worse than is allowed. 3: the page cannot be written.
    """
    from switch.errors import OperatorError
    from switch.reports.files import read_results

    if len(files) > 2:  # noqa: PLR2004 - before and after
        raise OperatorError(f"one file or two are compared, not {len(files)}")
    runs = [read_results(path) for path in files]
    if len(runs) == 1:
        _one(runs[0], html)
    else:
        _two(runs[0], runs[1], html, tolerance, allow_worse or [])


def _one(run: Results, html: Path | None) -> None:
    from switch.reports.page import page
    from switch.reports.verdict import verdict

    judged = verdict(run)
    _print(_told(run, judged))
    _write(html, page(run) if html else "")
    raise typer.Exit(judged.exit_status)


def _two(before: Results, after: Results, html: Path | None, tolerance: str, allow_worse: list[str]) -> None:
    from switch.reports.allowing import parse_allowances, parse_percent
    from switch.reports.comparing import FIGURES, compare
    from switch.reports.comparing_page import comparing_page, judged

    allowed = parse_allowances(allow_worse, FIGURES)
    comparison = compare(before, after, parse_percent(tolerance, "--tolerance"), allowed)
    told = judged(comparison)
    _print(_compared(comparison, told))
    _write(html, comparing_page(comparison) if html else "")
    raise typer.Exit(told.exit_status)


def _write(path: Path | None, text: str) -> None:
    from switch.reports.files import CannotWrite, write_report

    if path is None:
        return
    try:
        write_report(path, text)
    except CannotWrite as error:
        typer.echo(f"switch: {error}", err=True)
        raise typer.Exit(_CANNOT_WRITE) from None
    typer.echo(f"\nwritten: {path}")


def _print(lines: Iterator[Text]) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, width=_COLUMNS)
    for line in lines:
        console.print(line)


# --- one run ----------------------------------------------------------------------------------------------


def _told(run: Results, judged: Verdict) -> Iterator[Text]:
    from rich.text import Text

    from switch.reports.figures import count, duration, rate, span

    yield from _headline(f"{_shown(run.title)}: {judged.headline}", judged)
    times = run.latency_ms
    rows = [
        ("host", _shown(f"{run.target}, {run.dialect}" if run.dialect else run.target)),
        ("took", span(run.duration_s) + (", ended early" if run.interrupted else "")),
        ("throughput", rate(run.throughput_per_s)),
    ]
    if run.answered + run.late:
        steps = (("p50", times.p50), ("p90", times.p90), ("p99", times.p99), ("p99.9", times.p999), ("max", times.max))
        rows.append(("latency", "  ".join(f"{name} {duration(ms)}" for name, ms in steps)))
    names = ("sent", "answered", "late", "missing", "unmatched", "duplicates", "unreadable", "differences")
    needed = {"sent", "answered", "late", "missing"}
    numbers = [(name, getattr(run, name)) for name in names]
    rows.append(("messages", ", ".join(f"{count(n)} {name}" for name, n in numbers if n or name in needed)))
    for name, value in rows:
        yield Text.assemble((f"{name:{_NAME}}", "dim"), value)
    yield from _parts(run)


def _parts(run: Results) -> Iterator[Text]:
    from rich.text import Text

    from switch.reports.figures import count, duration, rate, share
    from switch.reports.meanings import meanings

    for limit in run.limits:
        tone = "green" if limit.held else "bold red"
        words = _shown(f"{limit.name}: {limit.value}, {limit.limit}")
        yield Text.assemble((f"{'limit':{_NAME}}", "dim"), words, (" held" if limit.held else " broken", tone))
    for step in run.knee:
        words = f"{rate(step.rate_per_s):>9}  p99 {duration(step.p99_ms):>8}  {count(step.errors)} errors"
        tone = "green" if step.held else "bold red"
        yield Text.assemble((f"{'rate':{_NAME}}", "dim"), words, (" held" if step.held else " broken", tone))
    means, whole = meanings(run.dialect), sum(run.answers.values())
    for code, number in sorted(run.answers.items(), key=lambda one: (-one[1], one[0])):
        words = f"{_shown(code) or 'none':<4}  {count(number):>11}  {share(number, whole):>9}  {means.get(code, '')}"
        yield Text.assemble((f"{'answer':{_NAME}}", "dim"), words)
    if run.books is not None:
        words = (
            f"{count(run.books.approvals_on_wire)} approvals on the wire, {count(run.books.approvals_in_books)} in them"
        )
        tone = "green" if run.books.agree else "bold red"
        agree = ", they agree" if run.books.agree else ", they do not agree"
        yield Text.assemble((f"{'books':{_NAME}}", "dim"), words, (agree, tone))


# --- two runs ---------------------------------------------------------------------------------------------


def _compared(comparison: Comparison, judged: Verdict) -> Iterator[Text]:
    from rich.text import Text

    yield from _headline(judged.headline, judged)
    head = f"{'figure':{_NAME}}{'before':>{_VALUE}}{'after':>{_VALUE}}{'ratio':>11}  it is"
    yield Text(head, style="dim")
    yield Text("-" * _COLUMNS, style="dim")
    for row in comparison.figures:
        yield _line(row.name, row)
    if comparison.answers:
        yield Text("")
        yield Text("answers by response code", style="dim")
    for row in comparison.answers:
        yield _line(_shown(row.name) or "none", row)


def _line(name: str, row: Row) -> Text:
    from rich.text import Text

    from switch.reports.figures import ratio

    before, after = row.told()
    word = f"{row.word}, as allowed" if row.word == "worse" and not row.too_much else f"{row.word}"
    left = f"{name:{_NAME}}{before:>{_VALUE}}{after:>{_VALUE}}{ratio(row.ratio):>11}  "
    return Text.assemble(left, (word, _TONES[row.word]))


def _headline(text: str, judged: Verdict) -> Iterator[Text]:
    from rich.text import Text

    yield Text(text, style="bold green" if judged.exit_status == 0 else "bold red")
    if judged.because:
        yield Text("; ".join(judged.because))
    yield Text("")


def _shown(text: str) -> str:
    """A file may say anything; a terminal is to show it as it is."""
    return "".join(one if one.isprintable() else "?" for one in text)
