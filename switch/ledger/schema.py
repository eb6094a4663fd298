"""All tables of the books. Constraints repeat the invariants, so that a bug here meets a wall there.

Both databases see the same columns: amounts are BIGINT minor units, moments BIGINT microseconds since 1970
in UTC (``*_at``), dates INTEGER yyyymmdd (``*_day``, ``*_date``), PANs only sealed, looked up by ``pan_key``
(HMAC-SHA-256 under a key of the vault). Ids of journal rows are made by the host and rise with time; a hold
has the id of the journal row that opened it, a payment that of the request it came from.

Only cardholder accounts have a `balance` row; merchant and funding accounts are sums over `transfer`, so no
authorisation waits for another one's merchant.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

SCHEMA_VERSION: Final = 1

metadata: Final = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


_ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""64 bits on both; on SQLite a key of exactly this type is the row's own number, without a second tree for it."""


def _id(name: str, target: str | None = None) -> sa.Column[int]:
    """A primary key that the host makes, or that of the row in ``target`` which this one belongs to."""
    return sa.Column(name, _ID, *([sa.ForeignKey(target)] if target else []), primary_key=True, autoincrement=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _minor(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _refers(name: str, target: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, sa.ForeignKey(target), nullable=nullable)


def _one_of(column: str, *values: str) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


# --- who ---------------------------------------------------------------------------------------------------

meta: Final = sa.Table(
    "meta",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

account: Final = sa.Table(
    "account",
    metadata,
    _id("account_id"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),  # cardholder: the CSV's account or a token; merchant: its id
    sa.Column("currency", sa.Text, nullable=False),
    _text("class"),
    sa.UniqueConstraint("kind", "name", "currency"),
    _one_of("kind", "cardholder", "merchant", "funding"),
)

balance: Final = sa.Table(
    "balance",
    metadata,
    _id("account_id", "account.account_id"),
    _minor("ledger_minor"),
    _minor("held_minor"),
    _minor("credit_limit_minor"),
    sa.CheckConstraint("held_minor >= 0", name="held_not_negative"),
    sa.CheckConstraint("credit_limit_minor >= 0", name="credit_limit_not_negative"),
)

merchant: Final = sa.Table(
    "merchant",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    _text("name"),
    _text("mcc"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    _refers("account_id", "account.account_id"),
    _one_of("status", "active", "frozen", "closed"),
)

terminal: Final = sa.Table(
    "terminal",
    metadata,
    sa.Column("terminal_id", sa.Text, primary_key=True),
    sa.Column("merchant_id", sa.Text, sa.ForeignKey("merchant.merchant_id"), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    _text("serial"),
    _text("kinds"),  # space-separated kinds, "" for all
    _text("entry_modes"),  # space-separated first two digits of DE 22, "" for all
    sa.Column("batch", sa.Text, nullable=False, server_default="000001"),
    sa.Column("signed_on", sa.Integer, nullable=False, server_default="0"),
    _one_of("status", "registered", "active", "locked", "dormant", "retired"),
)

card: Final = sa.Table(
    "card",
    metadata,
    _id("card_id"),
    sa.Column("pan_key", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("pan_sealed", sa.LargeBinary, nullable=False),
    sa.Column("key_version", sa.Integer, nullable=False),
    sa.Column("masked_pan", sa.Text, nullable=False),
    sa.Column("expiry_yymm", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    _refers("account_id", "account.account_id"),
    _minor("single_limit_minor", nullable=True),
    _minor("daily_limit_minor", nullable=True),
    sa.Column("daily_count", sa.Integer, nullable=True),
    _one_of("status", "active", "inactive", "frozen", "lost", "stolen"),
)

card_day: Final = sa.Table(
    "card_day",
    metadata,
    sa.Column("card_id", sa.BigInteger, sa.ForeignKey("card.card_id"), primary_key=True, autoincrement=False),
    sa.Column("business_day", sa.Integer, primary_key=True, autoincrement=False),
    _minor("amount_minor"),
    sa.Column("count", sa.Integer, nullable=False),
    sa.CheckConstraint("amount_minor >= 0 AND count >= 0", name="not_negative"),
    sqlite_with_rowid=False,
)

# --- what was decided --------------------------------------------------------------------------------------

journal: Final = sa.Table(
    "journal",
    metadata,
    _id("journal_id"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    _text("mti"),
    _text("processing_code"),
    _text("terminal_id"),
    _text("merchant_id"),
    _text("stan"),
    _text("batch"),
    sa.Column("local_date", sa.Integer, nullable=False),
    _text("local_time"),
    sa.Column("business_day", sa.Integer, nullable=False),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("decided_at", sa.BigInteger, nullable=False),
    _minor("amount_minor", nullable=True),
    _text("currency"),
    _refers("card_id", "card.card_id", nullable=True),
    sa.Column("pan_key", sa.LargeBinary, nullable=True),
    _text("masked_pan"),
    _text("entry_mode"),
    _text("condition_code"),
    _text("rrn"),
    _text("approval_code"),
    _text("reason"),
    sa.Column("original_id", sa.BigInteger, nullable=True),
    _text("because"),
    _text("trace"),  # JSON: [[rule, value, limit, passed], ...]
    _text("reply"),  # JSON: the host-made fields that have no column of their own
    _text("rule_set"),
    sa.Index(None, "rrn"),
)

request_key: Final = sa.Table(
    "request_key",
    metadata,
    sa.Column("terminal_id", sa.Text, primary_key=True),
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("stan", sa.Text, primary_key=True),
    sa.Column("local_date", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("message_class", sa.Text, primary_key=True),
    sa.Column("batch", sa.Text, primary_key=True),
    _refers("journal_id", "journal.journal_id"),
    sqlite_with_rowid=False,
)

tombstone: Final = sa.Table(
    "tombstone",
    metadata,
    sa.Column("terminal_id", sa.Text, primary_key=True),
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("stan", sa.Text, primary_key=True),
    sa.Column("local_date", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("message_class", sa.Text, primary_key=True),  # "" buries every class
    sa.Column("batch", sa.Text, primary_key=True),  # "" buries every batch
    _refers("journal_id", "journal.journal_id"),  # of the reversal that came first
    sqlite_with_rowid=False,
)

payment: Final = sa.Table(
    "payment",
    metadata,
    _id("payment_id", "journal.journal_id"),
    sa.Column("state", sa.Text, nullable=False),
    _minor("amount_minor"),
    _minor("current_minor"),
    _minor("refunded_minor"),
    _refers("account_id", "account.account_id"),
    _refers("merchant_account_id", "account.account_id"),
    sa.Column("hold_id", sa.BigInteger, nullable=True),
    _one_of("state", "held", "posted", "reversed"),
    sa.CheckConstraint("current_minor >= 0 AND refunded_minor >= 0", name="not_negative"),
    sa.CheckConstraint("amount_minor - current_minor + refunded_minor <= amount_minor", name="undone_at_most_once"),
)

adjustment: Final = sa.Table(
    "adjustment",
    metadata,
    _id("journal_id", "journal.journal_id"),
    _refers("payment_id", "payment.payment_id"),
    _minor("amount_minor"),
    _text("why"),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    _one_of("state", "open", "settled"),
)

# --- what moved --------------------------------------------------------------------------------------------

transfer: Final = sa.Table(
    "transfer",
    metadata,
    sa.Column("journal_id", sa.BigInteger, sa.ForeignKey("journal.journal_id"), primary_key=True, autoincrement=False),
    sa.Column("leg", sa.Integer, primary_key=True, autoincrement=False),
    _refers("debit_account_id", "account.account_id"),
    _refers("credit_account_id", "account.account_id"),
    _minor("amount_minor"),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("forced", sa.Integer, nullable=False, server_default="0"),
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
    sa.CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
    sqlite_with_rowid=False,
)

hold: Final = sa.Table(
    "hold",
    metadata,
    _id("hold_id", "journal.journal_id"),
    _refers("account_id", "account.account_id"),
    _minor("amount_minor"),
    sa.Column("currency", sa.Text, nullable=False),
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
)

hold_end: Final = sa.Table(
    "hold_end",
    metadata,
    _id("hold_id", "hold.hold_id"),
    _refers("journal_id", "journal.journal_id"),
    sa.Column("how", sa.Text, nullable=False),
    _one_of("how", "captured", "released", "expired", "replaced"),
)
