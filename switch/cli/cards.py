"""``switch card``: look at a card, and change what it may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import typer

from switch.cli.books import OpenBooks, open_books
from switch.cli.options import Config, PanArgument, pan_from
from switch.cli.parties import NEXT_MESSAGE, moved, print_lines, register
from switch.errors import OperatorError
from switch.ledger.moves import CARD_MOVES, Move
from switch.values import Money, Pan

card_app = typer.Typer(help=f"Look at a card, and change what it may do. {NEXT_MESSAGE}", no_args_is_help=True)

_LIMIT_HELP: Final = "Minor units, or none."


@card_app.command("show")
def show_card(pan: PanArgument = None, config: Config = None) -> None:
    """Show a card with its account, its limits, what it spent today, and its open holds."""
    from switch.ledger.cards import card_standing

    number = pan_from(pan)
    with open_books(config) as books:
        pan_key = books.vault().pan_key(number)
        with books.database.reading() as connection:
            card = card_standing(connection, pan_key, books.now().date())
    money = card.money
    print_lines(
        ("card", card.masked_pan),
        ("status", card.status),
        ("scheme", card.scheme or "not given"),
        ("expires", f"20{card.expiry_yymm[:2]}-{card.expiry_yymm[2:]}"),
        ("account", card.account),
        ("class", card.account_class or "none"),
        ("ledger", money(card.ledger_minor)),
        ("held", money(card.held_minor)),
        ("credit limit", money(card.credit_limit_minor)),
        ("available", money(card.available_minor)),
        ("single limit", _limit(card.single_limit_minor, card.currency)),
        ("daily limit", _limit(card.daily_limit_minor, card.currency)),
        ("daily count", "none" if card.daily_count is None else card.daily_count),
        ("other limits", card.limits or "none"),
        ("PIN", _pin(card.pin_tries, has_pin=card.has_pin)),
        ("spent today", f"{money(card.spent_minor)} in {card.spent_count}"),
        *(
            ("open hold", f"{hold.amount}  {books.moment(hold.at)}  {hold.merchant_id}  RRN {hold.rrn}")
            for hold in card.holds
        ),
    )


@card_app.command("limits")
def limit_card(
    pan: PanArgument = None,
    single: Annotated[str | None, typer.Option(metavar="MINOR", help=f"Of one payment. {_LIMIT_HELP}")] = None,
    daily: Annotated[str | None, typer.Option(metavar="MINOR", help=f"Of one day. {_LIMIT_HELP}")] = None,
    count: Annotated[str | None, typer.Option(metavar="N", help="Payments of one day, or none.")] = None,
    config: Config = None,
) -> None:
    """Set some of a card's limits; those not named stay.

    Limits for months and for channels come with `switch import cards`.
    """
    given = {"single_limit_minor": single, "daily_limit_minor": daily, "daily_count": count}
    limits = {name: _read_limit(name, typed) for name, typed in given.items() if typed is not None}
    if not limits:
        raise OperatorError("name at least one limit: --single, --daily or --count")
    number = pan_from(pan)
    with open_books(config) as books:
        books.change("card.limits", _target(books, number), limits)
    said = ", ".join(f"{name} {'none' if limit is None else limit}" for name, limit in limits.items())
    typer.echo(f"{number.masked}: {said}")


def _read_limit(name: str, typed: str) -> int | None:
    """Read a limit under the rule of its column in an import."""
    from switch.ledger.import_columns import CARD_COLUMNS, NO_LIMIT

    (column,) = (column for column in CARD_COLUMNS if column.name == name)
    try:
        limit = column.read(typed)
    except ValueError as error:
        raise OperatorError(f"{name}: {error}") from None
    return None if limit == NO_LIMIT else int(str(limit))


@card_app.command("reset-pin")
def reset_pin(pan: PanArgument = None, config: Config = None) -> None:
    """Forget wrong PINs: the right one is taken again."""
    number = pan_from(pan)
    with open_books(config) as books:
        before = books.change("card.reset_pin", _target(books, number)).before["pin_tries"]
    typer.echo(f"{number.masked}: {before} wrong PINs forgotten" if before else f"{number.masked}: no wrong PINs")


def _target(books: OpenBooks, number: Pan) -> str:
    """Name a card as changes do: by its id, never by its number. Raises `NotInBooks`."""
    from switch.office.cards import card_id_of

    with books.database.reading() as connection:
        return f"card:{card_id_of(connection, books.vault().pan_key(number))}"


def _mover(move: Move) -> Callable[..., None]:
    def command(pan: PanArgument = None, config: Config = None) -> None:
        number = pan_from(pan)
        with open_books(config) as books:
            changed = books.change(f"card.{move.verb}", _target(books, number))
        typer.echo(moved(number.masked, str(changed.before["status"]), move.to))

    return command


register(card_app, CARD_MOVES, _mover)


def _limit(minor: int | None, currency: str) -> object:
    return "none" if minor is None else Money(minor, currency)


def _pin(tries: int, *, has_pin: bool) -> str:
    if not has_pin:
        return "not known"
    return f"{tries} wrong in a row" if tries else "none wrong"
