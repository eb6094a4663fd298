"""All tables of the books. Constraints repeat the invariants, so that a bug here meets a wall there.

Both databases see the same columns: amounts are BIGINT minor units, moments BIGINT microseconds since 1970
in UTC (``*_at``), dates INTEGER yyyymmdd (``*_day``, ``*_date``), PANs only sealed, looked up by ``pan_key``
(HMAC-SHA-256 under a key of the vault). Ids of journal rows are made by the host and rise with time; a hold
has the id of the journal row that opened it, a payment that of the request it came from.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from switch.ledger.columns import either, metadata, minor, one_of, only, own_id, refers, spelled_out, text
from switch.ledger.dukpt_tables import base_key, key_counter
from switch.ledger.office_tables import access_token, change_log, maintenance, note, proposal, tap, tap_line
from switch.ledger.party_tables import (
    account,
    balance,
    card,
    card_day,
    card_security,
    issuer_key,
    merchant,
    operator,
    pay_code,
    spending,
    terminal,
    terminal_key,
)
from switch.ledger.settlement_tables import (
    batch,
    business_day,
    clearing_file,
    clearing_part,
    discrepancy,
    statement,
    uploaded_record,
)

SCHEMA_VERSION: Final = 7

__all__ = [
    "SCHEMA_VERSION",
    "access_token",
    "account",
    "balance",
    "base_key",
    "batch",
    "business_day",
    "card",
    "card_day",
    "card_security",
    "change_log",
    "clearing_file",
    "clearing_part",
    "discrepancy",
    "issuer_key",
    "key_counter",
    "maintenance",
    "merchant",
    "metadata",
    "note",
    "operator",
    "pay_code",
    "proposal",
    "spending",
    "statement",
    "tap",
    "tap_line",
    "terminal",
    "terminal_key",
    "uploaded_record",
]

# --- which version -----------------------------------------------------------------------------------------

meta: Final = sa.Table(
    "meta",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

# --- what was decided --------------------------------------------------------------------------------------

journal: Final = sa.Table(
    "journal",
    metadata,
    own_id("journal_id"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    text("mti"),
    text("processing_code"),
    text("terminal_id"),
    text("merchant_id"),
    text("stan"),
    text("batch"),
    sa.Column("local_date", sa.Integer, nullable=False),
    text("local_time"),
    sa.Column("business_day", sa.Integer, nullable=False),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("decided_at", sa.BigInteger, nullable=False),
    minor("amount_minor", nullable=True),
    text("currency"),
    refers("card_id", "card.card_id", nullable=True),
    sa.Column("pan_key", sa.LargeBinary, nullable=True),
    text("masked_pan"),
    text("entry_mode"),
    text("condition_code"),
    text("rrn"),
    text("approval_code"),
    text("reason"),
    sa.Column("original_id", sa.BigInteger, nullable=True),
    text("because"),
    text("trace"),  # JSON: [[rule, value, limit, passed], ...]
    text("reply"),  # JSON: the host-made fields that have no column of their own
    text("rule_set"),
    sa.Index(None, "rrn"),
)
# --- how people and batches find rows of the journal; each index costs every authorisation some microseconds ---
KEYLESS: Final = (
    *("code_query", "download", "download_end", "download_query", "expiry"),
    *("sign_off", "sign_on", "statement", "status_upload"),
)
"""Kinds that no `request_key` leads to; all others are found by their keys."""

HAS_BATCH: Final = sa.text("journal.batch <> ''")
IS_KEYLESS: Final = sa.text(f"({spelled_out('journal.kind', KEYLESS)})")
"""What a query says, in these words, to go by the index of these rows: a value that is bound tells SQLite too late."""

sa.Index(  # what a batch is made of: of a terminal without batches it would cost each payment a page of the log
    "ix_journal_terminal_id_batch", journal.c.terminal_id, journal.c.batch, **only(journal.c.batch != "")
)
sa.Index("ix_journal_terminal_id_keyless", journal.c.terminal_id, **only(sa.text(spelled_out("kind", KEYLESS))))
sa.Index(  # why a card was declined: of every row it would cost a payment a fifth of its time
    "ix_journal_card_id_declined", journal.c.card_id, **only(journal.c.action != "approved")
)
sa.Index(  # what is about an earlier request: increments, reversals, refunds
    "ix_journal_original_id", journal.c.original_id, **only(journal.c.original_id.is_not(None))
)
sa.Index("ix_journal_declined", journal.c.action, journal.c.journal_id, **only(journal.c.action != "approved"))

request_key: Final = sa.Table(
    "request_key",
    metadata,
    sa.Column("terminal_id", sa.Text, primary_key=True),
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("stan", sa.Text, primary_key=True),
    sa.Column("local_date", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("message_class", sa.Text, primary_key=True),
    sa.Column("batch", sa.Text, primary_key=True),
    refers("journal_id", "journal.journal_id"),
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
    refers("journal_id", "journal.journal_id"),  # of the reversal that came first
    sqlite_with_rowid=False,
)

payment: Final = sa.Table(
    "payment",
    metadata,
    own_id("payment_id", "journal.journal_id"),
    sa.Column("state", sa.Text, nullable=False),
    minor("amount_minor"),
    minor("current_minor"),
    minor("refunded_minor"),
    refers("account_id", "account.account_id"),
    refers("merchant_account_id", "account.account_id"),
    sa.Column("hold_id", sa.BigInteger, nullable=True),
    either("state", "held", "captured", "expired", "posted", "voided", "reversed"),
    sa.CheckConstraint("current_minor >= 0 AND refunded_minor >= 0", name="not_negative"),
    sa.CheckConstraint("amount_minor - current_minor + refunded_minor <= amount_minor", name="undone_at_most_once"),
)

authorisation: Final = sa.Table(
    "authorisation",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("approval_code", sa.Text, primary_key=True),
    sa.Column("journal_id", sa.BigInteger, sa.ForeignKey("journal.journal_id"), primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

chip_record: Final = sa.Table(
    "chip_record",
    metadata,
    own_id("journal_id", "journal.journal_id"),
    sa.Column("content", sa.Text, nullable=False),  # JSON: what the chip and the terminal said of themselves
)

upload: Final = sa.Table(
    "upload",
    metadata,
    own_id("journal_id", "journal.journal_id"),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("original_id", sa.BigInteger, nullable=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
    one_of("what", "status", "signature", "script_result"),
)

adjustment: Final = sa.Table(
    "adjustment",
    metadata,
    own_id("journal_id", "journal.journal_id"),
    refers("payment_id", "payment.payment_id"),
    minor("amount_minor"),
    text("why"),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    one_of("state", "open", "settled"),
    sa.Index(None, "payment_id"),
)
sa.Index("ix_adjustment_open", adjustment.c.journal_id, **only(adjustment.c.state == "open"))

# --- what moved --------------------------------------------------------------------------------------------

transfer: Final = sa.Table(
    "transfer",
    metadata,
    sa.Column("journal_id", sa.BigInteger, sa.ForeignKey("journal.journal_id"), primary_key=True, autoincrement=False),
    sa.Column("leg", sa.Integer, primary_key=True, autoincrement=False),
    refers("debit_account_id", "account.account_id"),
    refers("credit_account_id", "account.account_id"),
    minor("amount_minor"),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("forced", sa.Integer, nullable=False, server_default="0"),
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
    sa.CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
    sqlite_with_rowid=False,
)

hold: Final = sa.Table(
    "hold",
    metadata,
    own_id("hold_id", "journal.journal_id"),
    refers("account_id", "account.account_id"),
    minor("amount_minor"),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("forced", sa.Integer, nullable=False, server_default="0"),
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
    sa.Index(None, "account_id"),
)

hold_end: Final = sa.Table(
    "hold_end",
    metadata,
    own_id("hold_id", "hold.hold_id"),
    refers("journal_id", "journal.journal_id"),
    sa.Column("how", sa.Text, nullable=False),
    one_of("how", "captured", "released", "expired", "replaced"),
)
