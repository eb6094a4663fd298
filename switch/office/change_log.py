"""The record of every change an operator makes: append-only, each row sealed over the one before it.

A row's digest is SHA-256 over the digest before it and the row's own words as canonical JSON, so a row that is
altered, taken out or slipped in breaks every digest after it. Rows cut off at the end are only missed by someone
who kept a later digest: `verify_changes` returns the last one, to be kept elsewhere. The database refuses to update
or delete rows; whoever can switch that off is still found out by the chain.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from switch.errors import DatabaseError
from switch.ledger.office_tables import change_log
from switch.office.roles import Actor

GENESIS: Final = bytes(32)
"""What stands before the first row."""

_LOCK: Final = 0x6368_616E_6765  # PostgreSQL: one writer of the chain at a time ("change")
_CHUNK: Final = 1_000
_WORDS: Final = ("change_id", "at", "actor", "role", "what", "target", "before", "after", "because")

Facts = Mapping[str, object]


class LoggedChange(NamedTuple):
    """One row: who, in which role, what, to what, from what to what, and why."""

    change_id: int
    at: int
    actor: str
    role: str
    what: str
    target: str
    before: dict[str, Any]
    after: dict[str, Any]
    because: str


class Verified(NamedTuple):
    """The chain holds from its beginning to here."""

    changes: int
    digest: bytes


def log_change(
    connection: sa.Connection,
    actor: Actor,
    what: str,
    target: str,
    *,
    at: int,
    before: Facts | None = None,
    after: Facts | None = None,
    because: str = "",
) -> int:
    """Add a row inside the caller's transaction, which makes the change itself; return its number.

    ``at`` is in microseconds since 1970, UTC. Nothing secret may stand in any of the words.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    last = connection.execute(
        sa.select(change_log.c.change_id, change_log.c.digest).order_by(change_log.c.change_id.desc()).limit(1)
    ).first()
    number, digest = (last.change_id + 1, bytes(last.digest)) if last else (1, GENESIS)
    row = {
        "change_id": number,
        "at": at,
        "actor": actor.name,
        "role": str(actor.role),
        "what": what,
        "target": target,
        "before": _canonical(before or {}),
        "after": _canonical(after or {}),
        "because": because,
    }
    connection.execute(sa.insert(change_log), [{**row, "digest": _sealed(digest, row)}])
    return number


def verify_changes(connection: sa.Connection, known: bytes = b"") -> Verified:
    """Follow the chain from its beginning, over the digest ``known`` that somebody kept, if any.

    Raises `DatabaseError` that names the first row that does not fit, or says that the known digest is gone.
    """
    digest, count, is_known = GENESIS, 0, known in {b"", GENESIS}
    asked = sa.select(change_log).order_by(change_log.c.change_id)
    with connection.execute(asked, execution_options={"yield_per": _CHUNK}) as rows:
        for row in rows.mappings():
            count += 1
            if row["change_id"] != count:
                raise DatabaseError(f"the change log lacks change {count}: {row['change_id']} follows {count - 1}")
            digest = _sealed(digest, {name: row[name] for name in _WORDS})
            if digest != bytes(row["digest"]):
                raise DatabaseError(f"change {count} of the change log was altered, or one before it taken out")
            is_known = is_known or digest == known
    if not is_known:
        raise DatabaseError("the change log has no change with that digest: it was cut off, or it is another one")
    return Verified(count, digest)


def newest_change(connection: sa.Connection) -> int:
    """Return the number of the last change, 0 where there is none: as many there should be."""
    return int(connection.execute(sa.select(sa.func.max(change_log.c.change_id))).scalar() or 0)


def list_changes(
    connection: sa.Connection,
    *,
    limit: int,
    before_id: int | None = None,
    target: str | None = None,
    actor: str | None = None,
) -> list[LoggedChange]:
    """Return the newest changes first, older than ``before_id``, of one target and by one actor if named."""
    asked = sa.select(change_log).order_by(change_log.c.change_id.desc()).limit(limit)
    if before_id is not None:
        asked = asked.where(change_log.c.change_id < before_id)
    if target is not None:
        asked = asked.where(change_log.c.target == target)
    if actor is not None:
        asked = asked.where(change_log.c.actor == actor)
    return [
        LoggedChange(
            row.change_id,
            row.at,
            row.actor,
            row.role,
            row.what,
            row.target,
            json.loads(row.before or "{}"),
            json.loads(row.after or "{}"),
            row.because,
        )
        for row in connection.execute(asked)
    ]


def _canonical(facts: Facts) -> str:
    return json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _sealed(before: bytes, row: Mapping[str, object]) -> bytes:
    return hashlib.sha256(before + _canonical(row).encode()).digest()
