from __future__ import annotations

import pytest
import sqlalchemy as sa

from switch.console.application import build_console
from switch.console.pages import PAGES
from switch.office.acts import Desk
from switch.office.all_acts import ACTS
from switch.office.transactions import PAGE_ROWS, SCANNED_ROWS, Wanted, find_transactions
from tests.console.browser import Browser
from tests.desks import OPERATOR, VIEWER, card_id, token_of, write_journal

TRACE = '[["terminal_known","TERM0001",null,true],["card_status","frozen","active",false]]'
ROW = {
    "kind": "purchase", "action": "approved", "mti": "0200", "terminal_id": "TERM0001", "batch": "000001",
    "merchant_id": "MERCHANT0000001", "local_date": 20261121, "business_day": 20261121, "amount_minor": 1500,
    "currency": "156", "masked_pan": "555555******4444", "trace": "[]",
}  # fmt: skip


def fill(desk: Desk, count: int, **changes: object) -> None:
    """Write ``count`` transactions, numbered from 1; every 100th is declined."""
    rows = []
    for number in range(1, count + 1):
        row = ROW | {
            "journal_id": number,
            "received_at": number * 1_000_000,
            "decided_at": number * 1_000_000 + 1_500,
            "stan": f"{number % 1_000_000:06d}",
            "rrn": f"R{number:011d}",
        }
        if number % 100 == 0:
            row |= {"action": "card_frozen", "because": "the card is frozen", "trace": TRACE}
        rows.append(row | changes)
    write_journal(desk, rows)


async def a_browser(desk: Desk, actor: object = OPERATOR) -> Browser:
    browser = Browser(build_console(desk, PAGES, ACTS))
    await browser.post("/login", {"token": token_of(desk, actor)}, follow=False)  # type: ignore[arg-type]
    return browser


async def test_the_newest_stand_first_and_pages_follow_without_gap(desk: Desk) -> None:
    fill(desk, PAGE_ROWS + 5)
    browser = await a_browser(desk)

    first = await browser.get("/transactions?terminal=TERM0001")
    second = await browser.get("/transactions?terminal=TERM0001&before=6")

    assert first.text.index("R00000000055") < first.text.index("R00000000006")
    assert "R00000000005" not in first.text
    assert "before=6" in first.text
    assert all(f"R0000000000{number}" in second.text for number in range(1, 6))


async def test_a_decline_is_found_and_explained(desk: Desk) -> None:
    fill(desk, 300, card_id=card_id(desk, "555555******4444"))
    browser = await a_browser(desk)

    listed = await browser.get("/transactions?action=card_frozen")
    page = await browser.get("/transactions/200")

    assert listed.text.count("<time>") == 3
    for told in (
        "Why was this declined?",
        "card status",
        "frozen",
        "active",
        "Ask for another card",
        "+1.5 ms",
        "refused",
    ):
        assert told in page.text, told
    assert f"/cards/{card_id(desk, '555555******4444')}" in page.text


async def test_what_no_index_finds_is_searched_bit_by_bit_and_nothing_is_missed(desk: Desk) -> None:
    fill(desk, 2 * SCANNED_ROWS + 10)
    wanted, before, seen = Wanted(kind="purchase", action="declined"), None, []

    with desk.database.reading() as connection:
        for _ in range(10):
            found = find_transactions(connection, wanted, before)
            seen += [line.journal_id for line in found.lines]
            before = found.next_id
            if before is None:
                break

    assert seen == list(range(2 * SCANNED_ROWS, 0, -100))


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Wanted(rrn="R1"), "ix_journal_rrn"),
        (Wanted(terminal_id="TERM0001"), "request_key USING PRIMARY KEY (terminal_id=?)"),
        (Wanted(terminal_id="TERM0001"), "ix_journal_terminal_id_keyless"),
        (Wanted(merchant_id="MERCHANT0000001"), "request_key USING PRIMARY KEY (terminal_id=?)"),
        (Wanted(merchant_id="MERCHANT0000001"), "ix_journal_terminal_id_keyless"),
        (Wanted(card_id=1, action="declined"), "ix_journal_card_id_declined"),
        (Wanted(action="card_frozen"), "ix_journal_declined"),
    ],
)
def test_each_way_of_asking_goes_by_its_index(desk: Desk, wanted: Wanted, index: str) -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []
    fill(desk, 300)
    with desk.database.reading() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *seen: asked.append((seen[2], seen[3])))
        find_transactions(connection, wanted, 200)
        statement, parameters = asked[-1]
        plan = "\n".join(str(row) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters))

    assert index in plan
    assert "SCAN journal\n" not in plan


async def test_a_transaction_that_is_not_there_says_so(desk: Desk) -> None:
    browser = await a_browser(desk)

    assert (await browser.get("/transactions/77")).status == 404
    assert (await browser.get("/transactions/x")).status == 400
    assert (await browser.get("/transactions?terminal=" + "x" * 65)).status == 400
    assert (await browser.get("/transactions?before=-1")).status == 400


async def test_the_live_part_is_only_the_rows(desk: Desk) -> None:
    fill(desk, 3)
    browser = await a_browser(desk)
    browser.headers["hx-request"] = "true"

    part = await browser.get("/transactions?kind=purchase")

    assert "<html" not in part.text
    assert 'hx-get="/transactions?kind=purchase"' in part.text


async def test_hostile_words_in_the_books_are_shown_not_obeyed(desk: Desk) -> None:
    fill(desk, 1, because="<script>alert(1)</script>", action="card_frozen", merchant_id="<img src=x>")
    browser = await a_browser(desk)

    for path in ("/transactions", "/transactions/1"):
        page = await browser.get(path)
        assert "<script>alert" not in page.text
        assert "<img" not in page.text


async def test_a_note_is_left_for_whoever_comes_next(desk: Desk) -> None:
    fill(desk, 1)
    browser = await a_browser(desk)
    page = await browser.get("/transactions/1")

    page = await browser.submit(page, "transaction.note", **{"with.words": "Customer <called> twice"})

    assert "Customer &lt;called&gt; twice" in page.text
    refused = await browser.submit(page, "transaction.note", **{"with.words": "card 4111 1111 1111 1111"})
    assert refused.status == 400
    assert "transaction.note" not in (await (await a_browser(desk, VIEWER)).get("/transactions/1")).text
