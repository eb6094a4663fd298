"""What a receipt says of a payment in the journal."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from switch.ledger.queries import JournalEntry
from switch.ledger.schema import journal, merchant
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.tools.receipts import TITLES, Slip

_MICROSECONDS: Final = 1_000_000


def slip_of(connection: sa.Connection, entry: JournalEntry, zone: ZoneInfo) -> Slip | None:
    """Return what the receipt of a journal row says; None for one that is about no money of a card."""
    line, columns = entry.line, entry.columns
    try:
        kind = Kind(line.kind)
    except ValueError:  # made by an import
        return None
    if kind not in TITLES:
        return None
    name = connection.execute(sa.select(merchant.c.name).where(merchant.c.merchant_id == line.merchant_id)).scalar()
    about = columns["original_id"]
    its_rrn = connection.execute(sa.select(journal.c.rrn).where(journal.c.journal_id == about)).scalar()
    return Slip(
        kind,
        Action(line.action),
        name or "",
        line.merchant_id,
        line.terminal_id,
        line.masked_pan,
        columns["entry_mode"],
        columns["batch"],
        line.stan,
        columns["approval_code"],
        line.rrn,
        line.amount,
        datetime.fromtimestamp(line.decided_at / _MICROSECONDS, zone),
        its_rrn if its_rrn and its_rrn != line.rrn else "",
    )
