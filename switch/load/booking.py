"""Proves that approvals seen on the wire are the approvals in the books, and audits these.

Both sides are kept in a temporary database on disk, so that memory does not grow with the run. An approval is known by
terminal, number and class of its message: what tells one request from another on a terminal's link.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from types import TracebackType
from typing import Final, Self

import sqlalchemy as sa

from switch.ledger.audit import audit, snapshot
from switch.ledger.database import Database, check_version, open_database
from switch.ledger.schema import journal
from switch.messages.actions import Action
from switch.messages.catalogue import Catalogue
from switch.messages.kinds import Kind
from switch.messages.mapping import first_mti
from switch.messages.paths import role_getter
from switch.reports.results import Books
from switch.wire.codec import Fields
from switch.wire.dialect import RESPONSE_CODE, Dialect

FINDINGS_KEPT: Final = 20
_WRITTEN_AT_ONCE: Final = 5_000
_NOT_IN_BOOKS: Final = frozenset({Kind.ECHO})
"""Kinds that are answered without the books."""


class WireAgainstBooks:
    """One run held against one ledger. Make it before the run: what is in the books already is not the run's.

    Raises `switch.errors.DatabaseError` where the books cannot be opened.
    """

    def __init__(self, url: str, dialect: Dialect) -> None:
        self._database: Database = open_database(url)
        try:
            check_version(self._database)
            with self._database.reading() as connection:
                self._newest = connection.execute(sa.select(sa.func.max(journal.c.journal_id))).scalar() or 0
        except BaseException:
            self._database.close()
            raise
        self._approved = dialect.actions[Action.APPROVED]
        self._catalogue = Catalogue(dialect)
        self._terminal = role_getter(dialect, "terminal")
        self._stan = role_getter(dialect, "stan")
        self._pending: list[tuple[str, str, str]] = []
        self._kept = sqlite3.connect("")  # a file of its own that goes away with the connection
        for side in ("wire", "books"):
            self._kept.execute(
                f"CREATE TABLE {side} (terminal, stan, class, PRIMARY KEY (terminal, stan, class)) WITHOUT ROWID"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._kept.close()
        self._database.close()

    def seen(self, sent: Fields, answer: Fields) -> None:
        """Take an answer from the wire. ``sent`` tells the kind; its numbers are not looked at."""
        entry = self._catalogue.find(sent, first_mti(sent[0]))
        self.seen_of(None if entry is None else entry.kind, answer)

    def seen_of(self, kind: Kind | None, answer: Fields) -> None:
        """Take an answer to a message of this kind from the wire."""
        if answer.get(RESPONSE_CODE) != self._approved or kind is None or kind in _NOT_IN_BOOKS:
            return
        self._pending.append((self._terminal(answer), self._stan(answer), answer[0][1]))
        if len(self._pending) >= _WRITTEN_AT_ONCE:
            self._write("wire", self._pending)
            self._pending = []

    def compared(self, unanswered: int) -> Books:
        """Compare and audit. So many approvals may be in the books only: as many messages never saw their answer."""
        self._write("wire", self._pending)
        self._pending = []
        with snapshot(self._database) as connection:
            self._write("books", self._approvals(connection, journal.c.journal_id > self._newest))
            if self._count("wire", "books"):  # a repeat is answered from the books as they were
                self._keep_earlier(connection)
            findings = [
                f"{finding.invariant} {finding.claim}: {finding.broken} broken; {offender}"
                for finding in audit(connection, None)
                if not finding.holds
                for offender in finding.offenders[:1] or ("",)
            ]
        lost, extra = self._count("wire", "books"), self._count("books", "wire")
        on_wire = int(self._kept.execute("SELECT count(*) FROM wire").fetchone()[0])
        return Books(
            approvals_on_wire=on_wire,
            approvals_in_books=on_wire - lost + extra,
            audit_findings=findings[:FINDINGS_KEPT],
            agree=not lost and extra <= unanswered and not findings,
        )

    def _keep_earlier(self, connection: sa.Connection) -> None:
        """Of what was approved before the run, only what the wire has seen again."""
        cursor = self._kept.cursor()
        with closing(cursor):
            for row in self._approvals(connection, journal.c.journal_id <= self._newest):
                cursor.execute(
                    "INSERT OR IGNORE INTO books SELECT * FROM wire WHERE terminal = ? AND stan = ? AND class = ?", row
                )

    def _approvals(self, connection: sa.Connection, which: sa.ColumnElement[bool]) -> Iterator[tuple[str, str, str]]:
        """What terminals of the wire were approved, by the books."""
        terminals = {row[0] for row in self._kept.execute("SELECT DISTINCT terminal FROM wire")}
        query = sa.select(journal.c.terminal_id, journal.c.stan, journal.c.mti)
        query = query.where(which, journal.c.action == Action.APPROVED.value, journal.c.mti != "")
        rows = connection.execute(query, execution_options={"yield_per": _WRITTEN_AT_ONCE})
        return ((terminal, stan, mti[1]) for terminal, stan, mti in rows if terminal in terminals)

    def _count(self, has: str, has_not: str) -> int:
        query = f"SELECT count(*) FROM (SELECT * FROM {has} EXCEPT SELECT * FROM {has_not})"
        return int(self._kept.execute(query).fetchone()[0])

    def _write(self, side: str, rows: Iterator[tuple[str, str, str]] | list[tuple[str, str, str]]) -> None:
        with self._kept:
            self._kept.executemany(f"INSERT OR IGNORE INTO {side} VALUES (?, ?, ?)", rows)
