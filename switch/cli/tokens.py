"""``switch token``: who is let into the console and the API."""

from __future__ import annotations

from typing import Annotated

import typer

from switch.cli.books import open_books
from switch.cli.options import Config

token_app = typer.Typer(help="Who is let into the console and the API.", no_args_is_help=True)


@token_app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the person or program that will hold it.")],
    role: Annotated[str, typer.Option("--role", help="viewer, operator, officer or finance.")] = "viewer",
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How long it lives.")] = 90,
    certificate: Annotated[
        str,
        typer.Option("--certificate", metavar="SHA256", help="A client certificate that may stand for it, in hex."),
    ] = "",
    config: Config = None,
) -> None:
    """Make a token and print it: the one time that it can be seen.

    viewer looks; operator changes cards, terminals and merchants; officer also
    handles tokens and keys; finance settles.
    """
    with open_books(config) as books:
        wish = {"name": name, "role": role, "days": days, "certificate": certificate}
        changed = books.change("token.create", "token:new", wish)
    typer.echo(changed.shown["Token"])
    typer.echo(
        f"token {changed.after['token']} of {name}, {role}, until {changed.after['ends']}; it is not shown again",
        err=True,
    )


@token_app.command("list")
def list_all(config: Config = None) -> None:
    """List the tokens that were made, the newest first."""
    from rich.console import Console
    from rich.table import Table

    from switch.clock import wall_clock
    from switch.office.tokens import list_tokens

    with open_books(config) as books:
        with books.database.reading() as connection:
            tokens = list_tokens(connection, wall_clock())
        table = Table("no", "name", "role", "state", "ends", "last used", box=None, pad_edge=False)
        for line in tokens:
            used = "never" if line.used_at is None else books.moment(line.used_at)[:16]
            table.add_row(
                str(line.token_id), line.name, line.role, line.state, books.moment(line.expires_at)[:10], used
            )
    Console(highlight=False, markup=False).print(
        table if tokens else "no tokens yet: switch token create NAME --role ..."
    )


@token_app.command("revoke")
def revoke(
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="As `switch token list` shows it.")],
    config: Config = None,
) -> None:
    """End a token now, and every session that began with it."""
    with open_books(config) as books:
        changed = books.change("token.revoke", f"token:{number}")
    was = changed.before
    typer.echo(f"token {number} of {was['name']}: {was['state']} -> revoked")
