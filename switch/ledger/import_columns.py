"""What each column of an import file may hold: one small reader per kind of cell.

A reader takes a cell that is not empty and returns its value, or raises ValueError with a reason. Reasons
never quote the cell: whatever column it was typed into, it may be a card number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from switch.ledger.parties import CARD_STATES, MERCHANT_STATES, TERMINAL_STATES
from switch.messages.kinds import Kind
from switch.values import CURRENCIES, Pan

NO_LIMIT: Final = -1  # the word "none" in a file, until the row is written
ALL: Final = "all"  # resets the kinds or entry modes of a terminal
OWN_ACCOUNT: Final = "~"  # begins the name of an account that belongs to one card alone
_AMOUNT_MAX: Final = 999_999_999_999  # what DE 4 and DE 54 can hold: 12 digits
_COUNT_MAX: Final = 999_999
_LONGEST_NUMBER: Final = 20
_SEPARATORS: Final = re.compile(r"[\s|;,]+")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in the header, whether each row must fill it, how a filled cell is read."""

    name: str
    required: bool
    read: Callable[[str], object]


def _text(at_most: int) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if len(cell) > at_most:
            raise ValueError(f"longer than {at_most} characters")
        if not cell.isprintable():
            raise ValueError("holds characters that cannot be printed")
        return cell

    return read


def _identifier(at_most: int) -> Callable[[str], str]:
    """An id as it stands in a field of ISO 8583 (format ans): printable ASCII."""
    text = _text(at_most)

    def read(cell: str) -> str:
        if not cell.isascii():
            raise ValueError("holds characters outside ASCII")
        return text(cell)

    return read


def _digits(length: int) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if not (cell.isascii() and cell.isdigit() and len(cell) == length):
            raise ValueError(f"must be {length} digits")
        return cell

    return read


def _one_of(words: Iterable[str]) -> Callable[[str], str]:
    known = tuple(words)

    def read(cell: str) -> str:
        if cell not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return cell

    return read


def _list_of(item: Callable[[str], str]) -> Callable[[str], str]:
    """A list separated by spaces, commas, semicolons or bars; ``all`` is the empty list."""

    def read(cell: str) -> str:
        if cell == ALL:
            return ""
        return " ".join(sorted({item(word) for word in _SEPARATORS.split(cell) if word}))

    return read


def _integer(lowest: int, highest: int) -> Callable[[str], int]:
    def read(cell: str) -> int:
        digits = cell.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_NUMBER):
            raise ValueError("must be a whole number, of minor units where it is money")
        value = int(cell)
        if not lowest <= value <= highest:
            raise ValueError(f"must be from {lowest} to {highest}")
        return value

    return read


def _limit(highest: int) -> Callable[[str], int]:
    """A limit, or ``none`` to take one away."""
    integer = _integer(0, highest)

    def read(cell: str) -> int:
        return NO_LIMIT if cell == "none" else integer(cell)

    return read


def _currency(cell: str) -> str:
    if cell not in CURRENCIES:
        raise ValueError("must be the three digits of a known ISO 4217 currency")
    return cell


def _pan(cell: str) -> Pan:
    if not (cell.isascii() and cell.isdigit() and 12 <= len(cell) <= 19):  # noqa: PLR2004 - ISO/IEC 7812-1
        raise ValueError("must be 12 to 19 digits")
    pan = Pan(cell)
    if not pan.has_valid_check_digit():
        raise ValueError("its check digit is wrong")
    return pan


def _expiry(cell: str) -> str:
    if not (cell.isascii() and cell.isdigit() and len(cell) == 4 and "01" <= cell[2:] <= "12"):  # noqa: PLR2004 - yymm
        raise ValueError("must be yymm, with a month from 01 to 12")
    return cell


def _account(cell: str) -> str:
    if cell.startswith(OWN_ACCOUNT):
        raise ValueError(f"must not begin with {OWN_ACCOUNT}")
    return _text(64)(cell)


# fmt: off
MERCHANT_COLUMNS: Final = (
    Column("merchant_id",        True,  _identifier(15)),
    Column("name",               False, _text(99)),
    Column("mcc",                False, _digits(4)),
    Column("status",             False, _one_of(MERCHANT_STATES)),
    Column("currency",           False, _currency),
)
TERMINAL_COLUMNS: Final = (
    Column("terminal_id",        True,  _identifier(8)),
    Column("merchant_id",        True,  _identifier(15)),
    Column("status",             False, _one_of(TERMINAL_STATES)),
    Column("serial",             False, _text(64)),
    Column("kinds",              False, _list_of(_one_of(Kind))),
    Column("entry_modes",        False, _list_of(_digits(2))),
)
CARD_COLUMNS: Final = (
    Column("pan",                True,  _pan),
    Column("expiry_yymm",        True,  _expiry),
    Column("status",             False, _one_of(CARD_STATES)),
    Column("account",            False, _account),
    Column("class",              False, _text(16)),
    Column("currency",           False, _currency),
    Column("balance_minor",      False, _integer(-_AMOUNT_MAX, _AMOUNT_MAX)),
    Column("credit_limit_minor", False, _integer(0, _AMOUNT_MAX)),
    Column("single_limit_minor", False, _limit(_AMOUNT_MAX)),
    Column("daily_limit_minor",  False, _limit(_AMOUNT_MAX)),
    Column("daily_count",        False, _limit(_COUNT_MAX)),
)
# fmt: on
