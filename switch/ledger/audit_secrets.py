"""I12: looks through every text and every blob of the books for card numbers, tracks, keys and PINs in clear.

A run of 13 to 19 digits that passes the Luhn check may be a card number, or one of the numbers that the host
makes: one in ten passes by chance. So a run is an offence where the vault finds its hash among the cards, and,
in text that people or decisions wrote, also where it begins like a card number and is no journal id. Numbers
that were given out by others (a merchant id may be 15 digits) are held against the cards only, and so are the digits
of what a terminal uploaded, two to a byte: of an image's bytes, some look like anything.

Long hex digits that stand alone are taken for a key, and digits in the trace of a PIN's rung for the PIN. What is
stored of secrets has a shape of its own (`switch.ledger.audit_shapes`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from switch.errors import ConfigurationError, InternalError
from switch.ledger import schema
from switch.ledger.audit_shapes import is_shaped, misshapen
from switch.ledger.audit_words import Finding
from switch.ledger.packed_text import PackedText, unpacked
from switch.ledger.ports import PanVault
from switch.values import Pan

_CHUNK_ROWS: Final = 2_000
_LONG_ROWS: Final = 16  # of texts that are packed because they are long: a large merchant's is tens of megabytes
_ASKED_AT_ONCE: Final = 500  # hashes in one query
_SEPARATOR: Final = "\x1f"  # between the texts of one row
_PAN_DIGITS: Final = range(13, 20)
_DIGITS: Final = re.compile(r"[0-9]{13,}")
_GROUPED: Final = re.compile(r"(?<![0-9])[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}(?![0-9])")
_TRACK: Final = re.compile(r"[0-9]{13,19}[=D][0-9]{7}|[Bb][0-9]{13,19}\^")  # ISO/IEC 7813: track 2, track 1
_LIKE_A_CARD: Final = re.compile(r"(?:2[2-7]|3[4-9]|[456])[0-9]{11,17}")  # ISO/IEC 7812: what schemes issue
_KEY: Final = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-F]{64}|[0-9A-F]{48}|[0-9A-F]{32})(?![0-9A-Za-z])", re.IGNORECASE)
_PIN: Final = re.compile(r'\["(?:pin|card_code|operator_password)","?[0-9]{3,}')  # in a trace
_FINGERPRINTS: Final = frozenset({"rule_set", "value", "sha256"})  # of rules, of the installation, of a file: no key
_ENDS_IN_ONE: Final = re.compile(r"\b[0-9a-fA-F]{64}\s*\Z")  # a clearing file: its last line has its own hash
_NUMBERED: Final = frozenset({"terminal_id", "merchant_id", "serial", "stan", "batch", "rrn", "name"})
_ALL_DIGITS_ZERO: Final = bytes.maketrans(b"0123456789", b"0000000000")
_LETTERS_ZERO_TOO: Final = bytes.maketrans(b"ABCDEFabcdef", b"000000000000")
_SUSPECT: Final = (b"0" * _PAN_DIGITS[0], b"0000 0000 0000 0", b"0000-0000-0000-0")
_LIKE_A_KEY: Final = b"0" * 32
_LIKE_A_PIN: Final = re.compile(_PIN.pattern.encode())
_Reader: TypeAlias = Callable[[Any], bytes]


def find_clear_data(connection: sa.Connection, vault: PanVault | None) -> Finding:
    """Search all text and binary columns, and open every sealed card number; the finding of I12.

    An offender names table, column and key of the row, never what was found there.
    """
    judge = _Judge(connection, vault)
    searched, offenders = 0, []
    for table in schema.metadata.sorted_tables:
        for rows, found in _free_columns(connection, table, judge):
            searched += rows
            offenders += found
        offenders += _numbered_columns(connection, table, judge)
        connection.rollback()  # each table in a snapshot of its own
    figure = f"{searched:,} rows searched"
    offenders += _uploads(connection, judge)
    offenders += misshapen(connection)
    if vault is not None:
        opened, shut = _open_sealed(connection, vault)
        offenders += shut
        figure += f", {opened:,} sealed numbers opened"
    return Finding(
        "I12",
        "no card number, track, key or PIN in clear",
        figure,
        len(offenders),
        tuple(offenders[: Finding.KEPT_MAX]),
    )


class _Judge:
    """Says whether a text holds a card number, a track, a key or a PIN."""

    def __init__(self, connection: sa.Connection, vault: PanVault | None) -> None:
        self._connection = connection
        self._vault = vault

    def verdict(self, column: str, text: str) -> str:
        """Return what a free text holds, "" for nothing."""
        if _TRACK.search(text):
            return "a track"
        if column not in _FINGERPRINTS and _KEY.search(_ENDS_IN_ONE.sub("", text)):
            return "a key"
        if column == "trace" and _PIN.search(text):
            return "a PIN or a password"
        runs = _runs_of(text)
        by_looks = any(self._looks_like_a_card(run) for run in runs)
        return "a card number" if by_looks or self.of_cards(runs) else ""

    def of_cards(self, runs: Iterable[str]) -> set[str]:
        """Return the runs that are, or contain, the number of a card in the books."""
        if self._vault is None:
            return set()
        found: dict[bytes, str] = {}
        for run in runs:
            for part in _parts_of(run):
                if part.has_valid_check_digit():
                    found[self._vault.pan_key(part)] = run
        card, keys = schema.card, iter(found)
        known: set[str] = set()
        while asked := list(islice(keys, _ASKED_AT_ONCE)):
            rows = self._connection.execute(sa.select(card.c.pan_key).where(card.c.pan_key.in_(asked)))
            known.update(found[bytes(row.pan_key)] for row in rows)
        return known

    def of_packed_cards(self, data: bytes) -> bool:
        """Whether bytes hold, two digits in each, the number of a card in the books."""
        return bool(self.of_cards(part.reveal() for run in _DIGITS.findall(data.hex()) for part in _windows(run)))

    def _looks_like_a_card(self, run: str) -> bool:
        return (
            _LIKE_A_CARD.fullmatch(run) is not None
            and Pan(run).has_valid_check_digit()
            and not self._is_journal_id(int(run))
        )

    def _is_journal_id(self, number: int) -> bool:
        journal = schema.journal
        asked = sa.select(journal.c.journal_id).where(journal.c.journal_id == number)
        return number.bit_length() < 64 and self._connection.execute(asked).first() is not None  # noqa: PLR2004 - BIGINT


def _runs_of(text: str) -> list[str]:
    return _DIGITS.findall(text) + [re.sub("[ -]", "", grouped.group()) for grouped in _GROUPED.finditer(text)]


def _parts_of(run: str) -> Iterator[Pan]:
    """The run itself, or, where it is longer than a card number can be, everything in it that could be one."""
    return iter((Pan(run),)) if len(run) <= _PAN_DIGITS[-1] else _windows(run)


def _windows(run: str) -> Iterator[Pan]:
    for length in _PAN_DIGITS:
        for at in range(len(run) - length + 1):
            yield Pan(run[at : at + length])


# --- free text and blobs, row by row -----------------------------------------------------------------------


def _free_columns(connection: sa.Connection, table: sa.Table, judge: _Judge) -> Iterator[tuple[int, list[str]]]:
    """Yield, chunk by chunk, how many rows were searched and what they hold."""
    keys = list(table.primary_key)
    free = [column for column in table.columns if column.name not in _NUMBERED and not is_shaped(column)]
    texts = [column for column in free if isinstance(column.type, sa.Text)]
    blobs = [column for column in free if isinstance(column.type, sa.LargeBinary | PackedText)]
    names = [column.name for column in (*texts, *blobs)]
    if not names:
        return
    joined: sa.ColumnElement[str] = sa.literal("")
    for column in texts:
        joined = joined + sa.func.coalesce(column, "") + sa.literal(_SEPARATOR)
    asked = sa.select(
        joined.label("texts"),
        *(sa.label(f"blob_{at}", sa.type_coerce(blob, sa.types.NULLTYPE)) for at, blob in enumerate(blobs)),
        *(sa.label(f"key_{at}", key) for at, key in enumerate(keys)),
    )
    readers: list[_Reader] = [_packed if isinstance(blob.type, PackedText) else _raw for blob in blobs]
    at_once = _LONG_ROWS if _packed in readers else _CHUNK_ROWS
    for rows in connection.execute(asked, execution_options={"yield_per": at_once}).partitions():
        suspects = rows if _is_suspect(rows, readers) else ()
        yield (
            len(rows),
            [
                _offence(table, name, row[1 + len(blobs) :], found)
                for row in suspects
                for name, text in zip(names, _texts_of(row, readers), strict=True)
                if (found := judge.verdict(name, text))
            ],
        )


def _is_suspect(rows: Sequence[sa.Row[Any]], blobs: Sequence[_Reader]) -> bool:
    """Search a whole chunk at once, but for long texts, which are unpacked one by one."""
    data = "\n".join([row[0] for row in rows]).encode()
    for at, read in enumerate(blobs, start=1):
        if read is _packed:
            if any(_may_hold(read(row[at])) for row in rows):
                return True
        else:
            data += b"\n" + b"\n".join([read(row[at]) for row in rows])
    return _may_hold(data)


def _may_hold(data: bytes) -> bool:
    """Search the bytes with every digit a zero: nearly always there is nothing in them."""
    zeroed = data.translate(_ALL_DIGITS_ZERO)
    return (
        any(pattern in zeroed for pattern in _SUSPECT)
        or _LIKE_A_KEY in zeroed.translate(_LETTERS_ZERO_TOO)
        or _LIKE_A_PIN.search(data) is not None
    )


def _texts_of(row: sa.Row[Any], blobs: Sequence[_Reader]) -> list[str]:
    return [
        *row[0].split(_SEPARATOR)[:-1],
        *(read(row[at]).decode("latin-1") for at, read in enumerate(blobs, start=1)),
    ]


def _raw(value: bytes | None) -> bytes:
    return bytes(value or b"")


def _packed(value: str | bytes | None) -> bytes:
    """The bytes of a text that is kept packed; what cannot be unpacked as it is."""
    try:
        return unpacked(value or "").encode()
    except ValueError:
        return bytes(value)  # type: ignore[arg-type]  # a text is not unpacked


def _offence(table: sa.Table, column: str, key: Sequence[object], found: str) -> str:
    return f"{table.name}.{column} of {'/'.join(map(str, key))}: {found} in clear"


def _uploads(connection: sa.Connection, judge: _Judge) -> Iterator[str]:
    upload = schema.upload
    asked = sa.select(upload.c.journal_id, upload.c.content)
    for row in connection.execute(asked, execution_options={"yield_per": _CHUNK_ROWS}):
        if judge.of_packed_cards(bytes(row.content)):
            yield f"upload.content of {row.journal_id}: a card number in clear, two digits to a byte"


# --- numbers given out by others, each value once ----------------------------------------------------------


def _numbered_columns(connection: sa.Connection, table: sa.Table, judge: _Judge) -> list[str]:
    offences = []
    for column in table.columns:
        if column.name not in _NUMBERED:
            continue
        long_ones = sa.select(column).where(sa.func.length(column) >= _PAN_DIGITS[0]).distinct()
        result = connection.execute(long_ones, execution_options={"yield_per": _CHUNK_ROWS})
        for rows in result.partitions():
            runs = {run: row[0] for row in rows for run in _runs_of(row[0])}
            for run in judge.of_cards(runs):
                keys = connection.execute(sa.select(*table.primary_key).where(column == runs[run])).all()
                offences += [_offence(table, column.name, _hidden(key, runs[run]), "a card number") for key in keys]
    return offences


def _hidden(key: Sequence[object], value: str) -> list[object]:
    """A key whose part is the card number itself, without it."""
    return ["(the number)" if part == value else part for part in key]


# --- what is sealed ----------------------------------------------------------------------------------------


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
