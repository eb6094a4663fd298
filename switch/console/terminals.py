"""Terminals: the list, those that need a look, and one with its keys, its health and what may be done with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from switch.console.parties import asked, moves_from, told_of
from switch.console.visit import Page, Shown, Visit
from switch.ledger.moves import ASKED_FOR, TERMINAL_MOVES, TERMINAL_STATES
from switch.ledger.taps import taps_of
from switch.messages.dates import HostCalendar
from switch.office.health import worst
from switch.office.terminals import (
    FLEET_ROWS,
    SILENT,
    Filter,
    find_terminals,
    health_of,
    newest_transactions,
    terminal_page,
    unwell_terminals,
)

_NEWEST_MAX: Final = 15


def terminals(visit: Visit) -> Shown:
    """List terminals that fit."""
    wanted = Filter(asked(visit, "begins"), asked(visit, "merchant"), asked(visit, "status"))
    yesterday = int((visit.desk.today() - timedelta(days=1)).strftime("%Y%m%d"))
    with visit.desk.database.reading() as connection:
        found = find_terminals(connection, wanted, asked(visit, "after"), seen_before_day=yesterday)
    return Shown("terminals.html", {"wanted": wanted, "found": found, "states": [*TERMINAL_STATES, SILENT]})


def unwell(visit: Visit) -> Shown:
    """List the terminals that need a look, the worst first."""
    calendar = HostCalendar(visit.desk.settings.zone)
    with visit.desk.database.reading() as connection:
        found = unwell_terminals(connection, visit.desk.clock(), calendar.skew_s)
    return Shown("terminals_health.html", {"found": found, "rows": FLEET_ROWS})


def terminal(visit: Visit) -> Shown:
    """Show one terminal."""
    terminal_id, now = visit.where["terminal_id"], visit.desk.clock()
    calendar = HostCalendar(visit.desk.settings.zone)
    with visit.desk.database.reading() as connection:
        page = terminal_page(connection, terminal_id)
        signs = health_of(connection, terminal_id, page.batch, now, calendar.skew_s, expected=page.status == "active")
        lines = newest_transactions(connection, {terminal_id: page.batch}, _NEWEST_MAX)
        taps = taps_of(connection, terminal_id, now)
        told = told_of(visit, connection, f"terminal:{terminal_id}")
    facts = {
        "page": page,
        "signs": signs,
        "health": worst(signs),
        "moves": moves_from(TERMINAL_MOVES, page.status),
        "errands": ASKED_FOR,
        "taps": taps,
        "lines": lines,
        **told,
    }
    return Shown("terminal.html", facts)


PAGES: Final = (
    Page("/terminals", terminals),
    Page("/terminals/health", unwell),
    Page("/terminals/{terminal_id}", terminal),
)
