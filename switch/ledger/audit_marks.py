"""The words in which the audit tells the life of a payment: what a request left behind, and how payments stand.

`switch.ledger.audit_steps` says what must have been left behind, `switch.ledger.audit_undoing` of reversals.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple

from switch.ledger.audit_kinds import COMPLETED

COMPLETION_DAYS: Final = 30
"""Days after which an authorisation is not completed any more (domain rule 18): it expires."""


class Mark(NamedTuple):
    """What one request left in the books: moved to the card (below zero: from it), held, and which hold it ended."""

    moved_minor: int = 0
    held_minor: int = 0
    ended: int | None = None
    how: str = ""


NO_MARK: Final = Mark()


class Event(NamedTuple):
    """An approved request of a family: the payment that all of it goes back to, or what came about it.

    ``given_back`` is what, of its original, waited for an operator when it came, or was given back by one: at least,
    and at most.
    """

    journal_id: int
    kind: str
    original_id: int | None
    amount_minor: int
    card_id: int | None
    terminal_id: str
    batch: str
    business_day: int
    mark: Mark
    given_back: tuple[int, int] = (0, 0)


class Life(NamedTuple):
    """Where a payment stands. ``hold_id`` is the hold that is open for it, if any."""

    event: Event
    state: str
    current_minor: int
    refunded_minor: int = 0
    hold_id: int | None = None


Lives = Mapping[int, Life]
"""The payments of a family, by id."""


class Step(NamedTuple):
    """What a request must leave behind, and how payments stand after it."""

    mark: Mark
    changed: tuple[Life, ...] = ()


def about(lives: Lives, life: Life) -> Life | None:
    """The payment that another one is about."""
    return lives.get(life.event.original_id or 0)


def days_between(earlier: Life, later: Event) -> int:
    """Business days from a payment to a request. Raises `ValueError` for one that is no date."""
    return (_date(later.business_day) - _date(earlier.event.business_day)).days


def _date(day: int) -> date:
    return date(day // 10_000, day // 100 % 100, day % 100)


def held_again(lives: Lives, completion: Life, event: Event) -> tuple[int, tuple[Life, ...]] | str:
    """What undoing a completion holds again, and its authorisation.

    One too old to be completed has expired, and so has that of a completion of a closed day.
    """
    if completion.event.kind not in COMPLETED:
        return 0, ()
    authorisation = about(lives, completion)
    if authorisation is None or authorisation.state != "captured":
        return "the authorisation is not captured"
    is_closed = completion.event.business_day != event.business_day
    if is_closed or days_between(authorisation, event) > COMPLETION_DAYS:
        return 0, (authorisation._replace(state="expired"),)
    held = authorisation._replace(state="held", hold_id=event.journal_id)
    return held.current_minor, (held,)


def told(mark: Mark) -> str:
    """Say in words what a request left behind."""
    parts = []
    if mark.moved_minor:
        way = "to" if mark.moved_minor > 0 else "from"
        parts.append(f"moved {abs(mark.moved_minor)} {way} the card")
    if mark.ended is not None:
        parts.append(f"{mark.how} hold {mark.ended}")
    if mark.held_minor:
        parts.append(f"held {mark.held_minor}")
    return " and ".join(parts) or "changed nothing"
