"""The accounts that fees go to: one of the acquirer and one of each agent, in each currency, opened when needed."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from switch.ledger import schema
from switch.ledger.database import Database
from switch.ledger.import_staging import ACCOUNTS_LOCK, highest

FEE: Final = "fee"
AGENT: Final = "agent"
"""Kinds of these accounts."""

ACQUIRER: Final = "acquirer"
"""Whose the accounts of kind `FEE` are."""


class FeeAccounts:
    """Finds these accounts by kind, name and currency, and opens those that there are not."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[tuple[str, str, str], int] = {}

    def number(self, kind: str, name: str, currency: str) -> int:
        """Return the id of an account; opens it, in a transaction of its own, where there is none."""
        key = kind, name, currency
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._find(*key) or self._open(*key)
        return known

    def _find(self, kind: str, name: str, currency: str) -> int | None:
        with self._database.reading() as connection:
            return _found(connection, kind, name, currency)

    def _open(self, kind: str, name: str, currency: str) -> int:
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ACCOUNTS_LOCK)))
            there = _found(connection, kind, name, currency)  # opened by another process a moment ago
            if there is not None:
                return there
            number = highest(connection, schema.account.name, "account_id") + 1
            connection.execute(
                sa.insert(schema.account).values(account_id=number, kind=kind, name=name, currency=currency)
            )
            return number


def _found(connection: sa.Connection, kind: str, name: str, currency: str) -> int | None:
    its = schema.account.c
    return connection.execute(
        sa.select(its.account_id).where(its.kind == kind, its.name == name, its.currency == currency)
    ).scalar()
