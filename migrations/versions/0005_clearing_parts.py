"""Clearing files in parts, batches in which a STAN stands twice, and counters that say since when they count.

A file of a million items written as one row keeps every request waiting for the disk; the files that there are become
parts of one each. A batch that is open over midnight may have two transactions under one STAN: each of them may be
uploaded, and may differ; how many records its end announced is kept. What was before a counter's first is not given
back to it. Pages for finance and officers find their rows by indexes. A program of version 4 would look for clearing
files where they are no longer: it must not run beside.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOVED = "INSERT INTO clearing_part (sha256, part, content) SELECT sha256, 0, content FROM clearing_file"


def upgrade() -> None:
    op.create_table(
        "clearing_part",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "part", name=op.f("pk_clearing_part")),
    )
    op.execute(sa.text(MOVED))
    op.drop_column("clearing_file", "content")
    op.add_column("batch", sa.Column("said_count", sa.Integer(), nullable=True))
    _uploads()
    _discrepancies()
    _finding()
    op.add_column("spending", sa.Column("since_id", sa.BigInteger(), server_default="0", nullable=False))
    for name, value in (("schema_version", "5"), ("program_min", "5"), ("program_max", "5")):
        op.execute(sa.text("UPDATE meta SET value = :value WHERE name = :name").bindparams(name=name, value=value))


def _uploads() -> None:
    op.execute(sa.text("CREATE TEMP TABLE kept AS SELECT * FROM uploaded_record"))
    op.drop_table("uploaded_record")
    op.create_table(
        "uploaded_record",
        *_of_batch(),
        sa.Column("stan", sa.Text(), nullable=False),
        sa.Column("is_domestic", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("pan_key", sa.LargeBinary(), nullable=True),
        _text("masked_pan"),
        sa.Column("journal_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.journal_id"], name=op.f("fk_uploaded_record_journal_id")),
        sa.PrimaryKeyConstraint(
            *("terminal_id", "merchant_id", "batch", "stan", "amount_minor", "masked_pan"),
            name=op.f("pk_uploaded_record"),
        ),
        sqlite_with_rowid=False,
    )
    op.execute(sa.text("INSERT INTO uploaded_record SELECT * FROM kept"))
    op.execute(sa.text("DROP TABLE kept"))


def _discrepancies() -> None:
    op.execute(sa.text("CREATE TEMP TABLE kept AS SELECT * FROM discrepancy"))
    op.drop_table("discrepancy")
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
            *("terminal_id", "merchant_id", "batch", "stan", "journal_id"),
            name=op.f("uq_discrepancy_terminal_id_merchant_id_batch_stan_journal_id"),
        ),
    )
    op.execute(sa.text("INSERT INTO discrepancy SELECT * FROM kept"))
    op.execute(sa.text("DROP TABLE kept"))


def _finding() -> None:
    """How people find what was settled last, what waits for them, a day's statements, an officer's changes."""
    for table, *columns in (
        ("batch", "journal_id"),
        ("statement", "business_day", "merchant_id"),
        ("change_log", "actor"),
    ):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns, unique=False)
    for name, table, column, state in (
        ("ix_batch_unbalanced", "batch", "journal_id", "unbalanced"),
        ("ix_discrepancy_open", "discrepancy", "id", "open"),
        ("ix_adjustment_open", "adjustment", "journal_id", "open"),
    ):
        where = sa.text(f"state = '{state}'")
        op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _of_batch() -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in ("terminal_id", "merchant_id", "batch")]
