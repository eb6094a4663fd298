"""What a business day moved on the merchants' accounts, as a stream, merchant by merchant.

The journal has no index of days: ids of its rows rise with time, and so do its days, so a day is found as a range of
ids. On one host that is exact; a margin makes up for clocks that differ between hosts.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any, Final

import orjson
import sqlalchemy as sa

from switch.decisions.closing import Movement
from switch.ledger.database import Database
from switch.ledger.ids import TAG_BITS
from switch.messages.kinds import Kind

_MARGIN: Final = 3_600_000_000 << TAG_BITS  # an hour between two journal ids
_ID_MAX: Final = (1 << 63) - 1
_STREAMED: Final = {"yield_per": 2_000}
_READ_AT_ONCE: Final = 10_000  # rows of the journal: a tenth of a second
_PACK_AT: Final = 65_536  # bytes of one merchant

_FIRST_OF_DAY: Final = sa.text(
    f"""
    SELECT business_day FROM journal
     WHERE journal_id >= :journal_id AND kind <> '{Kind.STATEMENT}' ORDER BY journal_id LIMIT 1"""
)
_MOVED: Final = f"""
    SELECT m.merchant_id, j.journal_id, j.kind, j.original_id,
           CASE WHEN t.credit_account_id = m.account_id THEN t.amount_minor ELSE -t.amount_minor END,
           j.terminal_id, j.batch, j.stan, j.rrn, j.local_date, j.local_time, j.masked_pan,
           coalesce(c.scheme, ''), coalesce(substr(c.masked_pan, 1, 6), ''), coalesce(a.class, ''), j.decided_at
      FROM journal AS j
      JOIN transfer AS t ON t.journal_id = j.journal_id
      JOIN merchant AS m
        ON m.merchant_id = j.merchant_id AND m.account_id IN (t.debit_account_id, t.credit_account_id)
      LEFT JOIN card AS c ON c.card_id = j.card_id
      LEFT JOIN account AS a ON a.account_id = c.account_id
     WHERE j.journal_id BETWEEN :first AND :last AND j.business_day = :day AND j.kind <> '{Kind.STATEMENT}'
       AND NOT EXISTS (SELECT 1 FROM statement AS s WHERE s.merchant_id = m.merchant_id AND s.business_day = :day)"""
_BY_MERCHANT: Final = sa.text(f"{_MOVED} ORDER BY m.merchant_id, j.journal_id, t.leg")

_NEXT: Final = sa.text(
    "SELECT journal_id FROM journal WHERE journal_id >= :first ORDER BY journal_id LIMIT 1 OFFSET :at_once"
)


def unsettled_movements(connection: sa.Connection, day: int) -> Generator[tuple[str, Sequence[Movement]], None, None]:
    """Yield each merchant that something moved for on ``day`` (yyyymmdd) and that has no statement of it yet.

    Merchants come in order, each with its movements in the order of their journal ids. To be closed
    where it is not read to its end.
    """
    with connection.execute(_BY_MERCHANT, _given(connection, day), execution_options=_STREAMED) as rows:
        yield from _by_merchant(rows)


def spooled_movements(
    database: Database, day: int, at_once: int = _READ_AT_ONCE
) -> Generator[tuple[str, Sequence[Movement]], None, None]:
    """Yield the same, without keeping the books' present state alive while they are worked through.

    SQLite cannot move its write-ahead log into the database while anybody reads an older state, and then all others
    read and write slower and slower: so there the movements are put aside first, packed, in memory (some 20 bytes
    each). They are read part by part, each for itself: of a closed day nothing changes between them. Merchants whose
    statement another process makes meanwhile may come with a part of theirs; a second statement cannot be kept.
    PostgreSQL's readers are in no writer's way: there they are read as they come.
    """
    if database.dialect != "sqlite":
        with database.reading() as connection, closing(unsettled_movements(connection, day)) as moved:
            yield from moved
        return
    aside: dict[str, Packed] = {}
    for merchant_id, movements in _in_parts(database, day, at_once):
        aside.setdefault(merchant_id, Packed()).add(movements)
    for merchant_id in sorted(aside):
        yield merchant_id, aside.pop(merchant_id).unpacked()


def _in_parts(database: Database, day: int, at_once: int) -> Iterator[tuple[str, Sequence[Movement]]]:
    """Yield each merchant of each part of the day, in the order of the journal."""
    with database.reading() as connection:
        given = _given(connection, day)
    first: int | None = given["first"]
    while first is not None and first <= given["last"]:
        with database.reading() as connection:
            after = connection.execute(_NEXT, {"first": first, "at_once": at_once}).scalar()
            last = given["last"] if after is None else min(after - 1, given["last"])
            rows = connection.execute(_BY_MERCHANT, {**given, "first": first, "last": last}).all()
        yield from _by_merchant(rows)
        first = after


class Packed:
    """A merchant's movements in little room: JSON, deflated where there is much of it."""

    def __init__(self) -> None:
        self._deflated: list[bytes] = []
        self._plain = bytearray()

    def add(self, movements: Iterable[Movement]) -> None:
        for movement in movements:
            self._plain += orjson.dumps(tuple(movement)) + b","
        if len(self._plain) >= _PACK_AT:
            self._deflated.append(zlib.compress(self._plain, 1))
            self._plain.clear()

    def unpacked(self) -> Sequence[Movement]:
        text = b"".join(zlib.decompress(part) for part in self._deflated) + self._plain
        return [Movement._make(values) for values in orjson.loads(b"[" + text[:-1] + b"]")]


def _given(connection: sa.Connection, day: int) -> dict[str, int]:
    first, last = _ids_of(connection, day)
    return {"first": first, "last": last, "day": day}


def _by_merchant(rows: Iterable[sa.Row[Any]]) -> Generator[tuple[str, Sequence[Movement]], None, None]:
    for merchant_id, movements in groupby(rows, key=lambda row: row[0]):
        yield merchant_id, [Movement._make(row[1:]) for row in movements]


def _ids_of(connection: sa.Connection, day: int) -> tuple[int, int]:
    """The first and the last journal id that a row of a day may have."""
    first = _boundary(connection, day)
    after = _boundary(connection, day + 1)  # no date need be that number: it is after the one and before the next
    return max(first - _MARGIN, 0), min(after + _MARGIN, _ID_MAX)


def _boundary(connection: sa.Connection, day: int) -> int:
    """The least id from which on rows are of ``day`` or later: found by halving, each step one look at the key."""
    low, high = 0, _ID_MAX
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(_FIRST_OF_DAY, {"journal_id": middle}).scalar()
        if found is None or found >= day:
            high = middle
        else:
            low = middle + 1
    return low
