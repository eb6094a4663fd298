"""``switch merchant``: look at a merchant, and change what it may do."""

from __future__ import annotations

from collections.abc import Callable

import typer

from switch.cli.books import open_books
from switch.cli.options import Config, MerchantArgument
from switch.cli.parties import NEXT_MESSAGE, moved, print_lines, register
from switch.ledger.moves import MERCHANT_MOVES, Move

merchant_app = typer.Typer(help=f"Look at a merchant, and change what it may do. {NEXT_MESSAGE}", no_args_is_help=True)


@merchant_app.command("show")
def show_merchant(merchant: MerchantArgument, config: Config = None) -> None:
    """Show a merchant, what its account stands at, and its terminals."""
    from switch.ledger.merchants import merchant_standing

    with open_books(config) as books, books.database.reading() as connection:
        found = merchant_standing(connection, merchant)
    terminals = ", ".join(f"{number} {state}" for state, number in sorted(found.terminals.items()))
    print_lines(
        ("merchant", found.merchant_id),
        ("name", found.name or "not given"),
        ("MCC", found.mcc or "not given"),
        ("status", found.status),
        ("account", found.balance),
        ("manual entry", found.manual_entry),
        ("limits", found.limits or "none"),
        ("operators", found.operators or "none"),
        ("terminals", terminals or "none"),
    )


def _mover(move: Move) -> Callable[..., None]:
    def command(merchant: MerchantArgument, config: Config = None) -> None:
        with open_books(config) as books:
            changed = books.change(f"merchant.{move.verb}", f"merchant:{merchant}")
        typer.echo(moved(merchant, str(changed.before["status"]), move.to))

    return command


register(merchant_app, MERCHANT_MOVES, _mover)
