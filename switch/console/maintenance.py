"""Maintenance mode: whether anything new is let in, what people are told, and the switch for it."""

from __future__ import annotations

from typing import Final

from switch.console.visit import Page, Shown, Visit
from switch.ledger.maintenance import read_maintenance
from switch.office.maintenance import NOTICE_MAX, TARGET


def maintenance(visit: Visit) -> Shown:
    """Show how it stands, with the form to change it."""
    with visit.desk.database.reading() as connection:
        state = read_maintenance(connection)
    return Shown("maintenance.html", {"state": state, "target": TARGET, "notice_max": NOTICE_MAX})


PAGES: Final = (Page("/maintenance", maintenance),)
