"""The walls behind the program: what the database refuses whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from switch.ledger import schema
from switch.ledger.database import Database, open_database
from switch.ledger.settlement_tables import TOTALS
from tests.ledger.shop import CARDS, MERCHANT_ACCOUNT, RICH, Shop, authorisation, purchase, reversal, stock

ACCOUNT, CARD = CARDS[RICH][1], CARDS[RICH][0]
SALE, HOLD, RELEASE = 1_000_000, 1_000_001, 1_000_002


@pytest.fixture
def books(database: str) -> Iterator[Database]:
    """Books with a sale, and a hold that was released."""
    opened = open_database(database)
    stock(opened)
    Shop(opened).send(purchase(1), authorisation(2), reversal(2))
    yield opened
    opened.close()


def transfer(**values: Any) -> sa.Insert:
    row = {
        "journal_id": SALE,
        "leg": 9,
        "debit_account_id": ACCOUNT,
        "credit_account_id": MERCHANT_ACCOUNT,
        "amount_minor": 1,
        "currency": "156",
    }
    return sa.insert(schema.transfer).values(**row | values)


def key(**values: Any) -> sa.Insert:
    row = {
        "terminal_id": "T1",
        "merchant_id": "M1",
        "stan": "000001",
        "local_date": 20260304,
        "message_class": "2",
        "batch": "",
        "journal_id": HOLD,
    }
    return sa.insert(schema.request_key).values(**row | values)


def change_payment(**values: Any) -> sa.Update:
    return sa.update(schema.payment).where(schema.payment.c.payment_id == SALE).values(**values)


def day(**values: Any) -> sa.Insert:
    return sa.insert(schema.business_day).values(**{"day": 20260305, "opened_at": 1} | values)


def settled(**values: Any) -> sa.Insert:
    numbers = {f"{whose}_{name}": 0 for whose in ("host", "terminal") for name in TOTALS}
    row = {"terminal_id": "T1", "merchant_id": "M1", "batch": "000001", "state": "closed", "business_day": 20260304}
    return sa.insert(schema.batch).values(**numbers | row | {"journal_id": SALE, "settled_at": 1} | values)


def discrepancy(number: int, **values: Any) -> dict[str, Any]:
    row = {"terminal_id": "T1", "merchant_id": "M1", "batch": "000001", "stan": "000001", "what": "missing"}
    return {"id": number, **row, **values}


FORBIDDEN = {
    "a key has two effects": key(),
    "a hold ends twice": sa.insert(schema.hold_end).values(hold_id=HOLD, journal_id=RELEASE, how="captured"),
    "a hold that never was ends": sa.insert(schema.hold_end).values(hold_id=5, journal_id=RELEASE, how="captured"),
    "an unknown end of a hold": sa.update(schema.hold_end).values(how="forgotten"),
    "a transfer of nothing": transfer(amount_minor=0),
    "a transfer backwards": transfer(amount_minor=-5),
    "a transfer to itself": transfer(credit_account_id=ACCOUNT),
    "a transfer nobody asked for": transfer(journal_id=7),
    "a transfer to no account": transfer(credit_account_id=7),
    "more is undone than was paid": change_payment(refunded_minor=1_001),
    "refunds exceed what a reversal left": change_payment(current_minor=400, refunded_minor=500),
    "an unknown state": change_payment(state="lost"),
    "held below nothing": sa.update(schema.balance).values(held_minor=-1),
    "counters below nothing": sa.update(schema.card_day).values(count=-1),
    "a second balance": sa.insert(schema.balance).values(
        account_id=ACCOUNT, ledger_minor=0, held_minor=0, credit_limit_minor=0
    ),
    "a settled batch that is open": settled(state="open"),
    "a settlement nobody asked for": settled(journal_id=7),
    "a discrepancy of an unknown sort": sa.insert(schema.discrepancy).values(discrepancy(1, what="odd")),
    "two discrepancies of one transaction": sa.insert(schema.discrepancy).values(
        [discrepancy(number, journal_id=SALE) for number in (1, 2)]
    ),
    "a day that is closed at no moment": day(state="closed"),
    "a day that is open and has ended": day(closed_at=2),
    "a day begins twice": day(day=20260304),
    "a second decision under one id": sa.insert(schema.journal).values(
        journal_id=SALE, kind="purchase", action="approved", local_date=1, business_day=1, received_at=1, decided_at=1
    ),
}


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_the_database_refuses(books: Database, statement: sa.Executable) -> None:
    with pytest.raises(IntegrityError), books.writing() as connection:
        connection.execute(statement)


def test_what_is_only_new_is_taken(books: Database) -> None:
    """Each wall refuses for the one thing that is wrong: the same row without it is kept as it was written."""
    new = (
        (transfer(), schema.transfer, {"journal_id": SALE, "leg": 9, "amount_minor": 1}),
        (key(stan="000009"), schema.request_key, {"stan": "000009", "journal_id": HOLD}),
        (settled(), schema.batch, {"batch": "000001", "state": "closed", "journal_id": SALE}),
        (day(), schema.business_day, {"day": 20260305, "state": "open", "closed_at": None}),
        (change_payment(refunded_minor=1), schema.payment, {"payment_id": SALE, "refunded_minor": 1}),
        (insert(discrepancy(1)), schema.discrepancy, {"id": 1, "stan": "000001"}),
        (insert(discrepancy(2, stan="000002")), schema.discrepancy, {"id": 2, "stan": "000002"}),
    )
    before = [count(books, table, row) for _, table, row in new]

    with books.writing() as connection:
        for statement, *_ in new:
            connection.execute(statement)

    assert before == [0] * len(new)
    assert [count(books, table, row) for _, table, row in new] == [1] * len(new)


def insert(row: dict[str, Any]) -> sa.Insert:
    return sa.insert(schema.discrepancy).values(row)


def count(books: Database, table: sa.Table, row: dict[str, Any]) -> int:
    """How many rows have these values."""
    its = [table.c[name].is_not_distinct_from(value) for name, value in row.items()]
    with books.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table).where(*its)).scalar_one()
