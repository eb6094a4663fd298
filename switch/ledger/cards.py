"""Cards as operators see and change them: found by the vault's hash of their number, shown masked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from switch.errors import NotInBooks
from switch.ledger import schema
from switch.ledger.moves import Move
from switch.ledger.parties import move_party
from switch.values import Money


@dataclass(frozen=True, slots=True)
class OpenHold:
    """A hold that stands: who set it, and when (microseconds since 1970, UTC)."""

    hold_id: int
    at: int
    rrn: str
    merchant_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class CardStanding:
    """A card and its account at one moment. Limits of None do not apply; ``limits`` are the others, in words.

    ``pin_tries`` is the number of wrong PINs in a row; of what a PIN is held against only ``has_pin`` is told.
    """

    masked_pan: str
    expiry_yymm: str
    status: str
    account: str
    account_class: str
    currency: str
    ledger_minor: int
    held_minor: int
    credit_limit_minor: int
    single_limit_minor: int | None
    daily_limit_minor: int | None
    daily_count: int | None
    limits: str
    scheme: str
    has_pin: bool
    pin_tries: int
    spent_minor: int
    spent_count: int
    holds: tuple[OpenHold, ...]

    @property
    def available_minor(self) -> int:
        return self.ledger_minor - self.held_minor + self.credit_limit_minor

    def money(self, minor: int) -> Money:
        """An amount in the account's currency."""
        return Money(minor, self.currency)


def card_standing(connection: sa.Connection, pan_key: bytes, today: date) -> CardStanding:
    """Show a card with its account, what it spent on the business day ``today``, and its open holds.

    Raises `NotInBooks`.
    """
    card, account, balance, day = schema.card, schema.account, schema.balance, schema.card_day
    security = schema.card_security
    found = connection.execute(
        sa.select(
            card.c.masked_pan, card.c.expiry_yymm, card.c.status, card.c.account_id,
            card.c.single_limit_minor, card.c.daily_limit_minor, card.c.daily_count, card.c.limits, card.c.scheme,
            (card.c.pvv != "").label("has_pin"), sa.func.coalesce(security.c.pin_tries, 0).label("pin_tries"),
            account.c.name, account.c["class"], account.c.currency,
            balance.c.ledger_minor, balance.c.held_minor, balance.c.credit_limit_minor,
            sa.func.coalesce(day.c.amount_minor, 0).label("spent_minor"),
            sa.func.coalesce(day.c.count, 0).label("spent_count"),
        )
        .select_from(
            card.join(account, account.c.account_id == card.c.account_id)
            .join(balance, balance.c.account_id == card.c.account_id)
            .outerjoin(security, security.c.card_id == card.c.card_id)
            .outerjoin(
                day, (day.c.card_id == card.c.card_id) & (day.c.business_day == int(today.strftime("%Y%m%d")))
            )
        )
        .where(card.c.pan_key == pan_key)
    ).mappings().first()  # fmt: skip
    if found is None:
        raise NotInBooks("the card is not in the books")
    row = dict(found)
    return CardStanding(
        account=row.pop("name"),
        account_class=row.pop("class"),
        has_pin=bool(row.pop("has_pin")),
        holds=_open_holds(connection, row.pop("account_id")),
        **row,
    )


def _open_holds(connection: sa.Connection, account_id: int) -> tuple[OpenHold, ...]:
    hold, end, journal = schema.hold, schema.hold_end, schema.journal
    rows = connection.execute(
        sa.select(
            hold.c.hold_id, journal.c.decided_at, journal.c.rrn, journal.c.merchant_id,
            hold.c.amount_minor, hold.c.currency,
        )
        .select_from(
            hold.join(journal, journal.c.journal_id == hold.c.hold_id)
            .outerjoin(end, end.c.hold_id == hold.c.hold_id)
        )
        .where(hold.c.account_id == account_id, end.c.hold_id.is_(None))
        .order_by(hold.c.hold_id)
    )  # fmt: skip
    return tuple(
        OpenHold(row.hold_id, row.decided_at, row.rrn, row.merchant_id, Money(row.amount_minor, row.currency))
        for row in rows
    )


def move_card(connection: sa.Connection, pan_key: bytes, move: Move) -> str:
    """Change a card's state and return the one it had. Raises `NotInBooks`, or `OperatorError` (no such move)."""
    card = schema.card
    return move_party(connection, card, card.c.pan_key == pan_key, "the card", move)


def set_card_limits(connection: sa.Connection, pan_key: bytes, limits: Mapping[str, int | None]) -> None:
    """Set some of ``single_limit_minor``, ``daily_limit_minor``, ``daily_count``; None takes a limit away."""
    card = schema.card
    if not connection.execute(sa.update(card).where(card.c.pan_key == pan_key).values(**limits)).rowcount:
        raise NotInBooks("the card is not in the books")


def reset_pin_tries(connection: sa.Connection, pan_key: bytes) -> int:
    """Forget a card's wrong PINs and return how many there were. Raises `NotInBooks`."""
    card, security = schema.card, schema.card_security
    card_id = connection.execute(sa.select(card.c.card_id).where(card.c.pan_key == pan_key)).scalar_one_or_none()
    if card_id is None:
        raise NotInBooks("the card is not in the books")
    its = security.c.card_id == card_id
    before = connection.execute(sa.select(security.c.pin_tries).where(its).with_for_update()).scalar()
    connection.execute(sa.update(security).where(its).values(pin_tries=0))
    return before or 0
