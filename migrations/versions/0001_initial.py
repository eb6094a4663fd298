"""The books as they began: who, what was decided, what moved."""

from alembic import op

from switch.ledger import schema

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema.metadata.create_all(op.get_bind())
    op.bulk_insert(
        schema.meta,
        [
            {"name": "schema_version", "value": "1"},
            {"name": "program_min", "value": "1"},
            {"name": "program_max", "value": "1"},
            {"name": "demo", "value": "no"},
        ],
    )
