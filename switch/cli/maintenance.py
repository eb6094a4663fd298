"""``switch maintenance``: let nothing new in for a while, and tell everybody why."""

from __future__ import annotations

from typing import Annotated

import typer

from switch.cli.books import open_books
from switch.cli.options import Config

maintenance_app = typer.Typer(help="Let nothing new in for a while, and tell everybody why.", no_args_is_help=True)

_TARGET = "maintenance:on"


@maintenance_app.command("on")
def switch_on(
    notice: Annotated[str, typer.Option("--notice", metavar="TEXT", help="What people are told, in English.")] = "",
    notice_zh: Annotated[str, typer.Option("--notice-zh", metavar="TEXT", help="The same in Chinese.")] = "",
    config: Config = None,
) -> None:
    """Decline all that is new; reversals, advices, settlements and uploads are still taken.

    A running switch minds it within a second or two. Done again, it changes
    the notice.
    """
    with open_books(config) as books:
        changed = books.change("maintenance.on", _TARGET, {"notice": notice, "notice_zh": notice_zh})
    was = "was on already: the notice is new" if changed.before["state"] == "on" else "is on: new requests are declined"
    typer.echo(f"maintenance mode {was}")


@maintenance_app.command("off")
def switch_off(config: Config = None) -> None:
    """Let new requests in again."""
    with open_books(config) as books:
        changed = books.change("maintenance.off", _TARGET)
    was = "is off: new requests are let in" if changed.before["state"] == "on" else "was off: nothing has changed"
    typer.echo(f"maintenance mode {was}")


@maintenance_app.command("show")
def show(config: Config = None) -> None:
    """Say whether it is on, since when, and what people are told.

    Exit status: 0 if it is off, 1 if it is on.
    """
    from switch.ledger.maintenance import read_maintenance

    with open_books(config) as books:
        with books.database.reading() as connection:
            state = read_maintenance(connection)
        since = f" since {books.moment(state.changed_at)}, by {state.changed_by}" if state.changed_at else ""
    typer.echo(f"maintenance mode is {'on' if state.is_on else 'off'}{since}")
    for language, notice in (("en", state.notice_en), ("zh", state.notice_zh)):
        if notice:
            typer.echo(f"  {language}: {notice}")
    if state.is_on:
        raise typer.Exit(1)
