"""A small shop for the tests of the ledger: two terminals, three cards, and requests as its terminals send them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import sqlalchemy as sa

from switch.decisions import Outcome
from switch.ledger import schema
from switch.ledger.database import Database
from switch.ledger.group import Rules
from switch.ledger.ports import Decide
from switch.ledger.sessions import connector
from switch.ledger.statements import Session
from switch.ledger.store import Store
from switch.messages.kinds import Kind
from switch.messages.model import OriginalReference, Request
from switch.transactions.decide import decide
from switch.transactions.table import NEEDS
from switch.values import Pan

NOON = int(datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp()) * 1_000_000
HOUR = 3_600_000_000
TODAY = date(2026, 3, 4)

MERCHANT_ACCOUNT = 1
RICH, POOR, LIMITED = Pan("4111111111111111"), Pan("378282246310005"), Pan("6200000000000047")
CARDS = {
    #         card account  ledger   daily limit
    RICH:    (101, 11,      100_000, None),
    POOR:    (102, 12,      5_000,   None),
    LIMITED: (103, 13,      100_000, 8_000),
}  # fmt: skip


def pan_key(pan: Pan) -> bytes:
    return hashlib.sha256(pan.reveal().encode()).digest()


def code_key(code: str) -> bytes:
    return hashlib.sha256(b"code" + code.encode()).digest()


def business_day(at: int) -> date:
    return datetime.fromtimestamp(at / 1e6, UTC).date()


def stock(database: Database) -> None:
    """Put merchant, terminals, cards and accounts into fresh books."""
    accounts = [{"account_id": MERCHANT_ACCOUNT, "kind": "merchant", "name": "M1", "currency": "156"}]
    accounts += [
        {"account_id": account, "kind": "cardholder", "name": str(account), "currency": "156"}
        for _, account, _, _ in CARDS.values()
    ]
    with database.writing() as connection:
        connection.execute(sa.insert(schema.account), accounts)
        merchant = {"merchant_id": "M1", "status": "active", "currency": "156", "account_id": MERCHANT_ACCOUNT}
        connection.execute(sa.insert(schema.merchant), [merchant])
        for name in ("T1", "T2"):
            connection.execute(sa.insert(schema.terminal), [_terminal(name)])
        for pan, (card, account, ledger, limit) in CARDS.items():
            connection.execute(sa.insert(schema.balance), [_balance(account, ledger)])
            connection.execute(sa.insert(schema.card), [_card(pan, card, account, limit)])


def _terminal(name: str) -> dict[str, Any]:
    return {"terminal_id": name, "merchant_id": "M1", "status": "active"}


def _balance(account: int, ledger: int) -> dict[str, Any]:
    return {"account_id": account, "ledger_minor": ledger, "held_minor": 0, "credit_limit_minor": 0}


def _card(pan: Pan, card: int, account: int, limit: int | None) -> dict[str, Any]:
    return {
        "card_id": card,
        "pan_key": pan_key(pan),
        "pan_sealed": b"sealed",
        "key_version": 1,
        "masked_pan": pan.masked,
        "expiry_yymm": "3012",
        "status": "active",
        "account_id": account,
        "daily_limit_minor": limit,
    }


def purchase(stan: int, amount: int | None = 1_000, pan: Pan | None = RICH, **others: Any) -> Request:
    """A purchase of ``amount`` minor units on terminal T1; any field of a request can be given another value."""
    return Request(
        kind=Kind.PURCHASE,
        mti="0200",
        processing_code="000000",
        terminal_id="T1",
        merchant_id="M1",
        stan=f"{stan:06d}",
        batch="",
        local_date=TODAY,
        has_local_date=True,
        local_time="120000",
        received_at=NOON,
        pan=pan,
        expiry_yymm="",
        amount_minor=amount,
        currency="156",
        entry_mode="021",
        condition_code="00",
        rrn="",
        reason="",
        new_amount_minor=None,
        original=None,
    )._replace(**others)


def authorisation(stan: int, amount: int = 1_000, pan: Pan = RICH, **others: Any) -> Request:
    return purchase(stan, amount, pan, kind=Kind.AUTHORISATION, **{"mti": "0100", **others})


def balance_inquiry(stan: int, pan: Pan = RICH, **others: Any) -> Request:
    return purchase(stan, 0, pan, kind=Kind.BALANCE, processing_code="310000", **others)


def reversal(stan: int, amount: int | None = 1_000, pan: Pan | None = RICH, **others: Any) -> Request:
    """A reversal that carries its original's STAN and names it no other way."""
    return purchase(stan, amount, pan, kind=Kind.REVERSAL, **{"mti": "0400", **others})


def refund(
    stan: int, amount: int = 1_000, pan: Pan | None = RICH, *, rrn: str = "", of: int = 0, **others: Any
) -> Request:
    """A refund of the sale with this RRN, or with the STAN ``of``."""
    original = OriginalReference("", f"{of:06d}" if of else "", None, "", rrn)
    return purchase(stan, amount, pan, kind=Kind.REFUND, processing_code="200000", original=original, **others)


@dataclass
class Shop:
    """Stores over one database, under one clock that the test moves."""

    database: Database
    now: int = NOON
    ids: Iterator[int] = field(default_factory=lambda: count(1_000_000))
    stores: list[Store] = field(default_factory=list)

    def store(
        self,
        decide: Decide = decide,
        connect: Callable[[], Session] | None = None,
        pauses: list[float] | None = None,
        **rules: Any,
    ) -> Store:
        pauses = [] if pauses is None else pauses
        store = Store(
            connect or connector(self.database),
            Rules(**{"decide": decide, "needs": NEEDS, "business_day": business_day, **rules}),
            pan_key,
            lambda: self.now,
            lambda: next(self.ids),
            pauses.append,
            code_key,
        )
        self.stores.append(store)
        return store

    def close(self) -> None:
        """Close what the test left open."""
        for store in self.stores:
            store.close()

    @contextmanager
    def opened_store(self, decide: Decide = decide) -> Iterator[Store]:
        """A store that has its connection already, because it has settled one purchase, with STAN 1."""
        store = self.store(decide)
        try:
            store.run([purchase(1)])
            yield store
        finally:
            store.close()

    def send(self, *requests: Request) -> list[Outcome]:
        """Settle one group on a store of its own."""
        store = self.store()
        try:
            return store.run(requests).outcomes
        finally:
            store.close()

    def rows(self, table: sa.Table) -> list[Any]:
        with self.database.reading() as connection:
            return list(connection.execute(sa.select(table).order_by(*table.primary_key.columns)))

    def account(self, pan: Pan) -> tuple[int, int]:
        """Ledger and held amount of a card's account."""
        found = {row.account_id: row for row in self.rows(schema.balance)}[CARDS[pan][1]]
        return found.ledger_minor, found.held_minor

    def spent(self, pan: Pan, day: int = 20260304) -> tuple[int, int]:
        """What a card's counters of one day say: amount and count."""
        rows = {(row.card_id, row.business_day): row for row in self.rows(schema.card_day)}
        found = rows.get((CARDS[pan][0], day))
        return (found.amount_minor, found.count) if found else (0, 0)
