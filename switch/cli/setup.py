"""``switch init`` and ``switch config``: a new installation, and what its settings come to."""

from __future__ import annotations

import json
import shlex
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from switch.cli.options import Config

if TYPE_CHECKING:
    from switch.ledger.database import Database

config_app = typer.Typer(help="Look at the settings.", no_args_is_help=True)

SETTINGS_FILE: Final = "switch.toml"
KEYS_FILE: Final = "keys.toml"
DEFAULT_DATABASE: Final = "sqlite:///switch.sqlite3"


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Made if missing.")] = Path(),
    database: Annotated[
        str, typer.Option(metavar="URL", help="sqlite:///FILE or postgresql://USER@HOST/NAME")
    ] = DEFAULT_DATABASE,
) -> None:
    """Write switch.toml, fresh keys and a migrated database into DIR."""
    install(directory, settings_text(database))
    shown = "" if directory == Path() else f"  cd {shlex.quote(str(directory))}\n"
    typer.echo(
        f"Written: {directory / SETTINGS_FILE}, {directory / KEYS_FILE} (back it up, apart from the database), "
        "and the tables of the books.\n"
        "Next:\n"
        f"{shown}"
        "  switch import merchants merchants.csv\n"
        "  switch import terminals terminals.csv\n"
        "  switch import cards cards.csv\n"
        "  switch serve"
    )


def install(directory: Path, text: str) -> None:
    """Make ``directory`` an installation with settings ``text``, fresh keys and a migrated database.

    Raises `switch.errors.OperatorError`, among others where the folder holds settings or keys already; then no
    settings and keys are left behind.
    """
    from switch.config import load_settings
    from switch.errors import ConfigurationError
    from switch.ledger.database import open_database, upgrade
    from switch.security.keys import write_fresh_keys

    settings_file = directory / SETTINGS_FILE
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with settings_file.open("x", encoding="utf-8") as file:
            settings_file.chmod(0o600)  # the database's URL may hold a password
            file.write(text)
    except FileExistsError as error:
        raise ConfigurationError(f"{error.filename}: exists, and is left alone; choose another folder") from None
    except OSError as error:
        raise ConfigurationError(f"{directory}: cannot be written: {error.strerror}") from None
    with ExitStack() as undo:
        undo.callback(settings_file.unlink)
        settings = load_settings(settings_file)
        write_fresh_keys(settings.keys.file)
        undo.callback(settings.keys.file.unlink)
        with closing(open_database(settings.ledger.database)) as books:
            upgrade(books)
            _refuse_foreign_cards(books)
        undo.pop_all()


def _refuse_foreign_cards(books: Database) -> None:
    """Fresh keys could never open cards that are there already."""
    import sqlalchemy as sa

    from switch.errors import DatabaseError
    from switch.ledger.schema import card

    with books.reading() as connection:
        if connection.execute(sa.select(card.c.card_id).limit(1)).first():
            raise DatabaseError(f"{books} holds cards under other keys: copy their switch.toml and keys.toml instead")


@config_app.command()
def check(config: Config = None) -> None:
    """Print the effective settings, environment included, secrets masked."""
    from switch.config import load_settings

    settings = load_settings(config)
    typer.echo(json.dumps(settings.masked(), indent=2, ensure_ascii=False))


def settings_text(database: str, *, port_base: int = 8580, sign_on: str = "required") -> str:
    """The commented switch.toml of a new installation: admin at ``port_base``, listeners at + 3 and + 4.

    ``sign_on`` is whether UnionPay's terminals have to.
    """
    return _TEMPLATE.format(
        sign_on=json.dumps(sign_on),
        database=json.dumps(database, ensure_ascii=False),  # a JSON string is a TOML basic string
        admin=port_base,
        iso=port_base + 3,
        unionpay=port_base + 4,
    )


_TEMPLATE: Final = """\
# Settings of the switch. `switch config check` shows what they come to.
# Each can also be given in the environment, which wins: SWITCH_LEDGER__DATABASE=...
# Paths are relative to this file. Commented lines show the defaults.

# time_zone = "Asia/Shanghai"           # in which business days begin
# cut_over = "00:00"                    # when one ends and the next begins: "23:00" gives the last hour to the next

[ledger]
database = {database}    # sqlite:///FILE or postgresql://USER@HOST/NAME
# group_max = 256                       # requests that share one commit
# queue_max = 4096                      # requests that may wait for one
# own_process = true                    # decide and commit in a second process; false for one processor

[[listeners]]
name = "iso8583"                        # the label in metrics and logs
dialect = "iso8583-1987-ascii"
bind = "127.0.0.1:{iso}"                 # HOST:PORT; 0.0.0.0:{iso} for terminals on the network
# sign_on = "optional"                  # or "required"
# maximum_amount_minor = 999999999999
# acquirer_id = ""                     # up to 11 digits: field 32 of answers whose request brought none
# minimum_software = ""                 # terminals that report an older version must update first
# record_rotate_bytes = 64000000        # of captures, which are made where record and record_key_file name files
# [listeners.security]
# mac = "optional"                      # "required", or "off"; optional: checked where it is there
#                                       # mac_algorithm (ecb, x9.9, x9.19, cbc, sm4-ecb) and mac_output (ascii8,
#                                       # raw8) are as is usual in the dialect unless they are set
# double_length_mac = false             # of the MAC key given out at sign-on
# old_keys_s = 60.0                     # how long keys stay good after new ones were given out
# [listeners.framing]                   # only what differs from the dialect's own framing
# [listeners.limits]
# max_connections = 10000
# max_connections_per_address = 4000
# max_in_flight = 64                    # of one connection
# partial_frame_deadline_s = 10.0
# idle_deadline_s = 900.0
# send_deadline_s = 10.0
# answer_deadline_s = 50.0

[[listeners]]
name = "unionpay"
dialect = "unionpay-pos"
bind = "127.0.0.1:{unionpay}"
sign_on = {sign_on}                    # "optional": terminals may also work without
# [listeners.security]
# mac = "optional"                      # make it "required" once every terminal has its master key

[admin]
bind = "127.0.0.1:{admin}"                 # metrics and health: keep it off the terminals' network

[keys]
file = "keys.toml"                      # mode 0600

[chores]                                # what is done once a business day
# dormant_days = 90                     # a terminal silent for so long falls asleep
# expire_days = 30                      # a hold that nobody completed ends after so long

[log]
# format = "console"                    # or "json"
# level = "info"                        # "warning": no line for each transaction

[server]
# drain_deadline_s = 10.0               # on SIGTERM
"""
