"""Tells a person what a capture holds, in 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from switch.capture.entry import Direction, Entry
from switch.capture.files import Head
from switch.capture.losses import Losses
from switch.capture.summary import CONNECTIONS_MAX, Summary
from switch.tools.describe import printable


def lines(path: Path, head: Head, summary: Summary, losses: Losses) -> Iterator[str]:
    """Yield the lines of ``switch capture info``. Nothing in them comes from a field of a message."""
    yield f"{'file':10}  {path}"
    if head.made_by:
        yield f"{'made by':10}  {printable(head.made_by)}"
    yield f"{'dialect':10}  {_dialects(head, summary)}"
    yield f"{'tokenised':10}  {'yes' if head.tokenised else 'no: it may hold real cards'}"
    yield f"{'messages':10}  {summary.messages:,} ({summary.wire_bytes:,} bytes), {summary.keep_alives:,} keep-alives"
    yield f"{'connected':10}  {_connections(summary)}, {summary.opened:,} openings and {summary.closed:,} ends seen"
    if summary.entries:
        yield f"{'from':10}  {time_text(summary.first_us)}"
        yield f"{'to':10}  {time_text(summary.last_us)} ({summary.span_s:,.3f} s)"
    if summary.messages:
        yield f"{'rate':10}  {_rate(summary)}"
        yield ""
        yield from _table(summary)
    wrong = sum(summary.undecodable.values())
    if wrong:
        yield ""
        yield f"{wrong:,} of the first {sum(summary.checked.values()):,} messages do not decode in their dialect"
    for number, line in enumerate(losses.told()):
        if number == 0:
            yield ""
        yield line


def time_text(at_us: int) -> str:
    """Return microseconds since 1970 as ISO 8601; past the year 9999 as the seconds they are."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    except OverflowError:
        return f"{at_us / 1_000_000:.6f}"
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def headline(entry: Entry, number: int) -> str:
    """Return the line above what a frame says."""
    way = "to host" if entry.direction is Direction.TO_HOST else "to terminal"
    return f"#{number}  {time_text(entry.at_us)}  {way}  {printable(entry.connection)}"


def _dialects(head: Head, summary: Summary) -> str:
    own = head.dialect or "unknown (--dialect D names it)"
    others = [name for name in summary.dialects if name and name != head.dialect]
    return ", ".join([own, *others]) if head.dialect or not others else ", ".join(others)


def _connections(summary: Summary) -> str:
    count = len(summary.connections)
    if count > CONNECTIONS_MAX:
        return f"more than {CONNECTIONS_MAX:,} connections"
    return f"{count:,} connection{'' if count == 1 else 's'}"


def _rate(summary: Summary) -> str:
    peak = f"at most {summary.peak:,} in one second, at {time_text(summary.peak_us)[:19]}Z"
    return f"{summary.rate_per_s:,.1f} a second; {peak}" if summary.rate_per_s else peak


def _table(summary: Summary) -> Iterator[str]:
    yield f"{'type':8}{'to host':>14}{'to terminal':>14}"
    yield "-" * 36
    for kind in sorted({kind for _, kind in summary.types}):
        counts = [summary.types[direction, kind] for direction in (Direction.TO_HOST, Direction.TO_TERMINAL)]
        yield f"{kind or '?':8}" + "".join(f"{count:>14,}" if count else f"{'-':>14}" for count in counts)
