"""From the movements on a merchant's account to the items of its statement: what each payment came to that day.

A reversal, a tip and an adjustment are part of the payment that they are about, as far as that is of the same day: a
sale that was reversed in part is an item of what is left, one that was reversed is none, and so is a void that was
reversed. What they are about on an earlier day stands by itself. So the items add up to exactly what the day moved.

What came without a time of day (a UnionPay request has neither DE 12 nor DE 13, a correction is no message) is of the
moment when it was answered: the host's date and time, which its answer said too and the terminal's slip shows.

A debit is what the merchant is credited with (the cardholder is debited: a sale, a completion), a credit the other
way. A sale that was voided stays among the debits, and its void is a credit (domain rule 27).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from switch.decisions.closing import Movement
from switch.messages.dates import HostCalendar
from switch.messages.kinds import Kind
from switch.settlement.fees import FeePlan, card_type_of, scheme_of

SALES: Final = frozenset(
    kind.value
    for kind in (Kind.PURCHASE, Kind.CODE_PURCHASE, Kind.OFFLINE_SALE, Kind.COMPLETION, Kind.COMPLETION_ADVICE)
)
"""Kinds that a fee is taken for."""

VOIDS: Final = frozenset(kind.value for kind in (Kind.VOID, Kind.CODE_CANCEL, Kind.COMPLETION_VOID))
"""Kinds that take a sale back on its own day: then there is no fee for it. A refund gives no fee back."""

_PARTS: Final = frozenset(kind.value for kind in (Kind.REVERSAL, Kind.TIP, Kind.ADJUSTMENT))

_DEPTH: Final = 2  # the reversal of a tip for a sale


class Item(NamedTuple):
    """One payment of a day. ``amount_minor`` is above zero for a debit, below for a credit, never zero.

    Its fields stand in a statement's content in this order: new ones are added at the end.
    """

    kind: str
    terminal_id: str
    batch: str
    stan: str
    rrn: str
    local_date: int
    local_time: str
    masked_pan: str
    scheme: str
    card_type: str
    amount_minor: int
    fee_minor: int


def items_of(movements: Sequence[Movement], plan: FeePlan | None, calendar: HostCalendar) -> list[Item]:
    """Return the items of one merchant's day, in the order of its movements, with their fees (none without a plan).

    ``calendar`` is the one that answers have their times from.
    """
    amounts = _amounts(movements)
    voided = {
        movement.original_id for movement in movements if movement.kind in VOIDS and amounts.get(movement.journal_id)
    }
    items = []
    for movement in movements:
        amount = amounts.pop(movement.journal_id, 0)  # once, however many transfers it made
        if amount:
            is_sold = movement.kind in SALES and amount > 0 and movement.journal_id not in voided
            items.append(_item(movement, amount, plan if is_sold else None, calendar))
    return items


def _amounts(movements: Iterable[Movement]) -> dict[int, int]:
    """What each payment came to, by its journal row."""
    rows = {movement.journal_id: movement for movement in movements}
    amounts: dict[int, int] = {}
    for movement in movements:
        whole = movement
        for _ in range(_DEPTH):
            if whole.kind in _PARTS and whole.original_id in rows:
                whole = rows[whole.original_id]
        amounts[whole.journal_id] = amounts.get(whole.journal_id, 0) + movement.moved_minor
    return amounts


def _item(movement: Movement, amount: int, plan: FeePlan | None, calendar: HostCalendar) -> Item:
    scheme, card_type = scheme_of(movement.scheme, movement.card_bin), card_type_of(movement.account_class)
    fee = 0 if plan is None else plan.rate(scheme, card_type).fee(amount)
    local_date, local_time = _moment(movement, calendar)
    return Item(
        movement.kind,
        movement.terminal_id,
        movement.batch,
        movement.stan,
        movement.rrn,
        local_date,
        local_time,
        movement.masked_pan,
        scheme,
        card_type,
        amount,
        fee,
    )


def _moment(movement: Movement, calendar: HostCalendar) -> tuple[int, str]:
    """The date and the time that a message said, or both of its answer."""
    if movement.local_time:
        return movement.local_date, movement.local_time
    day = calendar.day_of(movement.decided_at)
    _, _, hhmmss = calendar.time_of(movement.decided_at)
    return int(f"{day:%Y%m%d}"), hhmmss
