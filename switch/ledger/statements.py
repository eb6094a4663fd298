"""What the hot path asks of the database: each query and change once, for both kinds of SQL.

Everything is set-based. A query joins a relation ``g`` of given values, one row for each thing wanted, which
each database makes in its own way (`sqlite_session`, `postgresql_session`); a change takes rows likewise.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from switch.ledger.rows import JournalRow, Prefix, Row, TombstoneRow


class Query(NamedTuple):
    """``SELECT columns FROM g JOIN source``. ``given`` names the columns of g and their types.

    ``lock`` names the table whose rows stay locked until the end of the transaction, taken in the order of the
    column after it, where a database locks rows at all. ``blob`` is the place of the one binary column, if any.
    """

    given: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    source: str
    lock: tuple[str, str] | None = None
    blob: int | None = None


class Change(NamedTuple):
    """``UPDATE table``, or with ``inserts`` insert the rows that are not there; rows are keys, then values."""

    table: str
    keys: tuple[str, ...]
    values: tuple[str, ...]
    inserts: bool = False


class Fault(StrEnum):
    """What an error of the database is about, and so what is done next."""

    RETRY = "retry"  # another writer was in the way: the same group may pass now
    DOWN = "down"  # the database itself: unreachable, disk full; the connection is given up
    REQUEST = "request"  # one of the requests: it is found and refused alone


class Session(Protocol):
    """One connection to the books, in the SQL of its database. For one thread at a time."""

    def begin(self) -> None: ...

    def begin_at_once(self) -> bool:
        """Begin if neither that nor the statements up to the commit wait for anybody; False: nothing has begun."""
        ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None:
        """Give the connection up, whatever state it is in; never raises."""
        ...

    def fault(self, error: Exception) -> Fault:
        """Say what an exception that came out of this session is about."""
        ...

    def claim(self, prefixes: Sequence[Prefix]) -> None:
        """Keep other writers off these terminals and STANs until the transaction ends. Sorted, to be taken in order."""
        ...

    def read(self, *asked: tuple[Query, Sequence[Row]]) -> list[list[Row]]:
        """Run queries, each with its given rows, in as few round trips as possible, in this order."""
        ...

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows whose values are in the order of the table's columns."""
        ...

    def change(self, change: Change, rows: Sequence[Row]) -> None: ...

    def flush(self) -> None:
        """Send what was inserted and changed, if that was not done at once; raises what they raise."""
        ...


_PREFIX: Final = (("terminal_id", "text"), ("merchant_id", "text"), ("stan", "text"))
_PROBE: Final = (*_PREFIX, ("first_date", "integer"), ("last_date", "integer"))
_ON_PROBE: Final = (
    "k.terminal_id = g.terminal_id AND k.merchant_id = g.merchant_id AND k.stan = g.stan"
    " AND k.local_date BETWEEN g.first_date AND g.last_date"
)
_JOURNAL: Final = tuple(f"j.{name}" for name in JournalRow._fields)
_PAN_KEY: Final = JournalRow._fields.index("pan_key")

REQUESTS: Final = Query(
    given=_PROBE,
    columns=_JOURNAL,
    source=f"request_key AS k ON {_ON_PROBE} JOIN journal AS j ON j.journal_id = k.journal_id",
    blob=_PAN_KEY,
)

TOMBSTONES: Final = Query(
    given=_PROBE,
    columns=tuple(f"k.{name}" for name in TombstoneRow._fields),
    source=f"tombstone AS k ON {_ON_PROBE}",
)

SALES_BY_RRN: Final = Query(
    given=(("merchant_id", "text"), ("rrn", "text")),
    columns=_JOURNAL,
    source="journal AS j ON j.rrn = g.rrn AND j.merchant_id = g.merchant_id"
    " AND j.kind = 'purchase' AND j.action = 'approved'",
    blob=_PAN_KEY,
)

JOURNALLED: Final = Query(
    given=(("journal_id", "bigint"),),
    columns=("j.journal_id", "j.terminal_id", "j.stan"),
    source="journal AS j ON j.journal_id = g.journal_id",
)

TERMINALS: Final = Query(
    given=(("terminal_id", "text"),),
    columns=(
        *(f"t.{name}" for name in ("terminal_id", "merchant_id", "status", "serial", "kinds", "entry_modes")),
        *("t.batch", "t.signed_on", "m.name", "m.mcc", "m.status", "m.currency", "m.account_id"),
    ),
    source="terminal AS t ON t.terminal_id = g.terminal_id JOIN merchant AS m ON m.merchant_id = t.merchant_id",
)

CARDS: Final = Query(
    given=(("pan_key", "bytea"),),
    columns=(
        *(f"c.{name}" for name in ("pan_key", "card_id", "account_id", "masked_pan", "expiry_yymm", "status")),
        *("c.single_limit_minor", "c.daily_limit_minor", "c.daily_count"),
    ),
    source="card AS c ON c.pan_key = g.pan_key",
    blob=0,
)

PAYMENTS: Final = Query(
    given=(("payment_id", "bigint"),),
    columns=(
        *("p.payment_id", "j.kind", "p.state", "p.amount_minor", "p.current_minor", "p.refunded_minor", "a.currency"),
        *("p.account_id", "p.merchant_account_id", "j.card_id", "j.pan_key", "p.hold_id", "j.business_day"),
        *("j.batch", "j.merchant_id", "j.rrn", "j.approval_code", "j.original_id"),
    ),
    source="payment AS p ON p.payment_id = g.payment_id JOIN journal AS j ON j.journal_id = p.payment_id"
    " JOIN account AS a ON a.account_id = p.account_id",  # a message may leave its currency out
    lock=("p", "payment_id"),
    blob=10,
)

BALANCES: Final = Query(
    given=(("account_id", "bigint"),),
    columns=("b.account_id", "a.currency", "b.ledger_minor", "b.held_minor", "b.credit_limit_minor"),
    source="balance AS b ON b.account_id = g.account_id JOIN account AS a ON a.account_id = b.account_id",
    lock=("b", "account_id"),
)

SPENT: Final = Query(
    given=(("card_id", "bigint"), ("business_day", "integer")),
    columns=("s.card_id", "s.business_day", "s.amount_minor", "s.count"),
    source="card_day AS s ON s.card_id = g.card_id AND s.business_day = g.business_day",
)

# fmt: off
BALANCE_CHANGE: Final  = Change("balance",  ("account_id",), ("ledger_minor", "held_minor"))
PAYMENT_CHANGE: Final  = Change("payment",  ("payment_id",), ("state", "current_minor", "refunded_minor", "hold_id"))
TERMINAL_CHANGE: Final = Change("terminal", ("terminal_id",), ("signed_on",))
SPENT_CHANGE: Final    = Change("card_day", ("card_id", "business_day"), ("amount_minor", "count"), inserts=True)
# fmt: on
