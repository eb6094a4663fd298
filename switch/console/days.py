"""Business days: which one is open, what was made of those that are over, and how one is ended."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode

from switch.console.visit import Download, Page, Shown, Visit
from switch.errors import OperatorError
from switch.ledger.clearing import clearing_content
from switch.ledger.rows import number_of
from switch.office.days import DAYS, STATEMENTS, days_page, one_day, statements_of
from switch.office.settlement_acts import day_of, is_early
from switch.tools.statements import date_text

DOWNLOAD_ITEMS_MAX: Final = 50_000
"""Items of a file that is handed out over a page; a longer one the command writes."""

_TEXT_MAX: Final = 64


def days(visit: Visit) -> Shown:
    """List business days, the latest first; the open one can be closed here."""
    before = visit.query.get("before", "")
    with visit.desk.database.reading() as connection:
        found = days_page(connection, number_of(day_of(before)) if before else None)
    shown = found[:DAYS]
    open_days = [line for line in shown if line.state == "open"] if not before else []
    facts = {
        "days": shown,
        "open": open_days[0] if open_days else None,
        "is_early": bool(open_days) and is_early(visit.desk, day_of(str(open_days[0].day))),
        "date": date_text,
        "older": f"/days?{urlencode({'before': shown[-1].day})}" if len(found) > DAYS else "",
    }
    return Shown("days.html", facts)


def day(visit: Visit) -> Shown:
    """Show one day: its clearing file and the statements made of it."""
    number = number_of(day_of(visit.where["day"]))
    merchant, after = visit.query.get("merchant", "").strip(), visit.query.get("after", "")
    if max(len(merchant), len(after)) > _TEXT_MAX:
        raise OperatorError(f"a merchant has at most {_TEXT_MAX} characters")
    with visit.desk.database.reading() as connection:
        line, file = one_day(connection, number)
        statements = statements_of(connection, number, merchant_id=merchant, after=after)
    shown = statements[:STATEMENTS]
    is_more = len(statements) > STATEMENTS
    facts = {
        "day": line,
        "file": file,
        "statements": shown,
        "merchant": merchant,
        "is_early": line.state == "open" and is_early(visit.desk, day_of(str(number))),
        "date": date_text,
        "is_long": file is not None and file.items > DOWNLOAD_ITEMS_MAX,
        "more": f"/days/{number}?after={quote(shown[-1].merchant_id)}" if is_more else "",
    }
    return Shown("day.html", facts)


def clearing_file(visit: Visit) -> Shown:
    """Hand out a day's clearing file, after its hash has been checked."""
    number = number_of(day_of(visit.where["day"]))
    with visit.desk.database.reading() as connection:
        _, file = one_day(connection, number)
    if file is not None and file.items > DOWNLOAD_ITEMS_MAX:
        raise OperatorError(
            f"the file has {file.items} items: write it with switch settlement clearing {date_text(number)} --out FILE"
        )
    content = clearing_content(visit.desk.database, number)
    return Shown("", {}, download=Download(f"clearing-{number}.csv", "text/csv; charset=utf-8", content))


PAGES: Final = (
    Page("/days", days),
    Page("/days/{day}", day),
    Page("/days/{day}/clearing.csv", clearing_file),
)
