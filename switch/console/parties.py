"""What the pages of cards, merchants and terminals share: what officers said of one, what was changed, what may be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa

from switch.console.visit import Visit
from switch.errors import OperatorError
from switch.ledger.moves import Move
from switch.office.change_log import list_changes
from switch.office.changes import list_proposals
from switch.office.notes import notes_of

TEXT_MAX: Final = 64

_CHANGES_MAX: Final = 15
_ANY: Final = Move("", "", ("",) * 10)


def asked(visit: Visit, name: str) -> str:
    """Return what a filter says. Raises `OperatorError` for more than anybody types."""
    typed = visit.query.get(name, "").strip()
    if len(typed) > TEXT_MAX or not typed.isprintable():
        raise OperatorError(f"a filter takes one line of at most {TEXT_MAX} characters")
    return typed


def told_of(visit: Visit, connection: sa.Connection, target: str) -> dict[str, object]:
    """Return what every party's page tells: notes, proposals that wait, and changes to those who may read them."""
    waiting = list_proposals(connection, visit.desk.clock())
    return {
        "target": target,
        "notes": notes_of(connection, target),
        "waiting": [one for one in waiting if one.target == target and one.state == "open"],
        "changes": list_changes(connection, limit=_CHANGES_MAX, target=target) if visit.may("read_changes") else None,
    }


def moves_from(moves: Iterable[Move], status: str) -> list[Move]:
    """Return the moves that a state allows; of those that lead to the same, the nearest word."""
    allowed: dict[str, Move] = {}
    for move in moves:
        if status in move.starts and len(move.starts) < len(allowed.get(move.to, _ANY).starts):
            allowed[move.to] = move
    return list(allowed.values())
