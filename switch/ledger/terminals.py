"""Terminals as operators see and change them, and what they are asked to do at their next message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from switch.errors import NotInBooks
from switch.ledger import schema
from switch.ledger.moves import Move
from switch.ledger.parties import move_party


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key of a terminal, by what may be shown of it. ``changed_at`` is microseconds since 1970, UTC."""

    usage: str
    check_value: str
    changed_at: int


@dataclass(frozen=True, slots=True)
class TerminalStanding:
    """A terminal, its keys, and the merchant that it is bound to.

    ``last_seen_at`` is when it last asked for something that is kept (None: never), ``last_seen_day`` a yyyymmdd of
    the last message of any kind (0: none since it was registered or made active again).
    """

    terminal_id: str
    merchant_id: str
    merchant_name: str
    merchant_status: str
    status: str
    because: str
    serial: str
    kinds: str
    entry_modes: str
    schemes: str
    manual_entry: str
    fallback: bool
    limits: str
    batch: str
    batch_state: str
    signed_on: bool
    operator_id: str
    software: str
    pending: tuple[str, ...]
    keys: tuple[HeldKey, ...]
    last_seen_at: int | None
    last_seen_day: int


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
        raise _not_in_books(terminal_id)
    row: dict[str, Any] = dict(found)
    return TerminalStanding(
        signed_on=bool(row.pop("signed_on")),
        fallback=bool(row.pop("fallback")),
        pending=tuple(row.pop("pending").split()),
        keys=_keys(connection, terminal_id),
        **row,
    )


def _keys(connection: sa.Connection, terminal_id: str) -> tuple[HeldKey, ...]:
    its = schema.terminal_key.c
    rows = connection.execute(
        sa.select(its.usage, its.check_value, its.changed_at)
        .where(its.terminal_id == terminal_id)
        .order_by(its.usage)
    )  # fmt: skip
    return tuple(HeldKey(*row) for row in rows)


def move_terminal(connection: sa.Connection, terminal_id: str, move: Move, because: str = "") -> str:
    """Change a terminal's state and return the one it had. Raises `NotInBooks`, or `OperatorError` (no such move).

    ``because`` is kept while it is locked. One that becomes active counts as not heard of yet: no sweep takes it for
    dormant before it has spoken again.
    """
    terminal = schema.terminal
    also: dict[str, object] = {}
    if move.to != "locked":
        also["because"] = ""
    elif because:
        also["because"] = because
    if move.to == "active":
        also["last_seen_day"] = sa.case((terminal.c.status == "active", terminal.c.last_seen_day), else_=0)
    which = terminal.c.terminal_id == terminal_id
    return move_party(connection, terminal, which, f"terminal {terminal_id}", move, **also)


def ask_terminal(connection: sa.Connection, terminal_id: str, what: str) -> tuple[str, ...]:
    """Tell a terminal to do ``what`` (of `moves.ASKED_FOR`) after what it is to do already; return all of it.

    Raises `NotInBooks`.
    """
    before = _pending(connection, terminal_id)
    pending = before if what in before else (*before, what)
    _set_pending(connection, terminal_id, pending)
    return pending


def ask_nothing(connection: sa.Connection, terminal_id: str) -> tuple[str, ...]:
    """Take back what a terminal has not done yet, and return it. Raises `NotInBooks`."""
    before = _pending(connection, terminal_id)
    _set_pending(connection, terminal_id, ())
    return before


def _pending(connection: sa.Connection, terminal_id: str) -> tuple[str, ...]:
    its = schema.terminal.c
    found = connection.execute(
        sa.select(its.pending).where(its.terminal_id == terminal_id).with_for_update()
    ).scalar_one_or_none()
    if found is None:
        raise _not_in_books(terminal_id)
    return tuple(found.split())


def _set_pending(connection: sa.Connection, terminal_id: str, pending: tuple[str, ...]) -> None:
    terminal = schema.terminal
    connection.execute(
        sa.update(terminal).where(terminal.c.terminal_id == terminal_id).values(pending=" ".join(pending))
    )


def _not_in_books(terminal_id: str) -> NotInBooks:
    return NotInBooks(f"terminal {terminal_id} is not in the books")
