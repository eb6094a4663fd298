"""All pages of the console."""

from __future__ import annotations

from typing import Final

from switch.console import (
    batches,
    cards,
    changes,
    days,
    keys,
    maintenance,
    merchants,
    proposals,
    statements,
    taps,
    terminals,
    tokens,
    transactions,
)
from switch.console.visit import Page, Shown, Visit


def first(_visit: Visit) -> Shown:
    """Lead to the transactions: what most people come for."""
    return Shown("", {}, to="/transactions")


PAGES: Final[tuple[Page, ...]] = (
    Page("/", first),
    *transactions.PAGES,
    *cards.PAGES,
    *merchants.PAGES,
    *terminals.PAGES,
    *taps.PAGES,
    *batches.PAGES,
    *days.PAGES,
    *statements.PAGES,
    *maintenance.PAGES,
    *proposals.PAGES,
    *tokens.PAGES,
    *changes.PAGES,
    *keys.PAGES,
)
