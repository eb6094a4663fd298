"""``switch paycode``: codes that a cardholder shows as QR to pay."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

import typer

from switch.cli.books import open_books
from switch.cli.options import Config, PanArgument, pan_from

paycode_app = typer.Typer(
    help="Make codes that stand for a card's account, to be shown as QR and paid with.", no_args_is_help=True
)

_MINUTES: Final = 5
_MINUTES_MAX: Final = 60 * 24 * 366


@paycode_app.command("new")
def new(
    pan: PanArgument = None,
    minutes: Annotated[
        int | None,
        typer.Option(min=1, max=_MINUTES_MAX, help=f"Good for so long (default: {_MINUTES}, or for ever if reusable)."),
    ] = None,
    reusable: Annotated[bool, typer.Option("--reusable", help="For any number of payments, not one.")] = False,
    config: Config = None,
) -> None:
    """Make a code for a card and print it: it is shown this once, and kept only as a hash."""
    from switch.ledger.pay_codes import NEVER, fresh_code, keep_code
    from switch.office.cards import card_id_of

    number = pan_from(pan)
    with open_books(config) as books:
        vault, code = books.vault(), fresh_code()
        until = books.now() + timedelta(minutes=minutes or _MINUTES)
        expires_at = NEVER if reusable and minutes is None else int(until.timestamp() * 1_000_000)
        with books.database.writing() as connection:
            keep_code(
                connection,
                vault.code_key(code.reveal()),
                vault.pan_key(number),
                expires_at,
                single_use=not reusable,
            )
            card_id = card_id_of(connection, vault.pan_key(number))
            books.log(connection, "card.new_pay_code", f"card:{card_id}", {"ends_at": expires_at, "reusable": reusable})
        ends = "without end" if expires_at == NEVER else f"until {books.moment(expires_at)}"
    typer.echo(code.reveal())
    typer.echo(f"{number.masked}: for {'any number of payments' if reusable else 'one payment'}, {ends}", err=True)
