"""``switch receipt``: what a terminal would print of one payment."""

from __future__ import annotations

from typing import Annotated

import typer

from switch.cli.books import open_books
from switch.cli.options import Config
from switch.errors import OperatorError


def print_receipt(
    rrn: Annotated[str, typer.Argument(metavar="RRN", help="DE 37 of the answer, or a journal id.")],
    first: Annotated[bool, typer.Option("--first", help="Not marked as a reprint.")] = False,
    config: Config = None,
) -> None:
    """Print the receipt of a payment, in Chinese and English, 32 columns wide."""
    from switch.ledger.queries import show_journal
    from switch.messages.responses import load_responses
    from switch.office.receipts import slip_of
    from switch.tools.receipts import receipt

    if not rrn.strip():
        raise OperatorError("name the payment by its RRN or its journal id")
    texts = load_responses()
    with open_books(config) as books, books.database.reading() as connection:
        entries = show_journal(connection, rrn)
        slips = [slip for entry in entries if (slip := slip_of(connection, entry, books.settings.zone)) is not None]
    if not slips:
        raise OperatorError(f"a {entries[0].line.kind} has no receipt: it is about no money of a card")
    typer.echo("\n\n".join(receipt(slip, texts[slip.action], is_reprint=not first) for slip in slips))
