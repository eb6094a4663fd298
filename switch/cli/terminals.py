"""``switch terminal``: look at a terminal, change what it may do, and tell it what to do next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from switch.cli.books import OpenBooks, open_books
from switch.cli.options import Config, TerminalArgument
from switch.cli.parties import NEXT_MESSAGE, moved, print_lines, register
from switch.errors import OperatorError
from switch.ledger.moves import ASKED_FOR, TERMINAL_MOVES, Move

if TYPE_CHECKING:
    from switch.ledger.terminals import TerminalStanding

terminal_app = typer.Typer(help=f"Look at a terminal, and change what it may do. {NEXT_MESSAGE}", no_args_is_help=True)

_NOTHING: Final = "nothing"
_BECAUSE_MAX: Final = 200
Because = Annotated[str, typer.Option(metavar="TEXT", help="Why: shown with the terminal while it is locked.")]
What = Annotated[
    str, typer.Argument(metavar="WHAT", help=f"{', '.join(ASKED_FOR)}; or {_NOTHING}, which takes back the rest.")
]


@terminal_app.command("show")
def show_terminal(terminal: TerminalArgument, config: Config = None) -> None:
    """Show a terminal, what it may do, its keys by check value, and when it was last heard."""
    from switch.ledger.terminals import terminal_standing

    with open_books(config) as books:
        with books.database.reading() as connection:
            found = terminal_standing(connection, terminal)
        print_lines(*_lines(books, found))


def _lines(books: OpenBooks, found: TerminalStanding) -> list[tuple[str, object]]:
    return [
        ("terminal", found.terminal_id),
        ("status", found.status + (f", because {found.because}" if found.because else "")),
        ("merchant", f"{found.merchant_id}  {found.merchant_name}  ({found.merchant_status})"),
        ("serial", found.serial or "not bound"),
        ("kinds", found.kinds or "all"),
        ("entry modes", found.entry_modes or "all"),
        ("schemes", found.schemes or "all"),
        ("manual entry", found.manual_entry),
        ("fallback", "yes" if found.fallback else "no"),
        ("limits", found.limits or "none"),
        ("batch", found.batch),
        (
            "signed on",
            ("yes" if found.signed_on else "no") + (f", {found.operator_id} last" if found.operator_id else ""),
        ),
        ("software", found.software or "not told"),
        ("to do next", " ".join(found.pending) or _NOTHING),
        *(("key", f"{key.usage:<16} {key.check_value}  since {books.moment(key.changed_at)}") for key in found.keys),
        ("last heard", "never" if found.last_seen_at is None else books.moment(found.last_seen_at)),
        ("last message", _day(found.last_seen_day)),
    ]


def _day(day: int) -> str:
    """A yyyymmdd as people write it; 0 is told as what it means to a sweep."""
    return f"{day // 10_000}-{day // 100 % 100:02d}-{day % 100:02d}" if day else "none since it became active"


@terminal_app.command("ask")
def ask(terminal: TerminalArgument, what: What, config: Config = None) -> None:
    """Tell a terminal what to do, in the answer to its next message.

    Dialects that have no place for it (ISO 8583) tell nothing.
    """
    if what not in (*ASKED_FOR, _NOTHING):
        raise OperatorError(f"a terminal can be asked for {', '.join(ASKED_FOR)}, or {_NOTHING}")
    with open_books(config) as books:
        changed = books.change("terminal.ask", f"terminal:{terminal}", {"what": what})
    pending = changed.before if what == _NOTHING else changed.after
    said = str(pending["pending"]) or _NOTHING
    said = f"{said} taken back" if what == _NOTHING else f"will be told: {said}"
    typer.echo(f"{terminal}: {said}")


@terminal_app.command("sweep")
def sweep(
    days: Annotated[int, typer.Option(min=1, help="Silent for so many days.")] = 90, config: Config = None
) -> None:
    """Make active terminals dormant that were not heard of for long.

    One that was never heard of is left alone. A running switch does this once
    a day.
    """
    from switch.ledger.sweeping import sweep_dormant

    with open_books(config) as books:
        asleep = sweep_dormant(books.database, books.now().date(), days)
    for terminal in asleep:
        typer.echo(moved(terminal, "active", "dormant"))
    typer.echo(f"{len(asleep)} of the active terminals were silent for {days} days; never heard of ones are left alone")


def _mover(move: Move) -> Callable[..., None]:
    def lock(terminal: TerminalArgument, because: Because = "", config: Config = None) -> None:
        _make(move, terminal, because, config)

    def command(terminal: TerminalArgument, config: Config = None) -> None:
        _make(move, terminal, "", config)

    return lock if move.to == "locked" else command


def _make(move: Move, terminal: str, because: str, config: Path | None) -> None:
    if len(because) > _BECAUSE_MAX or not because.isprintable():
        raise OperatorError(f"--because takes one line of at most {_BECAUSE_MAX} characters")
    with open_books(config) as books:
        arguments = {"because": because} if because else {}
        changed = books.change(f"terminal.{move.verb}", f"terminal:{terminal}", arguments)
    typer.echo(moved(terminal, str(changed.before["status"]), move.to))


register(terminal_app, TERMINAL_MOVES, _mover)
