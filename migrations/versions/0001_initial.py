"""The books as they began: who, what was decided, what moved.

Written out in full: a migration says what it did on its day, whatever the schema has become since.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _who()
    _what_was_decided()
    _what_moved()
    meta = sa.table("meta", sa.column("name"), sa.column("value"))
    versions = {"schema_version": "1", "program_min": "1", "program_max": "1", "demo": "no"}
    op.bulk_insert(meta, [{"name": name, "value": value} for name, value in versions.items()])


def _who() -> None:
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )
    op.create_table(
        "account",
        sa.Column("account_id", ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("class", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("kind IN ('cardholder', 'merchant', 'funding')", name=op.f("ck_account_kind_known")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account")),
        sa.UniqueConstraint("kind", "name", "currency", name=op.f("uq_account_kind_name_currency")),
    )
    op.create_table(
        "balance",
        sa.Column("account_id", ID, autoincrement=False, nullable=False),
        sa.Column("ledger_minor", sa.BigInteger(), nullable=False),
        sa.Column("held_minor", sa.BigInteger(), nullable=False),
        sa.Column("credit_limit_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("credit_limit_minor >= 0", name=op.f("ck_balance_credit_limit_not_negative")),
        sa.CheckConstraint("held_minor >= 0", name=op.f("ck_balance_held_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_balance_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_balance")),
    )
    op.create_table(
        "merchant",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("mcc", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'frozen', 'closed')", name=op.f("ck_merchant_status_known")),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_merchant_account_id")),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_merchant")),
    )
    op.create_table(
        "terminal",
        sa.Column("terminal_id", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), server_default="", nullable=False),
        sa.Column("kinds", sa.Text(), server_default="", nullable=False),
        sa.Column("entry_modes", sa.Text(), server_default="", nullable=False),
        sa.Column("batch", sa.Text(), server_default="000001", nullable=False),
        sa.Column("signed_on", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "status IN ('registered', 'active', 'locked', 'dormant', 'retired')", name=op.f("ck_terminal_status_known")
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.merchant_id"], name=op.f("fk_terminal_merchant_id")),
        sa.PrimaryKeyConstraint("terminal_id", name=op.f("pk_terminal")),
    )
    op.create_table(
        "card",
        sa.Column("card_id", ID, autoincrement=False, nullable=False),
        sa.Column("pan_key", sa.LargeBinary(), nullable=False),
        sa.Column("pan_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("masked_pan", sa.Text(), nullable=False),
        sa.Column("expiry_yymm", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("single_limit_minor", sa.BigInteger(), nullable=True),
        sa.Column("daily_limit_minor", sa.BigInteger(), nullable=True),
        sa.Column("daily_count", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "status IN ('active', 'inactive', 'frozen', 'lost', 'stolen')", name=op.f("ck_card_status_known")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_card_account_id")),
        sa.PrimaryKeyConstraint("card_id", name=op.f("pk_card")),
        sa.UniqueConstraint("pan_key", name=op.f("uq_card_pan_key")),
    )
    op.create_table(
        "card_day",
        sa.Column("card_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("business_day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.CheckConstraint("amount_minor >= 0 AND count >= 0", name=op.f("ck_card_day_not_negative")),
        sa.ForeignKeyConstraint(["card_id"], ["card.card_id"], name=op.f("fk_card_day_card_id")),
        sa.PrimaryKeyConstraint("card_id", "business_day", name=op.f("pk_card_day")),
        sqlite_with_rowid=False,
    )


def _what_was_decided() -> None:
    op.create_table(
        "journal",
        sa.Column("journal_id", ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("mti", sa.Text(), server_default="", nullable=False),
        sa.Column("processing_code", sa.Text(), server_default="", nullable=False),
        sa.Column("terminal_id", sa.Text(), server_default="", nullable=False),
        sa.Column("merchant_id", sa.Text(), server_default="", nullable=False),
        sa.Column("stan", sa.Text(), server_default="", nullable=False),
        sa.Column("batch", sa.Text(), server_default="", nullable=False),
        sa.Column("local_date", sa.Integer(), nullable=False),
        sa.Column("local_time", sa.Text(), server_default="", nullable=False),
        sa.Column("business_day", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), server_default="", nullable=False),
        sa.Column("card_id", sa.BigInteger(), nullable=True),
        sa.Column("pan_key", sa.LargeBinary(), nullable=True),
        sa.Column("masked_pan", sa.Text(), server_default="", nullable=False),
        sa.Column("entry_mode", sa.Text(), server_default="", nullable=False),
        sa.Column("condition_code", sa.Text(), server_default="", nullable=False),
        sa.Column("rrn", sa.Text(), server_default="", nullable=False),
        sa.Column("approval_code", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("original_id", sa.BigInteger(), nullable=True),
        sa.Column("because", sa.Text(), server_default="", nullable=False),
        sa.Column("trace", sa.Text(), server_default="", nullable=False),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.Column("rule_set", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["card.card_id"], name=op.f("fk_journal_card_id")),
        sa.PrimaryKeyConstraint("journal_id", name=op.f("pk_journal")),
    )
    op.create_index(op.f("ix_journal_rrn"), "journal", ["rrn"], unique=False)
    op.create_table(
        "request_key",
        sa.Column("terminal_id", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("stan", sa.Text(), nullable=False),
        sa.Column("local_date", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message_class", sa.Text(), nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.journal_id"], name=op.f("fk_request_key_journal_id")),
        sa.PrimaryKeyConstraint(
            "terminal_id", "merchant_id", "stan", "local_date", "message_class", "batch", name=op.f("pk_request_key")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tombstone",
        sa.Column("terminal_id", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("stan", sa.Text(), nullable=False),
        sa.Column("local_date", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message_class", sa.Text(), nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.journal_id"], name=op.f("fk_tombstone_journal_id")),
        sa.PrimaryKeyConstraint(
            "terminal_id", "merchant_id", "stan", "local_date", "message_class", "batch", name=op.f("pk_tombstone")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "payment",
        sa.Column("payment_id", ID, autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("current_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("merchant_account_id", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('held', 'posted', 'reversed')", name=op.f("ck_payment_state_known")),
        sa.CheckConstraint(
            "amount_minor - current_minor + refunded_minor <= amount_minor", name=op.f("ck_payment_undone_at_most_once")
        ),
        sa.CheckConstraint("current_minor >= 0 AND refunded_minor >= 0", name=op.f("ck_payment_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_payment_account_id")),
        sa.ForeignKeyConstraint(
            ["merchant_account_id"], ["account.account_id"], name=op.f("fk_payment_merchant_account_id")
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["journal.journal_id"], name=op.f("fk_payment_payment_id")),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_payment")),
    )
    op.create_table(
        "adjustment",
        sa.Column("journal_id", ID, autoincrement=False, nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.CheckConstraint("state IN ('open', 'settled')", name=op.f("ck_adjustment_state_known")),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.journal_id"], name=op.f("fk_adjustment_journal_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.payment_id"], name=op.f("fk_adjustment_payment_id")),
        sa.PrimaryKeyConstraint("journal_id", name=op.f("pk_adjustment")),
    )


def _what_moved() -> None:
    op.create_table(
        "transfer",
        sa.Column("journal_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("leg", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("debit_account_id", sa.BigInteger(), nullable=False),
        sa.Column("credit_account_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("forced", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_transfer_amount_positive")),
        sa.CheckConstraint("debit_account_id <> credit_account_id", name=op.f("ck_transfer_two_accounts")),
        sa.ForeignKeyConstraint(
            ["credit_account_id"], ["account.account_id"], name=op.f("fk_transfer_credit_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["debit_account_id"], ["account.account_id"], name=op.f("fk_transfer_debit_account_id")
        ),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.journal_id"], name=op.f("fk_transfer_journal_id")),
        sa.PrimaryKeyConstraint("journal_id", "leg", name=op.f("pk_transfer")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hold",
        sa.Column("hold_id", ID, autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_hold_amount_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_hold_account_id")),
        sa.ForeignKeyConstraint(["hold_id"], ["journal.journal_id"], name=op.f("fk_hold_hold_id")),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_hold")),
    )
    op.create_table(
        "hold_end",
        sa.Column("hold_id", ID, autoincrement=False, nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "how IN ('captured', 'released', 'expired', 'replaced')", name=op.f("ck_hold_end_how_known")
        ),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.hold_id"], name=op.f("fk_hold_end_hold_id")),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.journal_id"], name=op.f("fk_hold_end_journal_id")),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_hold_end")),
    )
