"""The states of cards, terminals and merchants, and the moves that operators make between them.

A change is one small commit; a running server reads a card, terminal or merchant anew in each group, so the
next message already meets it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import sqlalchemy as sa

from switch.errors import NotInBooks, OperatorError

CARD_STATES: Final = ("active", "inactive", "frozen", "lost", "stolen")
TERMINAL_STATES: Final = ("registered", "active", "locked", "dormant", "retired")
MERCHANT_STATES: Final = ("active", "frozen", "closed")

MANUAL_ENTRY: Final = ("free", "with_code", "off")
"""How a terminal or a merchant may take typed card numbers."""

SCHEMES: Final = ("unionpay", "visa", "mastercard", "amex", "jcb", "diners", "discover")
"""Whose card a card is."""


class Move(NamedTuple):
    """What an operator may do to a party: the state it leads to, and those it may start from."""

    verb: str
    to: str
    starts: tuple[str, ...]


# fmt: off
CARD_MOVES: Final = (
    Move("freeze",     "frozen",   ("active", "inactive")),
    Move("unfreeze",   "active",   ("frozen",)),
    Move("activate",   "active",   ("inactive", "lost", "stolen")),
    Move("deactivate", "inactive", ("active", "frozen")),
    Move("lost",       "lost",     ("active", "inactive", "frozen", "stolen")),
    Move("stolen",     "stolen",   ("active", "inactive", "frozen", "lost")),
)
TERMINAL_MOVES: Final = (
    Move("activate",   "active",   ("registered", "locked", "dormant")),
    Move("lock",       "locked",   ("registered", "active", "dormant")),
    Move("unlock",     "active",   ("locked",)),
    Move("freeze",     "locked",   ("registered", "active", "dormant")),  # as for cards and merchants
    Move("unfreeze",   "active",   ("locked",)),
    Move("retire",     "retired",  ("registered", "active", "locked", "dormant")),
)
MERCHANT_MOVES: Final = (
    Move("freeze",     "frozen",   ("active",)),
    Move("unfreeze",   "active",   ("frozen",)),
    Move("close",      "closed",   ("active", "frozen")),
    Move("reopen",     "active",   ("closed",)),
)
# fmt: on


def move_party(
    connection: sa.Connection,
    table: sa.Table,
    which: sa.ColumnElement[bool],
    who: str,
    move: Move,
    **also: object,
) -> str:
    """Make ``move`` with the one row of ``table`` that ``which`` names, and return the state it had.

    Being there already is fine: doing it twice is doing it once. ``also`` is what else is written to the row. Raises
    `NotInBooks`, or `OperatorError` for a move that cannot be made from there; ``who`` is how they name it.
    """
    before = connection.execute(sa.select(table.c.status).where(which).with_for_update()).scalar_one_or_none()
    if before is None:
        raise NotInBooks(f"{who} is not in the books")
    if before not in (*move.starts, move.to):
        raise OperatorError(f"{who} is {before}; {move.verb} takes one that is {' or '.join(move.starts)}")
    connection.execute(sa.update(table).where(which).values(status=move.to, **also))
    return str(before)
