"""``switch receipt``: what a terminal would print of one payment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from switch.cli.books import OpenBooks, open_books
from switch.cli.options import Config
from switch.errors import OperatorError

if TYPE_CHECKING:
    from switch.ledger.queries import JournalEntry
    from switch.tools.receipts import Slip


def print_receipt(
    rrn: Annotated[str, typer.Argument(metavar="RRN", help="DE 37 of the answer, or a journal id.")],
    first: Annotated[bool, typer.Option("--first", help="Not marked as a reprint.")] = False,
    config: Config = None,
) -> None:
    """Print the receipt of a payment, in Chinese and English, 32 columns wide."""
    from switch.ledger.queries import show_journal
    from switch.messages.responses import load_responses
    from switch.tools.receipts import receipt

    if not rrn.strip():
        raise OperatorError("name the payment by its RRN or its journal id")
    texts = load_responses()
    with open_books(config) as books, books.database.reading() as connection:
        entries = show_journal(connection, rrn)
        slips = [slip for entry in entries if (slip := _slip(books, connection, entry)) is not None]
    if not slips:
        raise OperatorError(f"a {entries[0].line.kind} has no receipt: it is about no money of a card")
    typer.echo("\n\n".join(receipt(slip, texts[slip.action], is_reprint=not first) for slip in slips))


def _slip(books: OpenBooks, connection: object, entry: JournalEntry) -> Slip | None:
    from datetime import datetime

    import sqlalchemy as sa

    from switch.ledger.schema import journal, merchant
    from switch.messages.actions import Action
    from switch.messages.kinds import Kind
    from switch.tools.receipts import TITLES, Slip

    assert isinstance(connection, sa.Connection)
    line, columns = entry.line, entry.columns
    try:
        kind = Kind(line.kind)
    except ValueError:  # made by an import
        return None
    if kind not in TITLES:
        return None
    name = connection.execute(sa.select(merchant.c.name).where(merchant.c.merchant_id == line.merchant_id)).scalar()
    about = columns["original_id"]
    its_rrn = connection.execute(sa.select(journal.c.rrn).where(journal.c.journal_id == about)).scalar()
    return Slip(
        kind,
        Action(line.action),
        name or "",
        line.merchant_id,
        line.terminal_id,
        line.masked_pan,
        columns["entry_mode"],
        columns["batch"],
        line.stan,
        columns["approval_code"],
        line.rrn,
        line.amount,
        datetime.fromtimestamp(line.decided_at / 1_000_000, books.settings.zone),
        its_rrn if its_rrn and its_rrn != line.rrn else "",
    )
