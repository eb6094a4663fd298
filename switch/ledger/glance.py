"""A glance at the books for metrics: a few bounded questions, all asked of one snapshot.

What a glance costs grows with the number of accounts, terminals and open cases, and with what moved since the last one,
never with the whole journal.

Whether the balances are the sum of their entries is asked anew at each glance for what moved since the one before. The
entries of the last minute are always read again, because a request's id is older than its commit; where the sums differ
all entries are added up, once, before anybody is alarmed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from switch.ledger import schema
from switch.ledger.audit import snapshot
from switch.ledger.audit_kept import KeptAudit, read_kept_audit
from switch.ledger.database import Database, read_meta
from switch.ledger.ids import EPOCH, TAG_BITS
from switch.ledger.maintenance import read_maintenance

TERMINAL_STATUSES: Final = ("registered", "active", "locked", "dormant", "retired")

_LATE_US: Final = 60_000_000
"""How long after its id was made a request may still commit, for certain."""

_DAY_US: Final = 86_400_000_000
_IDS_MAX: Final = 500  # in one query
_PROBE: Final = "probe"  # a row of ``meta``
_AT_RISK: Final = ("held", "posted")  # what was captured, voided or reversed since had its terminal's word


class Mark(NamedTuple):
    """Up to where balances and entries are known to agree: ``expected_minor`` is what the balances came to there."""

    floor: int
    expected_minor: int


_BEGINNING: Final = Mark(0, 0)


class Glance(NamedTuple):
    """What the books say; counts, minor units, microseconds since 1970 (UTC), bytes."""

    looked_at: int
    mark: Mark
    imbalance_minor: int
    at_risk: Mapping[int, tuple[str, int]]  # payment: currency and amount
    currencies: Sequence[str]  # of all merchants
    reversals_unmatched: int
    adjustments_open: int
    differences_open: int
    batches_unbalanced: int
    terminals: Mapping[str, int]
    settlements_due: int
    audit: KeptAudit | None
    in_maintenance: bool
    database_bytes: int
    disk_free_bytes: int | None


def glance(database: Database, now: int, mark: Mark | None, unanswered: Sequence[int]) -> Glance:
    """Look once; ``mark`` is that of the glance before, ``unanswered`` the payments to look after.

    Raises `DatabaseError`.
    """
    with snapshot(database) as connection:
        imbalance, mark = _imbalance(connection, mark, _id_at(now - _LATE_US))
        statuses, unbalanced = _terminals(connection)
        size, free = _room(connection)
        return Glance(
            looked_at=now,
            mark=mark,
            imbalance_minor=imbalance,
            at_risk=_at_risk(connection, unanswered),
            currencies=connection.scalars(_CURRENCIES).all(),
            reversals_unmatched=_number(connection, _UNMATCHED, floor=_id_at(now - _DAY_US)),
            adjustments_open=_number(connection, _ADJUSTMENTS),
            differences_open=_number(connection, _DIFFERENCES),
            batches_unbalanced=unbalanced,
            terminals=statuses,
            settlements_due=_number(connection, _UNSETTLED),
            audit=read_kept_audit(read_meta(connection)),
            in_maintenance=read_maintenance(connection).is_on,
            database_bytes=size,
            disk_free_bytes=free,
        )


def can_commit(database: Database) -> None:
    """Commit a change that means nothing. Raises `DatabaseError` where the database takes none: a full disk.

    It is a change each time: SQLite writes nothing where a row stays as it was.
    """
    meta = schema.meta.c
    with database.writing() as connection:
        other = sa.case((meta.value == "0", "1"), else_="0")
        changed = connection.execute(sa.update(schema.meta).where(meta.name == _PROBE).values(value=other))
        if not changed.rowcount:
            connection.execute(sa.insert(schema.meta).values(name=_PROBE, value="0"))


# --- balances and entries ----------------------------------------------------------------------------------

_BALANCES: Final = sa.select(sa.func.coalesce(sa.func.sum(schema.balance.c.ledger_minor), 0))

_MOVED: Final = sa.text(  # into cardholders' accounts, in all and up to the next mark
    """
    SELECT coalesce(sum(minor), 0) AS moved, coalesce(sum(CASE WHEN journal_id <= :next THEN minor END), 0) AS settled
      FROM (SELECT t.journal_id, CASE WHEN c.account_id IS NULL THEN 0 ELSE t.amount_minor END
                               - CASE WHEN d.account_id IS NULL THEN 0 ELSE t.amount_minor END AS minor
              FROM transfer AS t
              LEFT JOIN balance AS c ON c.account_id = t.credit_account_id
              LEFT JOIN balance AS d ON d.account_id = t.debit_account_id
             WHERE t.journal_id > :floor) AS entries"""
)


def _imbalance(connection: sa.Connection, mark: Mark | None, floor: int) -> tuple[int, Mark]:
    """Return by how much balances and entries differ, and the next mark."""
    balances = _number(connection, _BALANCES)
    if mark is None or mark.floor > floor:  # the first glance, or a clock that was set back
        moved, _ = _moved(connection, floor, floor)
        return 0, Mark(floor, balances - moved)
    moved, settled = _moved(connection, mark.floor, floor)
    difference = balances - moved - mark.expected_minor
    if difference and mark != _BEGINNING:
        mark = _BEGINNING
        moved, settled = _moved(connection, mark.floor, floor)
        difference = balances - moved
    return difference, _BEGINNING if difference else Mark(floor, mark.expected_minor + settled)


def _moved(connection: sa.Connection, floor: int, next_floor: int) -> tuple[int, int]:
    row = connection.execute(_MOVED, {"floor": floor, "next": next_floor}).one()
    return int(row.moved), int(row.settled)


def _id_at(moment: int) -> int:
    """Return what journal ids made at that moment begin with."""
    return max(moment - EPOCH, 0) << TAG_BITS


# --- counts ------------------------------------------------------------------------------------------------

_UNMATCHED: Final = (
    sa.select(sa.func.count())
    .select_from(schema.tombstone)
    .where(schema.tombstone.c.journal_id > sa.bindparam("floor"))
)
_ADJUSTMENTS: Final = (
    sa.select(sa.func.count()).select_from(schema.adjustment).where(schema.adjustment.c.state == "open")
)
_DIFFERENCES: Final = (
    sa.select(sa.func.count()).select_from(schema.discrepancy).where(schema.discrepancy.c.state == "open")
)
_UNSETTLED: Final = (
    sa.select(sa.func.count())
    .select_from(schema.business_day)
    .where(
        schema.business_day.c.state == "closed",
        ~sa.exists().where(schema.clearing_file.c.business_day == schema.business_day.c.day),
    )
)
_CURRENCIES: Final = sa.select(schema.merchant.c.currency).distinct().order_by(schema.merchant.c.currency)
_STATUSES: Final = sa.select(schema.terminal.c.status, schema.terminal.c.batch_state, sa.func.count()).group_by(
    schema.terminal.c.status, schema.terminal.c.batch_state
)
_PAYMENTS: Final = (
    sa.select(schema.payment.c.payment_id, schema.account.c.currency, schema.payment.c.current_minor)
    .join(schema.account, schema.account.c.account_id == schema.payment.c.account_id)
    .where(
        schema.payment.c.payment_id.in_(sa.bindparam("ids", expanding=True)),
        schema.payment.c.state.in_(_AT_RISK),
        schema.payment.c.current_minor > 0,
    )
)


def _number(connection: sa.Connection, query: sa.Select[Any], **values: int) -> int:
    return int(connection.execute(query, values).scalar_one())


def _terminals(connection: sa.Connection) -> tuple[Mapping[str, int], int]:
    """Return how many terminals have each status, and how many an unbalanced batch."""
    statuses = dict.fromkeys(TERMINAL_STATUSES, 0)
    unbalanced = 0
    for status, batch_state, number in connection.execute(_STATUSES):
        statuses[status] += number
        unbalanced += number if batch_state == "unbalanced" else 0
    return statuses, unbalanced


def _at_risk(connection: sa.Connection, unanswered: Sequence[int]) -> Mapping[int, tuple[str, int]]:
    found, ids = {}, iter(unanswered)
    while part := list(islice(ids, _IDS_MAX)):
        for payment_id, currency, minor in connection.execute(_PAYMENTS, {"ids": part}):
            found[payment_id] = (currency, minor)
    return found


# --- room --------------------------------------------------------------------------------------------------


def _room(connection: sa.Connection) -> tuple[int, int | None]:
    """Return the size of the database, and what is free beside it where it is a file of this machine."""
    if connection.dialect.name != "sqlite":
        return int(connection.scalar(sa.text("SELECT pg_database_size(current_database())")) or 0), None
    file = Path(connection.engine.url.database or "")
    size = sum(path.stat().st_size for path in (file, Path(f"{file}-wal")) if path.exists())
    disk = os.statvfs(file.parent)
    return size, disk.f_bavail * disk.f_frsize
