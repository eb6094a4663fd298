"""Cards and accounts as officers look at them: found by their number or by what is shown of it."""

from __future__ import annotations

from typing import Final, NamedTuple

import sqlalchemy as sa

from switch.errors import NotInBooks, OperatorError
from switch.ledger import schema
from switch.ledger.cards import CardStanding, OpenHold, card_standing
from switch.ledger.queries import JournalLine
from switch.office.acts import Desk, number_of
from switch.office.transactions import DECLINED, Wanted, find_transactions
from switch.values import Money, Pan

FOUND_MAX: Final = 50
NEWEST_MAX: Final = 15
HOLDS_MAX: Final = 200
"""Newest holds of an account that are looked at: those that were not ended are shown."""

_SIZES: Final = range(12, 20)  # digits of a card number, ISO/IEC 7812-1
_BIN_DIGITS: Final = 6
_LAST_DIGITS: Final = 4


class CardLine(NamedTuple):
    """A card as lists show it."""

    card_id: int
    masked_pan: str
    expiry_yymm: str
    status: str
    scheme: str


class CardPage(NamedTuple):
    """One card: its ids, and how it and its account stand."""

    card_id: int
    account_id: int
    standing: CardStanding


class AccountPage(NamedTuple):
    """One account. Only a cardholder's has a balance of its own; the others' are sums over what moved."""

    account_id: int
    kind: str
    name: str
    currency: str
    account_class: str
    ledger_minor: int | None
    held_minor: int | None
    credit_limit_minor: int | None
    cards: list[CardLine]
    holds: list[OpenHold]

    @property
    def available_minor(self) -> int | None:
        if self.ledger_minor is None or self.held_minor is None or self.credit_limit_minor is None:
            return None
        return self.ledger_minor - self.held_minor + self.credit_limit_minor


def card_id_of(connection: sa.Connection, pan_key: bytes) -> int:
    """Return the id of the card that the vault's hash finds. Raises `NotInBooks`."""
    its = schema.card.c
    found = connection.execute(sa.select(its.card_id).where(its.pan_key == pan_key)).scalar()
    if found is None:
        raise NotInBooks("the card is not in the books")
    return int(found)


def find_card(desk: Desk, typed: str) -> int:
    """Return the id of the card with this number, as a person types it. Raises `OperatorError`, `NotInBooks`."""
    digits = typed.replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) in _SIZES):
        raise OperatorError("a card number is 12 to 19 digits")
    pan_key = desk.vault.pan_key(Pan(digits))
    with desk.database.reading() as connection:
        return card_id_of(connection, pan_key)


def cards_like(connection: sa.Connection, first: str, last: str) -> list[CardLine]:
    """Return cards whose first six and last four digits are these. Raises `OperatorError` for other digits."""
    if not (_is_digits(first, _BIN_DIGITS) and _is_digits(last, _LAST_DIGITS)):
        raise OperatorError("give the first six digits and the last four")
    its = schema.card.c
    shown = [f"{first}{'*' * (size - _BIN_DIGITS - _LAST_DIGITS)}{last}" for size in _SIZES]
    asked = sa.select(*_LINE).where(its.masked_pan.in_(shown)).order_by(its.masked_pan, its.card_id)
    return [CardLine(*row) for row in connection.execute(asked.limit(FOUND_MAX))]


def card_page(desk: Desk, connection: sa.Connection, card_id: str) -> CardPage:
    """Show a card. Raises `NotInBooks`."""
    its, number = schema.card.c, number_of(card_id)
    found = connection.execute(sa.select(its.pan_key, its.account_id).where(its.card_id == number)).first()
    if found is None:
        raise NotInBooks(f"card {number} is not in the books")
    return CardPage(number, found.account_id, card_standing(connection, bytes(found.pan_key), desk.today()))


def newest_of_card(connection: sa.Connection, card_id: int) -> list[JournalLine]:
    """Return a card's newest transactions, the newest first.

    Its declines are all found; of the approved ones those among the newest of the whole journal (an index of every
    row by its card would cost each payment a fifth of its time).
    """
    found = find_transactions(connection, Wanted(card_id=card_id)).lines
    declined = find_transactions(connection, Wanted(card_id=card_id, action=DECLINED)).lines
    lines = {line.journal_id: line for line in (*found, *declined)}
    return [lines[number] for number in sorted(lines, reverse=True)[:NEWEST_MAX]]


def account_page(connection: sa.Connection, account_id: str) -> AccountPage:
    """Show an account. Raises `NotInBooks`."""
    account, balance, card, number = schema.account, schema.balance, schema.card.c, number_of(account_id)
    found = connection.execute(
        sa.select(account, balance.c.ledger_minor, balance.c.held_minor, balance.c.credit_limit_minor)
        .select_from(account.outerjoin(balance, balance.c.account_id == account.c.account_id))
        .where(account.c.account_id == number)
    ).mappings().first()  # fmt: skip
    if found is None:
        raise NotInBooks(f"account {number} is not in the books")
    asked = sa.select(*_LINE).where(card.account_id == number).order_by(card.card_id).limit(FOUND_MAX)
    return AccountPage(
        number,
        found["kind"],
        found["name"],
        found["currency"],
        found["class"],
        found["ledger_minor"],
        found["held_minor"],
        found["credit_limit_minor"],
        [CardLine(*row) for row in connection.execute(asked)],
        _open_holds(connection, number) if found["held_minor"] else [],
    )


def _open_holds(connection: sa.Connection, account_id: int) -> list[OpenHold]:
    hold, end, journal = schema.hold, schema.hold_end, schema.journal
    newest = (
        sa.select(hold.c.hold_id, hold.c.amount_minor, hold.c.currency)
        .where(hold.c.account_id == account_id)
        .order_by(hold.c.hold_id.desc())
        .limit(HOLDS_MAX)
        .subquery()
    )
    rows = connection.execute(
        sa.select(newest, journal.c.decided_at, journal.c.rrn, journal.c.merchant_id)
        .select_from(
            newest.join(journal, journal.c.journal_id == newest.c.hold_id)
            .outerjoin(end, end.c.hold_id == newest.c.hold_id)
        )
        .where(end.c.hold_id.is_(None))
        .order_by(newest.c.hold_id.desc())
    )  # fmt: skip
    return [
        OpenHold(row.hold_id, row.decided_at, row.rrn, row.merchant_id, Money(row.amount_minor, row.currency))
        for row in rows
    ]


def _is_digits(text: str, size: int) -> bool:
    return len(text) == size and text.isascii() and text.isdigit()


_ITS: Final = schema.card.c
_LINE: Final = tuple(_ITS[name] for name in CardLine._fields)
