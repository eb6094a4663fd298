"""``switch keys``: terminals' master keys, issuers' and base derivation keys, put in and taken out by two officers."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from switch.cli.books import OpenBooks, open_books
from switch.cli.options import Config
from switch.clock import wall_clock
from switch.errors import ConfigurationError, OperatorError

if TYPE_CHECKING:
    from switch.security.hsm import KeptKey
    from switch.security.key_blocks import KeyAlgorithm, KeyUsage
    from switch.security.keys import Keys, MasterKeys
    from switch.security.software_hsm import SoftwareHsm

keys_app = typer.Typer(
    help="Put keys in and take them out, in components; list them by check value.", no_args_is_help=True
)
issuer_app = typer.Typer(help="Keys of issuers' ranges of cards.", no_args_is_help=True)
keys_app.add_typer(issuer_app, name="issuer")
base_app = typer.Typer(
    help="Base derivation keys, for terminals with a key for each transaction (DUKPT).", no_args_is_help=True
)
keys_app.add_typer(base_app, name="base")

_MASTER: Final = "terminal_master"
_ISSUERS: Final = ("issuer_cryptogram", "cvk", "pvk", "pin_natural")
_SIZES: Final[Mapping[str | None, tuple[int, ...]]] = {None: (16, 24), "tdes": (16,), "aes": (16, 24, 32)}
"""Bytes of a component: of a terminal's or an issuer's key, and of a base derivation key by its algorithm."""
TerminalArgument = Annotated[str, typer.Argument(metavar="TERMINAL")]
PrefixArgument = Annotated[str, typer.Argument(metavar="PREFIX", help="First digits of the card numbers.")]
UsageArgument = Annotated[str, typer.Argument(metavar="USAGE", help=f"One of {', '.join(_ISSUERS)}.")]
IndexOption = Annotated[str, typer.Option("--index", help="PVKI, or the cvv_key of cards; where there are several.")]
KeySetArgument = Annotated[
    str,
    typer.Argument(
        metavar="KEY_SET",
        help="What its key serial numbers begin with: 10 hex digits for Triple DES, 8 for AES.",
    ),
]
CountOption = Annotated[int, typer.Option("--components", min=2, max=5, help="How many officers hold a part.")]


@keys_app.command("list")
def list_keys(
    terminal: Annotated[str | None, typer.Argument(metavar="[TERMINAL]", show_default=False)] = None,
    config: Config = None,
) -> None:
    """List keys by owner, usage and check value; never a key."""
    from rich.console import Console
    from rich.table import Table

    from switch.ledger.key_store import shown_keys

    with open_books(config) as books, books.database.reading() as connection:
        found = shown_keys(connection, terminal)
        table = Table(box=None, pad_edge=False, padding=(0, 1))
        for name in ("owner", "usage", "index", "check", "method", "since"):
            table.add_column(name, no_wrap=name != "method")
        for key in found:
            table.add_row(
                key.owner,
                key.usage,
                key.key_index,
                key.check_value,
                key.method,
                books.moment(key.changed_at).partition(" ")[0],
            )
    if found:
        Console().print(table)
    else:
        typer.echo("no keys")


@keys_app.command("generate")
def generate(terminal: TerminalArgument, config: Config = None) -> None:
    """Make a new master key for a terminal; `switch keys export` prints its components for the terminal."""
    with open_books(config) as books:
        changed = books.change("terminal.new_master_key", f"terminal:{terminal}")
    _print_kept(terminal, changed.after["check_value"])


@keys_app.command("import")
def put_in(terminal: TerminalArgument, components: CountOption = 2, config: Config = None) -> None:
    """Put in a terminal's master key in components (hex), asked for one by one, or one a line from a pipe."""
    from switch.ledger.key_store import is_demo

    with _office(config) as (books, hsm):
        parts, is_demos = _components(components), is_demo(books.database)
        _keep(books, terminal, hsm.put_together(_usage(_MASTER), parts, owner=_owner(terminal), is_demo=is_demos))


@keys_app.command("export")
def take_out(terminal: TerminalArgument, components: CountOption = 2, config: Config = None) -> None:
    """Print a terminal's master key as fresh components, each for another officer to enter at the terminal.

    At a screen one is shown at a time, and cleared before the next.
    """
    from rich.console import Console

    from switch.ledger.key_store import terminal_block
    from switch.security.key_blocks import KeyBlocks, check_owner

    console = Console()
    with _office(config) as (books, hsm):
        with books.database.reading() as connection:
            block = terminal_block(connection, terminal, _MASTER)
        check_owner(block, _owner(terminal))
        with books.database.writing() as connection:
            books.log(connection, "terminal.export_master_key", f"terminal:{terminal}", {"components": components})
        for number, part in enumerate(hsm.take_apart(block, _usage(_MASTER), components), start=1):
            check = KeyBlocks.check_value(part)
            typer.echo(f"component {number} of {components}: {part.hex().upper()}  check value {check}")
            if sys.stdin.isatty() and sys.stdout.isatty():
                typer.prompt("Enter for the next", default="", show_default=False)
                console.clear()


@issuer_app.command("import")
def put_in_issuer_key(
    prefix: PrefixArgument,
    usage: UsageArgument,
    index: IndexOption = "",
    method: Annotated[
        str, typer.Option(help='How it is used where not as its scheme does, like "padding=either" or "if_laid_out".')
    ] = "",
    components: CountOption = 2,
    config: Config = None,
) -> None:
    """Put in an issuer's key in components (hex), asked for one by one, or one a line from a pipe."""
    from switch.ledger.key_store import is_demo, keep_issuer_key
    from switch.security.issuers import check_range
    from switch.security.key_blocks import range_owner

    wanted, owner = _usage(usage, *_ISSUERS), range_owner(prefix, index)
    check_range(prefix, wanted, method)
    with _office(config) as (books, hsm):
        parts, is_demos = _components(components), is_demo(books.database)
        kept = hsm.put_together(wanted, parts, owner=owner, is_demo=is_demos)
        with books.database.writing() as connection:
            keep_issuer_key(connection, prefix, usage, index, method, *kept, wall_clock())
            after = {"check_value": kept.check_value, "method": method}
            books.log(connection, "issuer_key.import", f"issuer_key:{prefix}/{usage}/{index}", after)
    typer.echo(f"{prefix} {usage}: check value {kept.check_value}")


@issuer_app.command("remove")
def remove_issuer(prefix: PrefixArgument, usage: UsageArgument, index: IndexOption = "", config: Config = None) -> None:
    """Take an issuer's key out: what it was held against is not checked any more."""
    with open_books(config) as books:
        books.change("issuer_key.remove", f"issuer_key:{prefix}/{usage}/{index}")
    typer.echo(f"{prefix} {usage}: removed")


@base_app.command("import")
def put_in_base_key(key_set: KeySetArgument, components: CountOption = 2, config: Config = None) -> None:
    """Put in the base derivation key of a key set in components (hex), asked for one by one, or one a line."""
    from switch.ledger.key_store import is_demo, keep_base_key
    from switch.security.base_keys import key_set_algorithm
    from switch.security.key_blocks import base_owner

    key_set, usage = key_set.upper(), _usage("bdk")
    algorithm, owner = key_set_algorithm(key_set), base_owner(key_set)
    with _office(config) as (books, hsm):
        parts, is_demos = _components(components, algorithm), is_demo(books.database)
        kept = hsm.put_together(usage, parts, owner=owner, is_demo=is_demos, algorithm=algorithm)
        with books.database.writing() as connection:
            keep_base_key(connection, key_set, *kept, wall_clock())
            books.log(connection, "base_key.import", f"base_key:{key_set}", {"check_value": kept.check_value})
    typer.echo(f"{key_set} bdk: check value {kept.check_value}")


@base_app.command("remove")
def remove_base(key_set: KeySetArgument, config: Config = None) -> None:
    """Take a base derivation key out: messages under keys derived from it are refused. Their counters stay known."""
    with open_books(config) as books:
        books.change("base_key.remove", f"base_key:{key_set.upper()}")
    typer.echo(f"{key_set.upper()} bdk: removed")


@keys_app.command("rewrap")
def rewrap(config: Config = None) -> None:
    """Wrap all keys under the key file's current master key, and seal all card numbers under its current vault key.

    Beside a running switch that has both the old and the new one; done once more, it changes nothing.
    """
    from switch.ledger.key_store import reseal_cards, rewrap_base_keys, rewrap_issuer_keys, rewrap_terminal_keys
    from switch.security.key_blocks import KeyBlocks, KeyUsage, base_owner, range_owner, terminal_owner
    from switch.security.keys import load_keys
    from switch.security.vault import Vault

    with open_books(config) as books:
        keys = load_keys(books.settings.keys.file)
        blocks = KeyBlocks(_masters(books, keys))

        def of_terminal(terminal_id: str, usage: str, block: str) -> str | None:
            return blocks.again(block, KeyUsage(usage), terminal_owner(terminal_id))

        def of_issuer(prefix: str, usage: str, index: str, block: str) -> str | None:
            return blocks.again(block, KeyUsage(usage), range_owner(prefix, index))

        def of_base(key_set: str, block: str) -> str | None:
            return blocks.again(block, KeyUsage.BDK, base_owner(key_set))

        wrapped = rewrap_issuer_keys(books.database, of_issuer) + rewrap_base_keys(books.database, of_base)
        wrapped += rewrap_terminal_keys(books.database, of_terminal)
        sealed = reseal_cards(books.database, Vault(keys))
        assert keys.master is not None
        after = {"keys": wrapped, "cards": sealed, "master_key": keys.master.current, "vault_key": keys.current}
        with books.database.writing() as connection:
            books.log(connection, "keys.rewrap", "keys:all", after)
    typer.echo(f"{wrapped} keys wrapped anew; all are under master key {keys.master.current}")
    typer.echo(f"{sealed} card numbers sealed anew; all are under vault key {keys.current}")


# --- what they share ---------------------------------------------------------------------------------------


@contextmanager
def _office(config: Path | None) -> Iterator[tuple[OpenBooks, SoftwareHsm]]:
    """The books, and the security module that their keys are wrapped by. Raises `ConfigurationError` without one."""
    from switch.security.keys import load_keys
    from switch.security.software_hsm import SoftwareHsm

    with open_books(config) as books:
        yield books, SoftwareHsm(_masters(books, load_keys(books.settings.keys.file)))


def _masters(books: OpenBooks, keys: Keys) -> MasterKeys:
    if keys.master is None:
        raise ConfigurationError(
            f"{books.settings.keys.file}: has no [master] key, under which all others are kept; "
            "add one of 64 hex digits"
        )
    return keys.master


def _keep(books: OpenBooks, terminal: str, kept: KeptKey) -> None:
    from switch.ledger.key_store import keep_terminal_key

    with books.database.writing() as connection:
        keep_terminal_key(connection, terminal, _MASTER, *kept, wall_clock())
        after = {"check_value": kept.check_value}
        books.log(connection, "terminal.import_master_key", f"terminal:{terminal}", after)
    _print_kept(terminal, kept.check_value)


def _print_kept(terminal: str, check_value: object) -> None:
    typer.echo(f"{terminal} {_MASTER}: check value {check_value}; the terminal must sign on anew")


def _owner(terminal: str) -> str:
    from switch.security.key_blocks import terminal_owner

    return terminal_owner(terminal)


def _usage(name: str, *allowed: str) -> KeyUsage:
    from switch.security.key_blocks import KeyUsage

    if allowed and name not in allowed:
        raise OperatorError(f"a key's usage is one of {', '.join(allowed)}, not {name}")
    return KeyUsage(name)


def _components(count: int, algorithm: KeyAlgorithm | None = None) -> list[bytes]:
    """Ask for components, each hidden and confirmed by its check value; or read lines where nobody types.

    They are those of a Triple DES key of 16 or 24 bytes, or, with ``algorithm``, of a base derivation key.
    """
    from switch.security.key_blocks import KeyAlgorithm, KeyBlocks

    sizes, algorithm = _SIZES[algorithm], algorithm or KeyAlgorithm.TDES
    if not sys.stdin.isatty():
        lines = [line.strip() for line in sys.stdin if line.strip()]
        if len(lines) != count:
            raise OperatorError(f"{count} components are wanted, one a line; {len(lines)} came")
        return [_bytes(number, line, sizes) for number, line in enumerate(lines, start=1)]
    parts = []
    for number in range(1, count + 1):
        part = _bytes(number, typer.prompt(f"Officer {number}: component in hex", hide_input=True), sizes)
        typer.confirm(f"  check value {KeyBlocks.check_value(part, algorithm)}, as on your sheet?", abort=True)
        parts.append(part)
    return parts


def _bytes(number: int, typed: str, sizes: tuple[int, ...]) -> bytes:
    try:
        part = bytes.fromhex(typed)
    except ValueError:
        raise OperatorError(f"component {number} is not hex digits") from None
    if len(part) not in sizes:
        allowed = " or ".join(map(str, sizes))
        raise OperatorError(f"component {number} has {len(part)} bytes; it must have {allowed}")
    return part
