"""Base derivation keys (DUKPT), and how far devices have used up the keys derived from them.

Nothing that was there changes. But a program of version 5 would take a PIN block under such a key for one under the
terminal's own, and remember no counter: it must not run beside.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "base_key",
        sa.Column("key_set", sa.Text(), nullable=False),
        sa.Column("check_value", sa.Text(), nullable=False),
        sa.Column("block", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_set", name=op.f("pk_base_key")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "key_counter",
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("device", sa.LargeBinary(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("counter > 0", name=op.f("ck_key_counter_counter_positive")),
        sa.PrimaryKeyConstraint("base", "device", name=op.f("pk_key_counter")),
        sqlite_with_rowid=False,
    )
    for name, value in (("schema_version", "6"), ("program_min", "6"), ("program_max", "6")):
        op.execute(sa.text("UPDATE meta SET value = :value WHERE name = :name").bindparams(name=name, value=value))
