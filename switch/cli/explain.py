"""``switch explain``: why one transaction came out as it did, and what the people around the terminal do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from switch.cli.books import OpenBooks, open_books
from switch.cli.options import Config
from switch.errors import OperatorError

if TYPE_CHECKING:
    from rich.console import Console

    from switch.ledger.queries import JournalEntry
    from switch.messages.responses import ResponseTexts

_WHO: Final = (("cashier", "收银员"), ("cardholder", "持卡人"), ("technician", "技术"), ("next", "下一步"))


def explain(
    named: Annotated[str, typer.Argument(metavar="RRN|STAN", help="DE 37 or DE 11; or a journal id.")],
    terminal: Annotated[str | None, typer.Option(metavar="ID", help="Whose STAN it is.")] = None,
    config: Config = None,
) -> None:
    """Print what happened to a transaction and to those about it, why, and what to do next."""
    from rich.console import Console

    from switch.ledger.queries import show_story
    from switch.messages.actions import Action
    from switch.messages.responses import load_responses

    if not named.strip():
        raise OperatorError("name the transaction by its RRN, its STAN or its journal id")
    console = Console(highlight=False)
    with open_books(config) as books:
        with books.database.reading() as connection:
            story = show_story(connection, named, terminal)
        _print_timeline(console, books, story)
        _print_rules(console, story[0])
        _print_texts(console, load_responses()[Action(story[0].line.action)])


def _print_timeline(console: Console, books: OpenBooks, story: list[JournalEntry]) -> None:
    console.print("[bold]What happened[/bold]")
    for entry in sorted(story, key=lambda each: each.line.journal_id):
        line, columns = entry.line, entry.columns
        amount = "" if line.amount is None else f" {line.amount}"
        card = f"  {line.masked_pan}" if line.masked_pan else ""
        console.print(f"{books.moment(columns['received_at'])}  {line.kind}{amount}{card}", markup=False)
        sent = f"MTI {columns['mti'] or 'none'}, STAN {line.stan or 'none'}"
        console.print(f"  from {line.terminal_id} of {line.merchant_id}, {sent}", markup=False, soft_wrap=True)
        took_ms = (columns["decided_at"] - columns["received_at"]) / 1_000
        because = f": {line.because}" if line.because else ""
        console.print(f"  decided after {took_ms:.1f} ms: {line.action}{because}", markup=False, soft_wrap=True)
        for effect in entry.effects or ("nothing in the books was changed",):
            console.print(f"  books: {effect}", markup=False, soft_wrap=True)
        console.print(f"  answered RRN {line.rrn or 'none'}, journal {line.journal_id}", markup=False, soft_wrap=True)


def _print_rules(console: Console, entry: JournalEntry) -> None:
    from switch.cli.journal import ladder_table

    console.print(f"\n[bold]Why: the rules of the {entry.line.kind}[/bold]")
    console.print(ladder_table(entry.trace) if entry.trace else "no rules were asked")


def _print_texts(console: Console, texts: ResponseTexts) -> None:
    console.print("\n[bold]What to do[/bold]")
    for who, zh in _WHO:
        console.print(f"{who} {zh}", style="bold", markup=False)
        console.print(f"  {getattr(texts.en, who)}", markup=False, soft_wrap=False)
        console.print(f"  {getattr(texts.zh, who)}", markup=False, soft_wrap=False)
