"""``switch db``: the version of the books' schema, and how to bring it up to date."""

from __future__ import annotations

from contextlib import closing

import typer

from switch.cli.options import Config

database_app = typer.Typer(help="Check and upgrade the database.", no_args_is_help=True)


@database_app.command()
def upgrade(config: Config = None) -> None:
    """Bring the database to this program's schema; an empty one is filled."""
    from switch.config import load_settings
    from switch.ledger.database import check_version, open_database
    from switch.ledger.database import upgrade as upgrade_database

    with closing(open_database(load_settings(config).ledger.database)) as database:
        upgrade_database(database)
        version = check_version(database)["schema_version"]
        typer.echo(f"{database}: schema {version}")


@database_app.command()
def check(config: Config = None) -> None:
    """Say whether this program may run on the database (exit status 2: no)."""
    from switch.config import load_settings
    from switch.ledger.database import check_version, open_database

    with closing(open_database(load_settings(config).ledger.database)) as database:
        version = check_version(database)["schema_version"]
        typer.echo(f"{database}: schema {version}, fit for this program")
