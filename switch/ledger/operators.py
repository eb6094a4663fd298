"""The people at a merchant's terminals, as whoever runs the switch registers them.

An operator is a number of a merchant's, with a password (kept hashed) or without. Five wrong passwords in a row lock
it; a reset or an unlock forgets them. Who leaves is closed, not deleted: the journal goes on naming the number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import sqlalchemy as sa

from switch.errors import NotInBooks, OperatorError
from switch.ledger.schema import merchant, operator

OPERATOR_STATES: Final = ("active", "closed")
_ID_DIGITS_MAX: Final = 3  # what UnionPay's field 63 has room for
_PASSWORD_LENGTH_MAX: Final = 32


@dataclass(frozen=True, slots=True)
class OperatorStanding:
    """An operator as people may see it."""

    operator_id: str
    status: str
    has_password: bool
    failures: int


class _Found(NamedTuple):
    status: str
    failures: int


def check_operator_id(text: str) -> None:
    """Raise ValueError for a number that no terminal can send."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS_MAX):
        raise ValueError(f"must be 1 to {_ID_DIGITS_MAX} digits")


def check_password(text: str) -> None:
    """Raise ValueError for a password that no terminal can send: it pads with blanks, and knows ASCII only."""
    if not 0 < len(text) <= _PASSWORD_LENGTH_MAX:
        raise ValueError(f"must be 1 to {_PASSWORD_LENGTH_MAX} characters")
    if not (text.isascii() and text.isprintable()) or text != text.strip():
        raise ValueError("must be printable ASCII, with no blank at either end")


def list_operators(connection: sa.Connection, merchant_id: str) -> list[OperatorStanding]:
    """Return a merchant's operators by number. Raises `NotInBooks` for an unknown merchant."""
    _check_merchant(connection, merchant_id)
    its = operator.c
    found = connection.execute(sa.select(operator).where(its.merchant_id == merchant_id).order_by(its.operator_id))
    return [OperatorStanding(row.operator_id, row.status, bool(row.password), row.failures) for row in found]


def add_operator(connection: sa.Connection, merchant_id: str, operator_id: str, password_hash: str) -> bool:
    """Register an operator; "" for ``password_hash`` means that the number alone is enough.

    Returns False where a closed one of that number was opened again. Raises `NotInBooks` for an unknown merchant,
    `OperatorError` for a number that is taken.
    """
    _check_merchant(connection, merchant_id)
    before = _find(connection, merchant_id, operator_id)
    values = {"password": password_hash, "failures": 0, "status": "active"}
    if before is None:
        connection.execute(operator.insert().values(merchant_id=merchant_id, operator_id=operator_id, **values))
        return True
    if before.status == "active":
        raise OperatorError(f"operator {operator_id} of {merchant_id} is there already: reset sets a new password")
    _update(connection, merchant_id, operator_id, **values)
    return False


def close_operator(connection: sa.Connection, merchant_id: str, operator_id: str) -> str:
    """Close an operator and return the state it had. Raises `NotInBooks`."""
    before = _known(connection, merchant_id, operator_id).status
    _update(connection, merchant_id, operator_id, status="closed")
    return before


def reset_operator(connection: sa.Connection, merchant_id: str, operator_id: str, password_hash: str) -> None:
    """Set a new password ("": none) and forget wrong ones. Raises `NotInBooks`, or `OperatorError` for a closed one."""
    _refuse_closed(connection, merchant_id, operator_id)
    _update(connection, merchant_id, operator_id, password=password_hash, failures=0)


def unlock_operator(connection: sa.Connection, merchant_id: str, operator_id: str) -> int:
    """Forget wrong passwords; return how many there were. Raises `NotInBooks`, or `OperatorError` for a closed one."""
    before = _refuse_closed(connection, merchant_id, operator_id)
    _update(connection, merchant_id, operator_id, failures=0)
    return before


def _refuse_closed(connection: sa.Connection, merchant_id: str, operator_id: str) -> int:
    found = _known(connection, merchant_id, operator_id)
    if found.status == "closed":
        raise OperatorError(f"operator {operator_id} of {merchant_id} is closed; add opens it again")
    return found.failures


def _known(connection: sa.Connection, merchant_id: str, operator_id: str) -> _Found:
    found = _find(connection, merchant_id, operator_id)
    if found is None:
        raise NotInBooks(f"operator {operator_id} of {merchant_id} is not in the books")
    return found


def _find(connection: sa.Connection, merchant_id: str, operator_id: str) -> _Found | None:
    its = operator.c
    found = connection.execute(
        sa.select(its.status, its.failures)
        .where(its.merchant_id == merchant_id, its.operator_id == operator_id)
        .with_for_update()
    ).first()
    return None if found is None else _Found(*found)


def _update(connection: sa.Connection, merchant_id: str, operator_id: str, **values: object) -> None:
    its = operator.c
    connection.execute(
        sa.update(operator).where(its.merchant_id == merchant_id, its.operator_id == operator_id).values(**values)
    )


def _check_merchant(connection: sa.Connection, merchant_id: str) -> None:
    if connection.execute(sa.select(merchant.c.name).where(merchant.c.merchant_id == merchant_id)).first() is None:
        raise NotInBooks(f"merchant {merchant_id} is not in the books")
