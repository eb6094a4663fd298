"""Small builders of movements: name what matters to a test, the rest is ordinary."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from switch.decisions.closing import Movement, Terms
from switch.messages.dates import HostCalendar

DAY = 20260304
HOUR = 3_600_000_000
NOON = 1_772_596_800_000_000  # of the day, in Shanghai
CALENDAR = HostCalendar(ZoneInfo("Asia/Shanghai"))
TERMS = Terms("M1", 1, "156", "standard", "AGENT01=20% AGENT02=5%")


def movement(journal_id: int, kind: str, moved_minor: int, of: int | None = None, **others: Any) -> Movement:
    """A transfer of ``moved_minor`` to the merchant by a UnionPay debit card at terminal T1."""
    return Movement(
        journal_id=journal_id,
        kind=kind,
        original_id=of,
        moved_minor=moved_minor,
        terminal_id="T1",
        batch="000001",
        stan=f"{journal_id:06d}",
        rrn=f"{journal_id:012d}",
        local_date=DAY,
        local_time="120000",
        masked_pan="620000******0047",
        scheme="",
        card_bin="620000",
        account_class="I",
        decided_at=NOON,
    )._replace(**others)
