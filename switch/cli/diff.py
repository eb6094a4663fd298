"""``switch diff``: what differs between two messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.text import Text

    from switch.tools.message_diff import DiffRow

_COLUMNS: Final = 80
_GAP: Final = "  "
_ABSENT: Final = "(absent)"
_HIDDEN: Final = "(differs where it is masked)"
_WHAT: Final = "In hexadecimal, as a file (PATH or @PATH), or as the entry of a capture: day.capture#12."


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help=_WHAT)],
    second: Annotated[str, typer.Argument(metavar="B", help="The same.")],
    dialect: Annotated[
        str, typer.Option("--dialect", metavar="D", help="How to read them; a capture may name its own.")
    ] = "",
    dialect_b: Annotated[str, typer.Option("--dialect-b", metavar="D", help="How to read B, if not like A.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Show the lines that are the same, too.")] = False,
    unmask: Annotated[
        bool, typer.Option("--unmask", help="Show card numbers, tracks and secrets too. Mind who reads along.")
    ] = False,
) -> None:
    """Hold two messages against each other, field by field, card data masked.

    Exit status 0: the same (length and bitmap follow from the rest). 1: different. 2: one cannot be read.
    """
    from rich.console import Console

    from switch.tools.message_diff import diff_messages, read_message

    before = read_message(first, dialect)
    after = read_message(second, dialect_b or dialect, "--dialect-b" if dialect else "--dialect")
    rows = diff_messages(before, after, unmask=unmask)
    differing = sum(row.differs for row in rows)
    shown = [row for row in rows if everything or row.differs]
    console = Console(highlight=False, markup=False)
    for line in _table(shown, marked=everything):
        console.print(line, soft_wrap=True)
    if shown:
        console.print("")
    console.print(_summary(differing))
    raise typer.Exit(1 if differing else 0)


def _summary(differing: int) -> str:
    if not differing:
        return "The same."
    return f"{differing} {'line differs' if differing == 1 else 'lines differ'}."


def _table(rows: Sequence[DiffRow], *, marked: bool) -> Iterator[Text]:
    """Lay the lines out for 80 columns; values that do not fit side by side stand one above the other."""
    from rich.text import Text

    if not rows:
        return
    path_width = max(5, *(len(row.path) for row in rows))
    name_width = min(max(4, *(len(row.name) for row in rows)), 30)
    left = len("! " if marked else "") + path_width + name_width + 2 * len(_GAP)
    value_width = (_COLUMNS - left - len(_GAP)) // 2
    head = f"{'  ' if marked else ''}{'field':{path_width}}{_GAP}{'name':{name_width}}{_GAP}{'A':{value_width}}{_GAP}B"
    yield Text(head, style="dim")
    yield Text("-" * _COLUMNS, style="dim")
    for row in rows:
        mark = ("! " if row.differs else "  ") if marked else ""
        start = f"{mark}{row.path:{path_width}}{_GAP}{_cut(row.name, name_width):{name_width}}"
        yield from _row(row, start, value_width)


def _row(row: DiffRow, start: str, value_width: int) -> Iterator[Text]:
    from rich.text import Text

    before, after = (_ABSENT if value is None else value for value in (row.before, row.after))
    tone_a, tone_b = ("red", "green") if row.differs else ("", "")
    if row.hidden:
        yield Text.assemble(start, _GAP, (_HIDDEN, "yellow"))
        yield Text.assemble(_GAP * 2, "A  ", (before, tone_a))
        yield Text.assemble(_GAP * 2, "B  ", (after, tone_b))
    elif len(before) <= value_width and len(after) <= value_width:
        yield Text.assemble(start, _GAP, (f"{before:{value_width}}", tone_a), _GAP, (after, tone_b))
    elif row.differs:
        yield Text(start.rstrip())
        yield Text.assemble(_GAP * 2, "A  ", (before, tone_a))
        yield Text.assemble(_GAP * 2, "B  ", (after, tone_b))
    else:
        yield Text(start.rstrip())
        yield Text.assemble(_GAP * 2, "=  ", before)


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: width - 3]}..."
