"""``switch describe``: what one message says, or where it goes wrong."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from switch.tools.describe import Description, Line, Trouble

_COLUMNS: Final = 80
_GAP: Final = "  "


def describe(
    hex_: Annotated[
        list[str],
        typer.Argument(metavar="HEX", help="The frame in hexadecimal, as it is on the wire; - reads it from stdin."),
    ],
    dialect: Annotated[str, typer.Option("--dialect", metavar="D", help="How to read it, e.g. iso8583-1987-ascii.")],
    bare: Annotated[
        bool, typer.Option("--bare", help="HEX begins with the message type: no length, TPDU or header.")
    ] = False,
    unmask: Annotated[
        bool, typer.Option("--unmask", help="Show card numbers, tracks and secrets too. Mind who reads along.")
    ] = False,
) -> None:
    """Explain a message field by field, card data masked.

    Exit status 1: it does not decode, and the byte where it goes wrong is shown.
    """
    from rich.console import Console

    from switch.tools.describe import describe_bare, describe_frame, parse_hex
    from switch.wire.dialect import load_dialect

    spoken = load_dialect(dialect)
    data = parse_hex(sys.stdin.read() if hex_ == ["-"] else " ".join(hex_))
    description = (describe_bare if bare else describe_frame)(data, spoken, unmask=unmask)
    console = Console(highlight=False, markup=False)
    for line in _table(description):
        console.print(line, soft_wrap=True)  # the terminal may wrap a long value, but it stays one line of text
    if description.trouble is not None:
        for text in _told(description.trouble, dialect):
            console.print(text, soft_wrap=True)
        raise typer.Exit(1)


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
