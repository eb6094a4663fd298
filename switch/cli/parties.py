"""``switch card``, ``switch terminal``, ``switch merchant``: look at one, and change what it may do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Final

import typer

from switch.cli.books import open_books, pan_from
from switch.cli.options import Config
from switch.errors import OperatorError
from switch.ledger.parties import CARD_MOVES, MERCHANT_MOVES, TERMINAL_MOVES, Move
from switch.values import Money

_NEXT: Final = "A running server minds a change from the next message on."
card_app = typer.Typer(help=f"Look at a card, and change what it may do. {_NEXT}", no_args_is_help=True)
terminal_app = typer.Typer(help=f"Look at a terminal, and change what it may do. {_NEXT}", no_args_is_help=True)
merchant_app = typer.Typer(help=f"Look at a merchant, and change what it may do. {_NEXT}", no_args_is_help=True)

PanArgument = Annotated[
    str | None,
    typer.Argument(metavar="[PAN]", show_default=False, help="Asked for where missing: what is typed here stays in "
                   "the shell's history."),
]  # fmt: skip
TerminalArgument = Annotated[str, typer.Argument(metavar="TERMINAL")]
MerchantArgument = Annotated[str, typer.Argument(metavar="MERCHANT")]
_LIMIT_HELP: Final = "Minor units, or none."


# --- cards -------------------------------------------------------------------------------------------------


@card_app.command("show")
def show_card(pan: PanArgument = None, config: Config = None) -> None:
    """Show a card with its account, its limits, what it spent today, and its open holds."""
    from switch.ledger.parties import card_standing

    number = pan_from(pan)
    with open_books(config) as books:
        pan_key = books.vault().pan_key(number)
        with books.database.reading() as connection:
            card = card_standing(connection, pan_key, books.now().date())
    money = card.money
    _print(
        ("card", card.masked_pan),
        ("status", card.status),
        ("expires", f"20{card.expiry_yymm[:2]}-{card.expiry_yymm[2:]}"),
        ("account", " ".join(part for part in (card.account, card.account_class) if part)),
        ("ledger", money(card.ledger_minor)),
        ("held", money(card.held_minor)),
        ("credit limit", money(card.credit_limit_minor)),
        ("available", money(card.available_minor)),
        ("single limit", _limit(card.single_limit_minor, card.currency)),
        ("daily limit", _limit(card.daily_limit_minor, card.currency)),
        ("daily count", "none" if card.daily_count is None else card.daily_count),
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
    """Set some of a card's limits; those not named stay."""
    from switch.ledger.parties import set_card_limits

    given = {"single_limit_minor": single, "daily_limit_minor": daily, "daily_count": count}
    limits = {name: _read_limit(name, typed) for name, typed in given.items() if typed is not None}
    if not limits:
        raise OperatorError("name at least one limit: --single, --daily or --count")
    number = pan_from(pan)
    with open_books(config) as books:
        pan_key = books.vault().pan_key(number)
        with books.database.writing() as connection:
            set_card_limits(connection, pan_key, limits)
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


def _card_mover(move: Move) -> Callable[..., None]:
    def command(pan: PanArgument = None, config: Config = None) -> None:
        from switch.ledger.parties import move_card

        number = pan_from(pan)
        with open_books(config) as books:
            pan_key = books.vault().pan_key(number)
            with books.database.writing() as connection:
                before = move_card(connection, pan_key, move)
        typer.echo(_moved(number.masked, before, move.to))

    return command


# --- terminals and merchants -------------------------------------------------------------------------------


@terminal_app.command("show")
def show_terminal(terminal: TerminalArgument, config: Config = None) -> None:
    """Show a terminal, its merchant, what it may do, and when it was last heard."""
    from switch.ledger.parties import terminal_standing

    with open_books(config) as books, books.database.reading() as connection:
        found = terminal_standing(connection, terminal)
    _print(
        ("terminal", found.terminal_id),
        ("status", found.status),
        ("merchant", f"{found.merchant_id}  {found.merchant_name}  ({found.merchant_status})"),
        ("serial", found.serial or "not given"),
        ("kinds", found.kinds or "all"),
        ("entry modes", found.entry_modes or "all"),
        ("batch", found.batch),
        ("signed on", "yes" if found.signed_on else "no"),
        ("last heard", "never" if found.last_seen_at is None else books.moment(found.last_seen_at)),
    )


@merchant_app.command("show")
def show_merchant(merchant: MerchantArgument, config: Config = None) -> None:
    """Show a merchant, what its account stands at, and its terminals."""
    from switch.ledger.parties import merchant_standing

    with open_books(config) as books, books.database.reading() as connection:
        found = merchant_standing(connection, merchant)
    terminals = ", ".join(f"{number} {state}" for state, number in sorted(found.terminals.items()))
    _print(
        ("merchant", found.merchant_id),
        ("name", found.name or "not given"),
        ("MCC", found.mcc or "not given"),
        ("status", found.status),
        ("account", found.balance),
        ("terminals", terminals or "none"),
    )


def _terminal_mover(move: Move) -> Callable[..., None]:
    def command(terminal: TerminalArgument, config: Config = None) -> None:
        from switch.ledger.parties import move_terminal

        with open_books(config) as books, books.database.writing() as connection:
            before = move_terminal(connection, terminal, move)
        typer.echo(_moved(terminal, before, move.to))

    return command


def _merchant_mover(move: Move) -> Callable[..., None]:
    def command(merchant: MerchantArgument, config: Config = None) -> None:
        from switch.ledger.parties import move_merchant

        with open_books(config) as books, books.database.writing() as connection:
            before = move_merchant(connection, merchant, move)
        typer.echo(_moved(merchant, before, move.to))

    return command


def _register(app: typer.Typer, moves: Iterable[Move], mover: Callable[[Move], Callable[..., None]]) -> None:
    for move in moves:
        app.command(move.verb, help=f"From {', '.join(move.starts)} to {move.to}.")(mover(move))


_register(card_app, CARD_MOVES, _card_mover)
_register(terminal_app, TERMINAL_MOVES, _terminal_mover)
_register(merchant_app, MERCHANT_MOVES, _merchant_mover)


# --- what is printed ---------------------------------------------------------------------------------------


def _moved(who: str, before: str, after: str) -> str:
    return f"{who}: {after} already" if before == after else f"{who}: {before} -> {after}"


def _limit(minor: int | None, currency: str) -> object:
    return "none" if minor is None else Money(minor, currency)


def _print(*lines: tuple[str, object]) -> None:
    for name, value in lines:
        typer.echo(f"{name:<13} {value}")
