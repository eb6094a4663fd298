from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from switch.errors import NotInBooks, OperatorError
from switch.ledger import schema
from switch.ledger.days import begin_day, day_state, newest_day
from switch.office.acts import Desk
from switch.office.all_acts import ACTS
from switch.office.change_log import list_changes
from switch.office.changes import make_change
from switch.office.differences import differences
from switch.office.roles import Actor, NotAllowedError
from switch.office.settlement_acts import SAME_CUT_OVER_US, day_of
from tests.console.settling import MASKED, OTHER, available, differs, late, sales, settled
from tests.desks import FINANCE, OFFICER, OPERATOR

ADJUST, SETTLE, CUTOVER = (ACTS[name] for name in ("settlement.adjust", "settlement.settle", "day.cutover"))

# what, the books' and the terminal's side, whether it is another card, and whether it was a refund
CASES = [
    ("missing", 1_500, None, False, False),
    ("different", 1_500, 1_250, False, False),
    ("different", 1_500, 1_900, False, False),
    ("different", 1_500, 1_500, True, False),
    ("extra", None, 300, False, False),
    ("extra", None, 300, False, True),
]


@pytest.mark.parametrize(("what", "host", "terminal", "other_card", "refund"), CASES)
def test_what_was_foretold_is_what_is_posted(
    desk: Desk, what: str, host: int | None, terminal: int | None, *, other_card: bool, refund: bool
) -> None:
    sales(desk, 1)
    settled(desk, 1)
    books: dict[str, Any] = {"journal_id": 1, "host_minor": host} if host else {}
    differs(desk, 1, what, OTHER if other_card else MASKED, terminal_minor=terminal, **books)
    with desk.database.reading() as connection:
        (difference,) = differences(connection)
    foretold = difference.as_refund if refund else difference.postings

    made = make_change(desk, FINANCE, ADJUST, "discrepancy:1", {"accept": "terminal", "refund": refund}, "seen")

    posted = made.changed.after["posted"]
    assert isinstance(posted, list)
    assert [(each["does"], each["amount"], each["card"]) for each in posted] == [
        (each.does, str(each.amount), each.masked_pan) for each in foretold
    ]


def test_the_books_are_right_without_a_posting_and_the_reason_is_kept(desk: Desk) -> None:
    sales(desk, 1)
    settled(desk, 1)
    differs(desk, 1, "extra", terminal_minor=300)
    before = available(desk)

    made = make_change(desk, FINANCE, ADJUST, "discrepancy:1", {"accept": "host"}, "training receipt")
    again = make_change(desk, FINANCE, ADJUST, "discrepancy:1", {"accept": "terminal"})

    assert (made.changed.before, made.changed.after["posted"]) == ({"state": "open"}, [])
    assert again.changed.before == {"state": "settled"}
    assert available(desk) == before
    with desk.database.reading() as connection:
        row = connection.execute(sa.select(schema.discrepancy)).one()
        logged = list_changes(connection, limit=9)
    assert (row.state, row.because) == ("settled", "training receipt")
    assert [change.what for change in logged] == ["settlement.adjust", "settlement.adjust:begun"] * 2


def test_a_late_reversal_is_settled_once(desk: Desk) -> None:
    sales(desk, 1)
    late(desk, 900, of=1)
    before = available(desk)

    for _ in range(2):
        make_change(desk, FINANCE, SETTLE, "adjustment:900", {"accept": "terminal"})

    assert available(desk) - before == 1_500


@pytest.mark.parametrize("actor", [OPERATOR, OFFICER])
def test_only_finance_settles(desk: Desk, actor: Actor) -> None:
    for act, target, arguments in (
        (ADJUST, "discrepancy:1", {"accept": "host"}),
        (SETTLE, "adjustment:1", {"accept": "host"}),
        (CUTOVER, "day:20261121", {}),
    ):
        with pytest.raises(NotAllowedError):
            make_change(desk, actor, act, target, arguments)


def test_what_is_not_there_is_named(desk: Desk) -> None:
    with pytest.raises(NotInBooks, match="discrepancy 7"):
        make_change(desk, FINANCE, ADJUST, "discrepancy:7", {"accept": "host"})
    with pytest.raises(NotInBooks, match="journal 7"):
        make_change(desk, FINANCE, SETTLE, "adjustment:7", {"accept": "host"})
    with pytest.raises(OperatorError, match="accept"):
        make_change(desk, FINANCE, ADJUST, "discrepancy:7", {"accept": "nobody"})


def test_what_was_begun_and_could_not_be_done_is_written_down_as_refused(desk: Desk) -> None:
    with desk.database.reading() as connection:
        sale = connection.scalars(sa.select(schema.journal.c.journal_id)).first()  # nothing waits under it

    with pytest.raises(NotInBooks):
        make_change(desk, FINANCE, SETTLE, f"adjustment:{sale}", {"accept": "host"})

    with desk.database.reading() as connection:
        logged = list_changes(connection, limit=9)
    assert [change.what for change in logged] == ["settlement.settle:refused", "settlement.settle:begun"]


# --- days --------------------------------------------------------------------------------------------------


def test_a_day_is_closed_and_the_next_one_is_open(desk: Desk) -> None:
    today = desk.today()

    made = make_change(desk, FINANCE, CUTOVER, f"day:{today:%Y%m%d}", {})
    again = make_change(desk, FINANCE, CUTOVER, f"day:{today:%Y%m%d}", {})

    newest = newest_day(desk.database)
    assert newest is not None
    assert newest.day == today + timedelta(days=1)
    assert made.changed.before == {"state": "open"}
    assert again.changed.before == {"state": "closed"}
    assert made.changed.after == {"state": "closed", "open_day": str(newest.day)}


def test_the_next_day_is_not_closed_by_a_slip_of_the_hand(desk: Desk) -> None:
    today = desk.today()
    tomorrow = f"day:{today + timedelta(days=1):%Y%m%d}"
    make_change(desk, FINANCE, CUTOVER, f"day:{today:%Y%m%d}", {})

    with pytest.raises(OperatorError, match="less than twelve hours ago"):
        make_change(desk, FINANCE, CUTOVER, tomorrow, {})
    later = Desk(desk.settings, desk.database, desk.open_vault, lambda: desk.clock() + SAME_CUT_OVER_US)
    make_change(later, FINANCE, CUTOVER, tomorrow, {})

    state = day_state(desk.database, today + timedelta(days=1))
    assert state is not None
    assert state.closed_at is not None


def test_a_day_that_has_not_begun_is_not_closed(desk: Desk) -> None:
    begin_day(desk.database, desk.today(), desk.clock())

    with pytest.raises(OperatorError, match="is not a day that can be closed"):
        make_change(desk, FINANCE, CUTOVER, f"day:{desk.today() + timedelta(days=3):%Y%m%d}", {})


@pytest.mark.parametrize("key", ["2026", "20261399", "2026-1-1", "x" * 8])
def test_a_day_is_eight_digits(key: str) -> None:
    with pytest.raises(OperatorError, match="like 20260304"):
        day_of(key)
