"""``switch settlement``: terminals' batches, what they do not agree about with the books, and who is right."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final

import typer

from switch.cli import closing_day
from switch.cli.books import OpenBooks, open_books
from switch.cli.options import Config
from switch.decisions.closing import Right
from switch.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switch.ledger.settlement_reports import BatchLine, DiscrepancyLine, Upload
    from switch.messages.settlement import Totals
    from switch.office.acts import Changed

settlement_app = typer.Typer(help="Settle batches and business days, and put right what differs.", no_args_is_help=True)

_BECAUSE_MAX: Final = 200
_ID_MAX: Final = (1 << 63) - 1
_LIKE_A_CARD: Final = re.compile(r"(?:[0-9][ -]?){12,}")

Accept = Annotated[Right, typer.Option("--accept", help="Who is right: the terminal, or the host (the books).")]
Because = Annotated[str, typer.Option(metavar="TEXT", help="Why: kept with it. No card numbers.")]
OfTerminal = Annotated[str | None, typer.Option("--terminal", metavar="ID", help="Of this terminal.")]


# --- batches -----------------------------------------------------------------------------------------------


@settlement_app.command("batches")
def list_batches(
    terminal: OfTerminal = None,
    is_open: Annotated[bool, typer.Option("--open", help="Those not settled yet, with what they have now.")] = False,
    unbalanced: Annotated[bool, typer.Option("--unbalanced", help="Settled ones whose upload has not ended.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the latest.")] = 20,
    config: Config = None,
) -> None:
    """List batches with the totals of the books and of the terminal, those settled last at the end."""
    from switch.ledger.settlement_reports import open_batches, settled_batches

    if is_open and unbalanced:
        raise OperatorError("a batch is open, or settled and unbalanced: choose one")
    with open_books(config) as books:
        if is_open:
            lines = open_batches(books.database, limit, terminal=terminal)
        else:
            with books.database.reading() as connection:
                lines = settled_batches(
                    connection, limit, terminal=terminal, state="unbalanced" if unbalanced else None
                )
        for line in lines:
            typer.echo("\n".join(_batch(books, line)))
    if not lines:
        typer.echo("no such batches")


def _batch(books: OpenBooks, line: BatchLine) -> Iterator[str]:
    settled = "not settled" if line.settled_at is None else f"settled {books.moment(line.settled_at)}"
    uploaded = f", {line.uploaded} records uploaded" if line.uploaded or line.said else ""
    yield f"{line.terminal_id}  batch {line.batch}  {line.state}, {settled}{uploaded}"
    for place, whose in enumerate(("domestic", "foreign")):
        host = line.host[place]
        terminal = None if line.terminal is None else line.terminal[place]
        if any(host) or any(terminal or ()):
            yield f"  {whose:<9} books    {_sums(host, line.currency)}"
            if terminal is not None:
                mark = "" if terminal == host else "  differs"
                yield f"  {'':<9} terminal {_sums(terminal, line.currency)}{mark}"
    if line.said not in (None, line.uploaded):
        yield f"  the end of the upload announced {line.said} records, {line.uploaded} came"
    if not any(sum(side) for side in (*line.host, *(line.terminal or ()))):
        yield "  nothing in it"


def _sums(totals: Totals, currency: str) -> str:
    from switch.values import Money

    debits, credits_ = Money(totals.debit_minor, currency), Money(totals.credit_minor, currency)
    return f"{totals.debit_count:>4} debits {debits!s:>16} {totals.credit_count:>4} credits {credits_!s:>14}"


@settlement_app.command("close-batch")
def close_batch(
    terminal_id: Annotated[str, typer.Argument(metavar="TERMINAL", help="Whose upload will not be ended.")],
    because: Annotated[str, typer.Option(metavar="TEXT", help="Why: kept in the change log. No card numbers.")],
    batch: Annotated[
        str | None, typer.Option(metavar="N", help="Its number (default: the one that is unbalanced).")
    ] = None,
    config: Config = None,
) -> None:
    """Close a batch whose terminal never came back from its upload, by the books, and compare what had come.

    What did not come is missing then: `switch settlement discrepancies`. What the terminal still sends changes nothing.
    Twice changes nothing.
    """
    from switch.ledger.batches_closed import batch_to_close
    from switch.ledger.settlement_reports import list_discrepancies
    from switch.office.batch_acts import target_of

    if batch is not None and not re.fullmatch("[0-9]{1,6}", batch):
        raise OperatorError("--batch is a number of at most six digits")
    with open_books(config) as books:
        found = batch_to_close(books.database, terminal_id, batch)
        done = books.change("settlement.close_batch", target_of(found), because=_checked(because))
        with books.database.reading() as connection:
            lines = list_discrepancies(connection, terminal=terminal_id)
        at = books.moment(int(str(done.after["closed_at"])))
    name = f"batch {found.batch} of terminal {terminal_id}"
    if done.before["state"] == "closed":
        typer.echo(f"{name} was closed by an operator before, {at}: nothing has changed")
        return
    waiting = sum(line.batch == found.batch and line.merchant_id == found.merchant_id for line in lines)
    typer.echo(f"{name} is closed; {done.after['uploaded']} records of it had been uploaded")
    typer.echo(f"  {waiting} differences: switch settlement discrepancies --terminal {terminal_id}")


# --- what does not agree -----------------------------------------------------------------------------------


@settlement_app.command("discrepancies")
def list_differences(
    terminal: OfTerminal = None,
    also_settled: Annotated[bool, typer.Option("--all", help="Settled ones too.")] = False,
    config: Config = None,
) -> None:
    """Compare what was uploaded with the books, and list what they do not agree about.

    Exit status: 0 if nothing waits for an operator, 1 if something does.
    """
    from switch.ledger.batches_compared import compare_batches
    from switch.ledger.settlement_reports import list_discrepancies, miscounted_uploads
    from switch.settlement.comparing import compared

    with open_books(config) as books:
        done = compare_batches(books.database, compared, closing_day.journal_ids())
        with books.database.reading() as connection:
            lines = list_discrepancies(connection, terminal=terminal, also_settled=also_settled)
            uploads = miscounted_uploads(connection, lines)
    if done.batches:
        typer.echo(f"{done.batches} batches compared now, {done.differences} differences found")
    for line in lines:
        typer.echo("\n".join(_difference(line)))
    for upload in uploads:
        typer.echo("\n".join(_miscounted(upload)))
    waiting = sum(line.state == "open" for line in lines)
    if waiting:
        typer.echo(f"{waiting} to be settled: switch settlement adjust NUMBER --accept terminal|host")
        raise typer.Exit(1)
    typer.echo("nothing waits for an operator")


def _difference(line: DiscrepancyLine) -> Iterator[str]:
    yield f"{line.id}  {line.terminal_id}  batch {line.batch}  STAN {line.stan}  {line.state}"
    yield f"  {line.what}: {_meaning(line)}"
    host = f"{line.kind or 'nothing'} {line.host}" if line.host else "nothing"
    yield f"  books {host}, terminal {line.terminal or 'nothing'}"
    card = f"card {line.masked_pan}" if line.masked_pan else "no card named"
    rrn = f", RRN {line.rrn}" if line.rrn else ""
    yield f"  {card}{rrn}"
    if line.state != "open":
        how = "as the books have it" if line.settled_by is None else f"by correction {line.settled_by}"
        yield f"  settled {how}" + (f": {line.because}" if line.because else "")


def _miscounted(upload: Upload) -> Iterator[str]:
    came = f"{upload.came} of the {upload.said} records came that its end announced"
    yield f"{upload.terminal_id}  batch {upload.batch}  {came}"
    if upload.came < upload.said:
        yield "  what is missing may have been lost on the way: ask for the receipts first"
    else:
        yield "  the terminal counted otherwise than it sent: each record was compared"


def _meaning(line: DiscrepancyLine) -> str:
    if line.what == "missing":
        return "the books have it, the terminal does not"
    if line.what == "extra":
        has_had = "in the books it was reversed" if line.kind else "the books do not"
        return f"the terminal has it, {has_had}"
    if line.host != line.terminal:
        return "both have it, with different amounts"
    return f"both have it, with different cards; the books say {line.host_masked_pan or 'none'}"


@settlement_app.command("adjust")
def adjust(
    number: Annotated[
        int, typer.Argument(max=_ID_MAX, metavar="NUMBER", help="As `switch settlement discrepancies` lists it.")
    ],
    accept: Accept,
    because: Because = "",
    refund: Annotated[
        bool, typer.Option("--refund", help="What only the terminal has was a refund, not a sale.")
    ] = False,
    config: Config = None,
) -> None:
    """Settle one discrepancy: accept the books' word, or the terminal's by a posting.

    A correction moves the difference between card and merchant, whatever the card has left. Twice changes nothing.
    """
    told = {"accept": accept.value, "refund": refund}
    with open_books(config) as books:
        done = books.change("settlement.adjust", f"discrepancy:{number}", told, _checked(because))
    _print_settled(f"discrepancy {number}", done)


@settlement_app.command("settle")
def settle_late(
    journal_id: Annotated[
        int, typer.Argument(max=_ID_MAX, metavar="JOURNAL", help="As `switch journal adjustments` lists it.")
    ],
    accept: Accept,
    because: Because = "",
    config: Config = None,
) -> None:
    """Settle a reversal that came when its day was closed.

    The terminal is right: what it wanted undone is undone by a correction. The host is right: nothing is posted.
    """
    told = {"accept": accept.value}
    with open_books(config) as books:
        done = books.change("settlement.settle", f"adjustment:{journal_id}", told, _checked(because))
    _print_settled(f"adjustment {journal_id}", done)


def _print_settled(what: str, done: Changed) -> None:
    from switch.office.settlement_acts import posted_of

    if done.before["state"] == "settled":
        by = done.after["correction"]
        typer.echo(f"{what} was settled before{'' if by is None else f', by correction {by}'}: nothing has changed")
        return
    posted = posted_of(done)
    for one in posted:
        did = f"charged {one.amount} to" if one.does == "charge" else f"returned {one.amount} to"
        typer.echo(f"{did} card {one.card}: correction {one.correction}")
    typer.echo(f"{what} is settled" + ("" if posted else " as the books have it"))


def _checked(because: str) -> str:
    if len(because) > _BECAUSE_MAX:
        raise OperatorError(f"--because takes at most {_BECAUSE_MAX} characters")
    if _LIKE_A_CARD.search(because):
        raise OperatorError("--because holds a long number: card numbers are not kept; say it in other words")
    return because


# --- days --------------------------------------------------------------------------------------------------

settlement_app.command("cutover")(closing_day.cutover)
settlement_app.command("days")(closing_day.list_business_days)
settlement_app.command("statement")(closing_day.print_statement)
settlement_app.command("clearing")(closing_day.clearing)
settlement_app.command("settle-closed", hidden=True)(closing_day.settle_closed)
