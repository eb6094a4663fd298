"""The parts that pages are made of: the frame around them, tables, lists of figures. All text is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final, NamedTuple

from switch.reports.stylesheet import STYLE

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""Whatever a page were to hold by mistake: the browser fetches and runs nothing."""


class Column(NamedTuple):
    """A column of a table: its heading, and whether it holds numbers (set to the right)."""

    heading: str
    numbers: bool = False


class Cell(NamedTuple):
    """A value with what sets it apart: ``tone`` is a class of the style sheet, ``bar`` a share of the widest."""

    text: str
    tone: str = ""
    bar: float | None = None


def document(title: str, body: Iterable[str]) -> str:
    """Return a whole page."""
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<link rel="icon" href="data:,">',
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>",
    )
    return "\n".join((*head, *body, "</main>\n</body>\n</html>\n"))


def table(columns: Sequence[Column], rows: Iterable[Sequence[str | Cell]], name: str) -> Iterator[str]:
    """Yield a table; ``name`` is for those who do not see it. It scrolls by itself where it is too wide."""
    yield f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(name)}"><table><thead><tr>'
    yield "".join(f'<th scope="col"{_class(one)}>{escape(one.heading)}</th>' for one in columns)
    yield "</tr></thead><tbody>"
    for row in rows:
        yield f"<tr>{''.join(_cell(column, cell) for column, cell in zip(columns, row, strict=True))}</tr>"
    yield "</tbody></table></div>"


def facts(pairs: Iterable[tuple[str, str]], kind: str = "facts") -> Iterator[str]:
    """Yield a list of names and values."""
    yield f'<dl class="{kind}">'
    for name, value in pairs:
        yield f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
    yield "</dl>"


def section(heading: str, parts: Iterable[str], kind: str = "") -> Iterator[str]:
    """Yield a section under its heading."""
    yield f'<section class="{kind}"><h2>{escape(heading)}</h2>' if kind else f"<section><h2>{escape(heading)}</h2>"
    yield from parts
    yield "</section>"


def note(text: str) -> str:
    """Return a paragraph in small letters."""
    return f'<p class="note">{escape(text)}</p>'


def _class(column: Column) -> str:
    return ' class="number"' if column.numbers else ""


def _cell(column: Column, cell: str | Cell) -> str:
    if isinstance(cell, str):
        return f"<td{_class(column)}>{escape(cell)}</td>"
    classes = " ".join(one for one in ("number" if column.numbers else "", cell.tone) if one)
    bar = "" if cell.bar is None else f'<span class="bar" style="width:{100 * cell.bar:.2f}%"></span>'
    return f'<td class="{classes}">{bar}{escape(cell.text)}</td>' if classes else f"<td>{bar}{escape(cell.text)}</td>"
