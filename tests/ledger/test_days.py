"""Business days: how they begin and end, and that a group decides on one that is open until it has committed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from itertools import count

import pytest
import sqlalchemy as sa

from switch.errors import DatabaseError
from switch.ledger import schema
from switch.ledger.database import open_database
from switch.ledger.days import (
    CutOver,
    Day,
    begin_day,
    closed_days_without_statements,
    cut_over,
    day_state,
    day_to_decide_on,
    newest_day,
)
from switch.ledger.rows import Claim
from switch.ledger.sessions import connector
from tests.ledger.shop import HOUR, NOON, TODAY, Shop, purchase

TOMORROW = TODAY + timedelta(days=1)
DAY = 24 * HOUR


def days(shop: Shop) -> list[tuple[int, str]]:
    return [(row.day, row.state) for row in shop.rows(schema.business_day)]


def journal_days(shop: Shop) -> list[int]:
    return [row.business_day for row in shop.rows(schema.journal)]


@pytest.mark.parametrize(
    ("by_the_clock", "newest", "is_open", "expected"),
    [
        (TODAY, TODAY, True, TODAY),
        (TOMORROW, TODAY, True, TOMORROW),
        (TODAY, TOMORROW, True, TOMORROW),
        (TODAY, TODAY, False, TOMORROW),
    ],
    ids=["the day", "the clock is ahead", "a cut-over came before it", "closed by hand"],
)
def test_a_group_decides_on_the_later_of_the_clocks_day_and_the_books(
    by_the_clock: date, newest: date, expected: date, *, is_open: bool
) -> None:
    assert day_to_decide_on(by_the_clock, newest, is_open=is_open) == expected


# --- by the clock ------------------------------------------------------------------------------------------


def test_books_without_a_day_open_one_with_their_first_group(shop: Shop) -> None:
    assert newest_day(shop.database) is None

    shop.send(purchase(1))
    shop.send(purchase(2))

    assert newest_day(shop.database) == Day(TODAY, NOON, None)
    assert days(shop) == [(20260304, "open")]


def test_a_day_that_the_clock_begins_is_opened_by_its_first_group(shop: Shop) -> None:
    shop.send(purchase(1))
    shop.now += DAY

    shop.send(purchase(2))

    assert journal_days(shop) == [20260304, 20260305]
    assert newest_day(shop.database) == Day(TOMORROW, NOON + DAY, None)


def test_the_clock_closes_a_day_once_a_later_one_has_begun(shop: Shop) -> None:
    shop.send(purchase(1))
    shop.now += DAY
    shop.send(purchase(2))

    closed = [begin_day(shop.database, TOMORROW, shop.now) for _ in range(2)]

    assert closed == [[TODAY], []]
    assert day_state(shop.database, TODAY) == Day(TODAY, NOON, NOON + DAY)
    assert days(shop) == [(20260304, "closed"), (20260305, "open")]


def test_a_day_begins_also_where_nothing_comes(shop: Shop) -> None:
    shop.send(purchase(1))

    closed = begin_day(shop.database, TODAY + timedelta(days=4), NOON + 4 * DAY)

    assert closed == [TODAY]
    assert days(shop) == [(20260304, "closed"), (20260308, "open")]


def test_a_host_whose_clock_is_behind_decides_on_the_day_that_is_open(shop: Shop) -> None:
    shop.now += DAY
    shop.send(purchase(1))
    shop.now -= HOUR + DAY

    shop.send(purchase(2))
    begun = begin_day(shop.database, TODAY, shop.now)

    assert journal_days(shop) == [20260305, 20260305]
    assert begun == []


def test_two_writers_open_a_day_once(shop: Shop) -> None:
    def write(place: int) -> None:
        own = replace(shop, ids=count(5_000_000 * place), stores=[])
        outcomes.extend(own.send(purchase(place, terminal_id=f"T{place}")))

    outcomes: list[object] = []
    at_once(lambda: write(1), lambda: write(2))

    assert len(outcomes) == 2
    assert days(shop) == [(20260304, "open")]


# --- by command --------------------------------------------------------------------------------------------


def test_a_cut_over_ends_the_day_and_opens_the_next_however_early(shop: Shop) -> None:
    shop.send(purchase(1))

    found = cut_over(shop.database, TODAY, NOON + HOUR)
    shop.send(purchase(2))
    shop.now += DAY
    shop.send(purchase(3))

    assert found == CutOver(TODAY, NOON + HOUR, TOMORROW, is_new=True)
    assert day_state(shop.database, TODAY) == Day(TODAY, NOON, NOON + HOUR)
    assert journal_days(shop) == [20260304, 20260305, 20260305]


def test_a_cut_over_of_books_without_a_day_closes_the_one_it_is_asked_for(shop: Shop) -> None:
    found = cut_over(shop.database, TODAY, NOON)

    assert found == CutOver(TODAY, NOON, TOMORROW, is_new=True)
    assert days(shop) == [(20260304, "closed"), (20260305, "open")]


def test_a_second_cut_over_changes_nothing(shop: Shop) -> None:
    cut_over(shop.database, TODAY, NOON)

    again = cut_over(shop.database, TODAY, NOON + HOUR)

    assert again == CutOver(TODAY, NOON, TOMORROW, is_new=False)
    assert days(shop) == [(20260304, "closed"), (20260305, "open")]


def test_a_day_that_has_not_begun_is_left_alone(shop: Shop) -> None:
    shop.send(purchase(1))

    found = cut_over(shop.database, TOMORROW, NOON)

    assert found == CutOver(TOMORROW, None, TODAY, is_new=False)
    assert days(shop) == [(20260304, "open")]


def test_a_cut_over_after_the_clock_has_gone_on_closes_the_day_behind_it(shop: Shop) -> None:
    shop.send(purchase(1))
    shop.now += DAY
    shop.send(purchase(2))

    found = cut_over(shop.database, TODAY, shop.now)

    assert found == CutOver(TODAY, NOON + DAY, TOMORROW, is_new=True)
    assert days(shop) == [(20260304, "closed"), (20260305, "open")]


def test_two_cut_overs_at_once_are_one(shop: Shop) -> None:
    shop.send(purchase(1))
    found: list[CutOver] = []

    def cut() -> None:
        with closing(open_database(shop.database.url)) as database:
            found.append(cut_over(database, TODAY, NOON))

    at_once(cut, cut, cut)

    assert sorted(each.is_new for each in found) == [False, False, True]
    assert {each.open_day for each in found} == {TOMORROW}
    assert days(shop) == [(20260304, "closed"), (20260305, "open")]


def test_nothing_comes_into_a_day_after_its_cut_over_while_groups_run(shop: Shop) -> None:
    """What the books have of the day when the command returns is all they will ever have."""
    of_day = sa.select(sa.func.count()).where(schema.journal.c.business_day == 20260304)
    begun, found = threading.Barrier(3), []

    def sell(place: int) -> None:
        own = replace(shop, ids=count(5_000_000 * place), stores=[])
        with closing(own.store()) as store:
            store.run([purchase(999, 1, terminal_id=f"T{place}")])
            begun.wait(timeout=10)
            for stan in range(1, 61):
                store.run([purchase(stan, 1, terminal_id=f"T{place}")])

    def cut() -> None:
        with closing(open_database(shop.database.url)) as database:
            begun.wait(timeout=10)
            cut_over(database, TODAY, NOON)
            with database.reading() as connection:
                found.append(connection.scalar(of_day))

    at_once(lambda: sell(1), lambda: sell(2), cut)

    with shop.database.reading() as connection:
        assert connection.scalar(of_day) == found[0]
    assert len(shop.rows(schema.journal)) == 122


def test_a_cut_over_gives_up_before_groups_wait_for_it_too_long(postgresql_shop: Shop) -> None:
    """A group that stands still holds its day; those behind it must not stand still with it."""
    postgresql_shop.send(purchase(1))
    session = connector(postgresql_shop.database)()
    session.begin()
    session.claim([Claim("", is_shared=True)])
    session.flush()

    with pytest.raises(DatabaseError, match="lock timeout"):
        cut_over(postgresql_shop.database, TODAY, NOON)

    session.rollback()
    session.close()
    assert days(postgresql_shop) == [(20260304, "open")]
    assert cut_over(postgresql_shop.database, TODAY, NOON).is_new


# --- what is left to do ------------------------------------------------------------------------------------


def test_closed_days_wait_for_their_clearing_file(shop: Shop) -> None:
    for day in (TODAY, TOMORROW, TOMORROW + timedelta(days=1)):
        cut_over(shop.database, day, NOON)
    with shop.database.writing() as connection:
        file = {
            "business_day": 20260305,
            "items": 0,
            "debit_minor": 0,
            "credit_minor": 0,
            "sha256": "",
            "made_at": NOON,
        }
        connection.execute(sa.insert(schema.clearing_file).values(**file))

    assert closed_days_without_statements(shop.database) == [TODAY, date(2026, 3, 6)]


def at_once(*acts: Callable[[], None]) -> None:
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
