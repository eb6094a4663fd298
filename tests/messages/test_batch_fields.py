"""Totals and records of a batch, read as terminals write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.messages.batch_fields import read_count, read_records, read_totals, written_records, written_totals
from switch.messages.settlement import BatchTotals, Totals, UploadedRecord
from switch.values import Pan

SIDES = st.builds(Totals, *(st.integers(0, most) for most in (10**12 - 1, 999, 10**12 - 1, 999)))
RECORDS = st.builds(
    UploadedRecord,
    st.booleans(),
    st.integers(0, 999_999).map("{:06d}".format),
    st.none() | st.integers(10**7, 10**19 - 1).map(lambda digits: Pan(str(digits))),
    st.integers(0, 10**12 - 1),
)

A_RECORD = re.compile("0[01][0-9]{6}(0{20}|(?!0{13})0[0-9]{19})[0-9]{12}")  # a card number has 8 to 19 digits


def are_records(text: str) -> bool:
    records = [text[at : at + 40] for at in range(2, len(text), 40)]
    return 1 <= len(records) <= 8 and text[:2] == f"{len(records):02d}" and all(map(A_RECORD.fullmatch, records))


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """Totals, records and counts as they are written, most of them with one character changed, lost or added."""
    sides = st.builds(written_totals, st.builds(BatchTotals, SIDES, SIDES))
    lists = st.lists(RECORDS, min_size=1, max_size=9).map(lambda records: written_records(tuple(records)))
    text = draw(sides | lists | st.integers(0, 9_999).map("{:04d}".format))
    at, other = draw(st.integers(0, len(text))), draw(st.sampled_from(["", "0", "1", "9", "x", "\u0661", "\xb2"]))
    return text[:at] + other + text[at + draw(st.integers(0, 1)) :]


SPOILT = spoilt() | st.text(max_size=400)


def test_totals_are_by_side_debits_before_credits() -> None:
    text = "0000000421500160000000145000040" + "0" * 31

    assert read_totals(text) == BatchTotals(Totals(42_150, 16, 14_500, 4), Totals())


def test_results_stand_at_the_end_of_each_side() -> None:
    text = written_totals(BatchTotals(Totals(100, 1), Totals(200, 2)), "12")

    assert (text[30], text[61], len(text)) == ("1", "2", 62)


@given(st.builds(BatchTotals, SIDES, SIDES))
def test_totals_are_read_as_they_are_written(totals: BatchTotals) -> None:
    assert read_totals(written_totals(totals)) == totals


@given(st.lists(RECORDS, min_size=1, max_size=8).map(tuple))
def test_records_are_read_as_they_are_written(records: tuple[UploadedRecord, ...]) -> None:
    assert read_records(written_records(records)) == records


@pytest.mark.parametrize("text", ["", "0" * 61, "0" * 63, "x" * 62, "\u0661" * 62])
def test_what_are_no_totals(text: str) -> None:
    assert read_totals(text) is None


@pytest.mark.parametrize(
    "text",
    ["", "00", "01", "01" + "0" * 39, "02" + "0" * 40, "09" + "0" * 360, "01" + "02" + "0" * 38, "01" + "x" * 40],
)
def test_what_are_no_records(text: str) -> None:
    assert read_records(text) is None


def test_the_number_of_all_records() -> None:
    assert [read_count(text) for text in ("0012", "", "12", "00x2")] == [12, None, None, None]


@given(SPOILT)
def test_what_is_read_of_any_text_is_what_it_says_to_the_last_digit(text: str) -> None:
    """Whatever has the form is read and written back the same; of all else nothing is read."""
    totals, records, count = read_totals(text), read_records(text), read_count(text)

    assert (totals is not None) == bool(re.fullmatch("[0-9]{62}", text))
    assert totals is None or written_totals(totals, text[30] + text[61]) == text
    assert (records is not None) == are_records(text)
    assert records is None or written_records(records) == text
    assert (count is not None) == bool(re.fullmatch("[0-9]{4}", text))
    assert count is None or f"{count:04d}" == text
