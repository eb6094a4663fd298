"""Proves that approvals seen on the wire are the approvals in the books, and audits these.

Both sides are kept in a temporary database on disk, so that memory does not grow with the run. An approval is known by
terminal, number and class of its message: what tells one request from another on a terminal's link. The books may have
it as often as the wire saw it, and once more for each message of that name whose answer was not seen; no oftener.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import sqlalchemy as sa

from switch.errors import DatabaseError
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
NAMED_MAX: Final = 5
"""Approvals of one side only that are named; all of them are counted."""

_WRITTEN_AT_ONCE: Final = 5_000
_NOT_IN_BOOKS: Final = frozenset({Kind.ECHO})
"""Kinds that are answered without the books."""

_TABLES: Final = """
    CREATE TABLE wire   (terminal, stan, class, n, PRIMARY KEY (terminal, stan, class)) WITHOUT ROWID;
    CREATE TABLE unseen (terminal, stan, class, n, PRIMARY KEY (terminal, stan, class)) WITHOUT ROWID;
    CREATE TABLE books  (terminal, stan, class, n, PRIMARY KEY (terminal, stan, class)) WITHOUT ROWID;
"""
_ONE_MORE: Final = "INSERT INTO {} VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1"
_LOST: Final = "FROM wire LEFT JOIN books USING (terminal, stan, class) WHERE books.n IS NULL"
_EXTRA: Final = """
    FROM books LEFT JOIN wire USING (terminal, stan, class) LEFT JOIN unseen USING (terminal, stan, class)
    WHERE books.n > coalesce(wire.n, 0) + {}
"""
_ALL_EXTRA: Final = _EXTRA.format("0")
_UNEXPLAINED: Final = _EXTRA.format("coalesce(unseen.n, 0)")


class _Named(NamedTuple):
    """What an approval is known by."""

    terminal: str
    stan: str
    mti_class: str

    def __str__(self) -> str:
        return f"terminal {self.terminal} number {self.stan} class {self.mti_class}"


class WireAgainstBooks:
    """One run held against one ledger. Make it before the run: what is in the books already is not the run's.

    Raises `DatabaseError` where the books cannot be opened.
    """

    def __init__(self, url: str, dialect: Dialect) -> None:
        self._database: Database = open_database(url)
        file = self._database.engine.url.database
        if self._database.engine.dialect.name == "sqlite" and not Path(file or "").is_file():
            raise DatabaseError(f"{url}: there is no such file")  # to open it would make one
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
        self._pending: list[_Named] = []
        self._spoke: set[str] = set()
        self._kept = sqlite3.connect("")  # a file of its own that goes away with the connection
        self._kept.executescript(_TABLES)

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
        self._spoke.add(self._terminal(answer))
        if answer.get(RESPONSE_CODE) != self._approved or kind is None or kind in _NOT_IN_BOOKS:
            return
        self._pending.append(self._named(answer))
        if len(self._pending) >= _WRITTEN_AT_ONCE:
            self._flush()

    def unseen(self, sent: Fields) -> None:
        """Take a message whose answer was not seen, and never will be: the books may have approved it."""
        self._spoke.add(self._terminal(sent))
        self._count_one("unseen", [self._named(sent)])

    def compared(self) -> Books:
        """Compare and audit."""
        self._flush()
        with snapshot(self._database) as connection:
            self._count_one("books", self._approvals(connection, journal.c.journal_id > self._newest))
            if self._number(f"SELECT count(*) {_LOST}"):  # a repeat is answered from the books as they were
                self._keep_earlier(connection)
            audited = [
                f"{finding.invariant} {finding.claim}: {finding.broken} broken; {offender}"
                for finding in audit(connection, None)
                if not finding.holds
                for offender in finding.offenders[:1] or ("",)
            ]
        named = [*self._said(_LOST, "approved on the wire, not in the books")]
        named += self._said(_UNEXPLAINED, "in the books, not so seen on the wire")
        on_wire = self._number("SELECT count(*) FROM wire")
        lost = self._number(f"SELECT count(*) {_LOST}")
        extra = self._number(f"SELECT coalesce(sum(books.n - coalesce(wire.n, 0)), 0) {_ALL_EXTRA}")
        return Books(
            approvals_on_wire=on_wire,
            approvals_in_books=on_wire - lost + extra,
            audit_findings=[*named, *audited][:FINDINGS_KEPT],
            agree=not named and not audited,
        )

    def _named(self, fields: Fields) -> _Named:
        return _Named(self._terminal(fields), self._stan(fields), fields[0][1])

    def _flush(self) -> None:
        self._count_one("wire", self._pending)
        self._pending = []

    def _said(self, which: str, what: str) -> Iterator[str]:
        """Yield what is to be said of approvals that only one side has."""
        rows = self._kept.execute(f"SELECT terminal, stan, class {which} LIMIT {NAMED_MAX}")
        yield from (f"{_Named(*row)}: {what}" for row in rows)

    def _keep_earlier(self, connection: sa.Connection) -> None:
        """Of what was approved before the run, only what the wire has seen again: that it is there, not how often."""
        cursor = self._kept.cursor()
        with closing(cursor):
            for row in self._approvals(connection, journal.c.journal_id <= self._newest):
                cursor.execute(
                    "INSERT OR IGNORE INTO books SELECT terminal, stan, class, 0 FROM wire"
                    " WHERE terminal = ? AND stan = ? AND class = ?",
                    row,
                )

    def _approvals(self, connection: sa.Connection, which: sa.ColumnElement[bool]) -> Iterator[_Named]:
        """What terminals of the run were approved, by the books."""
        query = sa.select(journal.c.terminal_id, journal.c.stan, journal.c.mti)
        query = query.where(which, journal.c.action == Action.APPROVED.value, journal.c.mti != "")
        rows = connection.execute(query, execution_options={"yield_per": _WRITTEN_AT_ONCE})
        return (_Named(terminal, stan, mti[1]) for terminal, stan, mti in rows if terminal in self._spoke)

    def _number(self, query: str) -> int:
        return int(self._kept.execute(query).fetchone()[0])

    def _count_one(self, side: str, rows: Iterable[_Named]) -> None:
        with self._kept:
            self._kept.executemany(_ONE_MORE.format(side), rows)
