"""Maintenance mode as the books have it: one row that every process of an installation reads."""

from __future__ import annotations

from typing import Final, NamedTuple

import sqlalchemy as sa

from switch.ledger.office_tables import maintenance


class Maintenance(NamedTuple):
    """Whether nothing new is let in, what people are told of it, and who said so when (microseconds, UTC)."""

    is_on: bool = False
    notice_en: str = ""
    notice_zh: str = ""
    changed_at: int = 0
    changed_by: str = ""


OFF: Final = Maintenance()

_STATE: Final = sa.select(
    maintenance.c.is_on,
    maintenance.c.notice_en,
    maintenance.c.notice_zh,
    maintenance.c.changed_at,
    maintenance.c.changed_by,
).where(maintenance.c.one == 1)


def read_maintenance(connection: sa.Connection) -> Maintenance:
    """Return how it stands."""
    row = connection.execute(_STATE).first()
    return OFF if row is None else Maintenance(bool(row.is_on), *row[1:])


def set_maintenance(connection: sa.Connection, wanted: Maintenance) -> Maintenance:
    """Put it as ``wanted``; return how it stood."""
    before = read_maintenance(connection)
    values = {**wanted._asdict(), "is_on": int(wanted.is_on)}
    changed = connection.execute(sa.update(maintenance).where(maintenance.c.one == 1).values(values))
    if not changed.rowcount:  # tables that were made without their migration
        connection.execute(sa.insert(maintenance).values(one=1, **values))
    return before
