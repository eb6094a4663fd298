"""``switch describe``: what one message says, or all of a recording, or where they go wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from switch.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.text import Text

    from switch.tools.describe import Description, Line, Trouble

_COLUMNS: Final = 80
_GAP: Final = "  "


def describe(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="HEX|FILE",
            help="The frame in hexadecimal, as it is on the wire, - reads it from stdin; or a capture, pcap, jPOS log.",
        ),
    ],
    dialect: Annotated[
        str,
        typer.Option("--dialect", metavar="D", help="How to read it, e.g. iso8583-1987-ascii. Captures name theirs."),
    ] = "",
    bare: Annotated[
        bool, typer.Option("--bare", help="HEX begins with the message type: no length, TPDU or header.")
    ] = False,
    unmask: Annotated[
        bool, typer.Option("--unmask", help="Show card numbers, tracks and secrets too. Mind who reads along.")
    ] = False,
    first: Annotated[int | None, typer.Option(metavar="N", min=1, help="Of FILE: only the first N messages.")] = None,
    host_port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Of a pcap: only connections to this port.")
    ] = 0,
) -> None:
    """Explain a message, or each of a recording, field by field, card data masked.

    Exit status 1: it does not decode, and the byte where it goes wrong is shown.
    """
    from rich.console import Console

    from switch.tools.describe import describe_bare, describe_frame, parse_hex
    from switch.wire.dialect import load_dialect

    console = Console(highlight=False, markup=False)
    path = _file(what)
    if path is not None:
        if bare:
            raise OperatorError("--bare is for HEX: a recording holds frames as they were on the wire")
        _describe_file(console, path, dialect, host_port, first, unmask=unmask)
        return
    if not dialect:
        raise OperatorError("HEX does not say which dialect it is in; name it with --dialect")
    spoken = load_dialect(dialect)
    data = parse_hex(sys.stdin.read() if what == ["-"] else " ".join(what))
    description = (describe_bare if bare else describe_frame)(data, spoken, unmask=unmask)
    _show(console, description, dialect)
    if description.trouble is not None:
        raise typer.Exit(1)


def _file(what: list[str]) -> Path | None:
    """Return the file that is meant; None for hexadecimal digits and for -."""
    text = "".join(what)
    if len(what) != 1 or text == "-" or not text.strip("0123456789ABCDEFabcdef \t\r\n"):
        return None
    path = Path(text)
    return path if path.exists() or path.suffix or len(path.parts) > 1 else None


def _describe_file(
    console: Console, path: Path, dialect: str, host_port: int, first: int | None, *, unmask: bool
) -> None:
    """Describe a recording's messages, each under a line that says when and where it passed."""
    from rich.text import Text

    from switch.capture.reading import read_any
    from switch.tools.capture_page import headline
    from switch.tools.describe import described

    wrong = number = 0
    with read_any(path, dialect, host_port=host_port) as recording:
        for entry, description in described(recording, unmask=unmask):
            number += 1
            console.print(Text(headline(entry, number), style="bold cyan"), soft_wrap=True)
            _show(console, description, entry.dialect)
            console.print()
            wrong += description.trouble is not None
            if number == first:
                break
        for line in recording.losses.told():
            typer.echo(f"switch: {line}", err=True)
    if wrong:
        raise typer.Exit(1)


def _show(console: Console, description: Description, dialect: str) -> None:
    for line in _table(description):
        console.print(line, soft_wrap=True)  # the terminal may wrap a long value, but it stays one line of text
    if description.trouble is not None:
        for text in _told(description.trouble, dialect):
            console.print(text, soft_wrap=True)


def _table(description: Description) -> Iterator[Text]:
    """Lay the lines out for 80 columns; a value that does not fit beside its name gets a line of its own."""
    from rich.text import Text

    if not description.lines:
        return
    path_width = max(5, *(len(line.path) for line in description.lines))
    name_width = max(len(line.name) for line in description.lines)
    head = f"{'field':{path_width}}{_GAP}{'name':{name_width}}{_GAP}value"
    yield Text(head, style="dim")
    yield Text("-" * _COLUMNS, style="dim")
    for line in description.lines:
        yield from _row(line, path_width, name_width)


def _row(line: Line, path_width: int, name_width: int) -> Iterator[Text]:
    from rich.text import Text

    left = f"{line.path:{path_width}}{_GAP}{line.name:{name_width}}{_GAP}"
    if len(left) + len(line.value) <= _COLUMNS:
        yield Text.assemble(left, (line.value, "bold"))
        return
    yield Text(left.rstrip())
    indent = _GAP if len(_GAP) + len(line.value) <= _COLUMNS else ""
    yield Text.assemble(indent, (line.value, "bold"))


def _told(trouble: Trouble, dialect: str) -> Iterator[Text]:
    from rich.text import Text

    yield Text("")
    yield Text(f"This is no message of {dialect}: {trouble.reason}", style="bold red")
    yield Text(trouble.row)
    yield Text(trouble.caret, style="bold red")
    for reading in trouble.readings:
        yield Text(f"It does make sense with: {reading}")
