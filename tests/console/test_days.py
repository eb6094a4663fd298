from __future__ import annotations

import csv
from datetime import date, timedelta
from io import StringIO

import pytest
import sqlalchemy as sa

from switch.ledger import schema
from switch.ledger.days import begin_day, newest_day
from switch.ledger.ids import JournalIds
from switch.ledger.rows import number_of
from switch.ledger.settling import settle_day
from switch.office.acts import Desk
from switch.office.days import DAYS, STATEMENTS, days_page, one_statement, statements_of
from tests.console.settling import MERCHANT, late, sales
from tests.console.test_transactions import a_browser
from tests.desks import FINANCE, OPERATOR
from tests.ledger.closed_days import MAKER
from tests.plans import is_full_scan, plans_of

DAY = date(2026, 11, 21)
DAY_PATH = f"/days/{DAY:%Y%m%d}"
STATEMENT_PATH = f"/statements/{MERCHANT}/{DAY:%Y%m%d}"


def begun(desk: Desk, day: date, *, at: int = 1) -> None:
    """Let a day be the open one, and those before it closed."""
    begin_day(desk.database, day, at)


def settled_day(desk: Desk) -> None:
    """A day with a sale of 15.00 at the demo's first merchant, closed and settled."""
    begun(desk, DAY)
    sales(desk, 1)
    late(desk, 900, of=1)  # its payment
    with desk.database.writing() as connection:
        payment = connection.execute(sa.select(schema.payment)).one()
        moved = {"journal_id": 1, "leg": 0, "debit_account_id": payment.account_id, "amount_minor": 1_500}
        moved |= {"credit_account_id": payment.merchant_account_id, "currency": "156"}
        connection.execute(sa.insert(schema.transfer), [moved])
    begun(desk, DAY + timedelta(days=1), at=2)
    settle_day(desk.database, DAY, MAKER, JournalIds(desk.clock), desk.clock)


async def test_a_settled_day_shows_its_file_and_its_statements(desk: Desk) -> None:
    settled_day(desk)
    browser = await a_browser(desk)

    listed = await browser.get("/days")
    shown = await browser.get(DAY_PATH)

    assert listed.text.index("2026-11-22") < listed.text.index("2026-11-21")
    for told in ("SHA-256", f"{DAY_PATH}/clearing.csv", STATEMENT_PATH, "15.00 CNY", "Lantern Street Noodles"):
        assert told in shown.text, told
    assert "day.cutover" not in listed.text + shown.text


async def test_the_clearing_file_is_handed_out_as_the_command_writes_it(desk: Desk) -> None:
    from hashlib import sha256

    settled_day(desk)
    browser = await a_browser(desk)

    file = await browser.get(f"{DAY_PATH}/clearing.csv")

    assert file.headers["content-disposition"] == 'attachment; filename="clearing-20261121.csv"'
    assert sha256(file.body).hexdigest() in (await browser.get(DAY_PATH)).text
    assert (await browser.get("/days/20261122/clearing.csv")).status == 404


async def test_a_statement_is_shown_and_handed_out_to_print_and_to_calculate_with(desk: Desk) -> None:
    settled_day(desk)
    browser = await a_browser(desk)

    shown = await browser.get(STATEMENT_PATH)
    table = await browser.get(f"{STATEMENT_PATH}/statement.csv")
    page = await browser.get(f"{STATEMENT_PATH}/statement.html")

    assert "R00000000001" in shown.text
    assert [row["rrn"] for row in csv.DictReader(StringIO(table.text)) if row["rrn"]] == ["R00000000001"]
    assert page.headers["content-disposition"].startswith("attachment")
    assert "Lantern Street Noodles" in page.text
    assert (await browser.get(f"/statements/{MERCHANT}/20261122")).status == 404
    assert (await browser.get(f"/statements/{MERCHANT}/tomorrow")).status == 400


async def test_finance_closes_the_open_day_once(desk: Desk) -> None:
    today = desk.today()
    begun(desk, today)
    browser = await a_browser(desk, FINANCE)
    page = await browser.get("/days")

    for _ in range(2):  # a second click on the same form is about the same day
        answer = await browser.submit(page, "day.cutover")

    assert answer.status == 200
    assert "closed, being settled" in answer.text
    newest = newest_day(desk.database)
    assert newest is not None
    assert newest.day == today + timedelta(days=1)


async def test_a_day_closed_just_after_another_has_to_be_said_twice(desk: Desk) -> None:
    today = desk.today()
    begun(desk, today)
    browser = await a_browser(desk, FINANCE)
    await browser.submit(await browser.get("/days"), "day.cutover")
    page = await browser.get("/days")

    refused = await browser.submit(page, "day.cutover")
    early = await browser.submit(page, "day.cutover", **{"with.early": "on"})

    assert "closed less than twelve hours ago" in page.text
    assert refused.status == 400
    assert early.status == 200
    newest = newest_day(desk.database)
    assert newest is not None
    assert newest.day == today + timedelta(days=2)


async def test_only_finance_closes_a_day(desk: Desk) -> None:
    begun(desk, desk.today())

    assert "day.cutover" not in (await (await a_browser(desk, OPERATOR)).get("/days")).text


async def test_hostile_names_are_shown_not_obeyed(desk: Desk) -> None:
    settled_day(desk)
    with desk.database.writing() as connection:
        connection.execute(sa.update(schema.merchant).values(name="<script>alert(1)</script>"))
    browser = await a_browser(desk)

    for path in (DAY_PATH, STATEMENT_PATH, f"{STATEMENT_PATH}/statement.html"):
        assert "<script>alert" not in (await browser.get(path)).text


@pytest.mark.parametrize(
    ("path", "status"),
    [("/days/2026", 400), ("/days/20261399", 400), ("/days/20200101", 404), ("/days?before=x", 400)],
)
async def test_what_is_no_day_is_refused(desk: Desk, path: str, status: int) -> None:
    assert (await (await a_browser(desk)).get(path)).status == status


async def test_pages_of_days_follow_without_gap(desk: Desk) -> None:
    for number in range(DAYS + 3):
        begun(desk, DAY + timedelta(days=number))
    browser = await a_browser(desk)

    first = await browser.get("/days")
    second = await browser.get(f"/days?before={number_of(DAY + timedelta(days=3))}")

    assert f"before={number_of(DAY + timedelta(days=3))}" in first.text
    assert second.text.count('class="mono">2026-11-2') == 3


def test_each_way_of_asking_goes_by_its_index(desk: Desk) -> None:
    begun(desk, DAY)
    with desk.database.reading() as connection:
        plans = plans_of(
            connection,
            lambda: days_page(connection, 20261130),
            lambda: statements_of(connection, 20261121, after="M"),
        )

    assert all("ix_statement_business_day_merchant_id" in plan for plan in plans)
    assert not any(is_full_scan(line) for plan in plans for line in plan.splitlines())


def test_pages_of_statements_follow_by_merchant(desk: Desk) -> None:
    settled_day(desk)
    with desk.database.reading() as connection:
        line = one_statement(connection, MERCHANT, 20261121)
        found = statements_of(connection, 20261121)
        later = statements_of(connection, 20261121, after=MERCHANT)

    assert found == [line]
    assert later == []
    assert len(found) < STATEMENTS
