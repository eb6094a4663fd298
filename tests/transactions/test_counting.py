"""What an authorisation counts is divided between its own day and those of its increments, and given back there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from switch.decisions import CountSpend, CountSpending, Effect, Payment, PaymentState, Spent
from switch.messages.kinds import Kind
from switch.rules.limits import day_of
from switch.transactions.counting import recounted, shares
from tests.builders import TODAY, a_hold, a_payment, some_facts

FIRST_DAY, NEXT_DAY = TODAY - timedelta(days=2), TODAY - timedelta(days=1)
HOLD = a_hold(payment_id=1, current_minor=1700, business_day=FIRST_DAY, terminal_id="TERM0001")


def an_increment(payment_id: int, amount: int, terminal_id: str = "TERM0002") -> Payment:
    return a_payment(
        payment_id=payment_id,
        kind=Kind.INCREMENT,
        amount_minor=amount,
        current_minor=amount,
        business_day=NEXT_DAY,
        original_id=1,
        terminal_id=terminal_id,
    )


INCREMENTS = (an_increment(2, 500), an_increment(3, 200))


@pytest.mark.parametrize(
    ("counted", "own", "first", "second"),
    [
        (1700, 1000, 500, 200),
        (1900, 1200, 500, 200),  # completed for more than was authorised
        (800, 100, 500, 200),
        (600, 0, 400, 200),
        (150, 0, 0, 150),
        (0, 0, 0, 0),
    ],
)
def test_the_latest_increments_come_first_and_the_rest_is_the_authorisations(
    counted: int, own: int, first: int, second: int
) -> None:
    assert shares(counted, HOLD, INCREMENTS) == {1: own, 2: first, 3: second}


def of_limits(*changes: Effect) -> list[CountSpending]:
    return [change for change in changes if isinstance(change, CountSpending)]


def test_each_gets_back_what_was_counted_for_it_on_its_own_day_and_at_its_own_terminal() -> None:
    counters = {
        ("terminal:TERM0001", day_of(FIRST_DAY)): Spent(1000, 1),
        ("terminal:TERM0002", day_of(NEXT_DAY)): Spent(700, 2),
    }

    changes = recounted(HOLD, some_facts(increments=INCREMENTS, spending=counters), 1700, 0, -1)

    assert [change for change in changes if isinstance(change, CountSpend)] == [
        CountSpend(1, FIRST_DAY, -1000, -1),
        CountSpend(1, NEXT_DAY, -500, 0),
        CountSpend(1, NEXT_DAY, -200, 0),
    ]
    assert of_limits(*changes) == [
        CountSpending("terminal:TERM0001", day_of(FIRST_DAY), -1000, -1),
        CountSpending("terminal:TERM0002", day_of(NEXT_DAY), -500, -1),
        CountSpending("terminal:TERM0002", day_of(NEXT_DAY), -200, -1),
    ]


def test_an_increment_that_is_undone_gives_back_no_more_than_is_counted_for_it() -> None:
    undone = INCREMENTS[0]._replace(current_minor=0, state=PaymentState.REVERSED)

    changes = recounted(HOLD, some_facts(increments=INCREMENTS), 600, 100, undone=undone)

    assert changes == (CountSpend(1, NEXT_DAY, -400, 0), CountSpend(1, NEXT_DAY, -100, 0))
