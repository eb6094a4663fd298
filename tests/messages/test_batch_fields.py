"""Totals and records of a batch, read as terminals write them."""

from __future__ import annotations

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


@given(st.text(max_size=400))
def test_no_text_breaks_the_readers(text: str) -> None:
    read_totals(text)
    read_records(text)
    read_count(text)
