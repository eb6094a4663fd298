"""What closing a day needs: batches with their totals, uploads, discrepancies, business days, statements, clearing.

SQLite copies the two tables whose constraints change, so each is written out here as version 2 left it; PostgreSQL
alters them where they are. A program of version 2 would go on selling in a batch that is settled: it must not run
beside. Books from before have no business days yet: the first request opens the one it is of. An increment was counted
on its authorisation's day, and is on its own from now on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ACCOUNT_KINDS = "kind IN ('cardholder', 'merchant', 'funding', 'fee', 'agent')"
MANUAL_ENTRY = "manual_entry IN ('free', 'with_code', 'off')"
TOTALS = tuple(
    f"{whose}_{side}_{what}"
    for whose in ("domestic", "foreign")
    for side in ("debit", "credit")
    for what in ("minor", "count")
)


def upgrade() -> None:
    _who()
    _what_was_decided()
    _what_was_spent()
    _batches()
    _days()
    for name, value in (("schema_version", "3"), ("program_min", "3"), ("program_max", "3")):
        op.execute(sa.text("UPDATE meta SET value = :value WHERE name = :name").bindparams(name=name, value=value))


def _who() -> None:
    with op.batch_alter_table("account", copy_from=_account_2()) as batch:
        batch.drop_constraint(op.f("ck_account_kind_known"), type_="check")
        batch.create_check_constraint(op.f("ck_account_kind_known"), ACCOUNT_KINDS)
    op.add_column("merchant", _text("fee_plan"))
    op.add_column("merchant", _text("shares"))
    with op.batch_alter_table("terminal", copy_from=_terminal_2()) as batch:
        batch.add_column(sa.Column("batch_state", sa.Text(), server_default="open", nullable=False))
        batch.create_check_constraint(
            op.f("ck_terminal_batch_state_known"), "batch_state IN ('open', 'unbalanced', 'closed')"
        )


def _what_was_decided() -> None:
    op.create_index(
        op.f("ix_journal_terminal_id_batch"),
        "journal",
        ["terminal_id", "batch"],
        unique=False,
        sqlite_where=sa.text("batch <> ''"),
        postgresql_where=sa.text("batch <> ''"),
    )
    op.create_index(
        op.f("ix_journal_original_id_increment"),
        "journal",
        ["original_id"],
        unique=False,
        sqlite_where=sa.text("kind = 'increment'"),
        postgresql_where=sa.text("kind = 'increment'"),
    )


INCREMENTS = """
    SELECT i.card_id, a.business_day, i.business_day, a.journal_id, p.current_minor,
           CASE WHEN h.state <> 'captured' THEN h.current_minor
                ELSE (SELECT coalesce(sum(q.current_minor), 0)
                        FROM journal AS c JOIN payment AS q ON q.payment_id = c.journal_id AND q.state = 'posted'
                       WHERE c.original_id = a.journal_id AND c.kind IN ('completion', 'completion_advice')) END
      FROM journal AS i
      JOIN payment AS p ON p.payment_id = i.journal_id AND p.state = 'posted'
      JOIN journal AS a ON a.journal_id = i.original_id
      JOIN payment AS h ON h.payment_id = a.journal_id
     WHERE i.kind = 'increment'
     ORDER BY a.journal_id, i.journal_id DESC"""


def _what_was_spent() -> None:
    """Count what is left of each increment on its own day; of what counts in all, the latest ones come first."""
    books, left = op.get_bind(), {}
    for card, old_day, own_day, authorisation, amount, counted in books.execute(sa.text(INCREMENTS)).all():
        share = min(amount, left.get(authorisation, counted))
        left[authorisation] = left.get(authorisation, counted) - share
        if card is not None and share and own_day != old_day:
            _count(card, old_day, -share)
            _count(card, own_day, share)


def _count(card: int, day: int, minor: int) -> None:
    what = {"card": card, "day": day, "minor": minor}
    counted = sa.text(
        "UPDATE card_day SET amount_minor = amount_minor + :minor WHERE card_id = :card AND business_day = :day"
    )
    new = sa.text("INSERT INTO card_day (card_id, business_day, amount_minor, count) VALUES (:card, :day, :minor, 0)")
    if not op.get_bind().execute(counted, what).rowcount:
        op.get_bind().execute(new, what)


def _batches() -> None:
    op.create_table(
        "batch",
        *_of_batch(),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("business_day", sa.Integer(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=False),
        *_totals("host"),
        *_totals("terminal"),
        sa.Column("compared", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("state IN ('unbalanced', 'closed')", name=op.f("ck_batch_state_known")),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.journal_id"], name=op.f("fk_batch_journal_id")),
        sa.PrimaryKeyConstraint("terminal_id", "merchant_id", "batch", name=op.f("pk_batch")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "uploaded_record",
        *_of_batch(),
        sa.Column("stan", sa.Text(), nullable=False),
        sa.Column("is_domestic", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("pan_key", sa.LargeBinary(), nullable=True),
        _text("masked_pan"),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.journal_id"], name=op.f("fk_uploaded_record_journal_id")),
        sa.PrimaryKeyConstraint("terminal_id", "merchant_id", "batch", "stan", name=op.f("pk_uploaded_record")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "discrepancy",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        *_of_batch(),
        sa.Column("stan", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=True),
        sa.Column("host_minor", sa.BigInteger(), nullable=True),
        sa.Column("terminal_minor", sa.BigInteger(), nullable=True),
        sa.Column("pan_key", sa.LargeBinary(), nullable=True),
        _text("masked_pan"),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("settled_by", sa.BigInteger(), nullable=True),
        _text("because"),
        sa.CheckConstraint("what IN ('missing', 'extra', 'different')", name=op.f("ck_discrepancy_what_known")),
        sa.CheckConstraint("state IN ('open', 'settled')", name=op.f("ck_discrepancy_state_known")),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.journal_id"], name=op.f("fk_discrepancy_journal_id")),
        sa.ForeignKeyConstraint(["settled_by"], ["journal.journal_id"], name=op.f("fk_discrepancy_settled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discrepancy")),
        sa.UniqueConstraint(
            "terminal_id",
            "merchant_id",
            "batch",
            "stan",
            name=op.f("uq_discrepancy_terminal_id_merchant_id_batch_stan"),
        ),
    )


def _days() -> None:
    op.create_table(
        "business_day",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("ck_business_day_state_known")),
        sa.CheckConstraint(
            "(state = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_business_day_closed_at_a_moment")
        ),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_business_day")),
    )
    op.create_table(
        "statement",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("business_day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("journal_id", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("gross_minor", "credit_minor", "fee_minor", "share_minor", "net_minor")
        ),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.merchant_id"], name=op.f("fk_statement_merchant_id")),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.journal_id"], name=op.f("fk_statement_journal_id")),
        sa.PrimaryKeyConstraint("merchant_id", "business_day", name=op.f("pk_statement")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "clearing_file",
        sa.Column("business_day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("debit_minor", sa.BigInteger(), nullable=False),
        sa.Column("credit_minor", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("business_day", name=op.f("pk_clearing_file")),
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _of_batch() -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in ("terminal_id", "merchant_id", "batch")]


def _totals(whose: str) -> list[sa.Column[int]]:
    return [sa.Column(f"{whose}_{name}", sa.BigInteger(), nullable=False) for name in TOTALS]


# --- tables as version 2 left them -------------------------------------------------------------------------


def _account_2() -> sa.Table:
    return sa.Table(
        "account",
        sa.MetaData(),
        sa.Column("account_id", ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        _text("class"),
        sa.CheckConstraint("kind IN ('cardholder', 'merchant', 'funding')", name="ck_account_kind_known"),
        sa.PrimaryKeyConstraint("account_id", name="pk_account"),
        sa.UniqueConstraint("kind", "name", "currency", name="uq_account_kind_name_currency"),
    )


def _terminal_2() -> sa.Table:
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
        _text("because"),
        sa.Column("manual_entry", sa.Text(), server_default="free", nullable=False),
        sa.Column("fallback", sa.Integer(), server_default="1", nullable=False),
        *(_text(name) for name in ("schemes", "software", "pending", "limits", "operator_id")),
        sa.Column("last_seen_day", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "status IN ('registered', 'active', 'locked', 'dormant', 'retired')", name="ck_terminal_status_known"
        ),
        sa.CheckConstraint(MANUAL_ENTRY, name="ck_terminal_manual_entry_known"),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.merchant_id"], name="fk_terminal_merchant_id"),
        sa.PrimaryKeyConstraint("terminal_id", name="pk_terminal"),
    )
