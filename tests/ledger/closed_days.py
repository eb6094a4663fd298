"""Closed days for the tests: two merchants with terms, sales and more on two days, and what is to be settled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from switch.ledger import schema
from switch.ledger.audit_words import Invariant, Query
from switch.ledger.database import Database
from switch.ledger.days import cut_over
from switch.ledger.settling import DayReport, settle_day
from switch.messages.dates import HostCalendar
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.settlement.closing import Closing
from switch.settlement.fees import load_fee_plans
from tests.ledger.sample_books import about
from tests.ledger.shop import HOUR, LIMITED, NOON, RICH, TODAY, Shop, authorisation, purchase, refund, reversal

BATCH = "000001"
MAKER = Closing(load_fee_plans(), HostCalendar(ZoneInfo("UTC")))
SETTLED_AT = NOON + 14 * HOUR
TOMORROW = date(2026, 3, 5)


def second_merchant(shop: Shop) -> None:
    """M1 gets a fee plan and agents, and a neighbour: M2 with terminal T9, in the same plan, without agents."""
    account = {"account_id": 2, "kind": "merchant", "name": "M2", "currency": "156"}
    merchant = {"merchant_id": "M2", "status": "active", "currency": "156", "account_id": 2, "fee_plan": "standard"}
    terms = {"fee_plan": "standard", "shares": "AGENT01=20% AGENT02=5%"}
    with shop.database.writing() as connection:
        connection.execute(sa.insert(schema.account), [account])
        connection.execute(sa.insert(schema.merchant), [merchant])
        connection.execute(sa.insert(schema.terminal), [{"terminal_id": "T9", "merchant_id": "M2", "status": "active"}])
        connection.execute(sa.update(schema.merchant).where(schema.merchant.c.merchant_id == "M1").values(**terms))


def of(stan: int, amount: int, **others: Any) -> Request:
    return purchase(stan, amount, **{"batch": BATCH, **others})


def trade(shop: Shop) -> None:
    """A day of both merchants, each request in a group of its own, and the beginning of the next day."""
    for request in (
        of(1, 10_000),
        of(2, 6_000, pan=LIMITED),
        of(3, 2_000),
        about(Kind.VOID, 4, 3, 2_000, batch=BATCH),
        refund(5, 1_000, of=1, batch=BATCH),
        of(6, 500),
        reversal(6, 500, batch=BATCH),
        of(7, 900),
        reversal(7, 900, batch=BATCH, new_amount_minor=400),
        authorisation(8, 3_000, batch=BATCH),
        about(Kind.COMPLETION, 9, 8, 2_500, batch=BATCH),
        about(Kind.TIP, 10, 1, 10_000, mti="0220", batch=BATCH, extras=_tip(100)),
        of(11, 999_999),
        of(1, 7_000, terminal_id="T9", merchant_id="M2"),
        of(2, 1_000, terminal_id="T9", merchant_id="M2", pan=LIMITED),
        refund(3, 50, LIMITED, of=2, terminal_id="T9", merchant_id="M2", batch=BATCH),
    ):
        shop.send(request)
    shop.now += 12 * HOUR
    shop.send(of(12, 5_000, local_date=TOMORROW))


def _tip(minor: int) -> Any:
    from switch.messages.model import Extras

    return Extras(tip_minor=minor)


def close(shop: Shop, day: date = TODAY) -> None:
    cut_over(shop.database, day, shop.now)


def settle(shop: Shop, day: date = TODAY, maker: Any = MAKER, ids: Iterator[int] | None = None) -> DayReport:
    """Settle a day; journal ids go on where the shop's are."""
    numbers = shop.ids if ids is None else ids
    return settle_day(shop.database, day, maker, lambda: next(numbers), lambda: SETTLED_AT)


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    with database.reading() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
            for table in schema.metadata.sorted_tables
        }


def offenders(database: Database, invariant: Invariant) -> list[str]:
    """What breaks an invariant."""
    found: list[str] = []
    with database.reading() as connection:
        for query in invariant.broken_by:
            if isinstance(query, Query):
                found += [query.says.format(**row) for row in connection.execute(sa.text(query.sql)).mappings()]
            else:
                found += query(connection)
    return found


FAR_IDS = count(9_000_000_000)
"""Journal ids of another process."""

__all__ = [
    "BATCH",
    "FAR_IDS",
    "MAKER",
    "RICH",
    "TOMORROW",
    "close",
    "everything",
    "of",
    "offenders",
    "second_merchant",
    "settle",
    "trade",
]
