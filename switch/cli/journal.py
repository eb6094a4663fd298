"""``switch journal``: what was asked, what was answered, why, and what it did to the books."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from switch.cli.books import OpenBooks, open_books
from switch.cli.options import Config, pan_from
from switch.errors import OperatorError

if TYPE_CHECKING:
    from rich.table import Table

    from switch.ledger.queries import JournalEntry, JournalLine, Rung

journal_app = typer.Typer(help="Look up what was decided, and why.", no_args_is_help=True)

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_HEADED: Final = (
    "mti", "processing_code", "terminal_id", "merchant_id", "stan", "batch", "local_date", "local_time",
    "business_day", "masked_pan", "entry_mode", "condition_code", "reason", "rrn", "approval_code", "original_id",
)  # fmt: skip


@journal_app.command("list")
def list_requests(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, counted from the newest.")] = 20,
    terminal: Annotated[str | None, typer.Option(metavar="ID", help="Of this terminal.")] = None,
    merchant: Annotated[str | None, typer.Option(metavar="ID", help="Of this merchant.")] = None,
    kind: Annotated[str | None, typer.Option(help="purchase, refund, reversal, ...")] = None,
    action: Annotated[str | None, typer.Option(help="approved, insufficient_funds, ...")] = None,
    card: Annotated[bool, typer.Option("--card", help="Of one card: its number is asked for.")] = False,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="30m, 2h, 7d ago, or 2026-03-04 or 2026-03-04T12:00.")
    ] = None,
    config: Config = None,
) -> None:
    """List decided requests, the newest last."""
    from rich.console import Console

    from switch.ledger.queries import Wanted, list_journal

    with open_books(config) as books:
        pan_key = books.vault().pan_key(pan_from(None)) if card else None
        wanted = Wanted(limit, terminal, merchant, kind, action, pan_key, _moment_of(since, books))
        with books.database.reading() as connection:
            lines = list_journal(connection, wanted)
        Console(highlight=False).print(_list_table(books, lines) if lines else "no such requests")


@journal_app.command("show")
def show_request(
    named: Annotated[str, typer.Argument(metavar="ID|RRN", help="A journal id, or DE 37 of the answer.")],
    config: Config = None,
) -> None:
    """Show one request: the answer, every rule with its value against its limit, and the effects."""
    from rich.console import Console

    from switch.ledger.queries import show_journal

    console = Console(highlight=False)
    with open_books(config) as books:
        with books.database.reading() as connection:
            entries = show_journal(connection, named)
        for number, entry in enumerate(entries):
            if number:
                console.rule()
            for line in _described(books, entry):
                console.print(line, markup=False, soft_wrap=True)
            console.print(ladder_table(entry.trace) if entry.trace else "no rules were asked")
            for effect in entry.effects or ("nothing in the books was changed",):
                console.print(f"* {effect}", markup=False)


@journal_app.command("adjustments")
def list_waiting(
    also_settled: Annotated[bool, typer.Option("--all", help="Settled ones too.")] = False, config: Config = None
) -> None:
    """List reversals that came too late for the books and wait for an operator."""
    from switch.ledger.queries import list_adjustments

    with open_books(config) as books:
        with books.database.reading() as connection:
            waiting = list_adjustments(connection, also_settled=also_settled)
        for entry in waiting:
            typer.echo(
                f"{books.moment(entry.decided_at)}  {entry.terminal_id}  {entry.masked_pan}  {entry.amount}  "
                f"{entry.state}\n  journal {entry.journal_id} of payment {entry.payment_id}: {entry.why}"
            )
        if not waiting:
            typer.echo("nothing waits for an operator")


def _moment_of(since: str | None, books: OpenBooks) -> int | None:
    """Read ``30m``, ``2h``, ``7d`` (ago) or a local date or time; microseconds since 1970, UTC."""
    if since is None:
        return None
    number, unit = since[:-1], since[-1:]
    try:
        if number.isascii() and number.isdigit() and unit in _UNITS:
            moment = books.now() - timedelta(**{_UNITS[unit]: int(number)})
        else:
            moment = datetime.fromisoformat(since)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=books.settings.zone)
    except (ValueError, OverflowError):
        raise OperatorError("--since takes 30m, 2h or 7d, or a date like 2026-03-04 or 2026-03-04T12:00") from None
    return int(moment.timestamp() * 1_000_000)


# --- what is printed ---------------------------------------------------------------------------------------


def _list_table(books: OpenBooks, lines: list[JournalLine]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for name in ("when", "RRN", "terminal"):
        table.add_column(name, no_wrap=True)
    table.add_column("kind")
    table.add_column("amount", justify="right")
    table.add_column("answer", ratio=1, overflow="fold")
    day = ""
    for line in lines:
        date, time = books.moment(line.decided_at).split(" ")
        if date != day:
            day = date
            table.add_row(Text(date, style="bold"))
        style = "green" if line.action == "approved" else "red"
        amount = "" if line.amount is None else str(line.amount)
        rrn = line.rrn or f"id {line.journal_id}"
        table.add_row(time, rrn, line.terminal_id, line.kind, amount, Text(line.action, style=style))
    return table


def _described(books: OpenBooks, entry: JournalEntry) -> list[str]:
    line, columns = entry.line, entry.columns
    took_ms = (columns["decided_at"] - columns["received_at"]) / 1_000
    amount = "" if line.amount is None else f" of {line.amount}"
    return [
        f"{line.kind}{amount}: {line.action}" + (f", because {line.because}" if line.because else ""),
        f"{books.moment(line.decided_at)}, decided {took_ms:.1f} ms after it arrived, journal {line.journal_id}",
        *(f"  {name:<16} {columns[name]}" for name in _HEADED if columns[name] not in ("", None)),
        *(f"  {name:<16} {value}" for name, value in entry.reply.items()),
        *(f"  {'chip ' + name:<16} {value}" for name, value in entry.chip.items()),
    ]


def ladder_table(trace: tuple[Rung, ...]) -> Table:
    """The rungs that were climbed, for 80 columns."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for name in ("", "rule", "found", "against"):
        table.add_column(name, ratio=1 if name in {"found", "against"} else None)
    for rung in trace:
        mark = Text("ok", style="green") if rung.passed else Text("NO", style="red")
        table.add_row(mark, rung.rule, _plain(rung.value), _plain(rung.limit))
    return table


def _plain(value: object) -> str:
    return "" if value is None else str(value)
