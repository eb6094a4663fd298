"""Statements for people: what a table, a CSV and a page do with texts and amounts that are not everyday ones."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest

from switch.settlement.items import Item
from switch.settlement.statements import Statement
from switch.tools.statement_page import as_html
from switch.tools.statements import Sheet, as_csv, as_table

ITEM = Item(
    *("purchase", "T0000001", "000001", "000042", "632512000042", 20260304, "235959", "620000*********0047"),
    *("unionpay", "debit", 12_345_678_90, 1_234_56),
)


def sheet(*items: Item, name: str = "Tea House", **others: Any) -> Sheet:
    parts: dict[str, Any] = {"merchant_id": "M1", "day": 20260304, "currency": "156", "fee_plan": "", "shares": ()}
    return Sheet(Statement(**(parts | others), items=items), name, datetime(2026, 3, 5, 0, 1, tzinfo=UTC))


def test_large_amounts_and_long_card_numbers_stay_in_eighty_columns() -> None:
    said = as_table(sheet(ITEM, ITEM._replace(kind="code_cancel", amount_minor=-12_345_678_90, fee_minor=0)))

    assert max(map(len, said.splitlines())) <= 80
    assert "620000*********0047 12,345,678.90  1,234.56" in said


def test_a_long_name_is_cut_off() -> None:
    assert max(map(len, as_table(sheet(name="Tea " * 40)).splitlines())) <= 80


def test_an_item_of_another_day_shows_its_date() -> None:
    said = as_table(sheet(ITEM._replace(local_date=20260303)))

    assert "\n03-03    T0000001" in said


def test_a_corrections_key_is_shown_where_there_is_room_for_it() -> None:
    correction = ITEM._replace(kind="correction", stan="D0A1B2C3D4E5", amount_minor=-100)

    assert "D0A1B2C3D4E5" not in as_table(sheet(correction))
    assert "D0A1B2C3D4E5" in as_csv(sheet(correction))
    assert "差错调账 correction" in as_html(sheet(correction))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1"])
def test_no_cell_of_a_spreadsheet_becomes_a_formula(text: str) -> None:
    item = ITEM._replace(rrn=text, stan=text, terminal_id=text, batch=text)

    (row, *_) = csv.DictReader(StringIO(as_csv(sheet(item, merchant_id=text)), newline=""))

    assert {row[name] for name in ("rrn", "stan", "terminal", "batch", "merchant")} == {f"'{text}"}
    assert row["amount"] == "12345678.90"


def test_nothing_that_others_wrote_is_taken_for_html() -> None:
    evil = '"><script>alert(1)</script>&'
    item = ITEM._replace(rrn=evil, stan=evil, terminal_id=evil, kind=evil, scheme=evil, card_type=evil, masked_pan=evil)

    page = as_html(sheet(item, name=evil, merchant_id=evil, fee_plan=evil, shares=((evil, 1),), currency=evil))

    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 10


def test_a_currency_without_minor_units_has_no_point() -> None:
    said = as_table(sheet(ITEM._replace(amount_minor=1_000, fee_minor=15), currency="392"))

    assert "in JPY" in said
    assert "1,000        15\n" in said


def test_a_day_without_items_has_a_page_too() -> None:
    assert "当日无交易" in as_html(sheet())
    assert "0 items" in as_table(sheet())
