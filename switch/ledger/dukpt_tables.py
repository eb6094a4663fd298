"""Tables of keys that are good for one transaction (DUKPT): what they come from, and how far they are used up."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from switch.ledger.columns import metadata

BASE_USAGE: Final = "bdk"
"""What all base keys are for, as `switch.security.key_blocks.KeyUsage` has it."""

base_key: Final = sa.Table(
    "base_key",
    metadata,
    sa.Column("key_set", sa.Text, primary_key=True),  # the first bytes of its key serial numbers, in hexadecimal
    sa.Column("check_value", sa.Text, nullable=False),
    sa.Column("block", sa.Text, nullable=False),  # wrapped: opaque here
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

key_counter: Final = sa.Table(
    "key_counter",
    metadata,
    sa.Column("base", sa.Text, primary_key=True),  # the base key's check value: another key counts anew
    sa.Column("device", sa.LargeBinary, primary_key=True),  # the key serial number without its counter
    sa.Column("counter", sa.BigInteger, nullable=False),  # the highest one seen; kept when the base key is removed
    sa.CheckConstraint("counter > 0", name="counter_positive"),
    sqlite_with_rowid=False,
)
