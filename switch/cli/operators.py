"""``switch operator``: who may sign on at a merchant's terminals."""

from __future__ import annotations

from typing import Annotated

import typer

from switch.cli.books import open_books
from switch.cli.options import Config, MerchantArgument, OperatorArgument, password_from
from switch.errors import OperatorError

operator_app = typer.Typer(
    help="Register the people at a merchant's terminals, and their passwords.",
    epilog="Passwords are asked for, or read from standard input: never given as an argument.",
    no_args_is_help=True,
)

Piped = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")]
NoPassword = Annotated[bool, typer.Option("--no-password", help="The number alone is enough.")]


@operator_app.command("list")
def list_all(merchant: MerchantArgument, config: Config = None) -> None:
    """List a merchant's operators: whether they have a password, and how many wrong ones came in a row."""
    from switch.ledger.operators import list_operators

    with open_books(config) as books, books.database.reading() as connection:
        found = list_operators(connection, merchant)
    for operator in found:
        password = "with a password" if operator.has_password else "without a password"
        wrong = f", {operator.failures} wrong in a row" if operator.failures else ""
        typer.echo(f"{operator.operator_id:<4} {operator.status:<7} {password}{wrong}")
    if not found:
        typer.echo(f"{merchant} has no operators")


@operator_app.command("add")
def add(
    merchant: MerchantArgument,
    operator: OperatorArgument,
    piped: Piped = False,
    without: NoPassword = False,
    config: Config = None,
) -> None:
    """Register an operator, or open a closed one again."""
    from switch.ledger.operators import add_operator

    _check_number(operator)
    hashed = _new_password(piped=piped, without=without)
    with open_books(config) as books, books.database.writing() as connection:
        is_new = add_operator(connection, merchant, operator, hashed)
        books.log(connection, "operator.add", f"operator:{merchant}/{operator}", _told(hashed))
    typer.echo(f"operator {operator} of {merchant}: {'added' if is_new else 'open again'}{_with(hashed)}")


@operator_app.command("reset")
def reset(
    merchant: MerchantArgument,
    operator: OperatorArgument,
    piped: Piped = False,
    without: NoPassword = False,
    config: Config = None,
) -> None:
    """Set a new password, and forget wrong ones."""
    from switch.ledger.operators import reset_operator

    _check_number(operator)
    hashed = _new_password(piped=piped, without=without)
    with open_books(config) as books, books.database.writing() as connection:
        reset_operator(connection, merchant, operator, hashed)
        books.log(connection, "operator.reset", f"operator:{merchant}/{operator}", _told(hashed))
    typer.echo(f"operator {operator} of {merchant}: set anew{_with(hashed)}")


@operator_app.command("unlock")
def unlock(merchant: MerchantArgument, operator: OperatorArgument, config: Config = None) -> None:
    """Forget wrong passwords: five in a row lock an operator."""
    from switch.ledger.operators import unlock_operator

    _check_number(operator)
    with open_books(config) as books, books.database.writing() as connection:
        before = unlock_operator(connection, merchant, operator)
        books.log(connection, "operator.unlock", f"operator:{merchant}/{operator}", {"wrong": 0}, {"wrong": before})
    said = f"{before} wrong passwords forgotten" if before else "no wrong passwords"
    typer.echo(f"operator {operator} of {merchant}: {said}")


@operator_app.command("close")
def close(merchant: MerchantArgument, operator: OperatorArgument, config: Config = None) -> None:
    """Close an operator, who cannot sign on any more."""
    from switch.cli.parties import moved
    from switch.ledger.operators import close_operator

    _check_number(operator)
    with open_books(config) as books, books.database.writing() as connection:
        before = close_operator(connection, merchant, operator)
        after = {"status": "closed"}
        books.log(connection, "operator.close", f"operator:{merchant}/{operator}", after, {"status": before})
    typer.echo(moved(f"operator {operator} of {merchant}", before, "closed"))


def _check_number(operator: str) -> None:
    from switch.ledger.operators import check_operator_id

    try:
        check_operator_id(operator)
    except ValueError as error:
        raise OperatorError(f"an operator's number {error}") from None


def _new_password(*, piped: bool, without: bool) -> str:
    """Return the hash to keep, "" where the number alone is enough."""
    from switch.ledger.operators import check_password
    from switch.security.passwords import hashed

    if without:
        if piped:
            raise OperatorError("--no-password and --password-stdin exclude each other")
        return ""
    password = password_from(piped=piped)
    try:
        check_password(password)
    except ValueError as error:
        raise OperatorError(f"a password {error}") from None
    return hashed(password)


def _with(hashed: str) -> str:
    return ", with a password" if hashed else ", without a password"


def _told(hashed: str) -> dict[str, object]:
    """What the change log is told of a password: whether there is one."""
    return {"password": "new" if hashed else "none"}
