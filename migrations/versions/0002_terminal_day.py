"""What a terminal's whole day needs: keys, operators, limits, pay codes, and more states of a payment.

SQLite copies the three tables whose constraints change, so each is written out here as version 1 left it; PostgreSQL
alters them where they are. A program of version 1 does not know the new states and kinds: it must not run beside.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MANUAL_ENTRY = "manual_entry IN ('free', 'with_code', 'off')"
STATES = "state IN ('held', 'captured', 'expired', 'posted', 'voided', 'reversed')"


def upgrade() -> None:
    _who()
    _whose_secrets()
    _what_was_decided()
    _what_moved()
    _what_is_known_already()
    for name, value in (("schema_version", "2"), ("program_min", "2"), ("program_max", "2")):
        op.execute(sa.text("UPDATE meta SET value = :value WHERE name = :name").bindparams(name=name, value=value))


def _who() -> None:
    with op.batch_alter_table("merchant", copy_from=_merchant_1()) as batch:
        batch.add_column(sa.Column("manual_entry", sa.Text(), server_default="free", nullable=False))
        batch.add_column(_text("limits"))
        batch.create_check_constraint(op.f("ck_merchant_manual_entry_known"), MANUAL_ENTRY)
    with op.batch_alter_table("terminal", copy_from=_terminal_1()) as batch:
        batch.add_column(_text("because"))
        batch.add_column(sa.Column("manual_entry", sa.Text(), server_default="free", nullable=False))
        batch.add_column(sa.Column("fallback", sa.Integer(), server_default="1", nullable=False))
        for name in ("schemes", "software", "pending", "limits", "operator_id"):
            batch.add_column(_text(name))
        batch.add_column(sa.Column("last_seen_day", sa.Integer(), server_default="0", nullable=False))
        batch.create_check_constraint(op.f("ck_terminal_manual_entry_known"), MANUAL_ENTRY)
    for name in ("scheme", "service_code", "sequence", "pvv", "pvki", "cvv_key", "limits"):
        op.add_column("card", _text(name))


def _whose_secrets() -> None:
    op.create_table(
        "terminal_key",
        sa.Column("terminal_id", sa.Text(), nullable=False),
        sa.Column("usage", sa.Text(), nullable=False),
        sa.Column("check_value", sa.Text(), nullable=False),
        sa.Column("block", sa.Text(), nullable=False),
        sa.Column("previous_block", sa.Text(), server_default="", nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminal.terminal_id"], name=op.f("fk_terminal_key_terminal_id")),
        sa.PrimaryKeyConstraint("terminal_id", "usage", name=op.f("pk_terminal_key")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "issuer_key",
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("usage", sa.Text(), nullable=False),
        sa.Column("key_index", sa.Text(), nullable=False),
        sa.Column("check_value", sa.Text(), nullable=False),
        sa.Column("block", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), server_default="", nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("prefix", "usage", "key_index", name=op.f("pk_issuer_key")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "operator",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), server_default="", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.CheckConstraint("status IN ('active', 'closed')", name=op.f("ck_operator_status_known")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.merchant_id"], name=op.f("fk_operator_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "operator_id", name=op.f("pk_operator")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "card_security",
        sa.Column("card_id", ID, autoincrement=False, nullable=False),
        sa.Column("pin_tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("atc", sa.Integer(), server_default="-1", nullable=False),
        sa.CheckConstraint("pin_tries >= 0", name=op.f("ck_card_security_pin_tries_not_negative")),
        sa.ForeignKeyConstraint(["card_id"], ["card.card_id"], name=op.f("fk_card_security_card_id")),
        sa.PrimaryKeyConstraint("card_id", name=op.f("pk_card_security")),
    )
    op.create_table(
        "pay_code",
        sa.Column("code_key", sa.LargeBinary(), nullable=False),
        sa.Column("card_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("single_use", sa.Integer(), server_default="1", nullable=False),
        sa.Column("used_by", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["card_id"], ["card.card_id"], name=op.f("fk_pay_code_card_id")),
        sa.PrimaryKeyConstraint("code_key", name=op.f("pk_pay_code")),
    )
    op.create_table(
        "spending",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("period", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stripe", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "period", "stripe", name=op.f("pk_spending")),
        sqlite_with_rowid=False,
    )


def _what_was_decided() -> None:
    with op.batch_alter_table("payment", copy_from=_payment_1()) as batch:
        batch.drop_constraint(op.f("ck_payment_state_known"), type_="check")
        batch.create_check_constraint(op.f("ck_payment_state_known"), STATES)
    op.create_index(op.f("ix_adjustment_payment_id"), "adjustment", ["payment_id"], unique=False)
    op.create_table(
        "authorisation",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("approval_code", sa.Text(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.journal_id"], name=op.f("fk_authorisation_journal_id")),
        sa.PrimaryKeyConstraint("merchant_id", "approval_code", "journal_id", name=op.f("pk_authorisation")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "chip_record",
        sa.Column("journal_id", ID, autoincrement=False, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.journal_id"], name=op.f("fk_chip_record_journal_id")),
        sa.PrimaryKeyConstraint("journal_id", name=op.f("pk_chip_record")),
    )
    op.create_table(
        "upload",
        sa.Column("journal_id", ID, autoincrement=False, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("original_id", sa.BigInteger(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("what IN ('status', 'signature', 'script_result')", name=op.f("ck_upload_what_known")),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.journal_id"], name=op.f("fk_upload_journal_id")),
        sa.PrimaryKeyConstraint("journal_id", name=op.f("pk_upload")),
    )


def _what_moved() -> None:
    op.add_column("hold", sa.Column("forced", sa.Integer(), server_default="0", nullable=False))


def _what_is_known_already() -> None:
    """Authorisations of before can be completed, and a terminal that was busy yesterday is not a silent one."""
    op.execute(
        "INSERT INTO authorisation (merchant_id, approval_code, journal_id)"
        " SELECT j.merchant_id, j.approval_code, j.journal_id FROM payment AS p"
        " JOIN journal AS j ON j.journal_id = p.payment_id WHERE j.kind = 'authorisation'"
    )
    op.execute(
        "UPDATE terminal SET last_seen_day = COALESCE((SELECT MAX(k.local_date) FROM request_key AS k"
        " WHERE k.terminal_id = terminal.terminal_id AND k.merchant_id = terminal.merchant_id), 0)"
    )


# --- tables as version 1 left them -------------------------------------------------------------------------


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _merchant_1() -> sa.Table:
    return sa.Table(
        "merchant",
        sa.MetaData(),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        _text("name"),
        _text("mcc"),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'frozen', 'closed')", name="ck_merchant_status_known"),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name="fk_merchant_account_id"),
        sa.PrimaryKeyConstraint("merchant_id", name="pk_merchant"),
    )


def _terminal_1() -> sa.Table:
    return sa.Table(
        "terminal",
        sa.MetaData(),
        sa.Column("terminal_id", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        _text("serial"),
        _text("kinds"),
        _text("entry_modes"),
        sa.Column("batch", sa.Text(), server_default="000001", nullable=False),
        sa.Column("signed_on", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "status IN ('registered', 'active', 'locked', 'dormant', 'retired')", name="ck_terminal_status_known"
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.merchant_id"], name="fk_terminal_merchant_id"),
        sa.PrimaryKeyConstraint("terminal_id", name="pk_terminal"),
    )


def _payment_1() -> sa.Table:
    return sa.Table(
        "payment",
        sa.MetaData(),
        sa.Column("payment_id", ID, autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("current_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("merchant_account_id", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('held', 'posted', 'reversed')", name="ck_payment_state_known"),
        sa.CheckConstraint(
            "amount_minor - current_minor + refunded_minor <= amount_minor", name="ck_payment_undone_at_most_once"
        ),
        sa.CheckConstraint("current_minor >= 0 AND refunded_minor >= 0", name="ck_payment_not_negative"),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name="fk_payment_account_id"),
        sa.ForeignKeyConstraint(["merchant_account_id"], ["account.account_id"], name="fk_payment_merchant_account_id"),
        sa.ForeignKeyConstraint(["payment_id"], ["journal.journal_id"], name="fk_payment_payment_id"),
        sa.PrimaryKeyConstraint("payment_id", name="pk_payment"),
    )
