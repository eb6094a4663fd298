"""Uploaded records against the books: whatever differs is named once, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.decisions.closing import Booked, Difference, Uploaded
from switch.settlement.comparing import compared

CARD, OTHER = b"card", b"other"


def booked(
    stan: int, amount: int = 1_000, kind: str = "purchase", state: str = "posted", of: int | None = None
) -> Booked:
    return Booked(stan, kind, of, f"{stan:06d}", state, amount, CARD, "620000******0047")


def uploaded(stan: int, amount: int = 1_000, pan_key: bytes | None = CARD) -> Uploaded:
    return Uploaded(f"{stan:06d}", amount, pan_key, "411111******1111" if pan_key else "")


def test_what_both_have_is_not_named() -> None:
    assert compared([booked(1), booked(2, kind="refund")], [uploaded(2), uploaded(1)]) == []


@pytest.mark.parametrize("kind", ["purchase", "code_purchase", "offline_sale", "completion", "refund"])
def test_an_approval_that_the_terminal_does_not_know_is_missing(kind: str) -> None:
    assert compared([booked(1, kind=kind)], []) == [
        Difference("000001", "missing", 1, 1_000, None, CARD, "620000******0047")
    ]


@pytest.mark.parametrize("kind", ["load", "transfer", "authorisation", "void", "increment", "activation"])
def test_what_is_no_part_of_a_batch_is_not_missed(kind: str) -> None:
    assert compared([booked(1, kind=kind)], []) == []


@pytest.mark.parametrize("state", ["voided", "reversed"])
def test_what_does_not_stand_is_not_missed(state: str) -> None:
    assert compared([booked(1, state=state)], []) == []


def test_a_record_that_the_books_do_not_have_is_extra() -> None:
    assert compared([], [uploaded(1)]) == [Difference("000001", "extra", None, None, 1_000, CARD, "411111******1111")]


def test_a_record_of_what_was_reversed_is_extra() -> None:
    assert compared([booked(1, state="reversed")], [uploaded(1)]) == [
        Difference("000001", "extra", 1, 0, 1_000, CARD, "411111******1111")
    ]


def test_a_void_and_its_sale_may_be_uploaded() -> None:
    books = [booked(1, 900, state="voided"), booked(2, 1_000, kind="void", of=1)]

    assert compared(books, [uploaded(1), uploaded(2)]) == []


def test_another_amount_or_card_is_different() -> None:
    assert [each[:5] for each in compared([booked(1), booked(2)], [uploaded(1, 999), uploaded(2, pan_key=OTHER)])] == [
        ("000001", "different", 1, 1_000, 999),
        ("000002", "different", 2, 1_000, 1_000),
    ]


def test_a_record_without_a_card_is_held_against_the_amount_alone() -> None:
    assert compared([booked(1)], [uploaded(1, pan_key=None)]) == []
    assert compared([booked(1)], [uploaded(1, 5, pan_key=None)]) == [
        Difference("000001", "different", 1, 1_000, 5, CARD, "620000******0047")
    ]


def test_of_two_under_one_stan_the_one_that_stands_is_meant() -> None:
    assert compared([booked(1), booked(1, state="reversed")], [uploaded(1)]) == []


@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)))
def test_each_difference_is_named_once(ours: set[int], theirs: set[int]) -> None:
    found = compared([booked(stan) for stan in ours], [uploaded(stan) for stan in theirs])

    assert {each.stan for each in found if each.what == "missing"} == {f"{stan:06d}" for stan in ours - theirs}
    assert {each.stan for each in found if each.what == "extra"} == {f"{stan:06d}" for stan in theirs - ours}
    assert len(found) == len(ours ^ theirs)
