"""What the commands on cards, terminals and merchants share: how a standing is printed, and a move told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import typer

from switch.ledger.moves import Move

NEXT_MESSAGE: Final = "A running server minds a change from the next message on."
_NAME_WIDTH: Final = 13


def register(app: typer.Typer, moves: Iterable[Move], mover: Callable[[Move], Callable[..., None]]) -> None:
    """Give ``app`` one command for each move, made by ``mover``."""
    for move in moves:
        app.command(move.verb, help=f"From {', '.join(move.starts)} to {move.to}.")(mover(move))


def moved(who: str, before: str, after: str) -> str:
    """Say what a move came to."""
    return f"{who}: {after} already" if before == after else f"{who}: {before} -> {after}"


def print_lines(*lines: tuple[str, object]) -> None:
    """Print names and values in two columns; a list of words that is too long goes on in the second."""
    for name, value in lines:
        first, *rest = _folded(str(value))
        typer.echo(f"{name:<{_NAME_WIDTH}} {first}")
        for more in rest:
            typer.echo(f"{'':<{_NAME_WIDTH}} {more}")


def _folded(text: str) -> list[str]:
    import textwrap

    if len(text) <= _VALUE_WIDTH or "  " in text:  # what has columns of its own stays as it is
        return [text]
    return textwrap.wrap(text, _VALUE_WIDTH, break_long_words=False, break_on_hyphens=False) or [""]


_VALUE_WIDTH: Final = 80 - _NAME_WIDTH - 1
