"""The commands of ``switch settlement`` that end a business day, and show what was made of it."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import orjson
import typer

from switch.cli.books import OpenBooks, open_books
from switch.cli.options import Config, MerchantArgument
from switch.errors import NotInBooks, OperatorError

if TYPE_CHECKING:
    from switch.ledger.clearing import KeptFile
    from switch.ledger.database import Database
    from switch.ledger.ids import JournalIds
    from switch.ledger.settling import DayReport
    from switch.tools.statements import Sheet

_MICROSECONDS = 1_000_000
_DAY = timedelta(days=1)
_SAME_CUT_OVER_US = 12 * 3_600 * _MICROSECONDS  # days are no shorter: by a timer, or by hand and after the clock
_LEFT_ALONE = 3  # exit status where the switch that asked is gone

Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there, not here.")]


class Format(StrEnum):
    """How a statement is shown."""

    TABLE = "table"
    CSV = "csv"
    HTML = "html"


def journal_ids() -> JournalIds:
    """Ids for what a command writes."""
    from switch.clock import wall_clock
    from switch.ledger.ids import JournalIds

    return JournalIds(wall_clock)


def business_day_at(books: OpenBooks, at: int) -> date:
    """Return the business day of a moment (microseconds since 1970, UTC) by the clock, as a running switch does."""
    hours, _, minutes = books.settings.cut_over.partition(":")
    early = timedelta(hours=int(hours), minutes=int(minutes))
    moment = datetime.fromtimestamp(at / _MICROSECONDS, UTC) + (_DAY - early if early else timedelta())
    return moment.astimezone(books.settings.zone).date()


# --- ending one --------------------------------------------------------------------------------------------


def cutover(
    day: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The day to close (default: today, by the clock).")
    ] = None,
    config: Config = None,
) -> None:
    """Close a business day and settle it: uploads compared, statements made, and the clearing file.

    Also beside a running switch: what comes later belongs to the next day. Run again, it does what was left to do.
    Without --day, days that are over and not settled come first: then the day that is running stays open. So it does
    where the one before was closed less than twelve hours ago: to end it so early, name it.
    """
    from switch.clock import wall_clock
    from switch.ledger.days import begin_day, newest_day

    asked = None if day is None else _date(day)
    with open_books(config) as books:
        now = wall_clock()
        today = business_day_at(books, now)
        if asked is None or asked >= today or newest_day(books.database) is None:
            begin_day(books.database, today, now)  # what is over by the clock is closed, although no request came
        if asked is None and (_settle_pending(books) or _is_closed_already(books, now)):
            return
        _settle_pending(books)
        _close(books, asked or today)


def settle_closed(
    day: Annotated[str, typer.Argument(metavar="DATE")],
    zone: Annotated[str, typer.Option(metavar="NAME", help="Time zone of the business days.")],
) -> None:
    """Settle one closed day for a running switch, which says on standard input where the books are.

    It steps back behind the switch, and ends when its standard input does. What it did is one line of JSON.
    """
    from switch.ledger.database import check_version, open_database

    url = sys.stdin.buffer.readline().decode().strip()
    threading.Thread(target=_end_with_the_switch, daemon=True).start()
    with closing(open_database(url)) as database:
        check_version(database)
        report = _settle(database, _date(day), ZoneInfo(zone))
    done = {"statements": report.statements, "differences": report.compared.differences}
    typer.echo(orjson.dumps(done))


def _end_with_the_switch() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing more is ever sent: this returns when the pipe is closed
    os._exit(_LEFT_ALONE)


def _is_closed_already(books: OpenBooks, now: int) -> bool:
    """Whether a day was closed so recently that another cut-over of no named day is the same one again; say so."""
    from switch.ledger.days import last_closed_day, newest_day

    last, newest = last_closed_day(books.database), newest_day(books.database)
    if last is None or newest is None or last.closed_at is None or now - last.closed_at >= _SAME_CUT_OVER_US:
        return False
    typer.echo(f"{last.day} was closed {books.moment(last.closed_at)} and is settled: nothing was left to do")
    typer.echo(f"  {newest.day} is open; to close it now: switch settlement cutover --day {newest.day}")
    return True


def _settle_pending(books: OpenBooks) -> bool:
    """Settle the days that are closed, and not settled; return whether there were any."""
    from switch.ledger.days import closed_days_without_statements

    pending = closed_days_without_statements(books.database)
    for day in pending:
        typer.echo(f"{day} is over, and was not settled")
        _print_done(_settle(books.database, day, books.settings.zone))
    return bool(pending)


def _close(books: OpenBooks, day: date) -> None:
    from switch.ledger.days import day_state

    state = day_state(books.database, day)
    closed_at = None if state is None else state.closed_at
    if closed_at is None:
        changed = books.change("day.cutover", f"day:{day:%Y%m%d}", {"early": True})
        typer.echo(f"{day} closed; {changed.after['open_day']} is open")
    report = _settle(books.database, day, books.settings.zone)
    if closed_at is None or report.statements or report.compared.batches:
        _print_done(report)
    else:
        typer.echo(f"{day} was closed {books.moment(closed_at)} and is settled: nothing was left to do")


def _settle(database: Database, day: date, zone: ZoneInfo) -> DayReport:
    from switch.clock import wall_clock
    from switch.ledger.behind import stepping_back
    from switch.ledger.settling import settle_day
    from switch.messages.dates import HostCalendar
    from switch.settlement.closing import Closing
    from switch.settlement.fees import load_fee_plans

    maker = Closing(load_fee_plans(), HostCalendar(zone))
    with stepping_back() as behind:
        return settle_day(database, day, maker, journal_ids(), wall_clock, behind)


def _print_done(report: DayReport) -> None:
    compared, file = report.compared, report.clearing
    typer.echo(f"  {compared.batches} uploaded batches compared, {compared.differences} differences found")
    typer.echo(f"  {report.statements} statements made")
    typer.echo(f"  clearing file: {_told(file)}\n  SHA-256 {file.sha256}")
    if compared.differences:
        typer.echo("  look at them: switch settlement discrepancies")


def _told(file: KeptFile) -> str:
    return f"{file.items} items, debits {file.debit_minor:,} and credits {file.credit_minor:,} in minor units"


def _date(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day, not a moment
    except ValueError:
        raise OperatorError("a day is written like 2026-03-04") from None


# --- what was made of them ---------------------------------------------------------------------------------


def list_business_days(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the latest.")] = 10,
    config: Config = None,
) -> None:
    """List business days, the last one at the end, with what was made of them."""
    from switch.ledger.settlement_reports import list_days
    from switch.tools.statements import date_text

    with open_books(config) as books:
        with books.database.reading() as connection:
            lines = list_days(connection, limit)
        for line in lines:
            when = "" if line.closed_at is None else f" {books.moment(line.closed_at)}"
            made = f", {line.statements} statements" if line.statements or line.sha256 else ""
            items = "" if line.items is None else f", {line.items} items"
            typer.echo(f"{date_text(line.day)}  {line.state}{when}{made}{items}")
            if line.sha256:
                typer.echo(f"  SHA-256 {line.sha256}")
            elif line.state == "closed":
                typer.echo("  not settled: switch settlement cutover")
        if not lines:
            typer.echo("no business days yet")


def print_statement(
    merchant: MerchantArgument,
    day: Annotated[str, typer.Argument(metavar="DATE", help="The business day, like 2026-03-04.")],
    shape: Annotated[Format, typer.Option("--format", help="A table, CSV, or a page to print.")] = Format.TABLE,
    out: Out = None,
    config: Config = None,
) -> None:
    """Show a merchant's statement of a day: gross, credits, fees, agents' shares, net, and every item."""
    from switch.tools.statement_page import as_html
    from switch.tools.statements import as_csv, as_table

    with open_books(config) as books:
        sheet = _sheet(books, merchant, _date(day))
    write = {Format.TABLE: as_table, Format.CSV: as_csv, Format.HTML: as_html}[shape]
    _write(write(sheet), out)


def _sheet(books: OpenBooks, merchant: str, day: date) -> Sheet:
    from switch.ledger.clearing import kept_clearing_file
    from switch.ledger.rows import number_of
    from switch.ledger.settlement_reports import kept_statement
    from switch.settlement.statements import read_statement
    from switch.tools.statements import Sheet

    with books.database.reading() as connection:
        row = kept_statement(connection, merchant, number_of(day))
    if row is None and kept_clearing_file(books.database, number_of(day)) is None:
        raise NotInBooks(f"{day} is not settled yet: switch settlement cutover --day {day}")
    if row is None:
        raise NotInBooks(f"merchant {merchant} has no statement of {day}: nothing moved on its account")
    made_at = datetime.fromtimestamp(row.made_at / _MICROSECONDS, books.settings.zone)
    return Sheet(read_statement(row.content), row.merchant_name, made_at)


def clearing(
    day: Annotated[
        str | None, typer.Argument(metavar="[DATE]", show_default=False, help="The business day, like 2026-03-04.")
    ] = None,
    out: Out = None,
    verify: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Check this file; with DATE also that it is that day's.")
    ] = None,
    config: Config = None,
) -> None:
    """Write the clearing file of a day, or check one: its form, its control totals, its hash.

    Exit status of a check: 0 if the file is sound, 1 if it is not.
    """
    if verify is not None:
        _verify(verify, None if day is None else _date(day), config)
        return
    if day is None:
        raise OperatorError("name the day whose clearing file is wanted, or a file to --verify")
    from switch.ledger.clearing import clearing_content
    from switch.ledger.rows import number_of

    with open_books(config) as books:
        content = clearing_content(books.database, number_of(_date(day)))
    _write(content, out)


def _verify(file: Path, day: date | None, config: Path | None) -> None:
    from switch.settlement.clearing import problems_of

    try:
        content = file.read_bytes()
    except OSError as error:
        raise OperatorError(f"{file}: cannot be read: {error.strerror}") from None
    try:
        problems = problems_of(content.decode())
    except UnicodeDecodeError:
        problems = ["it is not text in UTF-8"]
    if day is not None and not problems:
        problems = _other_than_kept(content, day, config)
    for problem in problems:
        typer.echo(f"{file}: {problem}")
    if problems:
        raise typer.Exit(1)
    typer.echo(f"{file}: sound" + ("" if day is None else f", and the clearing file of {day}"))


def _other_than_kept(content: bytes, day: date, config: Path | None) -> list[str]:
    from hashlib import sha256

    from switch.ledger.clearing import kept_clearing_file
    from switch.ledger.rows import number_of

    with open_books(config) as books:
        kept = kept_clearing_file(books.database, number_of(day))
    if kept is None:
        raise NotInBooks(f"there is no clearing file of {day}: the day is not settled")
    is_same = sha256(content).hexdigest() == kept.sha256
    return [] if is_same else [f"it is not the clearing file of {day} that the books have"]


def _write(content: str, out: Path | None) -> None:
    """Write what was made, byte for byte."""
    if out is None:
        sys.stdout.buffer.write(content.encode())
        sys.stdout.buffer.flush()
        return
    try:
        out.write_bytes(content.encode())
    except OSError as error:
        raise OperatorError(f"{out}: cannot be written: {error.strerror}") from None
    typer.echo(f"{out} written")
