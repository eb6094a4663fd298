"""Taps: for some minutes a technician sees one terminal's messages as they pass. What is kept of them is masked.

A tap is a row that says of which terminal and until when; every process of the switch looks for open ones and writes
what it sees. So a tap ends by itself, whoever opened it and whichever process serves the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import sqlalchemy as sa

from switch.errors import NotInBooks
from switch.ledger import schema
from switch.ledger.database import Database
from switch.ledger.ports import Ids

TAPS_MAX: Final = 3
"""Taps open at once: each costs the switch work for every message of its terminal."""

LINES_MAX: Final = 1_000
"""Messages that one tap takes; then it sees no more."""

KEPT_US: Final = 86_400_000_000
"""How long what a tap saw is kept after its end."""


class OpenTap(NamedTuple):
    """A tap that sees messages now, and how many more it may keep; moments are microseconds since 1970, UTC."""

    tap_id: int
    terminal_id: str
    ends_at: int
    room: int


class TapStanding(NamedTuple):
    """A tap as people see it."""

    tap_id: int
    terminal_id: str
    opened_by: str
    opened_at: int
    ends_at: int


class TapLine(NamedTuple):
    """One message that passed; ``words`` is what `switch.terminals.tapping` wrote."""

    line_id: int
    at: int
    words: str


# --- the switch --------------------------------------------------------------------------------------------


def read_open_taps(database: Database, now: int) -> list[OpenTap]:
    """Return the taps that see messages at a moment."""
    its, line = schema.tap.c, schema.tap_line.c
    kept = sa.select(sa.func.count()).where(line.tap_id == its.tap_id).scalar_subquery()
    asked = sa.select(its.tap_id, its.terminal_id, its.ends_at, (LINES_MAX - kept).label("room"))
    with database.reading() as connection:
        found = connection.execute(asked.where(its.ends_at > now).order_by(its.tap_id).limit(TAPS_MAX))
        return [tap for tap in (OpenTap(*row) for row in found) if tap.room > 0]


def write_tap_lines(database: Database, ids: Ids, lines: Iterable[tuple[int, int, str]]) -> None:
    """Keep what passed: (tap, moment, words), in order."""
    rows = [{"line_id": ids(), "tap_id": tap_id, "at": at, "words": words} for tap_id, at, words in lines]
    if rows:
        with database.writing() as connection:
            connection.execute(sa.insert(schema.tap_line), rows)


def forget_taps(database: Database, now: int) -> None:
    """Delete what taps saw that ended `KEPT_US` ago; who opened them, and when, stays in the change log."""
    over = sa.select(schema.tap.c.tap_id).where(schema.tap.c.ends_at < now - KEPT_US)
    with database.writing() as connection:
        connection.execute(sa.delete(schema.tap_line).where(schema.tap_line.c.tap_id.in_(over)))
        connection.execute(sa.delete(schema.tap).where(schema.tap.c.ends_at < now - KEPT_US))


# --- people ------------------------------------------------------------------------------------------------


def tap_standing(connection: sa.Connection, tap_id: int) -> TapStanding:
    """Show a tap. Raises `NotInBooks`, also for one whose lines are deleted already."""
    its = schema.tap.c
    found = connection.execute(sa.select(*_SHOWN).where(its.tap_id == tap_id)).first()
    if found is None:
        raise NotInBooks(f"there is no tap {tap_id}, or it is over for long")
    return TapStanding(*found)


def taps_of(connection: sa.Connection, terminal_id: str, now: int) -> list[TapStanding]:
    """Return a terminal's open taps."""
    its = schema.tap.c
    asked = sa.select(*_SHOWN).where(its.ends_at > now, its.terminal_id == terminal_id).order_by(its.tap_id)
    return [TapStanding(*row) for row in connection.execute(asked.limit(TAPS_MAX))]


def newest_tap_lines(connection: sa.Connection, tap_id: int, limit: int) -> list[TapLine]:
    """Return what a tap saw, the newest first."""
    its = schema.tap_line.c
    asked = sa.select(its.line_id, its.at, its.words).where(its.tap_id == tap_id).order_by(its.line_id.desc())
    return [TapLine(*row) for row in connection.execute(asked.limit(limit))]


_ITS: Final = schema.tap.c
_SHOWN: Final = (_ITS.tap_id, _ITS.terminal_id, _ITS.opened_by, _ITS.opened_at, _ITS.ends_at)
