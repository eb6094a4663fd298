from __future__ import annotations

import pytest
import sqlalchemy as sa

from switch.ledger import schema
from switch.office.acts import Desk
from switch.office.batches import ADDED_UP_MAX, PAGE_ROWS, batch_transactions, settled_page
from switch.office.change_log import list_changes
from switch.office.differences import differences, late_reversals, waiting
from tests.console.browser import Answer
from tests.console.settling import (
    BATCH_PATH,
    MASKED,
    MERCHANT,
    OTHER,
    TERMINAL,
    available,
    differs,
    late,
    sales,
    settled,
)
from tests.console.test_transactions import a_browser
from tests.desks import FINANCE, OFFICER, VIEWER
from tests.plans import is_full_scan, plans_of


async def page(desk: Desk, path: str) -> Answer:
    return await (await a_browser(desk, FINANCE)).get(path)


# --- batches -----------------------------------------------------------------------------------------------


async def test_those_settled_last_stand_first_and_pages_follow_without_gap(desk: Desk) -> None:
    sales(desk, PAGE_ROWS + 5)
    for number in range(1, PAGE_ROWS + 6):
        settled(desk, number, f"{number:06d}")

    first = await page(desk, "/batches")
    second = await page(desk, "/batches?after=6")

    assert first.text.index("000055") < first.text.index("000006")
    assert "/000005" not in first.text
    assert "after=6" in first.text
    assert all(f"/00000{number}" in second.text for number in range(1, 6))
    assert "after=" not in second.text


async def test_batches_are_found_by_terminal_and_by_what_they_wait_for(desk: Desk) -> None:
    sales(desk, 2)
    settled(desk, 1, "000001")
    settled(desk, 2, "000002", state="unbalanced", terminal_foreign_debit_minor=1_600)

    unbalanced = await page(desk, "/batches?state=unbalanced")
    nobodys = await page(desk, "/batches?terminal=TERM0002")
    being_filled = await page(desk, f"/batches?state=open&terminal={TERMINAL}")

    assert "/000002" in unbalanced.text
    assert "/000001" not in unbalanced.text
    assert "differs" in unbalanced.text
    assert "No such batches." in nobodys.text
    assert "not settled" in being_filled.text


async def test_a_batch_shows_both_sides_and_what_is_in_it(desk: Desk) -> None:
    sales(desk, 2)
    settled(desk, 1, state="unbalanced", terminal_foreign_debit_minor=1_600)

    shown = await page(desk, BATCH_PATH)

    for told in ("15.00 CNY", "16.00 CNY", "Foreign cards", "differs", "R00000000001", "/days/20261121", "2026-11-21"):
        assert told in shown.text, told
    assert "Domestic cards" not in shown.text


async def test_an_open_batch_is_added_up_unless_it_is_endless(desk: Desk) -> None:
    sales(desk, ADDED_UP_MAX + 1)
    added_up = await page(desk, f"/batches/TERM0002/{MERCHANT}/000001")

    endless = await page(desk, BATCH_PATH)

    assert "0.00 CNY" in added_up.text
    assert "switch settlement batches --open --terminal TERM0001" in endless.text
    assert (await page(desk, f"/batches/{TERMINAL}/{MERCHANT}/000077")).status == 404


@pytest.mark.parametrize("query", ["state=lost", "terminal=" + "x" * 65, "after=x"])
async def test_what_makes_no_sense_is_refused(desk: Desk, query: str) -> None:
    assert (await page(desk, f"/batches?{query}")).status == 400


# --- what differs ------------------------------------------------------------------------------------------


async def test_each_choice_tells_what_it_will_post_and_posts_that(desk: Desk) -> None:
    sales(desk, 3)
    settled(desk, 1)
    differs(desk, 1, "missing", journal_id=2, host_minor=1_500)
    before = available(desk)
    browser = await a_browser(desk, FINANCE)
    shown = await browser.get("/discrepancies")

    after = await browser.submit(shown, "settlement.adjust", **{"with.accept": "terminal", "because": "receipt seen"})

    assert "The books have it, the terminal does not." in shown.text
    assert "return to the card" in shown.text
    assert "15.00 CNY" in shown.text
    assert available(desk) - before == 1_500
    assert "Nothing waits here." in after.text
    gone = await browser.get("/discrepancies?state=settled")
    assert "by correction" in gone.text
    assert "receipt seen" in gone.text
    with desk.database.reading() as connection:
        made, begun = list_changes(connection, limit=2)
    assert (begun.what, made.what, made.actor) == ("settlement.adjust:begun", "settlement.adjust", "fiona")
    assert made.after["posted"][0]["does"] == "return"


async def test_what_only_the_terminal_has_may_be_a_refund(desk: Desk) -> None:
    sales(desk, 1)
    settled(desk, 1)
    differs(desk, 7, "extra", terminal_minor=300)
    before = available(desk)
    browser = await a_browser(desk, FINANCE)
    shown = await browser.get("/discrepancies")

    await browser.submit(shown, "settlement.adjust", **{"with.accept": "terminal", "with.refund": "on"})

    assert "charge the card" in shown.text
    assert "... as a refund" in shown.text
    assert available(desk) - before == 300


async def test_of_two_cards_both_postings_are_told(desk: Desk) -> None:
    sales(desk, 1)
    settled(desk, 1)
    differs(desk, 1, "different", OTHER, journal_id=1, host_minor=1_500, terminal_minor=1_500)

    with desk.database.reading() as connection:
        (found,) = differences(connection)

    assert [(one.does, one.amount.minor, one.masked_pan) for one in found.postings] == [
        ("return", 1_500, MASKED),
        ("charge", 1_500, OTHER),
    ]
    assert "Both have it, with different cards." in (await page(desk, "/discrepancies")).text


async def test_where_nobody_named_the_card_only_the_books_can_be_accepted(desk: Desk) -> None:
    sales(desk, 1)
    settled(desk, 1)
    differs(desk, 1, "extra", terminal_minor=300, pan_key=None)

    shown = await page(desk, "/discrepancies")

    assert "nobody named its card" in shown.text
    assert 'value="terminal"' not in shown.text


async def test_settling_twice_changes_nothing(desk: Desk) -> None:
    sales(desk, 1)
    settled(desk, 1)
    differs(desk, 1, "extra", terminal_minor=300)
    before = available(desk)
    browser = await a_browser(desk, FINANCE)
    shown = await browser.get("/discrepancies")

    for right in ("terminal", "terminal", "host"):
        await browser.submit(shown, "settlement.adjust", **{"with.accept": right})

    assert available(desk) - before == -300


async def test_a_late_reversal_is_settled_as_one_of_both_says(desk: Desk) -> None:
    sales(desk, 1)
    late(desk, 900, of=1)
    before = available(desk)
    browser = await a_browser(desk, FINANCE)
    shown = await browser.get("/adjustments")

    after = await browser.submit(shown, "settlement.settle", **{"with.accept": "terminal"})

    assert "its day is closed" in shown.text
    assert "return to the card" in shown.text
    assert available(desk) - before == 1_500
    assert "Nothing waits here." in after.text
    assert "the terminal was right" in (await browser.get("/adjustments?state=settled")).text


async def test_an_amount_held_is_not_put_right_by_a_correction(desk: Desk) -> None:
    sales(desk, 1, kind="authorisation")
    late(desk, 900, of=1)

    shown = await page(desk, "/adjustments")

    assert "which authorisation does not" in shown.text
    assert 'value="terminal"' not in shown.text


@pytest.mark.parametrize("actor", [VIEWER, OFFICER])
async def test_only_finance_settles(desk: Desk, actor: object) -> None:
    sales(desk, 1)
    settled(desk, 1)
    differs(desk, 1, "extra", terminal_minor=300)
    browser = await a_browser(desk, actor)
    shown = await browser.get("/discrepancies")

    assert "settlement.adjust" not in shown.text
    csrf = "0" * 64
    refused = await browser.post(
        "/change", {"what": "settlement.adjust", "target": "discrepancy:1", "with.accept": "host", "csrf": csrf}
    )
    assert refused.status == 403


async def test_hostile_words_are_shown_not_obeyed(desk: Desk) -> None:
    evil = "<script>alert(1)</script>"
    sales(desk, 1, because=evil, kind=evil)
    settled(desk, 1)
    differs(desk, 1, "missing", journal_id=1, host_minor=1_500, because=evil, state="settled")
    with desk.database.writing() as connection:
        connection.execute(sa.update(schema.discrepancy).values(stan=evil))

    for path in ("/batches", BATCH_PATH, "/discrepancies?state=settled", "/adjustments", f"/batches?terminal={evil}"):
        assert "<script>alert" not in (await page(desk, path)).text


# --- indexes -----------------------------------------------------------------------------------------------


def test_each_way_of_asking_goes_by_its_index(desk: Desk) -> None:
    sales(desk, 300)
    with desk.database.reading() as connection:
        asked = {
            "ix_batch_journal_id": lambda: settled_page(connection, before_id=9),
            "batch USING PRIMARY KEY (terminal_id=?)": lambda: settled_page(connection, terminal_id=TERMINAL),
            "ix_batch_unbalanced": lambda: settled_page(connection, unbalanced=True),
            "ix_journal_terminal_id_batch": lambda: batch_transactions(connection, TERMINAL, "000001"),
            "ix_discrepancy_open": lambda: differences(connection),
            "discrepancy_1 (terminal_id=?)": lambda: differences(connection, terminal_id=TERMINAL),
            "terminal_id=? AND merchant_id=? AND batch=?": lambda: differences(
                connection, batch=(TERMINAL, MERCHANT, "000001")
            ),
            "ix_adjustment_open (": lambda: late_reversals(connection, after_id=1),
            "ix_adjustment_open": lambda: waiting(connection),
        }
        plans = plans_of(connection, *asked.values())

    for plan, index in zip(plans, asked, strict=True):
        assert index in plan, plan
        assert not any(is_full_scan(line) for line in plan.splitlines()), plan
