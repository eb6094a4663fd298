"""The moves that operators make between the states of cards, terminals and merchants.

A change is one small commit; a running server reads a card, terminal or merchant anew in each group, so the
next message already meets it.
"""

from __future__ import annotations

import sqlalchemy as sa

from switch.errors import NotInBooks, OperatorError
from switch.ledger.moves import Move


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
