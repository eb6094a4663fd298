"""Imports merchants, terminals, cards and operators from CSV files: all rows of a file, or none.

The file is read once, row by row, into a temporary table that only this connection sees; no lock is held
meanwhile. Then one database transaction holds the staged rows against each other and against the books, and
writes them with a few set-based statements: on SQLite other writers wait for that part only (a bit over a second
for 100,000 cards), on PostgreSQL only other imports do. Any problem anywhere, and nothing is written.

Importing a file again changes nothing. A row that is in the books already is brought to what its filled cells
say; an empty cell leaves what is there, ``none`` takes away a limit, or another thing that need not be there, and
``all`` lifts the restriction of kinds, entry modes or schemes. A balance is taken only when its account is opened,
never again. What a file says wins over what an operator set by hand, for a card's status too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

import sqlalchemy as sa

from switch.errors import ImportRefused
from switch.ledger import import_cards, import_merchants, import_operators, import_terminals
from switch.ledger.database import Database
from switch.ledger.import_columns import FEE_PLAN, LIMITS, SHARES, Column, words_reader
from switch.ledger.import_file import PROBLEMS_MAX, ImportFile, Problem
from switch.ledger.import_staging import ACCOUNTS_LOCK, NOTHING_BORROWED, Borrowed, Means, Run, Stager, Written
from switch.ledger.ports import PanVault

_CHUNK_ROWS: Final = 5_000  # what is held in memory at a time
_SQLITE_PATIENCE_MS: Final = 30_000  # a busy server leaves only small gaps between its groups


class Subject(Protocol):
    """One kind of file: its columns, where its rows are staged, and how they get from there into the books."""

    @property
    def COLUMNS(self) -> tuple[Column, ...]: ...  # noqa: N802 - a constant of the module that is the subject

    @property
    def STAGE(self) -> sa.Table: ...  # noqa: N802 - same

    def stager(self, means: Means) -> Stager:
        """Return what makes the rows to stage, once for a file."""
        ...

    def conflicts(self, connection: sa.Connection) -> Iterator[Problem]:
        """Yield what is wrong with the staged rows among themselves or against the books."""
        ...

    def write(self, connection: sa.Connection, run: Run) -> Written: ...


SUBJECTS: Final[dict[str, Subject]] = {
    "merchants": import_merchants,
    "terminals": import_terminals,
    "cards": import_cards,
    "operators": import_operators,
}


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: rows read, new ones, changed ones (the rest were there already)."""

    rows: int
    added: int
    changed: int

    @property
    def unchanged(self) -> int:
        return self.rows - self.added - self.changed


def import_file(
    database: Database,
    subject: str,
    path: Path,
    vault: PanVault,
    run: Run,
    on_progress: Callable[[int], None] = lambda _bytes_read: None,
    borrowed: Borrowed = NOTHING_BORROWED,
) -> Imported:
    """Import ``path`` as one of `SUBJECTS`. ``run`` says when, and under which journal id.

    Raises `ImportRefused` with every problem found (the first thousand), `ConfigurationError` where the file
    cannot be opened, `DatabaseError` where the database cannot be written; then nothing was changed.
    """
    how = SUBJECTS[subject]
    with database.reading() as connection:
        connection.detach()  # temporary tables and settings end with this connection
        source = ImportFile(path, _columns(how, borrowed), on_progress)
        _stage(how, source, Means(connection, vault, borrowed))
        connection.execution_options(writing=True)
        with connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ACCOUNTS_LOCK)))
            problems = sorted([*source.problems, *islice(how.conflicts(connection), PROBLEMS_MAX)])
            if problems:
                raise ImportRefused(problems)
            written = how.write(connection, run)
    return Imported(source.lines, written.added, written.changed)


def _columns(how: Subject, borrowed: Borrowed) -> list[Column]:
    read = {
        LIMITS.name: words_reader(borrowed.limits),
        FEE_PLAN.name: words_reader(borrowed.fee_plan),
        SHARES.name: words_reader(borrowed.shares),
    }
    return [replace(column, read=read.get(column.name, column.read)) for column in how.COLUMNS]


def _stage(how: Subject, source: ImportFile, means: Means) -> None:
    connection = means.connection
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_SQLITE_PATIENCE_MS}")
    how.STAGE.create(connection)
    staged_row = how.stager(means)
    staged = ({"line": line, **staged_row(cells)} for line, cells in source.rows())
    for chunk in _chunks(staged):
        connection.execute(how.STAGE.insert(), chunk)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {how.STAGE.name}")
    connection.commit()


def _chunks(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows = iter(rows)
    while chunk := list(islice(rows, _CHUNK_ROWS)):
        yield chunk
