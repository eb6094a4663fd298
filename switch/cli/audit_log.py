"""``switch audit-log``: who changed what, and whether the record of it is whole."""

from __future__ import annotations

from typing import Annotated

import typer

from switch.cli.books import open_books
from switch.cli.options import Config

audit_log_app = typer.Typer(help="Who changed what, and whether the record of it is whole.", no_args_is_help=True)


@audit_log_app.command("list")
def list_all(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many.")] = 20,
    target: Annotated[str | None, typer.Option(metavar="TARGET", help="Of one, like terminal:TERM0001.")] = None,
    config: Config = None,
) -> None:
    """List the changes that people made, the newest last."""
    from switch.office.change_log import list_changes

    with open_books(config) as books:
        with books.database.reading() as connection:
            changes = list_changes(connection, limit=limit, target=target)
        for change in reversed(changes):
            typer.echo(f"{change.change_id}  {books.moment(change.at)}  {change.actor} ({change.role})")
            typer.echo(f"  {change.what} {change.target}: {_words(change.before)} -> {_words(change.after)}")
            if change.because:
                typer.echo(f"  because: {change.because}")
    if not changes:
        typer.echo("no changes yet")


@audit_log_app.command("verify")
def verify(
    digest: Annotated[
        str, typer.Option("--digest", metavar="HEX", help="One that verify printed before: it must still be there.")
    ] = "",
    config: Config = None,
) -> None:
    """Follow the chain from its first change to its last.

    Print the last digest: kept somewhere else, it shows whether changes were
    cut off at the end. Exit status 1: the record is not whole.
    """
    from switch.errors import DatabaseError
    from switch.office.change_log import verify_changes

    with open_books(config) as books, books.database.reading() as connection:
        try:
            verified = verify_changes(connection, bytes.fromhex(_checked(digest)))
        except DatabaseError as error:
            typer.echo(f"broken: {error}")
            raise typer.Exit(1) from None
    typer.echo(f"{verified.changes} changes, each sealed over the one before")
    typer.echo(f"last digest {verified.digest.hex()}")


def _checked(digest: str) -> str:
    from switch.errors import OperatorError

    if digest and (len(digest) != 64 or set(digest.lower()) - set("0123456789abcdef")):  # noqa: PLR2004 - SHA-256
        raise OperatorError("--digest takes the 64 hex digits that verify printed")
    return digest


def _words(facts: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items()) or "nothing"
