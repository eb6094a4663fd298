"""Terminals' batches: which are open, which were settled, what differs, and who is right."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from switch.console.visit import Page, Shown, Visit
from switch.errors import OperatorError
from switch.messages.settlement import Totals
from switch.office.acts import number_of
from switch.office.batches import PAGE_ROWS, BatchRow, batch_transactions, one_batch, open_page, settled_page
from switch.office.differences import PAGE_ROWS as DIFFERENCES
from switch.office.differences import WAITING_MAX, differences, late_reversals, waiting
from switch.tools.statements import date_text

_TEXT_MAX: Final = 64
_STATES: Final = ("settled", "unbalanced", "open")


def batches(visit: Visit) -> Shown:
    """List batches: those settled last, those whose upload has not ended, or those that are being filled."""
    terminal, state = _filters(visit, _STATES)
    after = visit.query.get("after", "")
    with visit.desk.database.reading() as connection:
        if state == "open":
            page = open_page(connection, terminal_id=terminal, after=after)
        else:
            before = number_of(after) if after else None
            page = settled_page(connection, terminal_id=terminal, unbalanced=state == "unbalanced", before_id=before)
        waits = waiting(connection)
    facts = {
        "page": page,
        "terminal": terminal,
        "state": state,
        "states": _STATES,
        "waits": waits,
        "waiting_max": WAITING_MAX,
        "older": _next(visit, page.after),
    }
    return Shown("batches.html", facts)


def batch(visit: Visit) -> Shown:
    """Show one batch: the books' totals against the terminal's, what differs, and its transactions."""
    key = visit.where["terminal"], visit.where["merchant"], visit.where["batch"]
    before = visit.query.get("after", "")
    found = one_batch(visit.desk.database, *key)
    with visit.desk.database.reading() as connection:
        lines = batch_transactions(connection, key[0], key[2], number_of(before) if before else None)
        differs = differences(connection, batch=key)
    is_more = len(lines) > PAGE_ROWS
    facts = {
        "batch": found,
        "sides": _sides(found),
        "lines": lines[:PAGE_ROWS],
        "differences": differs,
        "date": date_text,
        "older": _next(visit, str(lines[PAGE_ROWS - 1].journal_id) if is_more else ""),
    }
    return Shown("batch.html", facts)


def discrepancies(visit: Visit) -> Shown:
    """List what books and terminals do not agree about, with what each choice will post."""
    terminal, state = _filters(visit, ("open", "settled"))
    after = visit.query.get("after", "")
    with visit.desk.database.reading() as connection:
        found = differences(
            connection,
            is_open=state == "open",
            terminal_id=terminal,
            after_id=number_of(after) if after else None,
        )
        waits = waiting(connection)
    shown = found[:DIFFERENCES]
    facts = {
        "differences": shown,
        "terminal": terminal,
        "state": state,
        "waits": waits,
        "waiting_max": WAITING_MAX,
        "older": _next(visit, str(shown[-1].id) if len(found) > DIFFERENCES else ""),
    }
    return Shown("discrepancies.html", facts)


def adjustments(visit: Visit) -> Shown:
    """List reversals that came when their day was closed, with what each choice will post."""
    _, state = _filters(visit, ("open", "settled"))
    after = visit.query.get("after", "")
    with visit.desk.database.reading() as connection:
        found = late_reversals(connection, is_open=state == "open", after_id=number_of(after) if after else None)
        waits = waiting(connection)
    shown = found[:DIFFERENCES]
    facts = {
        "late": shown,
        "state": state,
        "waits": waits,
        "waiting_max": WAITING_MAX,
        "older": _next(visit, str(shown[-1].journal_id) if len(found) > DIFFERENCES else ""),
    }
    return Shown("adjustments.html", facts)


def _filters(visit: Visit, states: tuple[str, ...]) -> tuple[str, str]:
    terminal, state = visit.query.get("terminal", "").strip(), visit.query.get("state", "") or states[0]
    if len(terminal) > _TEXT_MAX or state not in states:
        raise OperatorError(f"a terminal has at most {_TEXT_MAX} characters, a state is one of {', '.join(states)}")
    return terminal, state


def _next(visit: Visit, cursor: str) -> str:
    """Return where the next page is, "" where there is none."""
    if not cursor:
        return ""
    asked = {name: value for name, value in visit.query.items() if value and name != "after"}
    return f"{visit.path}?{urlencode(asked | {'after': cursor})}"


def _sides(found: BatchRow) -> list[tuple[str, Totals | None, Totals | None]]:
    """Return books' and terminal's totals of domestic and of foreign cards; without those that nobody has."""
    host, terminal = found.host, found.terminal
    both = [
        ("Domestic cards", host and host.domestic, terminal and terminal.domestic),
        ("Foreign cards", host and host.foreign, terminal and terminal.foreign),
    ]
    some = [side for side in both if any(side[1] or ()) or any(side[2] or ())]
    return some or both[:1]


PAGES: Final = (
    Page("/batches", batches),
    Page("/batches/{terminal}/{merchant}/{batch}", batch),
    Page("/discrepancies", discrepancies),
    Page("/adjustments", adjustments),
)
