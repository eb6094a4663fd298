"""``switch audit``: are the books right? Also while a server is working on them."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import typer

from switch.cli.books import OpenBooks, open_books
from switch.cli.options import Config

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from switch.config import Settings
    from switch.ledger.audit_words import Finding

_NICENESS: Final = 19  # an audit has all day
_BREATH_S: Final = 1.5  # at most
_LEFT_ALONE: Final = 3  # exit status where the switch that asked is gone
_SHOWN: Final = 5  # offenders, and forced entries, of each invariant


def audit(
    everything: Annotated[
        bool, typer.Option("--all", help="List every offender and every forced entry, not the first five.")
    ] = False,
    config: Config = None,
) -> None:
    """Check the invariants of the books on one snapshot.

    Exit status: 0 if they all hold, 1 if one is broken.
    """
    from rich.console import Console

    console = Console(highlight=False)
    with open_books(config) as books, console.status("auditing") as status:
        findings = run_audit(books, lambda name: status.update(f"auditing {name}"))
        _keep(books, findings)
    if not print_findings(console, findings, shown=None if everything else _SHOWN):
        raise typer.Exit(1)


def audit_beside() -> None:
    """Audit the books for a running switch, which says its settings on standard input.

    It steps back behind everything else on the machine, and ends when its standard input does. What it found is kept
    in the books. Exit status as of `audit`.
    """
    from switch.config import settings_of
    from switch.ledger.database import check_version, open_database

    os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    settings = settings_of(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_switch, daemon=True).start()
    with closing(open_database(settings.ledger.database)) as database:
        check_version(database)
        books = OpenBooks(settings, database)
        findings = run_audit(books, _breath())
        _keep(books, findings)
    if not all(finding.holds for finding in findings):
        raise typer.Exit(1)


def _breath() -> Callable[[str], None]:
    """Return what pauses between invariants for as long as the last one took: SQLite's log is moved meanwhile."""
    began = time.monotonic()

    def breathe(_invariant: str) -> None:
        nonlocal began
        time.sleep(min(time.monotonic() - began, _BREATH_S))
        began = time.monotonic()

    return breathe


def _keep(books: OpenBooks, findings: list[Finding]) -> None:
    """Keep what was found; on books that take no commit it is only shown."""
    from switch.clock import wall_clock
    from switch.errors import DatabaseError
    from switch.ledger.audit_kept import keep_audit

    try:
        keep_audit(books.database, wall_clock(), findings)
    except DatabaseError as error:
        typer.echo(f"switch: the audit's result is not kept: {error}", err=True)


def _end_with_the_switch() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing more is ever sent: this returns when the pipe is closed
    os._exit(_LEFT_ALONE)


def audit_and_print(settings: Settings, console: Console) -> bool:
    """Audit the books of an installation, print what was found, and return whether all invariants hold."""
    from switch.ledger.database import open_database

    with closing(open_database(settings.ledger.database)) as database:
        return print_findings(console, run_audit(OpenBooks(settings, database)))


def run_audit(books: OpenBooks, on_invariant: Callable[[str], None] = lambda _name: None) -> list[Finding]:
    """Audit the books, the key file included: one that others may touch breaks I12."""
    from switch.errors import ConfigurationError
    from switch.ledger.audit import audit as audit_books
    from switch.ledger.audit import snapshot

    vault, keys_problem = None, ""
    try:
        vault = books.vault()
    except ConfigurationError as error:
        keys_problem = str(error)
    with snapshot(books.database) as connection:
        *others, secrets = audit_books(connection, vault, on_invariant)
    if keys_problem:
        secrets = replace(secrets, broken=secrets.broken + 1, offenders=(keys_problem, *secrets.offenders))
    return [*others, secrets]


def print_findings(console: Console, findings: list[Finding], *, shown: int | None = _SHOWN) -> bool:
    """Print one line per invariant, then what breaks it and what was forced; return whether all hold."""
    from rich.text import Text

    console.print(_table(findings))
    for finding in findings:
        for entries, number, style in ((finding.offenders, finding.broken, "red"), (finding.listed, 0, "yellow")):
            for entry in entries[:shown]:
                console.print(Text(f"{finding.invariant:<4} {entry}", style=style))
            hidden = max(number, len(entries)) - len(entries[:shown])
            if hidden:
                hint = "" if shown is None else " (--all)"
                console.print(Text(f"{finding.invariant:<4} ... and {hidden:,} more{hint}", style=style))
    broken = [finding.invariant for finding in findings if not finding.holds]
    console.print(f"[red]BROKEN: {', '.join(broken)}[/red]" if broken else "[green]all invariants hold[/green]")
    return not broken


def _table(findings: list[Finding]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for finding in findings:
        mark = "[green]ok[/green]" if finding.holds else "[red]BROKEN[/red]"
        table.add_row(finding.invariant, mark, f"{finding.claim}: {finding.figure}")
    return table
