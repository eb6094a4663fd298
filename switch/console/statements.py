"""A merchant's statement of one day: what it comes to, its items, and the same as a file to print or calculate with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from switch.console.visit import Download, Page, Shown, Visit
from switch.errors import NotInBooks, OperatorError
from switch.ledger.rows import number_of
from switch.ledger.settlement_reports import kept_statement
from switch.office.days import StatementLine, one_statement
from switch.office.settlement_acts import day_of
from switch.settlement.statements import read_statement
from switch.tools.statement_page import as_html
from switch.tools.statements import Sheet, as_csv, date_text, label_of, time_text

READ_ITEMS_MAX: Final = 20_000
"""Items of a statement that is taken apart for a page; a longer one the command writes."""

SHOWN_ITEMS_MAX: Final = 200

_READ_AT_ONCE: Final = 2_000
_MICROSECONDS: Final = 1_000_000
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def statement(visit: Visit) -> Shown:
    """Show what a statement comes to, and its items where they are not too many."""
    line = _line(visit)
    is_short = line.items <= _READ_AT_ONCE
    sheet = _sheet(visit, line).statement if is_short else None
    facts = {
        "line": line,
        "statement": sheet,
        "items": sheet.items[:SHOWN_ITEMS_MAX] if sheet else (),
        "shown_max": SHOWN_ITEMS_MAX,
        "is_long": line.items > READ_ITEMS_MAX,
        "date": date_text,
        "time": time_text,
        "label": lambda kind: label_of(kind)[visit.language != "zh"],
    }
    return Shown("statement.html", facts)


def as_table(visit: Visit) -> Shown:
    """Hand out a statement as CSV."""
    return _handed_out(visit, "csv", "text/csv; charset=utf-8", as_csv)


def to_print(visit: Visit) -> Shown:
    """Hand out a statement as a page to print, which stands by itself."""
    return _handed_out(visit, "html", "text/html; charset=utf-8", as_html)


def _handed_out(visit: Visit, ending: str, kind: str, write: Callable[[Sheet], str]) -> Shown:
    line = _line(visit)
    if line.items > READ_ITEMS_MAX:
        raise OperatorError(
            f"the statement has {line.items} items: write it with switch settlement statement {line.merchant_id} "
            f"{date_text(line.business_day)} --format {ending} --out FILE"
        )
    name = "".join(letter if letter in _PLAIN else "_" for letter in line.merchant_id)
    content = write(_sheet(visit, line))
    return Shown("", {}, download=Download(f"statement-{name}-{line.business_day}.{ending}", kind, content))


def _line(visit: Visit) -> StatementLine:
    number = number_of(day_of(visit.where["day"]))
    with visit.desk.database.reading() as connection:
        return one_statement(connection, visit.where["merchant"], number)


def _sheet(visit: Visit, line: StatementLine) -> Sheet:
    with visit.desk.database.reading() as connection:
        row = kept_statement(connection, line.merchant_id, line.business_day)
    if row is None:
        raise NotInBooks(f"merchant {line.merchant_id} has no statement of {line.business_day}")
    made_at = datetime.fromtimestamp(row.made_at / _MICROSECONDS, visit.desk.settings.zone)
    return Sheet(read_statement(row.content), row.merchant_name, made_at)


PAGES: Final = (
    Page("/statements/{merchant}/{day}", statement),
    Page("/statements/{merchant}/{day}/statement.csv", as_table),
    Page("/statements/{merchant}/{day}/statement.html", to_print),
)
