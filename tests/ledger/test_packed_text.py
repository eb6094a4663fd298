"""Long texts come back as they were put in, on both databases, and from before they were packed."""

from __future__ import annotations

import zlib
from contextlib import closing

import pytest
import sqlalchemy as sa

from switch.errors import DatabaseError
from switch.ledger import schema
from switch.ledger.database import Database, open_database
from switch.ledger.packed_text import packed, unpacked

PART = schema.clearing_part
TEXT = "purchase,2026,张三,100\n" * 5_000


def put(database: Database, content: str) -> None:
    with database.writing() as connection:
        connection.execute(sa.insert(PART), [{"sha256": "a", "part": 0, "content": content}])


def got(database: Database) -> str | None:
    with database.reading() as connection:
        return connection.scalar(sa.select(PART.c.content))


@pytest.mark.parametrize("text", ["", "x", TEXT])
def test_a_text_comes_back(database: str, text: str) -> None:
    with closing(open_database(database)) as books:
        put(books, text)

        assert got(books) == text


def test_sqlite_keeps_it_shorter(sqlite_database: str) -> None:
    with closing(open_database(sqlite_database)) as books:
        put(books, TEXT)
        with books.reading() as connection:
            kept = connection.execute(sa.text("SELECT length(content) FROM clearing_part")).scalar_one()

    assert kept < len(TEXT) / 10


def test_a_text_from_before_is_read_as_it_is(sqlite_database: str) -> None:
    with closing(open_database(sqlite_database)) as books:
        with books.writing() as connection:
            connection.execute(sa.text("INSERT INTO clearing_part (sha256, part, content) VALUES ('a', 0, 'as it is')"))

        assert got(books) == "as it is"


def test_bytes_that_nobody_packed_are_named(sqlite_database: str) -> None:
    with closing(open_database(sqlite_database)) as books:
        with books.writing() as connection:
            connection.execute(sa.text("INSERT INTO clearing_part (sha256, part, content) VALUES ('a', 0, x'0102')"))

        with pytest.raises(DatabaseError, match="cannot be read"):
            got(books)


@pytest.mark.parametrize(
    "kept",
    [packed(TEXT)[:-5], packed(TEXT)[:100], packed(TEXT) + b"4111111111111111", packed("a") + packed("b"), b""],
    ids=["cut short", "cut shorter", "more behind it", "two", "nothing"],
)
def test_bytes_that_are_not_one_packed_text_are_none(kept: bytes) -> None:
    with pytest.raises(ValueError, match="no packed text"):
        unpacked(kept)


def test_packed_bytes_that_are_no_text_are_not_quoted() -> None:
    with pytest.raises(ValueError, match=r"^what is kept is no packed text$"):
        unpacked(zlib.compress(b"\xff"))
