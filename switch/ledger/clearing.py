"""Keeps the clearing file of a business day, once every merchant's statement of it is there.

A file of a million items is a hundred megabytes, so it is kept in parts, each in a transaction of its own: nobody waits
for longer than one of them takes, and after each the writer stands back for longer than it took. Parts are known by
the hash of the whole file. Where the writing is broken off they belong to no file: who makes the file again makes the
same bytes, finds the parts that are there, and adds the others; those that another version of the program cut
otherwise are put right. The file's own row comes last; until then the day has no clearing file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import sha256
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from switch.decisions.closing import MadeFile
from switch.errors import DatabaseError, NotInBooks
from switch.ledger import schema
from switch.ledger.behind import Behind, here
from switch.ledger.database import Database
from switch.ledger.packed_text import PackedText, as_kept
from switch.ledger.ports import Clock

_STATEMENTS_AT_ONCE: Final = 16  # a large merchant's is tens of megabytes
_PART_MAX: Final = 512 * 1024  # characters: a tenth of it when packed, a millisecond of a disk
BREATH_S: Final = 0.002  # at least, between two parts: who waits for SQLite's one write lock looks for it that often
BREATHS: Final = 3  # times as long as the part took: who wants to write finds the lock free three times of four
_PARTS_AT_ONCE: Final = 16
_PART: Final = sa.text(
    "INSERT INTO clearing_part (sha256, part, content) VALUES (:sha256, :part, :content)"
    " ON CONFLICT (sha256, part) DO UPDATE SET content = excluded.content"
    " WHERE clearing_part.content <> excluded.content"
).bindparams(sa.bindparam("content", type_=PackedText))


class KeptFile(NamedTuple):
    """A clearing file as it is kept, without its content. ``sha256`` is of the whole content in UTF-8, in hex."""

    items: int
    debit_minor: int
    credit_minor: int
    sha256: str


def keep_clearing_file(
    database: Database,
    day: int,
    make: Callable[[int, Iterable[str]], MadeFile],
    clock: Clock,
    pause: Callable[[float], None] = time.sleep,
    behind: Behind = here,
) -> KeptFile:
    """Make the clearing file of ``day`` (yyyymmdd) of its statements, unless it is kept already, and keep it.

    To be called when the day is closed and all its statements are made: nothing checks that here.
    """
    there = kept_clearing_file(database, day)
    if there is not None:
        return there
    made = behind(partial(make, day, _contents(database, day)))
    digest = behind(lambda: sha256(made.content.encode()).hexdigest())
    kept = KeptFile(made.items, made.debit_minor, made.credit_minor, digest)
    parts = _keep_parts(database, kept.sha256, made.content, pause, behind)
    its = schema.clearing_part.c
    try:
        with database.writing() as connection:
            connection.execute(sa.delete(schema.clearing_part).where(its.sha256 == kept.sha256, its.part >= parts))
            row = {"business_day": day, **kept._asdict(), "made_at": clock()}
            connection.execute(sa.insert(schema.clearing_file), [row])
    except IntegrityError:
        there = kept_clearing_file(database, day)  # another process was faster, and made the same
        if there is None:
            raise
        return there
    return kept


def _keep_parts(database: Database, digest: str, content: str, pause: Callable[[float], None], behind: Behind) -> int:
    """Write the parts that are not there yet; return how many there are of the file."""
    starts = range(0, len(content), _PART_MAX)
    for part, start in enumerate(starts):
        its = behind(partial(as_kept, content[start : start + _PART_MAX], database.dialect))
        row = {"sha256": digest, "part": part, "content": its}
        begun = time.monotonic()
        with database.writing() as connection:
            connection.execute(_PART, row)
        pause(max(BREATH_S, BREATHS * (time.monotonic() - begun)))
    return len(starts)


def kept_clearing_file(database: Database, day: int) -> KeptFile | None:
    """Return what is kept of a day's clearing file, None where there is none yet."""
    its = schema.clearing_file.c
    query = sa.select(its["items"], its.debit_minor, its.credit_minor, its.sha256).where(its.business_day == day)
    with database.reading() as connection:
        row = connection.execute(query).first()
    return None if row is None else KeptFile(*row)


def clearing_content(database: Database, day: int) -> str:
    """Return the text of a day's clearing file.

    Raises `NotInBooks` where there is none, `DatabaseError` where it is not what its hash was made of.
    """
    kept = kept_clearing_file(database, day)
    if kept is None:
        raise NotInBooks(f"there is no clearing file of {day}: the day is not settled")
    with database.reading() as connection:
        content = "".join(parts_of_clearing_file(connection, kept.sha256))
    if sha256(content.encode()).hexdigest() != kept.sha256:
        raise DatabaseError(f"the clearing file of {day} was changed, its hash is another: find a backup of the books")
    return content


def parts_of_clearing_file(connection: sa.Connection, digest: str) -> Iterator[str]:
    """Yield the content of the file with this hash, in order, part by part."""
    its = schema.clearing_part.c
    query = sa.select(its.content).where(its.sha256 == digest).order_by(its.part)
    with connection.execution_options(yield_per=_PARTS_AT_ONCE).execute(query) as rows:
        for row in rows:
            yield row.content


def _contents(database: Database, day: int) -> Iterator[str]:
    """The statements of a day in the order of their merchants, whatever the database's collation.

    Each few are read for themselves: a statement never changes, and whoever reads for long keeps SQLite's log growing.
    """
    its = schema.statement.c
    with database.reading() as connection:
        merchants = sorted(connection.scalars(sa.select(its.merchant_id).where(its.business_day == day)))
    for start in range(0, len(merchants), _STATEMENTS_AT_ONCE):
        part = merchants[start : start + _STATEMENTS_AT_ONCE]
        query = sa.select(its.merchant_id, its.content).where(its.business_day == day, its.merchant_id.in_(part))
        with database.reading() as connection:
            found = {row.merchant_id: row.content for row in connection.execute(query)}
        yield from (found[merchant_id] for merchant_id in part)
