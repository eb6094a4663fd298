"""The sections of a run's page, each from its part of the results; one that has nothing to tell is left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from switch.reports.figures import count, duration, one_or_many, rate, share, span
from switch.reports.markup import Cell, Column, facts, note, section, table
from switch.reports.meanings import meanings
from switch.reports.results import ConnectionEvent, Latency, Results

LISTED_EVENTS_MAX: Final = 12
"""More are told by what happened and how often: a run against a flaky host has hundreds."""

HELD: Final = Cell("\N{CHECK MARK} held", "good")
BROKEN: Final = Cell("\N{MULTIPLICATION SIGN} broken", "bad")


def totals(results: Results) -> Iterator[str]:
    """The figures that are looked for first."""
    times = results.latency_ms
    has_times = bool(results.answered or results.late)
    yield from facts(
        (
            ("Throughput", rate(results.throughput_per_s)),
            ("p50", duration(times.p50) if has_times else "-"),
            ("p99", duration(times.p99) if has_times else "-"),
            ("p99.9", duration(times.p999) if has_times else "-"),
            ("Slowest", duration(times.max) if has_times else "-"),
            ("Answered", share(results.answered + results.late, results.sent)),
        ),
        "totals",
    )


def counts(results: Results) -> Iterator[str]:
    """Every message is one of three; answers that belong to none are counted apart."""
    sent = results.sent
    rows = [
        ("sent", count(sent), "", "asking for an answer, after the warm-up"),
        ("answered", count(results.answered), share(results.answered, sent), "in time"),
        ("late", count(results.late), share(results.late, sent), "after the deadline"),
        ("missing", count(results.missing), share(results.missing, sent), "never answered"),
        ("unmatched", count(results.unmatched), "", "answers to nothing that was sent"),
        ("duplicates", count(results.duplicates), "", "answers to what was answered already"),
        ("unreadable", count(results.unreadable), "", "no messages of the dialect"),
    ]
    columns = (Column("Messages"), Column("Count", numbers=True), Column("Of sent", numbers=True), Column("What"))
    yield from section("Counts", table(columns, rows, "Counts"))


def percentiles(times: Latency) -> Iterator[str]:
    """The latency in figures."""
    rows = (
        ("median", duration(times.p50)),
        ("90 %", duration(times.p90)),
        ("99 %", duration(times.p99)),
        ("99.9 %", duration(times.p999)),
        ("slowest", duration(times.max)),
        ("mean", duration(times.mean)),
    )
    yield from table((Column("Of the answers"), Column("came within", numbers=True)), rows, "Latency")


def limits(results: Results) -> Iterator[str]:
    """What the run was held to."""
    if results.limits:
        columns = (Column("What"), Column("Limit"), Column("Measured"), Column("Verdict"))
        rows = ((one.name, one.limit, one.value, HELD if one.held else BROKEN) for one in results.limits)
        yield from section("Limits", table(columns, rows, "Limits"))


def steps(results: Results) -> Iterator[str]:
    """The rates of a search for the knee, in the order in which they were tried."""
    heads = (Column("Rate", numbers=True), Column("Throughput", numbers=True), Column("p99", numbers=True))
    columns = (*heads, Column("Errors", numbers=True), Column("Verdict"))
    rows = (
        (
            rate(one.rate_per_s),
            rate(one.throughput_per_s),
            duration(one.p99_ms),
            count(one.errors),
            HELD if one.held else BROKEN,
        )
        for one in results.knee
    )
    yield from table(columns, rows, "Rates tried")


def answers(results: Results) -> Iterator[str]:
    """Answers by response code, most frequent first."""
    if not results.answers:
        return
    words, whole, most = meanings(results.dialect), sum(results.answers.values()), max(results.answers.values())
    columns = (
        Column("DE 39"),
        Column("Meaning"),
        Column("Answers", numbers=True),
        Column("Share", numbers=True),
        Column(""),
    )
    ordered = sorted(results.answers.items(), key=lambda one: (-one[1], one[0]))
    rows = (
        (
            Cell(code or "none", "code"),
            words.get(code, "no response code" if not code else ""),
            count(number),
            share(number, whole),
            Cell("", "wide", number / most if most > 0 else 0.0),
        )
        for code, number in ordered
    )
    yield from section("Answers", table(columns, rows, "Answers by response code"))


def differences(results: Results) -> Iterator[str]:
    """The first answers that are not those of the capture."""
    if results.differences or results.difference_list:
        yield from section("Differences", _difference_table(results))


def _difference_table(results: Results) -> Iterator[str]:
    shown = results.difference_list
    if shown:
        columns = (Column("Message"), Column("Field"), Column("In the capture"), Column("In this run"))
        rows = (
            (
                one.message,
                one.field,
                Cell(one.before or "(absent)", "code any"),
                Cell(one.after or "(absent)", "code any"),
            )
            for one in shown
        )
        yield from table(columns, rows, "Differences")
    more = results.differences - len(shown)
    if more > 0:
        yield note(f"{count(more)} more {'difference is' if more == 1 else 'differences are'} not listed.")


def events(results: Results) -> Iterator[str]:
    """What happened to connections: a few one by one, many by what it was, with the list folded up below."""
    happened = results.connection_events
    if not happened:
        return
    columns = (Column("After"), Column("Connection"), Column("What"))
    listed = table(
        columns, ((_at(one.second), one.connection, one.what) for one in happened), "Connections, one by one"
    )
    if len(happened) > LISTED_EVENTS_MAX:
        summary = f"<summary>{one_or_many(len(happened), 'event')}, one by one</summary>"
        listed = iter((*_kinds_of(happened), "<details>", summary, *listed, "</details>"))
    yield from section("Connections", listed)


def _kinds_of(happened: Sequence[ConnectionEvent]) -> Iterator[str]:
    times: defaultdict[str, list[float]] = defaultdict(list)
    for one in happened:
        times[one.what].append(one.second)
    ordered = sorted(times.items(), key=lambda one: -len(one[1]))
    columns = (
        Column("What"),
        Column("Times", numbers=True),
        Column("First", numbers=True),
        Column("Last", numbers=True),
    )
    rows = ((what, count(len(at)), _at(min(at)), _at(max(at))) for what, at in ordered[:LISTED_EVENTS_MAX])
    yield from table(columns, rows, "What happened to connections")
    if len(ordered) > LISTED_EVENTS_MAX:
        yield note(f"And {one_or_many(len(ordered) - LISTED_EVENTS_MAX, 'kind')} more.")


def _at(second: float) -> str:
    return f"{second:,.3f} s".replace("-", "\N{MINUS SIGN}")


def faults(results: Results) -> Iterator[str]:
    """What was done wrong on purpose."""
    if results.faults_sent:
        columns = (Column("Fault"), Column("Sent", numbers=True))
        rows = ((name, count(number)) for name, number in sorted(results.faults_sent.items()))
        yield from section("Faults sent on purpose", table(columns, rows, "Faults sent on purpose"))


def books(results: Results) -> Iterator[str]:
    """Whether what the wire saw is what the books have."""
    held = results.books
    if held is None:
        return
    rows: list[tuple[str, str | Cell]] = [
        ("approvals on the wire", count(held.approvals_on_wire)),
        ("approvals in the books", count(held.approvals_in_books)),
        ("audit", one_or_many(len(held.audit_findings), "finding") if held.audit_findings else "no findings"),
        ("they agree", Cell("\N{CHECK MARK} yes", "good") if held.agree else Cell("\N{MULTIPLICATION SIGN} no", "bad")),
    ]
    findings = (note(one) for one in held.audit_findings)
    parts = (*table((Column("Books"), Column("", numbers=True)), rows, "Books"), *findings)
    yield from section("Books", parts)


def environment(results: Results) -> Iterator[str]:
    """Where, when and with what: enough to do it again."""
    where = results.environment
    told = facts(
        (
            ("Host", results.target),
            ("Dialect", results.dialect or "not told"),
            ("Connections", count(results.connections)),
            ("Started", f"{results.started_at:%Y-%m-%d %H:%M:%S %Z}".rstrip()),
            ("Took", _took(results)),
            ("Generator", f"switch {where.switch}, Python {where.python}"),
            ("System", f"{where.system}, {one_or_many(where.cores, 'core')}"),
        )
    )
    yield from section("Made with", (*told, *command(results.command)))


def command(line: str) -> Iterable[str]:
    """The command as it was typed."""
    return (f"<pre>{escape(line)}</pre>",) if line else ()


def _took(results: Results) -> str:
    warm = f" after {span(results.warm_up_s)} of warm-up" if results.warm_up_s else ""
    return f"{span(results.duration_s)}{warm}{', ended early' if results.interrupted else ''}"
