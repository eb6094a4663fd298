"""Counters of what may not be tried, or told, again and again: a card's wrong codes in a day, a chip's offline sales.

They stand beside those that have a limit (`switch.decisions.CountSpending`) and count times, no money. A request that
brings such a thing has its counter loaded, and what was found of it decides whether that rises.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from switch.decisions import Card, Facts
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.messages.verdicts import UNCHECKED, Finding
from switch.rules.limits import Counter, day_of

CODE_TRIES_MAX: Final = 5
"""Wrong codes of one card in one business day after which no code of it is taken: of a thousand, five are tried."""

_TOLD: Final = frozenset({Finding.RIGHT, Finding.WRONG, Finding.MALFORMED})
"""Findings that tell the sender something about a code."""


def tries_of(request: Request, card: Card | None, business_day: date) -> tuple[Counter, ...]:
    """Return the counters that a request of this card is held against: none for most."""
    if card is None or request.verdicts is UNCHECKED:
        return ()
    named = (
        typed_code(request, card.card_id, business_day),
        read_code(request, card.card_id, business_day),
        offline_sale(request, card.card_id),
    )
    return tuple([counter for counter in named if counter is not None])


def times(facts: Facts, counter: Counter | None) -> int:
    """Return where a counter stands; 0 for one that the request does not have."""
    return facts.spending[counter].count if counter is not None and counter in facts.spending else 0


def typed_code(request: Request, card_id: int, business_day: date) -> Counter | None:
    """Return the counter of wrong codes that were typed in (CVN2), where the request brings one that was checked."""
    return (f"code:{card_id}/typed", day_of(business_day)) if request.verdicts.card_code in _TOLD else None


def read_code(request: Request, card_id: int, business_day: date) -> Counter | None:
    """Return that of wrong codes on stripes (CVV): whoever writes stripes can guess, too.

    Where a right cryptogram has shown the card itself there is nothing to guess: others' tries do not count against it.
    """
    verdicts = request.verdicts
    if verdicts.track_code not in _TOLD or verdicts.cryptogram is Finding.RIGHT:
        return None
    return f"code:{card_id}/read", day_of(business_day)


def offline_sale(request: Request, card_id: int) -> Counter | None:
    """Return the counter of one transaction of a chip, by its ATC: that of a sale which the chip has approved itself.

    An offline sale may come after later uses of the card, whose counters are higher; this one is of it alone, for all
    time, so that it is not stored twice under two keys.
    """
    chip = request.chip
    if request.kind is not Kind.OFFLINE_SALE or request.verdicts.cryptogram is not Finding.RIGHT:
        return None
    return (f"chip:{card_id}/{chip.atc}", 0) if chip is not None and chip.atc is not None else None
