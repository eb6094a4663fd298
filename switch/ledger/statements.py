"""What the hot path asks of the database: each query and change once, for both kinds of SQL.

Everything is set-based. A query joins a relation ``g`` of given values, one row for each thing wanted, which
each database makes in its own way (`sqlite_session`, `postgresql_session`); a change takes rows likewise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from switch.ledger.batches import COUNTED, SALES, UNKNOWN_BATCH
from switch.ledger.finding import NAMED_BY_RRN
from switch.ledger.rows import Claim, JournalRow, Row, TombstoneRow
from switch.ledger.settlement_tables import TOTALS
from switch.messages.kinds import Kind
from switch.messages.settlement import DOMESTIC_PREFIX


class Query(NamedTuple):
    """``SELECT columns FROM g JOIN source``. ``given`` names the columns of g and their types.

    ``lock`` names the table whose rows stay locked until the transaction ends, then the columns in whose order they are
    taken. ``steady`` names the tables, where they seldom change: each value gives at most a row, and is its first.
    """

    given: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    source: str
    lock: tuple[str, ...] = ()
    steady: frozenset[str] = frozenset()


class Change(NamedTuple):
    """``UPDATE table``, or with ``inserts`` insert the rows that are not there; rows are keys, then values.

    A column becomes its value in the row, or what ``sets`` says: SQL in which ``{old}`` is the column as it is and
    ``{new}`` the row's value, so that two writers change what the other one left.
    """

    table: str
    keys: tuple[str, ...]
    values: tuple[str, ...]
    inserts: bool = False
    sets: tuple[tuple[str, str], ...] = ()

    def updates(self, given: Mapping[str, str]) -> str:
        """Return what comes after SET; ``given`` says what the row's values are called."""
        expressions = dict.fromkeys(self.values, "{new}") | dict(self.sets)
        return ",".join(
            f"{name} = {text.format(old=f'{self.table}.{name}', new=given.get(name, ''))}"
            for name, text in expressions.items()
        )


class Fault(StrEnum):
    """What an error of the database is about, and so what is done next."""

    RETRY = "retry"  # another writer was in the way: the same group may pass now
    DOWN = "down"  # the database itself: unreachable, disk full; the connection is given up
    REQUEST = "request"  # one of the requests: it is found and refused alone


class Session(Protocol):
    """One connection to the books, in the SQL of its database. For one thread at a time.

    ``stripes`` is the number of rows that a counter is spread over, so that writers do not wait for each other.
    """

    @property
    def stripes(self) -> int: ...

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

    def claim(self, claims: Iterable[Claim]) -> None:
        """Keep other writers off until the transaction ends, or wait for them; each name once, taken in one order."""
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
_CARD: Final = (
    *("c.pan_key", "c.card_id", "c.account_id", "c.masked_pan", "c.expiry_yymm", "c.status"),
    *("c.single_limit_minor", "c.daily_limit_minor", "c.daily_count", "a.class", "c.scheme", "c.limits"),
)
_NAMED_BY_RRN: Final = ", ".join(f"'{kind}'" for kind in sorted(NAMED_BY_RRN))

# --- what there is of requests -----------------------------------------------------------------------------

REQUESTS: Final = Query(
    given=_PROBE,
    columns=_JOURNAL,
    source=f"request_key AS k ON {_ON_PROBE} JOIN journal AS j ON j.journal_id = k.journal_id",
)

TOMBSTONES: Final = Query(
    given=_PROBE,
    columns=tuple(f"k.{name}" for name in TombstoneRow._fields),
    source=f"tombstone AS k ON {_ON_PROBE}",
)

NAMED_SALES: Final = Query(
    given=(("merchant_id", "text"), ("rrn", "text")),
    columns=_JOURNAL,
    source="journal AS j ON j.rrn = g.rrn AND j.merchant_id = g.merchant_id"
    f" AND j.kind IN ({_NAMED_BY_RRN}) AND j.action = 'approved'",
)

AUTHORISATIONS: Final = Query(
    given=(("merchant_id", "text"), ("approval_code", "text")),
    columns=_JOURNAL,
    source="authorisation AS h ON h.merchant_id = g.merchant_id AND h.approval_code = g.approval_code"
    " JOIN journal AS j ON j.journal_id = h.journal_id",
)

JOURNAL_ROWS: Final = Query((("journal_id", "bigint"),), _JOURNAL, "journal AS j ON j.journal_id = g.journal_id")

JOURNALLED: Final = Query(
    given=(("journal_id", "bigint"),),
    columns=("j.journal_id", "j.terminal_id", "j.stan"),
    source="journal AS j ON j.journal_id = g.journal_id",
)

# --- who ---------------------------------------------------------------------------------------------------

TERMINALS: Final = Query(
    given=(("terminal_id", "text"),),
    columns=(
        *("t.terminal_id", "t.merchant_id", "t.status", "t.serial", "t.kinds", "t.entry_modes", "t.batch"),
        *("t.signed_on", "t.because", "t.manual_entry", "t.fallback", "t.schemes", "t.software", "t.pending"),
        *("t.limits", "t.last_seen_day", "t.batch_state"),
        *("m.name", "m.mcc", "m.status", "m.currency", "m.account_id", "m.manual_entry", "m.limits"),
    ),
    source="terminal AS t ON t.terminal_id = g.terminal_id JOIN merchant AS m ON m.merchant_id = t.merchant_id",
    steady=frozenset({"terminal", "merchant"}),
)

CARDS: Final = Query(
    given=(("pan_key", "bytea"),),
    columns=_CARD,
    source="card AS c ON c.pan_key = g.pan_key JOIN account AS a ON a.account_id = c.account_id",
    steady=frozenset({"card", "account"}),
)

CARDS_THAT_PAID: Final = Query(
    given=(("card_id", "bigint"),),
    columns=_CARD,
    source="card AS c ON c.card_id = g.card_id JOIN account AS a ON a.account_id = c.account_id",
)

CARD_STATES: Final = Query(
    given=(("card_id", "bigint"),),
    columns=("c.pan_key", "c.status"),
    source="card AS c ON c.card_id = g.card_id",
)

PAY_CODES: Final = Query(
    given=(("code_key", "bytea"),),
    columns=("k.code_key", "k.expires_at", "k.single_use", "k.used_by", *_CARD),
    source="pay_code AS k ON k.code_key = g.code_key JOIN card AS c ON c.card_id = k.card_id"
    " JOIN account AS a ON a.account_id = c.account_id",
    lock=("k", "code_key"),
)

OPERATORS: Final = Query(
    given=(("merchant_id", "text"), ("operator_id", "text")),
    columns=("o.merchant_id", "o.operator_id", "o.password <> ''", "o.failures", "o.status"),
    source="operator AS o ON o.merchant_id = g.merchant_id AND o.operator_id = g.operator_id",
    lock=("o", "merchant_id", "operator_id"),
)

# --- the day, and batches ----------------------------------------------------------------------------------

NEWEST_DAY: Final = Query(
    given=(("one", "integer"),),
    columns=("g.one", "d.day", "d.state"),
    source="business_day AS d ON d.day = (SELECT max(day) FROM business_day)",
    steady=frozenset({"business_day"}),
)

_OF_BATCH: Final = (("terminal_id", "text"), ("merchant_id", "text"), ("batch", "text"))

_RECORDS: Final = (
    "(SELECT count(*) FROM uploaded_record AS u WHERE u.terminal_id = b.terminal_id"
    " AND u.merchant_id = b.merchant_id AND u.batch = b.batch)"
)

BATCHES: Final = Query(
    given=_OF_BATCH,
    columns=(
        *("b.terminal_id", "b.merchant_id", "b.batch", "b.state"),
        *(f"b.host_{name}" for name in TOTALS),
        _RECORDS,
    ),
    source="batch AS b ON b.terminal_id = g.terminal_id AND b.merchant_id = g.merchant_id AND b.batch = g.batch",
)

LAST_SETTLED: Final = Query(
    given=(("terminal_id", "text"), ("merchant_id", "text")),
    columns=("b.terminal_id", "b.merchant_id", "max(b.journal_id)"),
    source="batch AS b ON b.terminal_id = g.terminal_id AND b.merchant_id = g.merchant_id"
    " GROUP BY b.terminal_id, b.merchant_id",
)

UPLOADED: Final = Query(
    given=(*_OF_BATCH, ("stan", "text")),
    columns=("u.terminal_id", "u.merchant_id", "u.batch", "u.stan", "u.amount_minor", "u.masked_pan"),
    source="uploaded_record AS u ON u.terminal_id = g.terminal_id AND u.merchant_id = g.merchant_id"
    " AND u.batch = g.batch AND u.stan = g.stan",
)

_COUNTED: Final = ", ".join(f"'{kind}'" for kind in sorted(COUNTED))
_IS_DOMESTIC: Final = f"substr(j.masked_pan, 1, {len(DOMESTIC_PREFIX)}) IN ('', '{DOMESTIC_PREFIX}')"
_SOLD: Final = ", ".join(f"'{kind}'" for kind in sorted(SALES))
_IN_TOTALS: Final = f"(p.state = 'posted' OR (p.state = 'reversed' AND p.current_minor > 0 AND j.kind IN ({_SOLD})))"

BATCH_SUMS: Final = Query(  # of payments under the number ``said``, made after the journal row ``since``
    given=(*_OF_BATCH, ("said", "text"), ("since", "bigint")),
    columns=(
        *("g.terminal_id", "g.merchant_id", "g.batch", "j.kind", _IS_DOMESTIC),
        *("CAST(sum(p.current_minor) AS BIGINT)", "count(*)"),
    ),
    source="journal AS j ON j.terminal_id = g.terminal_id AND j.batch = g.said AND j.batch <> ''"
    f" AND j.merchant_id = g.merchant_id AND j.journal_id > g.since AND j.kind IN ({_COUNTED})"
    f" JOIN payment AS p ON p.payment_id = j.journal_id AND {_IN_TOTALS}"
    f" GROUP BY g.terminal_id, g.merchant_id, g.batch, j.kind, {_IS_DOMESTIC}",
)

# --- what there is of money --------------------------------------------------------------------------------

_ITS_BATCH: Final = (  # of what was told without its number and is settled by now: the one that it was settled in
    f"CASE WHEN j.batch <> '{UNKNOWN_BATCH}' THEN j.batch ELSE coalesce((SELECT b.batch FROM batch AS b"
    " WHERE b.terminal_id = j.terminal_id AND b.merchant_id = j.merchant_id AND b.journal_id > j.journal_id"
    " ORDER BY b.journal_id LIMIT 1), j.batch) END"
)

PAYMENTS: Final = Query(
    given=(("payment_id", "bigint"),),
    columns=(
        *("p.payment_id", "j.kind", "p.state", "p.amount_minor", "p.current_minor", "p.refunded_minor", "a.currency"),
        *("p.account_id", "p.merchant_account_id", "j.card_id", "j.pan_key", "p.hold_id", "j.business_day"),
        *(_ITS_BATCH, "j.merchant_id", "j.rrn", "j.approval_code", "j.original_id", "j.terminal_id", "j.entry_mode"),
        "j.masked_pan",
    ),
    source="payment AS p ON p.payment_id = g.payment_id JOIN journal AS j ON j.journal_id = p.payment_id"
    " JOIN account AS a ON a.account_id = p.account_id",  # a message may leave its currency out
    lock=("p", "payment_id"),
)

INCREMENTS: Final = Query(  # of an authorisation that is locked, which keeps off all that would change them
    given=(("payment_id", "bigint"),),
    columns=PAYMENTS.columns,
    source="journal AS j ON j.original_id = g.payment_id AND j.kind = 'increment'"
    " JOIN payment AS p ON p.payment_id = j.journal_id AND p.state = 'posted'"
    " JOIN account AS a ON a.account_id = p.account_id",
)

ADJUSTMENTS: Final = Query(
    given=(("payment_id", "bigint"),),
    columns=("q.payment_id", "q.amount_minor"),
    # what waits for an operator, what one undid when it had waited, and what one gave back of a batch that differed:
    # all are few
    source="(SELECT payment_id, amount_minor FROM adjustment WHERE state = 'open'"
    " UNION ALL SELECT q.payment_id, c.amount_minor FROM (SELECT DISTINCT payment_id FROM adjustment) AS q"
    f" JOIN journal AS c ON c.original_id = q.payment_id AND c.kind = '{Kind.CORRECTION}'"
    " AND substr(c.stan, 1, 1) = 'A'"
    " UNION ALL SELECT d.journal_id, c.amount_minor FROM discrepancy AS d"
    " JOIN journal AS c ON c.journal_id = d.settled_by AND c.reason = 'return' WHERE d.journal_id IS NOT NULL"
    ") AS q ON q.payment_id = g.payment_id",
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

SPENDING: Final = Query(
    given=(("owner", "text"), ("period", "integer")),
    columns=("s.owner", "s.period", "s.amount_minor", "s.count", "s.since_id"),  # of each stripe
    source="spending AS s ON s.owner = g.owner AND s.period = g.period",
)

SECURITY: Final = Query(
    given=(("card_id", "bigint"),),
    columns=("s.card_id", "s.pin_tries", "s.atc"),
    source="card_security AS s ON s.card_id = g.card_id",
)

KEY_COUNTERS: Final = Query(
    given=(("base", "text"), ("device", "bytea")),
    columns=("k.base", "k.device", "k.counter"),
    source="key_counter AS k ON k.base = g.base AND k.device = g.device",
)

# --- what changes ------------------------------------------------------------------------------------------

_AS_IT_IS: Final = "COALESCE({new}, {old})"
_ADDED: Final = "{old} + {new}"

# fmt: off
BALANCE_CHANGE: Final  = Change("balance",  ("account_id",), ("ledger_minor", "held_minor"))
PAYMENT_CHANGE: Final  = Change("payment",  ("payment_id",), ("state", "current_minor", "refunded_minor", "hold_id"))
SPENT_CHANGE: Final    = Change("card_day", ("card_id", "business_day"), ("amount_minor", "count"), inserts=True)
SECURITY_CHANGE: Final = Change("card_security", ("card_id",), ("pin_tries", "atc"), inserts=True)
OPERATOR_CHANGE: Final = Change("operator", ("merchant_id", "operator_id"), ("failures",))
PAY_CODE_CHANGE: Final = Change("pay_code", ("code_key",), ("used_by",))
BATCH_CHANGE: Final    = Change("batch",    ("terminal_id", "merchant_id", "batch"), ("state", "said_count"))
# fmt: on

UNBLOCKED: Final = ("active", "inactive")
"""What an activation moves a card between; one that an operator has blocked meanwhile stays blocked."""

CARD_CHANGE: Final = Change(
    "card",
    ("card_id",),
    ("status",),
    sets=(("status", f"CASE WHEN {{old}} IN {UNBLOCKED} THEN {{new}} ELSE {{old}} END"),),
)

_OF_TERMINAL: Final = ("signed_on", "software", "operator_id", "last_seen_day", "batch", "batch_state")

TERMINAL_CHANGE: Final = Change(
    "terminal", ("terminal_id",), _OF_TERMINAL, sets=tuple((name, _AS_IT_IS) for name in _OF_TERMINAL)
)

PENDING_DONE: Final = Change(  # an operator may have asked for more meanwhile
    "terminal",
    ("terminal_id",),
    ("pending",),
    sets=(("pending", "TRIM(REPLACE(' ' || {old} || ' ', ' ' || {new} || ' ', ' '))"),),
)

KEY_CHANGE: Final = Change(
    "terminal_key",
    ("terminal_id", "usage"),
    ("check_value", "block", "changed_at"),
    inserts=True,
    sets=(("previous_block", "terminal_key.block"),),
)

_HIGHEST: Final = (("counter", "CASE WHEN {new} > {old} THEN {new} ELSE {old} END"),)
KEY_COUNTER_CHANGE: Final = Change("key_counter", ("base", "device"), ("counter",), inserts=True, sets=_HIGHEST)

DAY_OPENED: Final = Change(  # by whichever group of the day came first
    "business_day", ("day",), ("opened_at", "state"), inserts=True, sets=(("opened_at", "{old}"), ("state", "{old}"))
)

SPENDING_CHANGE: Final = Change(
    "spending",
    ("owner", "period", "stripe"),
    ("amount_minor", "count", "since_id"),
    inserts=True,
    sets=(("amount_minor", _ADDED), ("count", _ADDED), ("since_id", "{old}")),
)
