"""Maintenance mode, switched on and off by a person: nothing new is let in, and everybody reads why."""

from __future__ import annotations

from typing import Annotated, Final

import sqlalchemy as sa
from pydantic import Field

from switch.errors import OperatorError
from switch.ledger.maintenance import OFF, Maintenance, set_maintenance
from switch.office.acts import Act, Arguments, Asked, Changed, Desk, Nothing
from switch.office.roles import Permission

TARGET: Final = "maintenance:on"
NOTICE_MAX: Final = 300


class Notice(Arguments):
    """What people are told: in English, in Chinese; "" for nothing but that it is on."""

    notice: Annotated[str, Field(max_length=NOTICE_MAX)] = ""
    notice_zh: Annotated[str, Field(max_length=NOTICE_MAX)] = ""


def _on(desk: Desk, connection: sa.Connection, asked: Asked[Notice]) -> Changed:
    told = asked.arguments
    wanted = Maintenance(True, told.notice, told.notice_zh, desk.clock(), asked.by.name)
    return _put(connection, asked.key, wanted)


def _off(desk: Desk, connection: sa.Connection, asked: Asked[Nothing]) -> Changed:
    return _put(connection, asked.key, OFF._replace(changed_at=desk.clock(), changed_by=asked.by.name))


def _put(connection: sa.Connection, key: str, wanted: Maintenance) -> Changed:
    if key != "on":
        raise OperatorError(f"the target is {TARGET}")
    before = set_maintenance(connection, wanted)
    return Changed(_shown(before), _shown(wanted))


def _shown(state: Maintenance) -> dict[str, object]:
    if not state.is_on:
        return {"state": "off"}
    return {"state": "on", "notice": state.notice_en, "notice_zh": state.notice_zh}


MAINTENANCE_ACTS: Final = (
    Act("maintenance.on", "maintenance", Permission.MAINTENANCE, Notice, _on),
    Act("maintenance.off", "maintenance", Permission.MAINTENANCE, Nothing, _off),
)
