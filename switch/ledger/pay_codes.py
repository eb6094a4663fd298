"""Codes that a cardholder shows as QR: each stands for a card's account for a while. Kept as a keyed hash only."""

from __future__ import annotations

import secrets
from typing import Final

import sqlalchemy as sa

from switch.errors import NotInBooks, OperatorError
from switch.ledger.schema import card, pay_code
from switch.values import Pan, Secret

PREFIX: Final = "62"  # UnionPay's, of codes as of cards
_DIGITS: Final = (19, 20)
NEVER: Final = 4_102_444_800_000_000
"""The moment (2100-01-01, microseconds since 1970) at which codes expire that do not."""


def fresh_code() -> Secret:
    """Make a code of 19 digits that nobody can guess, and that no card number equals: its check digit is wrong."""
    while True:
        digits = PREFIX + f"{secrets.randbelow(10**17):017d}"
        if not Pan(digits).has_valid_check_digit():
            return Secret(digits)


def check_code(code: Secret) -> None:
    """Raise `OperatorError` for what is no pay code."""
    digits = code.reveal()
    if not (digits.isascii() and digits.isdecimal() and len(digits) in _DIGITS and digits.startswith(PREFIX)):
        raise OperatorError(f"a pay code is 19 or 20 digits that begin with {PREFIX}")


def code_is_kept(connection: sa.Connection, code_key: bytes) -> bool:
    """Whether a code with that hash is in the books, used or not."""
    found = connection.execute(sa.select(pay_code.c.card_id).where(pay_code.c.code_key == code_key)).first()
    return found is not None


def keep_code(
    connection: sa.Connection, code_key: bytes, pan_key: bytes, expires_at: int, *, single_use: bool = True
) -> str:
    """Let the code that ``code_key`` is the hash of stand for a card until then; return the card, masked.

    A code that is there already is brought to this card and time, and may be used (again). Raises `NotInBooks`, or
    `OperatorError` for a card that cannot pay.
    """
    found = connection.execute(
        sa.select(card.c.card_id, card.c.masked_pan, card.c.status).where(card.c.pan_key == pan_key)
    ).first()
    if found is None:
        raise NotInBooks("the card is not in the books")
    if found.status != "active":
        raise OperatorError(f"the card is {found.status}: a pay code would be refused")
    values = {
        "card_id": found.card_id,
        "expires_at": expires_at,
        "single_use": int(single_use),
        "used_by": None,
    }
    changed = connection.execute(sa.update(pay_code).where(pay_code.c.code_key == code_key).values(**values))
    if not changed.rowcount:
        connection.execute(pay_code.insert().values(code_key=code_key, **values))
    return str(found.masked_pan)
