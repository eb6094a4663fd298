"""I12: looks through every text and every blob of the books for card numbers and tracks in clear.

A run of 13 to 19 digits that passes the Luhn check may be a card number, or one of the numbers that the host
makes: one in ten passes by chance. So a run is an offence where the vault finds its hash among the cards, and,
in text that people or decisions wrote, also where it begins like a card number and is no journal id. Ids that
merchants and terminals were given (a merchant id may be 15 digits) are held against the cards only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from switch.errors import ConfigurationError, InternalError
from switch.ledger import schema
from switch.ledger.audit_words import Finding
from switch.ledger.ports import PanVault
from switch.values import Pan

_CHUNK_ROWS: Final = 2_000
_SEPARATOR: Final = "\x1f"  # between the texts of one row
_RUNS_REMEMBERED: Final = 65_536
_DIGITS: Final = re.compile(r"[0-9]{13,}")
_GROUPED: Final = re.compile(r"(?<![0-9])[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}(?![0-9])")
_TRACK: Final = re.compile(r"[0-9]{12,19}[=D][0-9]{7}|[Bb][0-9]{12,19}\^")  # ISO/IEC 7813: track 2, track 1
_LIKE_A_CARD: Final = re.compile(r"(?:2[2-7]|3[4-9]|[456])[0-9]{11,17}")  # ISO/IEC 7812: what schemes issue
_PAN_DIGITS: Final = range(13, 20)
_NUMBERED: Final = frozenset({"terminal_id", "merchant_id", "serial", "stan", "batch", "rrn", "name"})


def find_clear_data(connection: sa.Connection, vault: PanVault | None) -> Finding:
    """Search all text and binary columns, and open every sealed card number; the finding of I12.

    An offender names table, column and key of the row, never what was found there.
    """
    judge = _Judge(connection, vault)
    searched, offenders = 0, []
    for table in schema.metadata.sorted_tables:
        for rows, found in _searched(connection, table, judge):
            searched += rows
            offenders += found
    figure = f"{searched:,} rows searched"
    if vault is not None:
        opened, shut = _open_sealed(connection, vault)
        offenders += shut
        figure += f", {opened:,} sealed numbers opened"
    return Finding(
        "I12", "no card number or track in clear", figure, len(offenders), tuple(offenders[: Finding.KEPT_MAX])
    )


class _Judge:
    """Says whether a text holds a card number or a track."""

    def __init__(self, connection: sa.Connection, vault: PanVault | None) -> None:
        self._connection = connection
        self._vault = vault
        self.is_of_a_card = lru_cache(_RUNS_REMEMBERED)(self._is_of_a_card)

    def verdict(self, text: str, column: str) -> str:
        """Return what was found, "" for nothing."""
        if _TRACK.search(text):
            return "a track"
        runs = _DIGITS.findall(text)
        runs += [re.sub("[ -]", "", grouped.group()) for grouped in _GROUPED.finditer(text)]
        return "a card number" if any(self._is_clear(run, column) for run in runs) else ""

    def _is_clear(self, run: str, column: str) -> bool:
        if self.is_of_a_card(run):
            return True
        return (
            column not in _NUMBERED
            and _LIKE_A_CARD.fullmatch(run) is not None
            and Pan(run).has_valid_check_digit()
            and not self._is_journal_id(int(run))
        )

    def _is_of_a_card(self, run: str) -> bool:
        """Whether any part of the run is the number of a card in the books."""
        if self._vault is None:
            return False
        parts = (Pan(run[at : at + length]) for length in _PAN_DIGITS for at in range(len(run) - length + 1))
        keys = [self._vault.pan_key(part) for part in parts if part.has_valid_check_digit()]
        card = schema.card
        return self._connection.execute(sa.select(card.c.card_id).where(card.c.pan_key.in_(keys))).first() is not None

    def _is_journal_id(self, number: int) -> bool:
        journal = schema.journal
        asked = sa.select(journal.c.journal_id).where(journal.c.journal_id == number)
        return number.bit_length() < 64 and self._connection.execute(asked).first() is not None  # noqa: PLR2004 - BIGINT


def _searched(connection: sa.Connection, table: sa.Table, judge: _Judge) -> Iterator[tuple[int, list[str]]]:
    """Yield, chunk by chunk, how many rows were searched and what they hold."""
    keys = list(table.primary_key)
    texts = [column for column in table.columns if isinstance(column.type, sa.Text)]
    blobs = [column for column in table.columns if isinstance(column.type, sa.LargeBinary)]
    if not texts and not blobs:
        return
    joined: sa.ColumnElement[str] = sa.literal("")
    for column in texts:
        joined = joined + sa.func.coalesce(column, "") + sa.literal(_SEPARATOR)
    asked = sa.select(
        joined.label("texts"),
        *(sa.label(f"blob_{at}", blob) for at, blob in enumerate(blobs)),
        *(sa.label(f"key_{at}", key) for at, key in enumerate(keys)),
    )
    names = [column.name for column in (*texts, *blobs)]
    result = connection.execute(asked, execution_options={"yield_per": _CHUNK_ROWS})
    for rows in result.partitions():
        suspects = rows if _is_suspect(rows, len(blobs)) else ()
        yield (
            len(rows),
            [
                f"{table.name}.{name} of {'/'.join(str(key) for key in row[1 + len(blobs) :])}: {found} in clear"
                for row in suspects
                for name, text in zip(names, _texts_of(row, len(blobs)), strict=True)
                if (found := judge.verdict(text, name))
            ],
        )


def _is_suspect(rows: Sequence[sa.Row[Any]], blobs: int) -> bool:
    """Search a whole chunk at once: nearly always there is nothing in it."""
    text = "\n".join([row[0] for row in rows])
    found = _DIGITS.search(text) or _GROUPED.search(text) or _TRACK.search(text)
    return bool(found) or any(_DIGITS.search(text) for row in rows for text in _blob_texts(row, blobs))


def _texts_of(row: sa.Row[Any], blobs: int) -> list[str]:
    return [*row[0].split(_SEPARATOR)[:-1], *_blob_texts(row, blobs)]


def _blob_texts(row: sa.Row[Any], blobs: int) -> list[str]:
    return [bytes(value or b"").decode("latin-1") for value in row[1 : 1 + blobs]]


def _open_sealed(connection: sa.Connection, vault: PanVault) -> tuple[int, list[str]]:
    """Open every card's number; return how many opened, and those that do not, or are of another card."""
    card = schema.card
    asked = sa.select(card.c.card_id, card.c.pan_key, card.c.pan_sealed, card.c.key_version)
    opened, offenders = 0, []
    for row in connection.execute(asked, execution_options={"yield_per": _CHUNK_ROWS}):
        try:
            pan = vault.open(bytes(row.pan_sealed), row.key_version)
        except (ConfigurationError, InternalError) as error:
            offenders.append(f"card.pan_sealed of {row.card_id}: {error}")
            continue
        opened += 1
        if vault.pan_key(pan) != bytes(row.pan_key):
            offenders.append(f"card.pan_key of {row.card_id}: is not the hash of its sealed number")
    return opened, offenders
