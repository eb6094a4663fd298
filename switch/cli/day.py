"""``switch terminal day``: play a terminal's day against a running switch, and hold the books against its totals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo

import typer

from switch.cli.options import host_from
from switch.clock import wall_clock
from switch.errors import ConfigurationError, OperatorError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from switch.cli.books import OpenBooks
    from switch.ledger.database import Database
    from switch.tools.day import Line, Play, Script
    from switch.tools.simulated_card import DayCards
    from switch.wire.dialect import Dialect

_KEY: Final = re.compile(r"[0-9A-Fa-f]{16}|[0-9A-Fa-f]{32}|[0-9A-Fa-f]{48}")
_ZONE: Final = "Asia/Shanghai"


def day(
    dialect: Annotated[str, typer.Option(metavar="NAME", help="unionpay-pos, or one of iso8583-1987.")],
    to: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where the switch listens for this dialect.")],
    terminal: Annotated[str, typer.Option(metavar="TERMINAL", help="Who plays.")] = "TERM0001",
    merchant: Annotated[str, typer.Option(metavar="MERCHANT", help="Its merchant.")] = "MERCHANT0000001",
    master_key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Its master key in hex, mode 0600 (default: the demo's fixed key)."),
    ] = None,
    cards: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Whom it serves (default: the demo's cards).")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The switch's own settings: compare its books too.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="Or just its database, read only; the audit is without keys then.")
    ] = None,
) -> None:
    """Play a terminal's day: sign on, sell, void, refund, lose answers, settle.

    Every answer is checked as terminals do, and every balance against what the
    terminal counted. With --config or --database the books are compared with
    its totals, and audited; with --config its mistakes in a batch have to be
    found, too. Exit status: 0 if all was as expected, else 1.
    """
    import trio
    from rich.console import Console

    from switch.tools.simulated_card import load_cards
    from switch.wire.dialect import load_dialect

    spoken, console = load_dialect(dialect), Console(highlight=False)
    address = host_from(to)
    key, said = _master_key(master_key_file)
    served = load_cards(cards or _demo_cards())
    with _books(config, database) as books:
        zone = books.opened.settings.zone if books and books.opened else ZoneInfo(_ZONE)
        before = _newest(books.database) if books else 0
        console.print(f"{terminal} of {merchant}, {spoken.title}, to {to}; {said}\n")
        lines, play = trio.run(_play, spoken, address, (terminal, merchant, key), served, zone)
        console.print(_table(lines))
        is_good = _told(console, lines, play)
        if books:
            is_good = _compared(console, books, terminal, before, play) and is_good
            is_good = _audited(console, books) and is_good
    if not is_good:
        raise typer.Exit(1)


# --- what is given -----------------------------------------------------------------------------------------


def _master_key(path: Path | None) -> tuple[bytes, str]:
    """The key, and where it is from."""
    from switch.security.demo_keys import DEMO_TERMINAL_MASTER
    from switch.security.key_file import check_private

    if path is None:
        return DEMO_TERMINAL_MASTER, "the demo's master key"
    check_private(path)
    text = path.read_text("latin-1").strip()
    if not _KEY.fullmatch(text):
        raise ConfigurationError(f"{path}: wants 16, 32 or 48 hexadecimal digits and nothing else")
    return bytes.fromhex(text), f"master key of {path}"


def _demo_cards() -> Path:
    from switch.data_files import specs_directory

    return specs_directory() / "demo" / "day.toml"


@dataclass(frozen=True, slots=True)
class _Books:
    """The switch's own books; ``opened`` where they were opened by its settings, which know the keys too."""

    database: Database
    opened: OpenBooks | None = None


@contextmanager
def _books(config: Path | None, url: str | None) -> Iterator[_Books | None]:
    """The books that the settings or the URL name, None where neither is given."""
    from switch.cli.books import open_books
    from switch.ledger.database import check_version, open_database

    if config is not None and url is not None:
        raise OperatorError("name --config or --database, not both")
    if config is not None:
        with open_books(config) as opened:
            yield _Books(opened.database, opened)
    elif url is not None:
        with closing(open_database(url)) as database:
            check_version(database)
            yield _Books(database)
    else:
        yield None


# --- the play ----------------------------------------------------------------------------------------------


async def _play(
    dialect: Dialect,
    address: tuple[str, int],
    who: tuple[str, str, bytes],
    served: DayCards,
    zone: ZoneInfo,
) -> tuple[list[Line], Play]:
    from switch.tools.chip_counter import likely_counter
    from switch.tools.day import Play
    from switch.tools.simulated_card import SimulatedCard
    from switch.tools.terminal import Terminal, first_stan, open_line

    now = datetime.now(zone)
    cards = {name: SimulatedCard(data, likely_counter(now)) for name, data in served.cards.items()}
    terminal = Terminal(dialect, *who, first_stan(now))
    script = _script(dialect)
    for step in script.steps:
        if step.card and step.card not in cards:
            raise ConfigurationError(f"the file of cards names no card {step.card!r}")
    try:
        async with open_line(dialect, *address) as line:
            play = Play(script, terminal, line, cards, lambda: datetime.now(zone), served.pay_code)
            return await play.run(), play
    except OSError as error:
        raise OperatorError(f"nobody listens on {address[0]}:{address[1]} ({error.strerror or error})") from None


def _script(dialect: Dialect) -> Script:
    from switch.tools import iso8583_day, unionpay_day

    days = {
        "unionpay-pos": unionpay_day.DAY,
        "iso8583-1987-ascii": iso8583_day.DAY,
        "iso8583-1987-binary": iso8583_day.DAY,
    }
    if dialect.name not in days:
        raise OperatorError(f"no day is written for dialect {dialect.name}; there is one for {', '.join(days)}")
    return days[dialect.name]


# --- what is told ------------------------------------------------------------------------------------------


def _table(lines: list[Line]) -> Table:
    """The steps for 80 columns."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, padding=(0, 1))
    shown.add_column("", width=1)
    shown.add_column("sent", width=26, no_wrap=True)
    shown.add_column("amount", width=7, justify="right")
    shown.add_column("39", width=2)
    shown.add_column("exp.", width=4)
    shown.add_column("checked", ratio=1)
    for line in lines:
        mark = Text("\N{CHECK MARK}", "green") if line.is_as_expected else Text("\N{BALLOT X}", "red")
        amount = "" if line.amount_minor is None else f"{line.amount_minor / 100:,.2f}"
        checked = Text("; ".join(line.checked))
        if line.faults:
            checked = Text("; ".join(line.faults), "red")
        shown.add_row(mark, line.says, amount, line.code, line.expected, checked)
    return shown


def _told(console: Console, lines: list[Line], play: Play) -> bool:
    """Say what the terminal counted; whether all steps were as expected."""
    totals = play.tally.totals()
    console.print(
        f"\nThe terminal's totals: debits {totals.debits}, credits {totals.credits}, loads "
        f"{totals.loads_minor / 100:,.2f}; the merchant's gain {totals.net_minor / 100:,.2f}"
    )
    wrong = sum(not line.is_as_expected for line in lines)
    missing = play.steps - len(lines)
    if wrong or missing:
        never = f", {missing} never came to their turn" if missing else ""
        console.print(f"[red]{wrong} of {len(lines)} steps were not as expected{never}[/red]")
    else:
        console.print(f"[green]all {len(lines)} steps as expected, every balance as counted[/green]")
    return not (wrong or missing)


def _newest(database: Database) -> int:
    from switch.tools.day_books import newest

    with database.reading() as connection:
        return newest(connection)


def _compared(console: Console, books: _Books, terminal: str, before: int, play: Play) -> bool:
    """Hold the books against the terminal's totals and its batches; whether they agree."""
    from switch.tools.day_books import batch_differences, booked, differences, merchant_gained, mistake_differences

    if books.opened:
        _find_discrepancies(books.database)
    with books.database.reading() as connection:
        stand, gained = booked(connection, terminal, before), merchant_gained(connection, terminal, before)
        wrong = differences(play.tally.totals(), stand, gained)
        wrong += batch_differences(connection, terminal, play.settled)
        wrong += mistake_differences(connection, terminal, play.settled) if books.opened else ()
    for difference in wrong:
        console.print(f"[red]{difference}[/red]")
    if not wrong:
        _print_agreement(console, play, found=books.opened is not None)
    return not wrong


def _find_discrepancies(database: Database) -> None:
    """Have uploaded batches compared now, as a cut-over of the day would."""
    from switch.ledger.batches_compared import compare_batches
    from switch.ledger.ids import JournalIds
    from switch.settlement.comparing import compared

    compare_batches(database, compared, JournalIds(wall_clock))


def _print_agreement(console: Console, play: Play, *, found: bool) -> None:
    from switch.tools.day_books import told_mistake

    console.print("[green]terminal and books agree to the cent[/green]")
    for settled in play.settled:
        console.print(f"batch {settled.batch}: settled{', after an upload' if settled.mistakes else ', balanced'}")
        for mistake in settled.mistakes if found else ():
            console.print(f"  {told_mistake(mistake)}: the terminal's mistake, found")


def _audited(console: Console, books: _Books) -> bool:
    """Audit the books; whether all invariants hold."""
    from switch.cli.audit import print_findings, run_audit
    from switch.ledger.audit import audit, snapshot

    console.print("\nThe audit of the books:")
    if books.opened:
        return print_findings(console, run_audit(books.opened))
    with snapshot(books.database) as connection:
        return print_findings(console, audit(connection, None))
