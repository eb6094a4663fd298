"""The clearing file of a business day: every item of every merchant's statement, with control totals and a hash.

``docs/clearing.md`` describes it to those who read it. It is made of the statements alone, in the order of their
merchants, so it is the same, byte for byte, whenever it is made again.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from io import StringIO
from typing import Final

from switch.decisions.closing import MadeFile
from switch.settlement.fees import CARD_TYPES, SCHEMES
from switch.settlement.items import Item
from switch.settlement.statements import Statement

VERSION: Final = "1"
HEADER, ITEM, TRAILER = "H", "I", "T"
DEBIT, CREDIT = "D", "C"

COLUMNS: Final = (
    "line",
    "merchant_id",
    "terminal_id",
    "batch",
    "stan",
    "rrn",
    "kind",
    "local_date",
    "local_time",
    "masked_pan",
    "scheme",
    "card_type",
    "currency",
    "side",
    "amount_minor",
    "fee_minor",
)
"""What an item's line holds; the first is always `ITEM`."""

_PROBLEMS_MAX: Final = 100
_HEADER_LENGTH, _TRAILER_LENGTH = 3, 6
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_DATE: Final = re.compile(r"[0-9]{8}")
_CLEAR_PAN: Final = re.compile(r"[0-9]{12,19}")


def clearing_file(day: int, statements: Iterable[Statement]) -> MadeFile:
    """Make the clearing file of a day (yyyymmdd) of its statements, which come in the order of their merchants."""
    out = StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write((HEADER, VERSION, day))
    items = debit = credit = 0
    for statement in statements:
        items += len(statement.items)
        debit += statement.gross_minor
        credit += statement.credit_minor
        for item in statement.items:
            write(_fields(statement, item))
    lines = out.getvalue()
    write((TRAILER, items, debit, credit, debit - credit, _digest(lines)))
    return MadeFile(items, debit, credit, out.getvalue())


def _fields(statement: Statement, item: Item) -> tuple[object, ...]:
    return (
        ITEM,
        statement.merchant_id,
        item.terminal_id,
        item.batch,
        item.stan,
        item.rrn,
        item.kind,
        item.local_date,
        item.local_time,
        item.masked_pan,
        item.scheme,
        item.card_type,
        statement.currency,
        DEBIT if item.amount_minor > 0 else CREDIT,
        abs(item.amount_minor),
        item.fee_minor,
    )


def _digest(lines: str) -> str:
    return sha256(lines.encode()).hexdigest()


# --- checking one ------------------------------------------------------------------------------------------


def problems_of(content: str) -> list[str]:
    """Return what is wrong with a clearing file, each with its line; [] for one that is sound. The first hundred."""
    found: list[str] = []
    for problem in _problems(content):
        found.append(problem)
        if len(found) == _PROBLEMS_MAX:
            break
    return found


def _problems(content: str) -> Iterator[str]:
    body, trailer = _parted(content)
    if trailer is None:
        yield f"it does not end with a trailer ({TRAILER},...) and a line feed: it was cut off, or more was added"
        return
    items = debit = credit = 0
    number = 1
    for number, row in enumerate(_rows(body), 1):
        if number == 1:
            yield from _wrong_header(row)
            continue
        reason = _wrong_item(row)
        if reason is not None:
            yield f"line {number}: {reason}"
            continue
        amount = int(row[-2])
        items += 1
        debit += amount if row[-3] == DEBIT else 0
        credit += amount if row[-3] == CREDIT else 0
    expected = [TRAILER, *map(str, (items, debit, credit, debit - credit)), _digest(body)]
    names = ("line", "number of items", "sum of debits", "sum of credits", "net", "SHA-256 of the lines before it")
    for name, said, is_so in zip(names, trailer, expected, strict=True):
        if said != is_so:
            yield f"line {number + 1}: the {name} is {said!r}, and should be {is_so!r}"


def _parted(content: str) -> tuple[str, Sequence[str] | None]:
    """The lines before the last, and the last's fields if it is a trailer."""
    start = content.rfind("\n", 0, -1) + 1
    fields = content[start:-1].split(",")
    is_trailer = start > 0 and content.endswith("\n") and fields[0] == TRAILER and len(fields) == _TRAILER_LENGTH
    return content[:start], fields if is_trailer else None


def _rows(lines: str) -> Iterator[Sequence[str]]:
    """The fields of each line; one that is no CSV has none."""
    reader = csv.reader(StringIO(lines, newline="\n"))
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield ()


def _wrong_header(row: Sequence[str]) -> Iterator[str]:
    if len(row) != _HEADER_LENGTH or row[0] != HEADER:
        yield f"line 1: is no header ({HEADER},version,day)"
    elif row[1] != VERSION:
        yield f"line 1: is of version {row[1]!r}; this program knows {VERSION}"
    elif not _DATE.fullmatch(row[2]):
        yield "line 1: the day is no yyyymmdd"


def _wrong_item(row: Sequence[str]) -> str | None:
    """Why a line is no item; it never quotes what may be a card number."""
    if len(row) != len(COLUMNS) or row[0] != ITEM:
        return f"is no item: {len(COLUMNS)} fields, the first {ITEM}"
    cells = dict(zip(COLUMNS, row, strict=True))
    for name in ("amount_minor", "fee_minor"):
        if not _NUMBER.fullmatch(cells[name]):
            return f"{name} is no whole number of minor units"
    if cells["amount_minor"] == "0":
        return "amount_minor is nothing"
    if not _DATE.fullmatch(cells["local_date"]):
        return "local_date is no yyyymmdd"
    for name, known in (("side", (DEBIT, CREDIT)), ("scheme", SCHEMES), ("card_type", CARD_TYPES)):
        if cells[name] not in known:
            return f"{name} is none of {', '.join(known)}"
    return "masked_pan shows a card number" if _CLEAR_PAN.fullmatch(cells["masked_pan"]) else None
