"""The tables of the back office: who may look and change, what was changed by whom, and what officers tell each other.

They are part of `switch.ledger.schema`, under whose conventions they are written. Nothing here moves money.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from switch.ledger.columns import metadata, moment, one_of, own_id, text

access_token: Final = sa.Table(
    "access_token",
    metadata,
    own_id("token_id"),
    sa.Column("name", sa.Text, nullable=False),  # of the person or program that holds it
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("token_hash", sa.LargeBinary, nullable=False, unique=True),  # SHA-256: a token has 256 random bits
    text("certificate"),  # SHA-256 of the client certificate that may stand for it, in hex
    moment("created_at"),
    moment("expires_at"),
    moment("revoked_at", nullable=True),
    moment("used_at", nullable=True),
    one_of("role", "viewer", "operator", "officer", "finance"),
    sa.Index(None, "certificate"),
)

change_log: Final = sa.Table(  # append-only: each row's digest is over its own words and the digest before it
    "change_log",
    metadata,
    own_id("change_id"),
    moment("at"),
    sa.Column("actor", sa.Text, nullable=False),
    text("role"),
    sa.Column("what", sa.Text, nullable=False),
    text("target"),
    text("before"),  # JSON
    text("after"),  # JSON
    text("because"),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Index(None, "target"),
    sa.Index(None, "actor"),
)

_APPEND_ONLY: Final = (  # what the migration does too: a row is written once
    (
        "sqlite",
        (
            "CREATE TRIGGER change_log_no_update BEFORE UPDATE ON change_log "
            "BEGIN SELECT RAISE(ABORT, 'the change log is append-only'); END"
        ),
    ),
    (
        "sqlite",
        (
            "CREATE TRIGGER change_log_no_delete BEFORE DELETE ON change_log "
            "BEGIN SELECT RAISE(ABORT, 'the change log is append-only'); END"
        ),
    ),
    (
        "postgresql",
        (
            "CREATE FUNCTION change_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the change log is append-only'; END $$"
        ),
    ),
    (
        "postgresql",
        (
            "CREATE TRIGGER change_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON change_log "
            "FOR EACH STATEMENT EXECUTE FUNCTION change_log_is_append_only()"
        ),
    ),
)
for _dialect, _statement in _APPEND_ONLY:
    _made = sa.DDL(_statement).execute_if(dialect=_dialect)  # type: ignore[no-untyped-call]
    sa.event.listen(change_log, "after_create", _made)

proposal: Final = sa.Table(  # a change that two officers have to want
    "proposal",
    metadata,
    own_id("proposal_id"),
    sa.Column("what", sa.Text, nullable=False),
    text("target"),
    sa.Column("arguments", sa.Text, nullable=False),  # JSON
    text("because"),
    sa.Column("proposed_by", sa.Text, nullable=False),
    moment("proposed_at"),
    moment("expires_at"),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    text("decided_by"),
    moment("decided_at", nullable=True),
    one_of("state", "open", "made", "refused", "expired"),
)

note: Final = sa.Table(
    "note",
    metadata,
    own_id("note_id"),
    sa.Column("target", sa.Text, nullable=False),  # card:1, terminal:T, merchant:M, transaction:1
    moment("at"),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Index(None, "target"),
)

maintenance: Final = sa.Table(  # one row, made with the table
    "maintenance",
    metadata,
    own_id("one"),
    sa.Column("is_on", sa.Integer, nullable=False, server_default="0"),
    text("notice_en"),
    text("notice_zh"),
    moment("changed_at"),
    text("changed_by"),
    sa.CheckConstraint("one = 1", name="one_row"),
    sa.CheckConstraint("is_on IN (0, 1)", name="is_on_known"),
)

tap: Final = sa.Table(  # a look at one terminal's messages as they pass, masked
    "tap",
    metadata,
    own_id("tap_id"),
    sa.Column("terminal_id", sa.Text, nullable=False),
    sa.Column("opened_by", sa.Text, nullable=False),
    moment("opened_at"),
    moment("ends_at"),
    sa.Index(None, "ends_at"),
)

tap_line: Final = sa.Table(
    "tap_line",
    metadata,
    own_id("line_id"),
    sa.Column("tap_id", sa.BigInteger, sa.ForeignKey("tap.tap_id"), nullable=False),
    moment("at"),
    sa.Column("words", sa.Text, nullable=False),  # masked: one message, field by field
    sa.Index(None, "tap_id"),
)
