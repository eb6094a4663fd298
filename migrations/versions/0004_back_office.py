"""What the back office needs: tokens, the change log, proposals, notes, maintenance, taps, ways to find things.

Nothing that was there changes, so a program of version 3 may run beside one of version 4 while an installation is
upgraded: it only knows of no maintenance.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APPEND_ONLY = "the change log is append-only"


def upgrade() -> None:
    _tokens()
    _changes()
    _append_only()
    _notes()
    _maintenance()
    _taps()
    _finding()
    _finding_parties()
    for name, value in (("schema_version", "4"), ("program_min", "3"), ("program_max", "4")):
        op.execute(sa.text("UPDATE meta SET value = :value WHERE name = :name").bindparams(name=name, value=value))


def _tokens() -> None:
    op.create_table(
        "access_token",
        sa.Column("token_id", ID, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        _text("certificate"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "role IN ('viewer', 'operator', 'officer', 'finance')", name=op.f("ck_access_token_role_known")
        ),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_access_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_access_token_token_hash")),
    )
    op.create_index(op.f("ix_access_token_certificate"), "access_token", ["certificate"], unique=False)


def _changes() -> None:
    op.create_table(
        "change_log",
        sa.Column("change_id", ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        _text("role"),
        sa.Column("what", sa.Text(), nullable=False),
        _text("target"),
        _text("before"),
        _text("after"),
        _text("because"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_change_log")),
    )
    op.create_index(op.f("ix_change_log_target"), "change_log", ["target"], unique=False)
    op.create_table(
        "proposal",
        sa.Column("proposal_id", ID, autoincrement=False, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        _text("target"),
        sa.Column("arguments", sa.Text(), nullable=False),
        _text("because"),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        _text("decided_by"),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'made', 'refused', 'expired')", name=op.f("ck_proposal_state_known")),
        sa.PrimaryKeyConstraint("proposal_id", name=op.f("pk_proposal")),
    )


def _append_only() -> None:
    """A row of the change log is written once: the database refuses to touch it again."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER change_log_no_{verb.lower()} BEFORE {verb} ON change_log "
                f"BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION change_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{APPEND_ONLY}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER change_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON change_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION change_log_is_append_only()"
    )


def _notes() -> None:
    op.create_table(
        "note",
        sa.Column("note_id", ID, autoincrement=False, nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_note")),
    )
    op.create_index(op.f("ix_note_target"), "note", ["target"], unique=False)


def _maintenance() -> None:
    maintenance = op.create_table(
        "maintenance",
        sa.Column("one", ID, autoincrement=False, nullable=False),
        sa.Column("is_on", sa.Integer(), server_default="0", nullable=False),
        _text("notice_en"),
        _text("notice_zh"),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        _text("changed_by"),
        sa.CheckConstraint("one = 1", name=op.f("ck_maintenance_one_row")),
        sa.CheckConstraint("is_on IN (0, 1)", name=op.f("ck_maintenance_is_on_known")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_maintenance")),
    )
    op.bulk_insert(maintenance, [{"one": 1, "changed_at": 0}])


def _taps() -> None:
    op.create_table(
        "tap",
        sa.Column("tap_id", ID, autoincrement=False, nullable=False),
        sa.Column("terminal_id", sa.Text(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tap_id", name=op.f("pk_tap")),
    )
    op.create_index(op.f("ix_tap_ends_at"), "tap", ["ends_at"], unique=False)
    op.create_table(
        "tap_line",
        sa.Column("line_id", ID, autoincrement=False, nullable=False),
        sa.Column("tap_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tap_id"], ["tap.tap_id"], name=op.f("fk_tap_line_tap_id")),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_tap_line")),
    )
    op.create_index(op.f("ix_tap_line_tap_id"), "tap_line", ["tap_id"], unique=False)


def _finding() -> None:
    """How people find rows of a journal of any length: of a terminal, of a card, about another, declined."""
    op.drop_index("ix_journal_terminal_id_batch", table_name="journal")
    op.create_index("ix_journal_terminal_id_batch", "journal", ["terminal_id", "batch"])
    op.drop_index("ix_journal_original_id_increment", table_name="journal")
    for name, columns, where in (
        ("ix_journal_card_id_declined", ["card_id"], "action <> 'approved'"),
        ("ix_journal_original_id", ["original_id"], "original_id IS NOT NULL"),
        ("ix_journal_declined", ["action", "journal_id"], "action <> 'approved'"),
    ):
        op.create_index(name, "journal", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _finding_parties() -> None:
    """How people find terminals of a merchant, merchants by name, cards as they are shown, accounts."""
    for table, *columns in (
        ("merchant", "name"),
        ("terminal", "merchant_id", "terminal_id"),
        ("card", "account_id"),
        ("card", "masked_pan"),
        ("hold", "account_id"),
    ):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns, unique=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)
