"""Keeps the clearing file of a business day, once every merchant's statement of it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from switch.decisions.closing import MadeFile
from switch.errors import NotInBooks
from switch.ledger import schema
from switch.ledger.database import Database
from switch.ledger.ports import Clock

_STATEMENTS_AT_ONCE: Final = 16  # a large merchant's is tens of megabytes


class KeptFile(NamedTuple):
    """A clearing file as it is kept, without its content. ``sha256`` is of the whole content in UTF-8, in hex."""

    items: int
    debit_minor: int
    credit_minor: int
    sha256: str


def keep_clearing_file(
    database: Database, day: int, make: Callable[[int, Iterable[str]], MadeFile], clock: Clock
) -> KeptFile:
    """Make the clearing file of ``day`` (yyyymmdd) of its statements, unless it is kept already, and keep it.

    To be called when the day is closed and all its statements are made: nothing checks that here.
    """
    there = kept_clearing_file(database, day)
    if there is not None:
        return there
    with database.reading() as connection:
        made = make(day, _contents(connection, day))
    kept = KeptFile(made.items, made.debit_minor, made.credit_minor, sha256(made.content.encode()).hexdigest())
    row = {"business_day": day, **kept._asdict(), "made_at": clock(), "content": made.content}
    try:
        with database.writing() as connection:
            connection.execute(sa.insert(schema.clearing_file), [row])
    except IntegrityError:
        there = kept_clearing_file(database, day)  # another process was faster, and made the same
        if there is None:
            raise
        return there
    return kept


def kept_clearing_file(database: Database, day: int) -> KeptFile | None:
    """Return what is kept of a day's clearing file, None where there is none yet."""
    its = schema.clearing_file.c
    query = sa.select(its["items"], its.debit_minor, its.credit_minor, its.sha256).where(its.business_day == day)
    with database.reading() as connection:
        row = connection.execute(query).first()
    return None if row is None else KeptFile(*row)


def clearing_content(database: Database, day: int) -> str:
    """Return the text of a day's clearing file; raises `NotInBooks` where there is none."""
    its = schema.clearing_file.c
    with database.reading() as connection:
        content = connection.execute(sa.select(its.content).where(its.business_day == day)).scalar()
    if content is None:
        raise NotInBooks(f"there is no clearing file of {day}: the day is not settled")
    return str(content)


def _contents(connection: sa.Connection, day: int) -> Iterator[str]:
    """The statements of a day in the order of their merchants, whatever the database's collation."""
    its = schema.statement.c
    merchants = sorted(connection.scalars(sa.select(its.merchant_id).where(its.business_day == day)))
    for start in range(0, len(merchants), _STATEMENTS_AT_ONCE):
        part = merchants[start : start + _STATEMENTS_AT_ONCE]
        query = sa.select(its.merchant_id, its.content).where(its.business_day == day, its.merchant_id.in_(part))
        found = {row.merchant_id: row.content for row in connection.execute(query)}
        yield from (found[merchant_id] for merchant_id in part)
