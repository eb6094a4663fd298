"""Merchants as operators see and change them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from switch.errors import NotInBooks
from switch.ledger import schema
from switch.ledger.moves import Move
from switch.ledger.parties import move_party
from switch.values import Money


@dataclass(frozen=True, slots=True)
class MerchantStanding:
    """A merchant, the sum of its account, its terminals by state, and how many operators it has registered."""

    merchant_id: str
    name: str
    mcc: str
    status: str
    balance: Money
    manual_entry: str
    limits: str
    terminals: Mapping[str, int]
    operators: int


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
    operator = schema.operator
    operators = connection.execute(
        sa.select(sa.func.count())
        .select_from(operator)
        .where(operator.c.merchant_id == merchant_id, operator.c.status == "active")
    ).scalar_one()
    return MerchantStanding(
        found.merchant_id,
        found.name,
        found.mcc,
        found.status,
        Money(_entries_sum(connection, found.account_id), found.currency),
        found.manual_entry,
        found.limits,
        {row.status: row.number for row in states},
        operators,
    )


def move_merchant(connection: sa.Connection, merchant_id: str, move: Move) -> str:
    """Change a merchant's state and return the one it had. Raises `NotInBooks`, or `OperatorError` (no such move)."""
    merchant = schema.merchant
    return move_party(connection, merchant, merchant.c.merchant_id == merchant_id, f"merchant {merchant_id}", move)


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
