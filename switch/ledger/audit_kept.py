"""What is kept of the last audit, whoever made it: when it ended, and how much was broken; a row of ``meta``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import sqlalchemy as sa

from switch.ledger.audit_words import Finding
from switch.ledger.database import Database
from switch.ledger.schema import meta

_NAME: Final = "last_audit"
_MICROSECONDS: Final = 1_000_000


class KeptAudit(NamedTuple):
    """An audit that ended at ``at`` (microseconds since 1970, UTC) and found ``broken`` offenders of ``invariants``."""

    at: int
    broken: int
    invariants: tuple[str, ...]


def keep_audit(database: Database, at: int, findings: Iterable[Finding]) -> KeptAudit:
    """Keep what an audit found, in place of what the one before it did."""
    broken = [finding for finding in findings if not finding.holds]
    kept = KeptAudit(at, sum(finding.broken for finding in broken), tuple(finding.invariant for finding in broken))
    said = {"at_s": at // _MICROSECONDS, "broken": kept.broken, "invariants": kept.invariants}
    value = json.dumps(said)  # no moment in microseconds: sixteen digits may look like those of a card
    with database.writing() as connection:
        changed = connection.execute(sa.update(meta).where(meta.c.name == _NAME).values(value=value))
        if not changed.rowcount:
            connection.execute(sa.insert(meta).values(name=_NAME, value=value))
    return kept


def read_kept_audit(rows: Mapping[str, str]) -> KeptAudit | None:
    """Return it from the rows of ``meta`` (`switch.ledger.database.read_meta`); None where there was none."""
    if _NAME not in rows:
        return None
    said = json.loads(rows[_NAME])
    return KeptAudit(said["at_s"] * _MICROSECONDS, said["broken"], tuple(said["invariants"]))
