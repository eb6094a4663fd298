"""Cards, terminals and merchants as operators see and change them.

A change is one small commit; a running server reads a card, terminal or merchant anew in each group, so the
next message already meets it. Cards are found by the vault's hash of their number and shown masked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from switch.errors import NotInBooks, OperatorError
from switch.ledger import schema
from switch.values import Money

CARD_STATES: Final = ("active", "inactive", "frozen", "lost", "stolen")
TERMINAL_STATES: Final = ("registered", "active", "locked", "dormant", "retired")
MERCHANT_STATES: Final = ("active", "frozen", "closed")


class Move(NamedTuple):
    """What an operator may do to a party: the state it leads to, and those it may start from."""

    verb: str
    to: str
    starts: tuple[str, ...]


# fmt: off
CARD_MOVES: Final = (
    Move("freeze",     "frozen",   ("active", "inactive")),
    Move("unfreeze",   "active",   ("frozen",)),
    Move("activate",   "active",   ("inactive", "lost", "stolen")),
    Move("deactivate", "inactive", ("active", "frozen")),
    Move("lost",       "lost",     ("active", "inactive", "frozen", "stolen")),
    Move("stolen",     "stolen",   ("active", "inactive", "frozen", "lost")),
)
TERMINAL_MOVES: Final = (
    Move("activate",   "active",   ("registered", "locked", "dormant")),
    Move("lock",       "locked",   ("registered", "active", "dormant")),
    Move("unlock",     "active",   ("locked",)),
    Move("freeze",     "locked",   ("registered", "active", "dormant")),  # as for cards and merchants
    Move("unfreeze",   "active",   ("locked",)),
    Move("retire",     "retired",  ("registered", "active", "locked", "dormant")),
)
MERCHANT_MOVES: Final = (
    Move("freeze",     "frozen",   ("active",)),
    Move("unfreeze",   "active",   ("frozen",)),
    Move("close",      "closed",   ("active", "frozen")),
    Move("reopen",     "active",   ("closed",)),
)
# fmt: on


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
    """A card and its account at one moment. Limits of None do not apply."""

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
    spent_minor: int
    spent_count: int
    holds: tuple[OpenHold, ...]

    @property
    def available_minor(self) -> int:
        return self.ledger_minor - self.held_minor + self.credit_limit_minor

    def money(self, minor: int) -> Money:
        """An amount in the account's currency."""
        return Money(minor, self.currency)


@dataclass(frozen=True, slots=True)
class TerminalStanding:
    """A terminal, the merchant that it is bound to, and when it last asked for something (None: never)."""

    terminal_id: str
    merchant_id: str
    merchant_name: str
    merchant_status: str
    status: str
    serial: str
    kinds: str
    entry_modes: str
    batch: str
    signed_on: bool
    last_seen_at: int | None


@dataclass(frozen=True, slots=True)
class MerchantStanding:
    """A merchant, the sum of its account, and its terminals by state."""

    merchant_id: str
    name: str
    mcc: str
    status: str
    balance: Money
    terminals: Mapping[str, int]


# --- cards -------------------------------------------------------------------------------------------------


def card_standing(connection: sa.Connection, pan_key: bytes, today: date) -> CardStanding:
    """Show a card with its account, what it spent on the business day ``today``, and its open holds.

    Raises `NotInBooks`.
    """
    card, account, balance, day = schema.card, schema.account, schema.balance, schema.card_day
    found = connection.execute(
        sa.select(
            card.c.masked_pan, card.c.expiry_yymm, card.c.status, card.c.account_id,
            card.c.single_limit_minor, card.c.daily_limit_minor, card.c.daily_count,
            account.c.name, account.c["class"], account.c.currency,
            balance.c.ledger_minor, balance.c.held_minor, balance.c.credit_limit_minor,
            sa.func.coalesce(day.c.amount_minor, 0).label("spent_minor"),
            sa.func.coalesce(day.c.count, 0).label("spent_count"),
        )
        .select_from(
            card.join(account, account.c.account_id == card.c.account_id)
            .join(balance, balance.c.account_id == card.c.account_id)
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
    return _move(connection, card, card.c.pan_key == pan_key, "the card", move)


def set_card_limits(connection: sa.Connection, pan_key: bytes, limits: Mapping[str, int | None]) -> None:
    """Set some of ``single_limit_minor``, ``daily_limit_minor``, ``daily_count``; None takes a limit away."""
    card = schema.card
    if not connection.execute(sa.update(card).where(card.c.pan_key == pan_key).values(**limits)).rowcount:
        raise NotInBooks("the card is not in the books")


# --- terminals and merchants -------------------------------------------------------------------------------


def terminal_standing(connection: sa.Connection, terminal_id: str) -> TerminalStanding:
    """Show a terminal. Raises `NotInBooks`."""
    terminal, merchant, key, journal = schema.terminal, schema.merchant, schema.request_key, schema.journal
    last_seen = (
        sa.select(sa.func.max(journal.c.received_at))
        .where(key.c.terminal_id == terminal.c.terminal_id, journal.c.journal_id == key.c.journal_id)
        .scalar_subquery()
    )
    found = connection.execute(
        sa.select(
            terminal, merchant.c.name.label("merchant_name"), merchant.c.status.label("merchant_status"),
            last_seen.label("last_seen_at"),
        )
        .join(merchant, merchant.c.merchant_id == terminal.c.merchant_id)
        .where(terminal.c.terminal_id == terminal_id)
    ).mappings().first()  # fmt: skip
    if found is None:
        raise NotInBooks(f"terminal {terminal_id} is not in the books")
    return TerminalStanding(**{**found, "signed_on": bool(found["signed_on"])})


def move_terminal(connection: sa.Connection, terminal_id: str, move: Move) -> str:
    """Change a terminal's state and return the one it had. Raises `NotInBooks`, or `OperatorError` (no such move)."""
    terminal = schema.terminal
    return _move(connection, terminal, terminal.c.terminal_id == terminal_id, f"terminal {terminal_id}", move)


def merchant_standing(connection: sa.Connection, merchant_id: str) -> MerchantStanding:
    """Show a merchant. Raises `NotInBooks`."""
    merchant, terminal = schema.merchant, schema.terminal
    found = connection.execute(sa.select(merchant).where(merchant.c.merchant_id == merchant_id)).first()
    if found is None:
        raise NotInBooks(f"merchant {merchant_id} is not in the books")
    states = connection.execute(
        sa.select(terminal.c.status, sa.func.count().label("number"))
        .where(terminal.c.merchant_id == merchant_id)
        .group_by(terminal.c.status)
    )
    return MerchantStanding(
        found.merchant_id,
        found.name,
        found.mcc,
        found.status,
        Money(_entries_sum(connection, found.account_id), found.currency),
        {row.status: row.number for row in states},
    )


def move_merchant(connection: sa.Connection, merchant_id: str, move: Move) -> str:
    """Change a merchant's state and return the one it had. Raises `NotInBooks`, or `OperatorError` (no such move)."""
    merchant = schema.merchant
    return _move(connection, merchant, merchant.c.merchant_id == merchant_id, f"merchant {merchant_id}", move)


def _entries_sum(connection: sa.Connection, account_id: int) -> int:
    """Credits less debits: what an account without a balance row stands at."""
    transfer = schema.transfer

    def total(side: sa.ColumnElement[int]) -> sa.ScalarSelect[Any]:
        return (
            sa.select(sa.func.coalesce(sa.func.sum(transfer.c.amount_minor), 0))
            .where(side == account_id)
            .scalar_subquery()
        )

    return int(
        connection.execute(
            sa.select(total(transfer.c.credit_account_id) - total(transfer.c.debit_account_id))
        ).scalar_one()
    )


def _move(connection: sa.Connection, table: sa.Table, which: sa.ColumnElement[bool], who: str, move: Move) -> str:
    """Being there already is fine: doing it twice is doing it once."""
    before = connection.execute(sa.select(table.c.status).where(which).with_for_update()).scalar_one_or_none()
    if before is None:
        raise NotInBooks(f"{who} is not in the books")
    if before not in (*move.starts, move.to):
        raise OperatorError(f"{who} is {before}; {move.verb} takes one that is {' or '.join(move.starts)}")
    connection.execute(sa.update(table).where(which).values(status=move.to))
    return str(before)
