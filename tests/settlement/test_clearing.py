"""The clearing file is the same whenever it is made, and says itself whether it is whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.settlement.clearing import clearing_file, problems_of
from switch.settlement.fees import load_fee_plans
from switch.settlement.statements import Statement, statement_of
from tests.settlement.movements import CALENDAR, DAY, TERMS, movement

PLANS = load_fee_plans()
MOVED = (
    movement(1, "purchase", 10_000),
    movement(2, "refund", -2_500),
    movement(3, "code_purchase", 99, masked_pan=""),
)


def statement(merchant_id: str = "M1") -> Statement:
    return statement_of(TERMS._replace(merchant_id=merchant_id), DAY, MOVED, PLANS, CALENDAR)


FILE = clearing_file(DAY, [statement("M1"), statement('M,"2"')])


def test_each_item_is_a_line_between_header_and_trailer() -> None:
    assert FILE.content.splitlines()[:4] == [
        "H,1,20260304",
        "I,M1,T1,000001,000001,000000000001,purchase,20260304,120000,620000******0047,unionpay,debit,156,D,10000,50",
        "I,M1,T1,000001,000002,000000000002,refund,20260304,120000,620000******0047,unionpay,debit,156,C,2500,0",
        "I,M1,T1,000001,000003,000000000003,code_purchase,20260304,120000,,unionpay,debit,156,D,99,0",
    ]
    assert FILE.content.splitlines()[4].startswith('I,"M,""2""",T1,')
    assert FILE.content.splitlines()[7].startswith("T,6,20198,5000,15198,")
    assert FILE[:3] == (6, 20_198, 5_000)


def test_made_again_it_is_the_same() -> None:
    assert clearing_file(DAY, [statement("M1"), statement('M,"2"')]) == FILE


def test_a_day_without_items_has_a_file_too() -> None:
    made = clearing_file(DAY, [])

    assert made[:3] == (0, 0, 0)
    assert problems_of(made.content) == []


def test_a_sound_file_has_no_problems() -> None:
    assert problems_of(FILE.content) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("D,10000,50", "D,10001,50"), "line 8: the sum of debits is '20198', and should be '20199'"),
        (("T,6,", "T,7,"), "line 8: the number of items is '7', and should be '6'"),
        (("H,1,", "H,2,"), "line 1: is of version '2'; this program knows 1"),
        (("H,1,20260304", "H,1,2026"), "line 1: the day is no yyyymmdd"),
        (("D,10000,50", "D,-10000,50"), "line 2: amount_minor is no whole number of minor units"),
        (("D,10000,50", "X,10000,50"), "line 2: side is none of D, C"),
        (("620000******0047", "6200000000000047"), "line 2: masked_pan shows a card number"),
        (("unionpay", "unipay"), "line 2: scheme is none of unionpay, visa, mastercard, other"),
        (("purchase", "pur,chase"), "line 2: is no item: 16 fields, the first I"),
    ],
)
def test_what_was_changed_is_named_with_its_line(change: tuple[str, str], problem: str) -> None:
    found = problems_of(FILE.content.replace(*change, 1))

    assert problem in found
    assert any("SHA-256" in each for each in found) or change[0].startswith("T")


@pytest.mark.parametrize("content", ["", "\n", "H,1,20260304\n", FILE.content[:-1], FILE.content + "more\n"])
def test_a_file_without_its_end_is_known_by_that(content: str) -> None:
    (problem,) = problems_of(content)

    assert problem.startswith("it does not end with a trailer")


def test_a_line_that_is_missing_is_missed() -> None:
    lines = FILE.content.splitlines(keepends=True)

    found = problems_of("".join(lines[:2] + lines[3:]))

    assert len(found) == 4  # number, credits, net, hash
    assert "6200000000000047" not in "".join(found)


@given(st.data())
def test_no_changed_character_goes_unnoticed(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(FILE.content) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda character: character != FILE.content[place]))

    assert problems_of(FILE.content[:place] + other + FILE.content[place + 1 :]) != []


@pytest.mark.parametrize("noise", ["\r", "\0", '"', "x" * 200_000])
def test_a_line_that_is_no_csv_is_named(noise: str) -> None:
    found = problems_of(FILE.content.replace("purchase", f"pur{noise}chase", 1))

    assert any("SHA-256" in problem for problem in found)


@given(st.text())
def test_any_text_is_judged_without_an_error(text: str) -> None:
    assert problems_of(text) != []
