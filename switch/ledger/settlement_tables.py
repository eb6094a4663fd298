"""The tables of settlement: terminals' batches, business days, and what is made of a day that is over.

They are part of `switch.ledger.schema`, under whose conventions they are written.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from switch.ledger.columns import metadata, minor, moment, one_of, only, own_id, refers, text
from switch.ledger.packed_text import PackedText

TOTALS: Final = tuple(
    f"{whose}_{side}_{what}"
    for whose in ("domestic", "foreign")
    for side in ("debit", "credit")
    for what in ("minor", "count")
)
"""The eight numbers of `switch.messages.settlement.BatchTotals`, in their order."""


def _of_batch() -> tuple[sa.Column[str], ...]:
    return tuple(sa.Column(name, sa.Text, primary_key=True) for name in ("terminal_id", "merchant_id", "batch"))


def _totals(whose: str) -> tuple[sa.Column[int], ...]:
    return tuple(minor(f"{whose}_{name}") for name in TOTALS)


# --- batches -----------------------------------------------------------------------------------------------

batch: Final = sa.Table(  # from its settlement on: of an open batch there is no row
    "batch",
    metadata,
    *_of_batch(),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("business_day", sa.Integer, nullable=False),
    refers("journal_id", "journal.journal_id"),  # of the settlement
    moment("settled_at"),
    *_totals("host"),
    *_totals("terminal"),
    sa.Column("compared", sa.Integer, nullable=False, server_default="0"),
    sa.Column("said_count", sa.Integer, nullable=True),  # records, as the end of the upload says
    one_of("state", "unbalanced", "closed"),
    sa.Index(None, "journal_id"),  # those settled last
    sqlite_with_rowid=False,
)
sa.Index("ix_batch_unbalanced", batch.c.journal_id, **only(batch.c.state == "unbalanced"))

uploaded_record: Final = sa.Table(
    "uploaded_record",
    metadata,
    *_of_batch(),
    sa.Column("stan", sa.Text, primary_key=True),
    sa.Column("is_domestic", sa.Integer, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("pan_key", sa.LargeBinary, nullable=True),
    sa.Column("masked_pan", sa.Text, primary_key=True, server_default=""),
    refers("journal_id", "journal.journal_id"),  # of the message that brought it
    sqlite_with_rowid=False,
)

discrepancy: Final = sa.Table(
    "discrepancy",
    metadata,
    own_id("id"),
    sa.Column("terminal_id", sa.Text, nullable=False),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("batch", sa.Text, nullable=False),
    sa.Column("stan", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    refers("journal_id", "journal.journal_id", nullable=True),  # of the transaction, where the books have it
    minor("host_minor", nullable=True),
    minor("terminal_minor", nullable=True),
    sa.Column("pan_key", sa.LargeBinary, nullable=True),
    text("masked_pan"),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    refers("settled_by", "journal.journal_id", nullable=True),  # the correction
    text("because"),
    sa.UniqueConstraint("terminal_id", "merchant_id", "batch", "stan", "journal_id"),
    one_of("what", "missing", "extra", "different"),
    one_of("state", "open", "settled"),
)
sa.Index("ix_discrepancy_open", discrepancy.c.id, **only(discrepancy.c.state == "open"))  # what waits for finance

# --- days --------------------------------------------------------------------------------------------------

business_day: Final = sa.Table(
    "business_day",
    metadata,
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    moment("opened_at"),
    moment("closed_at", nullable=True),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    one_of("state", "open", "closed"),
    sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_at_a_moment"),
)

statement: Final = sa.Table(
    "statement",
    metadata,
    sa.Column("merchant_id", sa.Text, sa.ForeignKey("merchant.merchant_id"), primary_key=True),
    sa.Column("business_day", sa.Integer, primary_key=True, autoincrement=False),
    refers("journal_id", "journal.journal_id", nullable=True),  # of the fees and shares, where there are any
    sa.Column("currency", sa.Text, nullable=False),
    minor("gross_minor"),
    minor("credit_minor"),
    minor("fee_minor"),
    minor("share_minor"),
    minor("net_minor"),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("content", PackedText, nullable=False),  # JSON
    moment("made_at"),
    sa.Index(None, "business_day", "merchant_id"),
    sqlite_with_rowid=False,
)

clearing_file: Final = sa.Table(  # the last thing that is made of a day
    "clearing_file",
    metadata,
    sa.Column("business_day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("items", sa.Integer, nullable=False),
    minor("debit_minor"),
    minor("credit_minor"),
    sa.Column("sha256", sa.Text, nullable=False),  # of the content in UTF-8, in hex
    moment("made_at"),
)

clearing_part: Final = sa.Table(  # of the content of the file with this hash; the file's own row comes after its parts
    "clearing_part",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),  # from 0 on
    sa.Column("content", PackedText, nullable=False),
)
