"""What finance finds in the books, written there row by row: batches, what differs, late reversals."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from switch.ledger import schema
from switch.office.acts import Desk
from tests.console.test_transactions import ROW, fill
from tests.desks import card_id

TERMINAL, MERCHANT, BATCH = "TERM0001", "MERCHANT0000001", "000001"
MASKED = "411111******1111"
OTHER = "620000******0047"
DAY = 20261121
BATCH_PATH = f"/batches/{TERMINAL}/{MERCHANT}/{BATCH}"


def of_card(desk: Desk, masked: str = MASKED) -> dict[str, Any]:
    with desk.database.reading() as connection:
        its = schema.card.c
        row = connection.execute(sa.select(its.card_id, its.pan_key).where(its.masked_pan == masked)).one()
    return {"card_id": row.card_id, "pan_key": bytes(row.pan_key), "masked_pan": masked}


def sales(desk: Desk, count: int, **others: Any) -> None:
    """Write purchases 1 to ``count`` of one card, without their payments."""
    fill(desk, count, **of_card(desk), **({"action": "approved"} | others))


def settled(desk: Desk, journal_id: int, batch: str = BATCH, **others: Any) -> None:
    """Settle a batch by a journal row of that number; both sides have one sale of 15.00 by a foreign card."""
    row: dict[str, Any] = {name.name: 0 for name in schema.batch.c if name.name.endswith(("_minor", "_count"))}
    for whose in ("host", "terminal"):
        row |= {f"{whose}_foreign_debit_minor": 1_500, f"{whose}_foreign_debit_count": 1}
    row |= {"terminal_id": TERMINAL, "merchant_id": MERCHANT, "batch": batch, "state": "closed"}
    row |= {"business_day": DAY, "journal_id": journal_id, "settled_at": journal_id * 1_000_000}
    with desk.database.writing() as connection:
        connection.execute(sa.insert(schema.batch), [row | others])


def differs(desk: Desk, number: int, what: str, masked: str = MASKED, **others: Any) -> None:
    """Write discrepancy ``number`` of the batch."""
    row = {"id": number, "terminal_id": TERMINAL, "merchant_id": MERCHANT, "batch": BATCH, "stan": f"{number:06d}"}
    row |= {"what": what, "pan_key": of_card(desk, masked)["pan_key"], "masked_pan": masked}
    with desk.database.writing() as connection:
        connection.execute(sa.insert(schema.discrepancy), [row | others])


def late(desk: Desk, journal_id: int, of: int, amount_minor: int = 1_500) -> None:
    """Let a reversal of sale ``of`` wait for an operator."""
    reversal = {"journal_id": journal_id, "kind": "reversal", "received_at": 1, "decided_at": 1, "stan": "000009"}
    payment = {"payment_id": of, "state": "posted", "amount_minor": 1_500, "current_minor": 1_500, "refunded_minor": 0}
    waits = {"journal_id": journal_id, "payment_id": of, "amount_minor": amount_minor, "why": "its day is closed"}
    its, merchant = schema.card.c, schema.merchant.c
    with desk.database.writing() as connection:
        account = sa.select(its.account_id).where(its.card_id == card_id(desk, MASKED))
        payment["account_id"] = connection.execute(account).scalar_one()
        its_account = sa.select(merchant.account_id).where(merchant.merchant_id == MERCHANT)
        payment["merchant_account_id"] = connection.execute(its_account).scalar_one()
        connection.execute(sa.insert(schema.journal), [ROW | reversal])
        connection.execute(sa.insert(schema.payment), [payment])
        connection.execute(sa.insert(schema.adjustment), [waits])


def available(desk: Desk, masked: str = MASKED) -> int:
    """What is on a card's account."""
    balance, card = schema.balance.c, schema.card.c
    found = sa.select(balance.ledger_minor).join(schema.card, card.account_id == balance.account_id)
    with desk.database.reading() as connection:
        return int(connection.execute(found.where(card.masked_pan == masked)).scalar_one())
