"""Clearing files in parts: a file of a million items written as one row keeps every request waiting for the disk.

The files that there are become parts of one each. A program of version 4 would look for them where they are no
longer: it must not run beside.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

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
    for name, value in (("schema_version", "5"), ("program_min", "5"), ("program_max", "5")):
        op.execute(sa.text("UPDATE meta SET value = :value WHERE name = :name").bindparams(name=name, value=value))
