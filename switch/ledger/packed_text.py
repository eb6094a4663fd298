"""Long texts, kept packed on SQLite: what a day's settlement writes beside the switch is a tenth as much for the disk.

PostgreSQL packs long texts by itself. A text that was kept before they were packed is read as it is.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

import sqlalchemy as sa

from switch.errors import DatabaseError

_LEVEL: Final = 1  # four times as fast as zlib's own choice; half again as long


def packed(text: str) -> bytes:
    """Pack a text (zlib, RFC 1950, of its UTF-8)."""
    return zlib.compress(text.encode(), _LEVEL)


def unpacked(kept: str | bytes) -> str:
    """Return the text that was kept, packed or as it is. Raises ValueError for bytes that nobody packed.

    Bytes behind a packed text are none of it: what no audit would read must not be there.
    """
    if isinstance(kept, str):
        return kept
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(kept).decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise ValueError("what is kept is no packed text") from error
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError("what is kept is no packed text, or not only one")
    return text


def as_kept(text: str, dialect: str) -> str | bytes:
    """Return a text as it is kept, to be made ready before the books are locked; a `PackedText` takes it so, too."""
    return packed(text) if dialect == "sqlite" else text


class PackedText(sa.TypeDecorator[str | bytes]):
    """A text column of SQLite's that holds packed texts; its declared type is that of any text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | bytes | None, dialect: sa.Dialect) -> Any:
        return as_kept(value, dialect.name) if isinstance(value, str) else value

    def process_result_value(self, value: Any, _dialect: sa.Dialect) -> str | None:
        """Return the text. Raises `DatabaseError` where what is kept cannot be unpacked."""
        try:
            return None if value is None else unpacked(value)
        except ValueError as error:
            raise DatabaseError(f"the books hold a text that cannot be read: {error}; find a backup") from error
