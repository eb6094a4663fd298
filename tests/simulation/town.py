"""A small town to simulate in: one merchant, two terminals, four cards, three pay codes, in freshly imported books."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from switch.ledger import schema
from switch.ledger.audit import audit, snapshot
from switch.ledger.database import Database
from switch.ledger.group import Rules
from switch.ledger.importing import import_file
from switch.ledger.pay_codes import NEVER, keep_code
from switch.ledger.sessions import connector
from switch.ledger.store import Store
from switch.messages.kinds import Kind
from switch.rules.limits import counter_of, given_back, parsed
from switch.rules.rulebook import RULE_SET
from switch.transactions.decide import decider
from switch.transactions.table import NEEDS
from switch.values import Pan
from tests.ledger.sample_books import RUN, VAULT
from tests.ledger.shop import NOON, TODAY, business_day
from tests.simulation.books import ADJUSTMENTS
from tests.simulation.model import Model
from tests.simulation.payments import LIVE, ModelCard, Standing

DAY_US = 86_400_000_000
ID_STRIDE = 4_096  # approval codes are made of what is above the lowest twelve bits
FIRST_ID = 1 << 40

RICH, POOR = Pan("4111111111111111"), Pan("378282246310005")
PREPAID, UNSOLD = Pan("6200000000000047"), Pan("5555555555554444")
PANS = (RICH, POOR, PREPAID, UNSOLD)
AT_THE_TILL = (PREPAID, UNSOLD, RICH)  # where cards are activated and loaded
MANY_TIMES, ONCE, ONCE_MORE = "6200000000000000001", "6200000000000000002", "6200000000000000003"
CODES = {MANY_TIMES: RICH, ONCE: RICH, ONCE_MORE: POOR}
T2_DAILY = 20_000

_FILES = {
    "merchants": "merchant_id,name,mcc\nM1,Tea House,5812\n",
    "terminals": "terminal_id,merchant_id,serial\nT1,M1,SN-1\nT2,M1,SN-2\n",
    "cards": (
        "pan,expiry_yymm,balance_minor,daily_limit_minor,daily_count,class,status\n"
        f"{RICH.reveal()},9912,100000,,,I,\n"
        f"{POOR.reveal()},9912,5000,8000,6,,\n"
        f"{PREPAID.reveal()},9912,3000,,,prepaid,\n"
        f"{UNSOLD.reveal()},9912,0,,,prepaid,inactive\n"
    ),
}


def model() -> Model:
    """The town as the model sees it on its first morning."""
    cards = {
        RICH.reveal(): ModelCard(RICH.reveal(), 100_000),
        POOR.reveal(): ModelCard(POOR.reveal(), 5_000, daily_limit=8_000, daily_count=6),
        PREPAID.reveal(): ModelCard(PREPAID.reveal(), 3_000, is_prepaid=True),
        UNSOLD.reveal(): ModelCard(UNSOLD.reveal(), 0, is_prepaid=True, status="inactive"),
    }
    codes = {code: cards[pan.reveal()] for code, pan in CODES.items()}
    return Model(cards, codes, frozenset({ONCE, ONCE_MORE}), {"T2": T2_DAILY}, today=TODAY)


def found(database: Database, folder: Path) -> None:
    """Put the town into fresh books, as an operator would."""
    for subject, content in _FILES.items():
        path = folder / f"{subject}.csv"
        path.write_text(content)
        import_file(database, subject, path, VAULT, RUN)
    with database.writing() as connection:
        limited = sa.update(schema.terminal).where(schema.terminal.c.terminal_id == "T2")
        connection.execute(limited.values(limits=f"daily={T2_DAILY}"))
        for code, pan in CODES.items():
            keep_code(connection, VAULT.code_key(code), VAULT.pan_key(pan), NEVER, single_use=code != MANY_TIMES)


@dataclass
class Clock:
    """The town's clock, which stands still but for whole days."""

    day: date = TODAY

    def __call__(self) -> int:
        return NOON + (self.day - TODAY).days * DAY_US


def ids(first: int = FIRST_ID) -> Iterator[int]:
    """Journal ids, so far apart that each has an approval code of its own; two threads may share them."""
    return count(first, ID_STRIDE)


def store(database: Database, clock: Clock, numbers: Iterator[int]) -> Store:
    """The real thing, as the program puts it together."""
    rules = Rules(decider({}), NEEDS, business_day, RULE_SET, parsed, counter_of({}), given_back)
    return Store(
        connector(database), rules, VAULT.pan_key, clock, lambda: next(numbers), lambda _: None, VAULT.code_key
    )


def standing(database: Database) -> Standing:
    """The real books as the model shows its own."""
    with database.reading() as connection:
        return Standing(
            dict(_cards(connection)),
            _merchant(connection),
            _card_days(connection),
            _terminal_days(connection),
            _payments(connection),
            _queued(connection),
        )


def broken(database: Database) -> dict[str, Any]:
    """What the audit finds wrong, by invariant."""
    with snapshot(database) as connection:
        return {each.invariant: each.offenders for each in audit(connection, VAULT) if not each.holds}


_NAMES = {VAULT.pan_key(pan): pan.reveal() for pan in PANS}


def _cards(connection: sa.Connection) -> Iterator[tuple[str, tuple[int, int, str]]]:
    card, balance = schema.card.c, schema.balance.c
    rows = connection.execute(
        sa.select(card.pan_key, card.status, balance.ledger_minor, balance.held_minor).where(
            card.account_id == balance.account_id
        )
    )
    return ((_NAMES[row.pan_key], (row.ledger_minor, row.held_minor, row.status)) for row in rows)


def _merchant(connection: sa.Connection) -> int:
    moved, account = schema.transfer.c, sa.select(schema.merchant.c.account_id).scalar_subquery()
    into = connection.scalar(sa.select(sa.func.sum(moved.amount_minor)).where(moved.credit_account_id == account))
    out_of = connection.scalar(sa.select(sa.func.sum(moved.amount_minor)).where(moved.debit_account_id == account))
    return int(into or 0) - int(out_of or 0)


def _card_days(connection: sa.Connection) -> dict[tuple[str, date], tuple[int, int]]:
    day, card = schema.card_day.c, schema.card.c
    rows = connection.execute(
        sa.select(card.pan_key, day.business_day, day.amount_minor, day.count).where(card.card_id == day.card_id)
    )
    spent = {(_NAMES[row[0]], _date(row[1])): (int(row[2]), int(row[3])) for row in rows}
    return {key: found for key, found in spent.items() if found != (0, 0)}


def _terminal_days(connection: sa.Connection) -> dict[tuple[str, date], tuple[int, int]]:
    spending = schema.spending.c
    rows = connection.execute(
        sa.select(spending.owner, spending.period, sa.func.sum(spending.amount_minor))
        .where(spending.owner.like("terminal:%"))
        .group_by(spending.owner, spending.period)
    )
    spent = {(row[0].removeprefix("terminal:"), _date(row[1])): (int(row[2]), 0) for row in rows}
    return {key: found for key, found in spent.items() if found != (0, 0)}


def _payments(connection: sa.Connection) -> dict[int, tuple[str, int | None, int]]:
    payment, journal = schema.payment.c, schema.journal.c
    rows = connection.execute(
        sa.select(payment.payment_id, payment.state, payment.current_minor, payment.refunded_minor, journal.kind).where(
            payment.payment_id == journal.journal_id
        )
    )
    return {
        row.payment_id: (row.state, row.current_minor if row.state in LIVE else None, row.refunded_minor)
        for row in rows
        if Kind(row.kind) not in ADJUSTMENTS
    }


def _queued(connection: sa.Connection) -> dict[int, int]:
    waiting = schema.adjustment.c
    rows = connection.execute(
        sa.select(waiting.payment_id, sa.func.sum(waiting.amount_minor)).group_by(waiting.payment_id)
    )
    return {row[0]: int(row[1]) for row in rows}


def _date(number: int) -> date:
    return date(number // 10_000, number // 100 % 100, number % 100)
