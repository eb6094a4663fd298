"""Cards: found by their number, which is never part of a URL; one card, its account, what may be done with it."""

from __future__ import annotations

from typing import Final

from switch.console.parties import asked, moves_from, told_of
from switch.console.visit import Page, Shown, Visit
from switch.ledger.moves import CARD_MOVES
from switch.office.cards import account_page, card_page, cards_like, find_card, newest_of_card


def cards(visit: Visit) -> Shown:
    """Ask for a card, or lead to the one whose number was sent."""
    if visit.form:
        return Shown("", {}, to=f"/cards/{find_card(visit.desk, visit.form.get('number', ''))}")
    first, last = asked(visit, "first"), asked(visit, "last")
    found = None
    if first or last:
        with visit.desk.database.reading() as connection:
            found = cards_like(connection, first, last)
    return Shown("cards.html", {"first": first, "last": last, "found": found})


def card(visit: Visit) -> Shown:
    """Show one card."""
    with visit.desk.database.reading() as connection:
        page = card_page(visit.desk, connection, visit.where["card_id"])
        newest = newest_of_card(connection, page.card_id)
        told = told_of(visit, connection, f"card:{page.card_id}")
    facts = {
        "page": page,
        "card": page.standing,
        "moves": moves_from(CARD_MOVES, page.standing.status),
        "lines": newest,
        "alone_minor": visit.desk.limit_of_one_minor,
        **told,
    }
    return Shown("card.html", facts)


def account(visit: Visit) -> Shown:
    """Show one account."""
    with visit.desk.database.reading() as connection:
        return Shown("account.html", {"page": account_page(connection, visit.where["account_id"])})


PAGES: Final = (
    Page("/cards", cards, takes_form=True),
    Page("/cards/{card_id}", card),
    Page("/accounts/{account_id}", account),
)
