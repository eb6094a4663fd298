"""Small values that every floor shares: card numbers that mask themselves, money, currencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar, dataclass_transform

_T = TypeVar("_T")

_LUHN_AS_IS: Final = bytes.maketrans(b"0123456789", bytes(range(10)))
_LUHN_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
"""Twice a digit, the digits of that added up."""


@dataclass_transform(frozen_default=True)
def record(kind: type[_T]) -> type[_T]:
    """Make a dataclass that the type checker keeps from being changed, and the interpreter does not.

    For what is made anew for every request: a frozen dataclass is made in seven times the time, and the fields of a
    NamedTuple take four times as long to read. `dataclasses.replace` gives another with some fields changed.
    """
    return dataclass(slots=True, unsafe_hash=True)(kind)


class Pan:
    """A primary account number of 8 to 19 digits (ISO/IEC 7812-1) that shows only BIN and last four.

    ``str``, ``repr`` and ``format`` are masked; ``reveal()`` is the only way to the digits.
    """

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        self._digits = digits

    def reveal(self) -> str:
        """Return the digits in clear. Callers look them up, seal them or put them on the wire."""
        return self._digits

    @property
    def masked(self) -> str:
        """First six and last four digits: the one truncation format used everywhere."""
        digits = self._digits
        hidden = len(digits) - 10
        return f"{digits[:6]}{'*' * hidden}{digits[-4:]}" if hidden > 0 else "*" * len(digits)

    @property
    def bin(self) -> str:
        return self._digits[:6]

    @property
    def last4(self) -> str:
        return self._digits[-4:]

    def has_valid_check_digit(self) -> bool:
        """Whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1 annex B)."""
        digits = self._digits.encode()
        doubled, as_is = digits[-2::-2].translate(_LUHN_DOUBLED), digits[-1::-2].translate(_LUHN_AS_IS)
        return (sum(doubled) + sum(as_is)) % 10 == 0

    def __reduce__(self) -> tuple[type[Pan], tuple[str]]:
        return Pan, (self._digits,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pan) and other._digits == self._digits

    def __hash__(self) -> int:
        return hash(self._digits)

    def __repr__(self) -> str:
        return f"Pan({self.masked})"

    def __str__(self) -> str:
        return self.masked


class Secret:
    """Text that must not be seen: a password, a pay code. ``reveal()`` is the only way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text in clear. Callers hash it, compare it or put it on the wire."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(********)"


@dataclass(frozen=True, slots=True)
class Currency:
    """An ISO 4217 currency: numeric code as on the wire, letters for people, digits after the point."""

    code: str
    letters: str
    exponent: int


# fmt: off
CURRENCIES: Final = {
    currency.code: currency
    for currency in (
        Currency("036", "AUD", 2), Currency("048", "BHD", 3), Currency("124", "CAD", 2), Currency("156", "CNY", 2),
        Currency("344", "HKD", 2), Currency("356", "INR", 2), Currency("360", "IDR", 2), Currency("392", "JPY", 0),
        Currency("400", "JOD", 3), Currency("410", "KRW", 0), Currency("414", "KWD", 3), Currency("446", "MOP", 2),
        Currency("458", "MYR", 2), Currency("512", "OMR", 3), Currency("554", "NZD", 2), Currency("608", "PHP", 2),
        Currency("643", "RUB", 2), Currency("702", "SGD", 2), Currency("704", "VND", 0), Currency("710", "ZAR", 2),
        Currency("756", "CHF", 2), Currency("764", "THB", 2), Currency("784", "AED", 2), Currency("788", "TND", 3),
        Currency("826", "GBP", 2), Currency("840", "USD", 2), Currency("901", "TWD", 2), Currency("949", "TRY", 2),
        Currency("978", "EUR", 2), Currency("986", "BRL", 2),
    )
}
# fmt: on


@record
class Money:
    """An amount in minor units of an ISO 4217 currency, for people to read."""

    minor: int
    currency: str

    def __str__(self) -> str:
        known = CURRENCIES.get(self.currency)
        exponent = known.exponent if known else 2
        letters = known.letters if known else self.currency
        sign, minor = ("-", -self.minor) if self.minor < 0 else ("", self.minor)
        whole, fraction = divmod(minor, 10**exponent)
        point = f".{fraction:0{exponent}d}" if exponent else ""
        return f"{sign}{whole:,}{point} {letters}"
