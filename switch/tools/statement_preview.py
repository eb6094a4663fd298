"""What a merchant's statement would say if the open business day ended now. Nothing is written, no day is closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from switch.decisions.closing import Movement, Terms
from switch.ledger.database import Database
from switch.ledger.days import newest_day
from switch.ledger.movements import unsettled_movements
from switch.ledger.rows import number_of
from switch.ledger.schema import merchant
from switch.messages.dates import HostCalendar
from switch.settlement.fees import FeePlans
from switch.settlement.statements import statement_of
from switch.tools.statements import Sheet


def statement_preview(database: Database, merchant_id: str, plans: FeePlans, zone: ZoneInfo) -> Sheet:
    """Return the statement of a merchant's open day as far as it has come; ``zone`` is that of the business days.

    The merchant and an open day have to be in the books. Raises `ConfigurationError` for terms that make no sense.
    """
    newest = newest_day(database)
    assert newest is not None
    day = number_of(newest.day)
    its = merchant.c
    query = sa.select(its.merchant_id, its.account_id, its.currency, its.fee_plan, its.shares, its.name)
    with database.reading() as connection:
        *terms, name = connection.execute(query.where(its.merchant_id == merchant_id)).one()
        moved = _moved(connection, merchant_id, day)
    return Sheet(statement_of(Terms(*terms), day, moved, plans, HostCalendar(zone)), name, datetime.now(zone))


def _moved(connection: sa.Connection, merchant_id: str, day: int) -> Sequence[Movement]:
    return next((moved for name, moved in unsettled_movements(connection, day) if name == merchant_id), ())
