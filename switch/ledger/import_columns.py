"""What each column of an import file may hold: one small reader per kind of cell.

A reader takes a cell that is not empty and returns its value, or raises ValueError with a reason. Reasons
never quote the cell: whatever column it was typed into, it may be a card number. What only higher floors can read
(limits, fee plans, shares) is read by what they hand in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from switch.errors import ConfigurationError
from switch.ledger.moves import CARD_STATES, MANUAL_ENTRY, MERCHANT_STATES, SCHEMES, TERMINAL_STATES
from switch.ledger.operators import OPERATOR_STATES, check_operator_id, check_password
from switch.messages.kinds import Kind
from switch.values import CURRENCIES, Pan, Secret

NONE: Final = "none"  # takes away what a cell has set
NO_LIMIT: Final = -1  # that word where a number is kept, until the row is written
ALL: Final = "all"  # resets the kinds, entry modes or schemes of a terminal
OWN_ACCOUNT: Final = "~"  # begins the name of an account that belongs to one card alone
_AMOUNT_MAX: Final = 999_999_999_999  # what DE 4 and DE 54 can hold: 12 digits
_COUNT_MAX: Final = 999_999
_LONGEST_NUMBER: Final = 20
_WORDS_LENGTH_MAX: Final = 500
_SEPARATORS: Final = re.compile(r"[\s|;,]+")
_LIKE_A_NUMBER_OF_A_CARD: Final = re.compile(r"[0-9]{8,}")


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


def _pin_offset(cell: str) -> str:
    """As many digits as the PIN has, 4 to 12 (ISO 9564-1)."""
    if not (cell.isascii() and cell.isdigit() and 4 <= len(cell) <= 12):  # noqa: PLR2004 - a PIN's lengths
        raise ValueError("must be 4 to 12 digits, as many as the PIN has")
    return cell


def _sequence(cell: str) -> str:
    """A card's number among those of one PAN: three digits in DE 23, two in tag 5F34."""
    if not (cell.isascii() and cell.isdigit() and len(cell) <= len("099") and int(cell) <= 99):  # noqa: PLR2004 - two digits
        raise ValueError("must be 0 to 99, in at most three digits")
    return f"{int(cell):02d}"


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


def _or_none(read: Callable[[str], str]) -> Callable[[str], str]:
    """What ``read`` takes, or ``none`` for the empty text."""

    def read_or_empty(cell: str) -> str:
        return "" if cell == NONE else read(cell)

    return read_or_empty


def words_reader(check: Callable[[str], object]) -> Callable[[str], str]:
    """A reader of words, or ``none``. ``check`` raises `ConfigurationError` for words that are not what it takes."""
    text = _text(_WORDS_LENGTH_MAX)

    def read(cell: str) -> str:
        words = " ".join(text(cell).split())
        try:
            check(words)
        except ConfigurationError as error:
            raise ValueError(_LIKE_A_NUMBER_OF_A_CARD.sub("...", str(error))) from None
        return words

    return _or_none(read)


def _yes_no(cell: str) -> int:
    return int(_one_of(("yes", "no"))(cell) == "yes")


def _operator_id(cell: str) -> str:
    check_operator_id(cell)
    return cell


def _password(cell: str) -> Secret:
    """A password, or ``none``: the number alone is enough."""
    if cell == NONE:
        return Secret("")
    check_password(cell)
    return Secret(cell)


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


def _unread(_: str) -> str:
    raise ValueError("is not taken here")


# fmt: off
LIMITS: Final = Column("limits", False, _unread)
FEE_PLAN: Final = Column("fee_plan", False, _unread)
SHARES: Final = Column("shares", False, _unread)
"""Read by what is handed in (`words_reader`)."""

MERCHANT_COLUMNS: Final = (
    Column("merchant_id",        True,  _identifier(15)),
    Column("name",               False, _text(99)),
    Column("mcc",                False, _digits(4)),
    Column("status",             False, _one_of(MERCHANT_STATES)),
    Column("currency",           False, _currency),
    Column("manual_entry",       False, _one_of(MANUAL_ENTRY)),
    LIMITS,
    FEE_PLAN,
    SHARES,
)
TERMINAL_COLUMNS: Final = (
    Column("terminal_id",        True,  _identifier(8)),
    Column("merchant_id",        True,  _identifier(15)),
    Column("status",             False, _one_of(TERMINAL_STATES)),
    Column("serial",             False, _or_none(_text(64))),
    Column("kinds",              False, _list_of(_one_of(Kind))),
    Column("entry_modes",        False, _list_of(_digits(2))),
    Column("manual_entry",       False, _one_of(MANUAL_ENTRY)),
    Column("fallback",           False, _yes_no),
    Column("schemes",            False, _list_of(_one_of(SCHEMES))),
    LIMITS,
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
    Column("scheme",             False, _or_none(_one_of(SCHEMES))),
    Column("service_code",       False, _or_none(_digits(3))),
    Column("sequence",           False, _or_none(_sequence)),
    Column("pvv",                False, _or_none(_digits(4))),
    Column("pvki",               False, _or_none(_digits(1))),
    Column("pin_offset",         False, _pin_offset),
    Column("cvv_key",            False, _or_none(_identifier(16))),
    LIMITS,
)
OPERATOR_COLUMNS: Final = (
    Column("merchant_id",        True,  _identifier(15)),
    Column("operator_id",        True,  _operator_id),
    Column("password",           False, _password),
    Column("status",             False, _one_of(OPERATOR_STATES)),
)
# fmt: on
