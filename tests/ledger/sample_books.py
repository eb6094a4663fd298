"""Books with a bit of everything in them, made as the program makes them: an import, then requests decided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from switch.decisions import Outcome
from switch.ledger import schema
from switch.ledger.database import Database
from switch.ledger.group import Rules
from switch.ledger.ids import TAG_BITS
from switch.ledger.import_staging import Run
from switch.ledger.importing import import_file
from switch.ledger.sessions import connector
from switch.ledger.store import Store
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Extras, OriginalReference, Request
from switch.security.keys import Keys
from switch.security.vault import Vault
from switch.transactions.decide import decide
from switch.transactions.table import NEEDS
from switch.values import Pan, Secret
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


PREPAID = Pan("6200000000000047")
PREPAID_CARD = f"pan,expiry_yymm,status,class\n{PREPAID.reveal()},3012,inactive,prepaid\n"
CODE, CODE_KEY = Secret("6212345678"), b"k" * 32


def about(kind: Kind, stan: int, of: int, amount: int, pan: Pan | None = RICH, **others: Any) -> Request:
    """A request about an earlier one of terminal T1, which it names by its STAN."""
    named = OriginalReference("", f"{of:06d}", None, "", "")
    return purchase(stan, amount, pan, kind=kind, original=named, **others)


def undo(stan: int, amount: int, pan: Pan | None = RICH, **others: Any) -> Request:
    """The reversal of the request with this STAN."""
    return reversal(stan, amount, pan, **others)


K: Final = Kind
DAY = (
    # an authorisation made larger, and smaller again; completed, the completion cancelled, and that undone
    authorisation(100, 1_000),
    about(K.INCREMENT, 101, 100, 500, mti="0100"),
    about(K.INCREMENT, 102, 100, 300, mti="0100"),
    undo(102, 300),
    about(K.COMPLETION, 103, 100, 1_600),  # above what is held: forced
    about(K.COMPLETION_VOID, 104, 103, 1_600),
    undo(104, 1_600),
    about(K.REFUND, 105, 103, 600),
    # one cancelled, which is undone; completed by advice, which is undone; reversed in part
    authorisation(110, 2_000),
    about(K.AUTHORISATION_VOID, 111, 110, 2_000, mti="0100"),
    undo(111, 2_000),
    about(K.COMPLETION_ADVICE, 112, 110, 1_500, mti="0220"),
    undo(112, 1_500),
    undo(110, 2_000, new_amount_minor=1_200),
    authorisation(113, 700),
    about(K.AUTHORISATION_VOID, 114, 113, 700, mti="0100"),
    # sales: cancelled, undone, adjusted, with a tip
    purchase(120, 900),
    about(K.VOID, 121, 120, 900),
    undo(121, 900),
    purchase(122, 400),
    about(K.VOID, 123, 122, 400),
    undo(122, 400),  # finds nothing to do
    about(K.ADJUSTMENT, 125, 120, 850, mti="0220"),
    about(K.TIP, 126, 120, 850, mti="0220", extras=Extras(tip_minor=90)),
    # by pay code
    purchase(130, 300, None, kind=K.CODE_PURCHASE, extras=Extras(pay_code=CODE)),
    # prepaid, and from card to card
    purchase(140, 1, PREPAID, kind=K.ACTIVATION),
    purchase(141, 5_000, PREPAID, kind=K.LOAD),
    purchase(142, 800, PREPAID, kind=K.LOAD),
    about(K.LOAD_VOID, 143, 142, 800, PREPAID),
    undo(143, 800, PREPAID),
    purchase(144, 1_000, PREPAID, kind=K.TRANSFER, extras=Extras(to_pan=RICH)),
    purchase(145, 200, PREPAID, kind=K.TRANSFER, extras=Extras(to_pan=RICH)),
    undo(145, 200, PREPAID),
    # a sale that has happened, of more than there is
    purchase(124, 250_000, kind=K.OFFLINE_SALE, mti="0220"),
    # put right by hand
    purchase(160, 75, kind=K.CORRECTION, reason="charge"),
    purchase(161, 25, kind=K.CORRECTION, reason="return"),
    # news
    about(K.SIGNATURE_UPLOAD, 150, 120, 0, extras=Extras(content="00ff")),
    purchase(151, 0, None, kind=K.STATUS_UPLOAD, extras=Extras(content="ready")),
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


MINUTE_OF_IDS: Final = 60_000_000 << TAG_BITS
FIRST_OF_DAY: Final = 1_000_000 * MINUTE_OF_IDS


def fill_day(database: Database, folder: Path) -> SampleBooks:
    """The same, and then a day with requests of every other kind, a minute apart; all of them are approved."""
    books = fill(database, folder)
    path = folder / "prepaid.csv"
    path.write_text(PREPAID_CARD)
    import_file(database, "cards", path, VAULT, replace(RUN, journal_id=2))
    expires_at = NOON + 1_000_000
    with database.writing() as connection:
        code = sa.text(
            "INSERT INTO pay_code (code_key, card_id, expires_at) "
            "SELECT :code_key, card_id, :expires_at FROM card WHERE masked_pan LIKE '4111%'"
        )
        connection.execute(code, {"code_key": CODE_KEY, "expires_at": expires_at})
    outcomes = send(database, *DAY, first_id=FIRST_OF_DAY, step=MINUTE_OF_IDS)
    refused = [(its.request.kind, its.request.stan, its.because) for its in outcomes if not _is_approved(its)]
    assert not refused, refused
    return SampleBooks(database, [*books.outcomes, *outcomes])


def _is_approved(outcome: Outcome) -> bool:
    return outcome.reply is not None and outcome.reply.action is Action.APPROVED


def send(
    database: Database, *requests: Request, first_id: int = 1_000, step: int = 1, vault: Vault = VAULT
) -> list[Outcome]:
    """Decide requests, each in a group of its own, under journal ids from ``first_id`` on, ``step`` apart."""
    ids = count(first_id, step)
    rules = Rules(decide, NEEDS, business_day)
    store = Store(
        connector(database),
        rules,
        vault.pan_key,
        lambda: NOON,
        lambda: next(ids),
        lambda _seconds: None,
        code_key=lambda _code: CODE_KEY,
    )
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
