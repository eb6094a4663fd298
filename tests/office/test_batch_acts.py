from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from switch.errors import NotInBooks, OperatorError
from switch.ledger import schema
from switch.ledger.batches_closed import batch_to_close
from switch.office.acts import Desk
from switch.office.all_acts import ACTS
from switch.office.batch_acts import target_of
from switch.office.change_log import list_changes
from switch.office.changes import make_change
from switch.office.roles import Actor, NotAllowedError
from tests.console.settling import BATCH, MERCHANT, TERMINAL, sales, settled
from tests.desks import FINANCE, OFFICER, OPERATOR

CLOSE = ACTS["settlement.close_batch"]
TARGET = f"batch:{TERMINAL}/{BATCH}"


@pytest.fixture
def unbalanced(desk: Desk) -> Desk:
    """The batch of a demo terminal that was settled, and of whose upload nothing came."""
    sales(desk, 1)
    settled(desk, 1, state="unbalanced")
    with desk.database.writing() as connection:
        its = schema.terminal.c
        change = sa.update(schema.terminal).where(its.terminal_id == TERMINAL)
        connection.execute(change.values(batch=BATCH, batch_state="unbalanced", merchant_id=MERCHANT))
    return desk


def logged(desk: Desk) -> list[tuple[Any, ...]]:
    with desk.database.reading() as connection:
        return [(change.what, change.actor, change.because) for change in list_changes(connection, limit=9)]


def test_who_closed_a_batch_and_why_stands_in_the_change_log(unbalanced: Desk) -> None:
    first = make_change(unbalanced, FINANCE, CLOSE, TARGET, {}, "broken, scrapped")
    again = make_change(unbalanced, FINANCE, CLOSE, TARGET, {}, "to be sure")

    assert target_of(batch_to_close(unbalanced.database, TERMINAL)) == TARGET
    assert (first.changed.before, first.changed.after["uploaded"]) == ({"state": "unbalanced"}, 0)
    assert again.changed.before == {"state": "closed"}
    assert again.changed.after["journal_id"] == first.changed.after["journal_id"]
    assert logged(unbalanced) == [
        ("settlement.close_batch", "fiona", "to be sure"),
        ("settlement.close_batch:begun", "fiona", "to be sure"),
        ("settlement.close_batch", "fiona", "broken, scrapped"),
        ("settlement.close_batch:begun", "fiona", "broken, scrapped"),
    ]


@pytest.mark.parametrize("actor", [OPERATOR, OFFICER])
def test_only_finance_closes_a_batch(unbalanced: Desk, actor: Actor) -> None:
    with pytest.raises(NotAllowedError):
        make_change(unbalanced, actor, CLOSE, TARGET, {}, "gone")
    assert logged(unbalanced) == []


def test_nobody_closes_a_batch_without_a_reason(unbalanced: Desk) -> None:
    with pytest.raises(OperatorError, match="because: say why"):
        make_change(unbalanced, FINANCE, CLOSE, TARGET, {}, " ")
    assert batch_to_close(unbalanced.database, TERMINAL).state == "unbalanced"


@pytest.mark.parametrize("key", [TERMINAL, f"{TERMINAL}/1", f"/{BATCH}", f"{TERMINAL}/one"])
def test_a_batch_is_named_by_terminal_and_number(unbalanced: Desk, key: str) -> None:
    with pytest.raises(OperatorError, match="like T1/000042"):
        make_change(unbalanced, FINANCE, CLOSE, f"batch:{key}", {}, "gone")


def test_a_batch_that_is_not_there_is_refused_and_that_is_written_down(unbalanced: Desk) -> None:
    with pytest.raises(NotInBooks, match="has no batch 999999"):
        make_change(unbalanced, FINANCE, CLOSE, f"batch:{TERMINAL}/999999", {}, "gone")

    assert [what for what, *_ in logged(unbalanced)] == [
        "settlement.close_batch:refused",
        "settlement.close_batch:begun",
    ]
