from __future__ import annotations

import pytest

from switch.errors import OperatorError
from switch.ledger.maintenance import Maintenance, read_maintenance
from switch.office.acts import Desk
from switch.office.all_acts import ACTS
from switch.office.change_log import list_changes
from switch.office.changes import make_change
from switch.office.roles import Actor, NotAllowedError
from tests.desks import FINANCE, OFFICER, OPERATOR, VIEWER

ON, OFF = ACTS["maintenance.on"], ACTS["maintenance.off"]
TARGET = "maintenance:on"


def state(desk: Desk) -> Maintenance:
    with desk.database.reading() as connection:
        return read_maintenance(connection)


def test_at_first_it_is_off(desk: Desk) -> None:
    assert state(desk)[:3] == (False, "", "")


@pytest.mark.parametrize("actor", [OPERATOR, OFFICER])
def test_it_is_on_with_its_notice_until_it_is_off(desk: Desk, actor: Actor) -> None:
    make_change(desk, actor, ON, TARGET, {"notice": "Back at noon.", "notice_zh": "中午恢复。"}, "upgrade")
    on = state(desk)
    make_change(desk, actor, OFF, TARGET, {})

    assert (on.is_on, on.notice_en, on.notice_zh, on.changed_by) == (True, "Back at noon.", "中午恢复。", actor.name)
    assert state(desk)[:3] == (False, "", "")
    assert state(desk).changed_at >= on.changed_at
    with desk.database.reading() as connection:
        off, on_logged = list_changes(connection, limit=2)
    assert on_logged.after == {"state": "on", "notice": "Back at noon.", "notice_zh": "中午恢复。"}
    assert (off.before["state"], off.after) == ("on", {"state": "off"})


@pytest.mark.parametrize("actor", [VIEWER, FINANCE])
def test_others_do_not_switch_it(desk: Desk, actor: Actor) -> None:
    with pytest.raises(NotAllowedError):
        make_change(desk, actor, ON, TARGET, {})

    assert not state(desk).is_on


def test_there_is_one_and_a_notice_is_no_novel(desk: Desk) -> None:
    with pytest.raises(OperatorError, match="the target is maintenance:on"):
        make_change(desk, OPERATOR, ON, "maintenance:off", {})
    with pytest.raises(OperatorError, match="notice_zh"):
        make_change(desk, OPERATOR, ON, TARGET, {"notice_zh": "x" * 301})
