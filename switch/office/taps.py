"""Changes to taps: who looks at a terminal's messages as they pass, and for how long."""

from __future__ import annotations

from typing import Annotated, Final

import sqlalchemy as sa
from pydantic import Field

from switch.errors import NotInBooks, OperatorError
from switch.ledger import schema
from switch.ledger.taps import TAPS_MAX
from switch.office.acts import Act, Arguments, Asked, Changed, Desk, Nothing
from switch.office.roles import Permission

_MINUTE_US: Final = 60_000_000


class Minutes(Arguments):
    """How long a tap is open."""

    minutes: Annotated[int, Field(ge=1, le=15)]


def _open(desk: Desk, connection: sa.Connection, asked: Asked[Minutes]) -> Changed:
    now, tap = desk.clock(), schema.tap
    known = sa.select(schema.terminal.c.terminal_id).where(schema.terminal.c.terminal_id == asked.key)
    if connection.execute(known).first() is None:
        raise NotInBooks(f"terminal {asked.key} is not in the books")
    open_now = connection.execute(sa.select(tap.c.terminal_id).where(tap.c.ends_at > now).limit(TAPS_MAX)).scalars()
    tapped = open_now.all()
    if asked.key in tapped:
        raise OperatorError(f"terminal {asked.key} is tapped already")
    if len(tapped) >= TAPS_MAX:
        raise OperatorError(f"{TAPS_MAX} terminals are tapped: {', '.join(tapped)}; wait until one is over, or end it")
    number = (connection.execute(sa.select(sa.func.max(tap.c.tap_id))).scalar() or 0) + 1
    minutes = asked.arguments.minutes
    row = {
        "tap_id": number,
        "terminal_id": asked.key,
        "opened_by": asked.by.name,
        "opened_at": now,
        "ends_at": now + minutes * _MINUTE_US,
    }
    connection.execute(sa.insert(tap), [row])
    return Changed({}, {"tap": number, "minutes": minutes})


def _end(desk: Desk, connection: sa.Connection, asked: Asked[Nothing]) -> Changed:
    now, tap = desk.clock(), schema.tap
    its = (tap.c.terminal_id == asked.key) & (tap.c.ends_at > now)
    open_now = connection.execute(sa.select(tap.c.tap_id).where(its)).scalars().all()
    if not open_now:
        raise OperatorError(f"terminal {asked.key} is not tapped")
    connection.execute(sa.update(tap).where(its).values(ends_at=now))
    return Changed({"tap": max(open_now)}, {})


TAP_ACTS: Final = (
    Act("terminal.tap", "terminal", Permission.TAP, Minutes, _open),
    Act("terminal.untap", "terminal", Permission.TAP, Nothing, _end),
)
