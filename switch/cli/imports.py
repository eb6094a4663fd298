"""``switch import``: merchants, terminals, cards and operators from CSV files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switch.cli.books import OpenBooks, open_books
from switch.cli.options import Config

if TYPE_CHECKING:
    from switch.ledger.import_staging import Run

import_app = typer.Typer(
    help="Import merchants, terminals, cards and operators: all rows of a file, or none.",
    epilog="Importing a file again changes nothing. For what is in the books already, a filled cell changes it and "
    "an empty one leaves it; balances are taken once, when an account is opened. Limits are words like "
    "single=500000 daily=800000 daily_count=20 monthly=9000000 qr.daily=50000 contactless.no_pin=100000: minor "
    "units, before a point a channel (swipe, chip, contactless, manual, qr).",
    no_args_is_help=True,
)

File = Annotated[Path, typer.Argument(metavar="FILE.csv", help="UTF-8, with a header; columns in any order.")]


@import_app.command()
def merchants(file: File, config: Config = None) -> None:
    """Import merchants.

    Columns: merchant_id (required), name, mcc, status (active, frozen,
    closed), currency (three digits, default 156), manual_entry (free,
    with_code, off), limits, fee_plan (default: no fees), shares (what agents
    get of the fees: AGENT01=20% AGENT02=5%).
    """
    _import("merchants", file, config)


@import_app.command()
def terminals(file: File, config: Config = None) -> None:
    """Import terminals; their merchants must be in the books.

    Columns: terminal_id and merchant_id (required), status (registered,
    active, locked, dormant, retired), serial (of the machine it is bound to),
    kinds, entry_modes and schemes (lists, separated by spaces; default and
    "all": no restriction), manual_entry (free, with_code, off), fallback (yes,
    no: may it read the stripe of a chip card), limits. "none" takes the serial
    number or the limits away.
    """
    _import("terminals", file, config)


@import_app.command()
def cards(file: File, config: Config = None) -> None:
    """Import cards, with their accounts and opening balances.

    Columns: pan and expiry_yymm (required), status (active, inactive, frozen,
    lost, stolen), account (cards that name the same one share it), class,
    currency (default 156), balance_minor, credit_limit_minor,
    single_limit_minor, daily_limit_minor, daily_count, scheme (unionpay, visa,
    ...), service_code, sequence, pvv with pvki, cvv_key, limits. Amounts are
    minor units; "none" takes a limit, the PIN (pvv) or the like away. A
    balance is taken only when its account opens.
    """
    _import("cards", file, config)


@import_app.command()
def operators(file: File, config: Config = None) -> None:
    """Import the people at terminals; their merchants must be in the books.

    Columns: merchant_id and operator_id (one to three digits; both required),
    password (kept hashed; default and "none": the number alone is enough),
    status (active, closed). Delete the file afterwards.
    """
    _import("operators", file, config)


def _import(subject: str, file: Path, config: Path | None) -> None:
    from switch.errors import ImportRefused
    from switch.ledger.database import check_keys
    from switch.ledger.import_staging import Borrowed
    from switch.ledger.importing import import_file
    from switch.rules.limits import parsed
    from switch.security.passwords import hashed, password_matches
    from switch.settlement.fees import load_fee_plans, plan_named
    from switch.settlement.shares import parsed_shares

    plan = partial(plan_named, load_fee_plans())
    borrowed = Borrowed(parsed, hashed, password_matches, plan, parsed_shares)
    with open_books(config) as books:
        vault = books.vault()
        check_keys(books.database, vault)
        try:
            with _progress(file) as on_progress:
                _log(books, f"import.{subject}:begun", subject, {"file": file.name})
                done = import_file(books.database, subject, file, vault, _run(books), on_progress, borrowed)
        except ImportRefused as refused:
            for line, column, reason in refused.problems:
                typer.echo(": ".join(part for part in (f"{file}:{line}", column, reason) if part), err=True)
            raise
        counted = {"rows": done.rows, "added": done.added, "changed": done.changed, "unchanged": done.unchanged}
        _log(books, f"import.{subject}", subject, {"file": file.name, **counted})
    typer.echo(
        f"{file}: {done.rows:,} {subject}: {done.added:,} added, {done.changed:,} changed, {done.unchanged:,} unchanged"
    )


def _log(books: OpenBooks, what: str, subject: str, after: dict[str, object]) -> None:
    """Write into the change log in a transaction of its own, as the import has: before it, and when it is done."""
    with books.database.writing() as connection:
        books.log(connection, what, f"import:{subject}", after)


def _run(books: OpenBooks) -> Run:
    from switch.ledger.ids import JournalIds
    from switch.ledger.import_staging import Run

    now = books.now()
    at = int(now.timestamp() * 1_000_000)
    return Run(JournalIds(lambda: at)(), at, now, int(f"{now:%Y%m%d}"))


@contextmanager
def _progress(file: Path) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal, and nothing in a log or a pipe."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    size = file.stat().st_size if file.is_file() else 0
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task("reading", total=size)

        def on_progress(bytes_read: int) -> None:
            bar.update(task, completed=bytes_read, description="writing" if bytes_read >= size else "reading")

        yield on_progress
