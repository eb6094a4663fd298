"""Notes: what officers tell each other about a card, a terminal, a merchant, a transaction. Nobody alters them."""

from __future__ import annotations

import re
from typing import Annotated, Final, NamedTuple

import sqlalchemy as sa
from pydantic import Field

from switch.errors import OperatorError
from switch.ledger.office_tables import note
from switch.office.acts import Act, Arguments, Asked, Changed, Desk
from switch.office.roles import Permission

SHOWN_MAX: Final = 50
WORDS_MAX: Final = 1_000
SORTS: Final = ("card", "terminal", "merchant", "transaction")

_LIKE_A_CARD: Final = re.compile(r"(?:\d[ -]?){12,19}")


class Note(NamedTuple):
    """One note; ``at`` is in microseconds since 1970, UTC."""

    note_id: int
    at: int
    author: str
    words: str


class NoteWords(Arguments):
    """What a note says: no card numbers."""

    words: Annotated[str, Field(min_length=1, max_length=WORDS_MAX)]


def notes_of(connection: sa.Connection, target: str) -> list[Note]:
    """Return the newest notes about a target first."""
    asked = sa.select(note).where(note.c.target == target).order_by(note.c.note_id.desc()).limit(SHOWN_MAX)
    return [Note(row.note_id, row.at, row.author, row.words) for row in connection.execute(asked)]


def _writer(sort: str) -> Act:
    def write(desk: Desk, connection: sa.Connection, asked: Asked[NoteWords]) -> Changed:
        if _LIKE_A_CARD.search(asked.arguments.words):
            raise OperatorError("a note holds no long numbers: card numbers are not kept; say it in other words")
        number = (connection.execute(sa.select(sa.func.max(note.c.note_id))).scalar() or 0) + 1
        row = {
            "note_id": number,
            "target": f"{sort}:{asked.key}",
            "at": desk.clock(),
            "author": asked.by.name,
            "words": asked.arguments.words,
        }
        connection.execute(sa.insert(note), [row])
        return Changed({}, {"note": number})

    return Act(f"{sort}.note", sort, Permission.WRITE_NOTES, NoteWords, write)


NOTE_ACTS: Final = tuple(_writer(sort) for sort in SORTS)
