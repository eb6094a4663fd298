"""Holds the books against their invariants (I1 to I7 and I12), each in one snapshot, beside a running server.

Each invariant is a row of data: what is counted for its figure, and queries that return what breaks it, so that
a reader sees the rule and not the machinery. What no query can judge is read and replayed in order: the lives of
payments (`switch.ledger.audit_life`), the counters of chips. I12 reads text and bytes (`switch.ledger.audit_secrets`).
Nothing is written, nothing is locked: SQLite gives a snapshot to a read transaction, PostgreSQL to a
repeatable one. Each invariant has its own, because whoever reads for long is in the way of those who write: SQLite's
log grows meanwhile, and all of it is moved at once when the reader ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa

from switch.ledger.audit_answers import ANSWERS
from switch.ledger.audit_days import BATCHES, DAYS
from switch.ledger.audit_floor import FLOOR
from switch.ledger.audit_holds import HOLDS
from switch.ledger.audit_keys import KEYS
from switch.ledger.audit_life import LIFE
from switch.ledger.audit_money import BALANCES, ENTRIES
from switch.ledger.audit_secrets import find_clear_data
from switch.ledger.audit_words import Finding, Invariant, Query, Replay
from switch.ledger.database import Database
from switch.ledger.ports import PanVault

INVARIANTS: Final = (ENTRIES, BALANCES, FLOOR, HOLDS, ANSWERS, KEYS, LIFE, BATCHES, DAYS)


@contextmanager
def snapshot(database: Database) -> Iterator[sa.Connection]:
    """Yield a connection that sees the books as they are at one moment, and cannot change them."""
    with database.reading() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


def audit(
    connection: sa.Connection,
    vault: PanVault | None,
    on_invariant: Callable[[str], None] = lambda _name: None,
) -> list[Finding]:
    """Check every invariant on a connection of `snapshot`, each on a snapshot of its own; one finding each, in order.

    Without a ``vault`` sealed values are not opened, and a card number found in clear is known by its looks only.
    ``on_invariant`` is told each invariant's name before it is checked.
    """
    findings = []
    for invariant in INVARIANTS:
        on_invariant(invariant.name)
        findings.append(_check(connection, invariant))
        connection.rollback()
    on_invariant("I12")
    findings.append(find_clear_data(connection, vault))
    return findings


def _check(connection: sa.Connection, invariant: Invariant) -> Finding:
    counted = connection.execute(sa.text(invariant.counted.sql)).mappings().one()
    broken, offenders = _collect(_said(connection, *invariant.broken_by))
    _, listed = _collect(_said(connection, *invariant.listed))
    return Finding(invariant.name, invariant.claim, invariant.counted.says.format(**counted), broken, offenders, listed)


def _said(connection: sa.Connection, *queries: Query | Replay) -> Iterator[str]:
    for query in queries:
        if not isinstance(query, Query):
            yield from query(connection)
            continue
        for row in connection.execute(sa.text(query.sql), execution_options={"yield_per": 1_000}).mappings():
            yield query.says.format(**row)


def _collect(rows: Iterable[str]) -> tuple[int, tuple[str, ...]]:
    """Count all, keep the first ones."""
    number, kept = 0, []
    for row in rows:
        number += 1
        if number <= Finding.KEPT_MAX:
            kept.append(row)
    return number, tuple(kept)
