"""The root of all commands: their names, their order in the help, and ``--version``."""

from __future__ import annotations

from typing import Annotated

import typer

from switch import __version__
from switch.cli import database, demo, describe, serve, setup

app = typer.Typer(
    name="switch",
    help="An ISO 8583 acquiring switch: terminals in, durable decisions out.",
    epilog="Begin with `switch demo`, or with `switch init` in an empty folder.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks would show local variables
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(setup.init)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("describe")(describe.describe)
app.add_typer(setup.config_app, name="config")
app.add_typer(database.database_app, name="db")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"switch {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before the command."""
