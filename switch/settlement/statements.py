"""A merchant's statement of one business day: its items, what they come to by scheme and card type, fees, shares, net.

It is kept as JSON, whole: what a statement said is what it says, whatever becomes of plans and cards afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from switch.decisions.closing import MadeStatement, Movement, Terms
from switch.errors import ConfigurationError, InternalError
from switch.messages.dates import HostCalendar
from switch.settlement.fees import FeePlans, plan_named
from switch.settlement.items import Item, items_of
from switch.settlement.shares import divided, parsed_shares

_VERSION: Final = 1


class Line(NamedTuple):
    """What a day's items of one scheme and card type come to; none is negative."""

    scheme: str
    card_type: str
    debits: int
    debit_minor: int
    credits: int
    credit_minor: int
    fee_minor: int


class Statement(NamedTuple):
    """A merchant's day. ``shares`` are what agents got of the fee, each with its amount."""

    merchant_id: str
    day: int
    currency: str
    fee_plan: str
    shares: tuple[tuple[str, int], ...]
    items: tuple[Item, ...]

    @property
    def gross_minor(self) -> int:
        """What the merchant sold: sales and completions, those that were voided included."""
        return sum(item.amount_minor for item in self.items if item.amount_minor > 0)

    @property
    def credit_minor(self) -> int:
        """What it gave back or away: voids, refunds, loads of prepaid cards, corrections in a cardholder's favour."""
        return -sum(item.amount_minor for item in self.items if item.amount_minor < 0)

    @property
    def fee_minor(self) -> int:
        """The whole fee: the acquirer's part and the agents'."""
        return sum(item.fee_minor for item in self.items)

    @property
    def share_minor(self) -> int:
        """The agents' part of the fee."""
        return sum(part for _, part in self.shares)

    @property
    def net_minor(self) -> int:
        """What the day changed on the merchant's account."""
        return self.gross_minor - self.credit_minor - self.fee_minor

    @property
    def lines(self) -> tuple[Line, ...]:
        """The items by scheme and card type, in the order of their names."""
        lines: dict[tuple[str, str], list[int]] = {}
        for item in self.items:
            line = lines.setdefault((item.scheme, item.card_type), [0] * 5)
            side = 0 if item.amount_minor > 0 else 2
            line[side] += 1
            line[side + 1] += abs(item.amount_minor)
            line[4] += item.fee_minor
        return tuple(Line(*key, *numbers) for key, numbers in sorted(lines.items()))


def statement_of(
    terms: Terms, day: int, movements: Sequence[Movement], plans: FeePlans, calendar: HostCalendar
) -> Statement:
    """Make the statement of what moved on a merchant's account on one day (yyyymmdd).

    Raises `ConfigurationError` where the merchant's terms name a plan that there is not, or no shares.
    """
    try:
        plan, shares = plan_named(plans, terms.fee_plan), parsed_shares(terms.shares)
    except ConfigurationError as error:
        raise ConfigurationError(f"merchant {terms.merchant_id}: {error}") from None
    items = tuple(items_of(movements, plan, calendar))
    fee = sum(item.fee_minor for item in items)
    return Statement(terms.merchant_id, day, terms.currency, terms.fee_plan, divided(fee, shares), items)


# --- as it is kept -----------------------------------------------------------------------------------------


def made(statement: Statement) -> MadeStatement:
    """Return the statement as the books keep it."""
    return MadeStatement(
        statement.gross_minor,
        statement.credit_minor,
        statement.fee_minor,
        statement.share_minor,
        statement.net_minor,
        len(statement.items),
        statement.shares,
        _text(statement),
    )


def read_statement(content: str) -> Statement:
    """Return the statement that ``content`` of a row of ``statement`` holds; `InternalError` if it is none."""
    try:
        parts = orjson.loads(content)
        if parts["version"] != _VERSION:
            raise InternalError(f"a statement of version {parts['version']}, and this program knows {_VERSION}")
        return Statement(
            parts["merchant"],
            parts["day"],
            parts["currency"],
            parts["plan"],
            tuple((agent, part) for agent, part in parts["shares"]),
            tuple(Item(*fields) for fields in parts["items"]),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise InternalError(f"the content of a statement cannot be read: {type(error).__name__}") from None


def _text(statement: Statement) -> str:
    parts = {
        "version": _VERSION,
        "merchant": statement.merchant_id,
        "day": statement.day,
        "currency": statement.currency,
        "plan": statement.fee_plan,
        "shares": statement.shares,
        "items": statement.items,
    }
    return orjson.dumps(parts, default=tuple).decode()
