"""Books with a bit of everything in them, made as the program makes them: an import, then requests decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from switch.decisions import Outcome
from switch.ledger import schema
from switch.ledger.database import Database
from switch.ledger.group import Rules
from switch.ledger.import_staging import Run
from switch.ledger.importing import import_file
from switch.ledger.sessions import connector
from switch.ledger.store import Store
from switch.messages.model import OriginalReference, Request
from switch.security.keys import Keys
from switch.security.vault import Vault
from switch.transactions.decide import decide
from switch.transactions.table import NEEDS
from switch.values import Pan
from tests.ledger.shop import NOON, authorisation, balance_inquiry, business_day, purchase, refund, reversal

KEYS = Keys(1, {1: b"v" * 32}, b"l" * 32)
VAULT = Vault(KEYS)
RICH, POOR = Pan("4111111111111111"), Pan("378282246310005")
RUN = Run(1, NOON, datetime.fromtimestamp(NOON / 1e6, UTC), 20260304)

MERCHANTS = "merchant_id,name,mcc\nM1,Tea House,5812\n"
TERMINALS = "terminal_id,merchant_id,serial\nT1,M1,SN-1\nT2,M1,SN-2\n"
CARDS = (
    "pan,expiry_yymm,balance_minor,credit_limit_minor,daily_limit_minor,class\n"
    f"{RICH.reveal()},3012,100000,,80000,I\n{POOR.reveal()},3012,-500,700,,\n"
)

SALE, PART_REFUNDED, PRE_AUTH, RELEASED, HALVED = range(1, 6)  # STANs
REQUESTS = (
    purchase(SALE, 1_000, RICH),
    purchase(PART_REFUNDED, 2_000, RICH),
    authorisation(PRE_AUTH, 3_000, RICH),
    authorisation(RELEASED, 400, RICH),
    authorisation(HALVED, 900, RICH),
    reversal(RELEASED, 400, RICH),
    reversal(HALVED, 900, RICH, new_amount_minor=450),
    purchase(6, 50_000, POOR),  # not enough funds
    purchase(7, 100, POOR),
    refund(8, 700, RICH, of=PART_REFUNDED),
    refund(9, 50, POOR, of=7),
    reversal(9, 50, POOR),  # of the refund: forced
    reversal(10, 1_234, RICH),  # of nothing: a tombstone
    purchase(10, 1_234, RICH),  # comes too late
    balance_inquiry(11, RICH),
    purchase(12, 5_000, Pan("5555555555554444")),  # not in the books
    reversal(13, 2_000, RICH, original=OriginalReference("2", "000002", None, "", ""), new_amount_minor=1_500),
)


@dataclass
class SampleBooks:
    """A database with the sample in it, and ways to look into it and to damage it."""

    database: Database
    outcomes: list[Outcome]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.database.reading() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement))]

    def damage(self, *statements: str, without: str | None = None) -> None:
        """Run statements that the constraints forbid; ``without`` is a table that loses its own constraints."""
        with self.database.engine.connect() as connection:
            self._disarm(connection, without)
            for statement in statements:
                connection.execute(sa.text(statement))
            connection.commit()

    def _disarm(self, connection: sa.Connection, without: str | None) -> None:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")  # no foreign keys
            for constraint in sa.inspect(connection).get_check_constraints(without) if without else ():
                connection.exec_driver_sql(f"ALTER TABLE {without} DROP CONSTRAINT {constraint['name']}")
            if without:
                connection.exec_driver_sql(f"ALTER TABLE {without} DROP CONSTRAINT pk_{without} CASCADE")
            return
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        connection.exec_driver_sql("BEGIN")
        if without:  # a copy has the rows, and no constraints
            connection.exec_driver_sql(f"CREATE TABLE disarmed AS SELECT * FROM {without}")
            connection.exec_driver_sql(f"DROP TABLE {without}")
            connection.exec_driver_sql(f"ALTER TABLE disarmed RENAME TO {without}")


def fill(database: Database, folder: Path) -> SampleBooks:
    """Import merchants, terminals and cards, and decide the requests of the sample, each in its own group."""
    for subject, content in (("merchants", MERCHANTS), ("terminals", TERMINALS), ("cards", CARDS)):
        path = folder / f"{subject}.csv"
        path.write_text(content)
        import_file(database, subject, path, VAULT, RUN)
    return SampleBooks(database, send(database, *REQUESTS))


def send(database: Database, *requests: Request, first_id: int = 1_000, vault: Vault = VAULT) -> list[Outcome]:
    """Decide requests, each in a group of its own, under journal ids from ``first_id`` on."""
    ids = count(first_id)
    rules = Rules(decide, NEEDS, business_day)
    store = Store(connector(database), rules, vault.pan_key, lambda: NOON, lambda: next(ids), lambda _seconds: None)
    try:
        return [outcome for request in requests for outcome in store.run([request]).outcomes]
    finally:
        store.close()


def journal_id(books: SampleBooks, stan: int, kind: str) -> int:
    ((found,),) = books.rows(f"SELECT journal_id FROM journal WHERE stan = '{stan:06d}' AND kind = '{kind}'")
    return int(found)


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.reading() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
            for table in schema.metadata.sorted_tables
        }
