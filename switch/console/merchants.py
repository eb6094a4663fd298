"""Merchants: the list, and one with its terminals, its statements and what may be done with it."""

from __future__ import annotations

from typing import Final

from switch.console.parties import asked, moves_from, told_of
from switch.console.visit import Page, Shown, Visit
from switch.ledger.moves import MERCHANT_MOVES
from switch.office.merchants import (
    FoundMerchants,
    find_merchants,
    list_merchants,
    merchant_page,
    newest_of_merchant,
)


def merchants(visit: Visit) -> Shown:
    """List merchants, all of them or those whose id or name begins as asked."""
    beginning, after = asked(visit, "begins"), asked(visit, "after")
    with visit.desk.database.reading() as connection:
        if beginning:
            found = FoundMerchants(find_merchants(connection, beginning))
        else:
            found = list_merchants(connection, after)
    return Shown("merchants.html", {"beginning": beginning, "found": found})


def merchant(visit: Visit) -> Shown:
    """Show one merchant."""
    with visit.desk.database.reading() as connection:
        page = merchant_page(connection, visit.where["merchant_id"])
        newest = newest_of_merchant(connection, page.terminals)
        told = told_of(visit, connection, f"merchant:{page.merchant_id}")
    moves = moves_from(MERCHANT_MOVES, page.status)
    return Shown("merchant.html", {"page": page, "moves": moves, "lines": newest, **told})


PAGES: Final = (
    Page("/merchants", merchants),
    Page("/merchants/{merchant_id}", merchant),
)
