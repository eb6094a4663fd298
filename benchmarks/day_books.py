"""Books of a business day: purchases by the hundred thousand, each as if it had been decided by the switch.

One purchase is decided; the others are copies of its rows for other terminals, cards, numbers and amounts, written with
a few statements. So the audit finds nothing in them, and their size on disk is that of real ones.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from benchmarks.hosts import switch
from benchmarks.messages import (
    CARDS,
    CURRENCY,
    EXPIRY_YYMM,
    TERMINALS_PER_MERCHANT,
    ZONE,
    card_number,
    merchant_id,
    terminal_id,
    write_books,
)
from switch.ledger import schema
from switch.ledger.database import Database, open_database
from switch.ledger.group import Rules
from switch.ledger.ids import EPOCH, TAG_BITS, JournalIds
from switch.ledger.sessions import connector
from switch.ledger.store import Store
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.security.keys import load_keys
from switch.security.vault import Vault
from switch.transactions.decide import decide
from switch.transactions.table import NEEDS
from switch.values import Pan

BATCH: Final = "000001"
KEYS_FILE, DATABASE_FILE = "keys.toml", "switch.sqlite3"
STEP_US: Final = 100  # between two purchases: a million are decided in two minutes
AMOUNTS: Final = 20_000  # minor units
_PATTERN_STAN: Final = "999999"


@dataclass(frozen=True, slots=True)
class Ledger:
    """The books of an installation with a store over them, as a running switch has it."""

    database: Database
    store: Store
    ids: Callable[[], int]


def clock() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def day_of(at: int) -> date:
    """The business day of a moment, by the default settings."""
    return datetime.fromtimestamp(at / 1e6, UTC).astimezone(ZONE).date()


@contextmanager
def ledger(folder: Path) -> Iterator[Ledger]:
    """Open the books in ``folder``, their keys beside them."""
    pan_key = Vault(load_keys(folder / KEYS_FILE)).pan_key
    rules = Rules(decide, NEEDS, day_of, pan_key=pan_key)
    with closing(open_database(f"sqlite:///{folder / DATABASE_FILE}")) as database:
        ids = JournalIds(clock)
        with closing(Store(connector(database), rules, pan_key, clock, ids)) as store:
            yield Ledger(database, store, ids)


def prepare(folder: Path, *, terminals: int, entries: int) -> None:
    """Make an installation in ``folder`` with ``entries`` purchases of today, dealt out to its terminals in turn.

    They are in each terminal's open batch, with numbers that count from 1, and every merchant has a fee plan and an
    agent. Not in use, and not of a day near its end: midnight would divide the merchants' own purchases from these.
    """
    folder.mkdir()
    write_books(folder, terminals=terminals, terms=("standard", "AGENT01=20%"))
    switch(folder, "init", ".")
    for what in ("merchants", "terminals", "cards"):
        switch(folder, "import", what, f"{what}.csv")
    with ledger(folder) as books:
        pattern = asked(Kind.PURCHASE, "0200", 0, _PATTERN_STAN, pan=card(0), amount_minor=100)
        (outcome,) = books.store.run([pattern]).outcomes
    if outcome.journal_id is None:
        raise RuntimeError(f"the pattern of all purchases was not approved: {outcome.because}")
    with closing(sqlite3.connect(folder / DATABASE_FILE, isolation_level=None)) as connection:
        _copy(connection, outcome.journal_id, terminals, entries)
    with (folder / DATABASE_FILE).open("rb+") as file:
        os.fsync(file.fileno())  # or the disk would be busy with it while something is measured


def asked(kind: Kind, mti: str, terminal: int, stan: str, **others: object) -> Request:
    """A request of a terminal, given by its place; any field can be given a value."""
    at = clock()
    fields: dict[str, object] = {
        "kind": kind,
        "mti": mti,
        "processing_code": "000000",
        "terminal_id": terminal_id(terminal),
        "merchant_id": merchant_id(terminal // TERMINALS_PER_MERCHANT),
        "stan": stan,
        "batch": "",
        "local_date": day_of(at),
        "has_local_date": True,
        "local_time": "120000",
        "received_at": at,
        "pan": None,
        "expiry_yymm": EXPIRY_YYMM,
        "amount_minor": None,
        "currency": CURRENCY,
        "entry_mode": "021",
        "condition_code": "00",
        "rrn": "",
        "reason": "",
        "new_amount_minor": None,
        "original": None,
    }
    return Request(**{**fields, **others})  # type: ignore[arg-type]


def card(number: int) -> Pan:
    """One of the cards of the books."""
    return Pan(card_number(number % CARDS))


# --- what a purchase of a terminal is ----------------------------------------------------------------------


def card_of(entry: int) -> int:
    """The number of the card of a purchase."""
    return entry * 7 % CARDS


def amount_of(entry: int) -> int:
    """What a purchase is of, in minor units."""
    return 100 + entry * 37 % AMOUNTS


# --- copies ------------------------------------------------------------------------------------------------

_ENTRIES: Final = """
    CREATE TEMP TABLE entry AS
    WITH RECURSIVE counted(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < :entries)
    SELECT n, t.terminal_id, t.merchant_id, m.account_id AS merchant_account_id, c.card_id, c.pan_key, c.masked_pan,
           c.account_id, 100 + n * 37 % :amounts AS amount_minor, printf('%06d', n / :terminals + 1) AS stan,
           :first_at + n * :step_us AS at, ((:first_at - :epoch + n * :step_us) << :tag_bits) AS journal_id
      FROM counted
      JOIN (SELECT row_number() OVER (ORDER BY terminal_id) - 1 AS place, * FROM terminal) AS t
        ON t.place = n % :terminals
      JOIN merchant AS m ON m.merchant_id = t.merchant_id
      JOIN (SELECT row_number() OVER (ORDER BY card_id) - 1 AS place, * FROM card) AS c
        ON c.place = n * 7 % :cards"""
_OWN: Final = {
    "journal_id": "e.journal_id",
    "payment_id": "e.journal_id",
    "terminal_id": "e.terminal_id",
    "merchant_id": "e.merchant_id",
    "stan": "e.stan",
    "batch": f"'{BATCH}'",
    "received_at": "e.at",
    "decided_at": "e.at",
    "amount_minor": "e.amount_minor",
    "current_minor": "e.amount_minor",
    "card_id": "e.card_id",
    "pan_key": "e.pan_key",
    "masked_pan": "e.masked_pan",
    "rrn": "printf('%012d', e.n)",
    "account_id": "e.account_id",
    "merchant_account_id": "e.merchant_account_id",
    "debit_account_id": "e.account_id",
    "credit_account_id": "e.merchant_account_id",
}
_COPIED: Final = ("journal", "request_key", "payment", "transfer")
_INDEXES: Final = f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql <> '' AND tbl_name IN {_COPIED}"
_COUNTERS: Final = (
    """
    INSERT INTO card_day (card_id, business_day, amount_minor, count)
    SELECT e.card_id, j.business_day, sum(e.amount_minor), count(*)
      FROM entry AS e JOIN journal AS j ON j.journal_id = :pattern
     GROUP BY e.card_id, j.business_day
        ON CONFLICT (card_id, business_day)
        DO UPDATE SET amount_minor = amount_minor + excluded.amount_minor, count = count + excluded.count""",
    """
    UPDATE balance SET ledger_minor = ledger_minor - e.minor
      FROM (SELECT account_id, sum(amount_minor) AS minor FROM entry GROUP BY account_id) AS e
     WHERE e.account_id = balance.account_id""",
)


def _copy(connection: sqlite3.Connection, pattern: int, terminals: int, entries: int) -> None:
    """Without the log and the waiting that keep books safe: nobody else is there, and all can be made again."""
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -262144", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN")
    # fmt: off
    connection.execute(_ENTRIES, {
        "entries": entries, "terminals": terminals, "cards": CARDS, "amounts": AMOUNTS, "step_us": STEP_US,
        "first_at": clock() - entries * STEP_US, "epoch": EPOCH, "tag_bits": TAG_BITS,
    })
    # fmt: on
    indexes = connection.execute(_INDEXES).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    for table in _COPIED:
        key = "payment_id" if table == "payment" else "journal_id"
        columns = [f'"{column.name}"' for column in schema.metadata.tables[table].columns]
        values = [_OWN.get(column.name, f's."{column.name}"') for column in schema.metadata.tables[table].columns]
        order = "e.terminal_id, e.stan" if table == "request_key" else "e.n"
        connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)}"
            f" FROM entry AS e CROSS JOIN {table} AS s ON s.{key} = :pattern ORDER BY {order}",
            {"pattern": pattern},
        )
    for statement in _COUNTERS:
        connection.execute(statement, {"pattern": pattern})
    for _, definition in indexes:  # of all rows at once: sorted, where each row alone would look for its place
        connection.execute(definition)
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
