from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.load.knee import CLOSE, STEPS_MAX, KneeSearch


def searched(host: float, first: float, highest: float) -> tuple[KneeSearch, list[tuple[float, bool]]]:
    """A search against a host that holds every rate up to ``host``, and its steps."""
    search, told = KneeSearch(first, highest), []
    for rate in search.rates():
        told.append((rate, rate <= host))
        search.tell(held=rate <= host)
    return search, told


@given(st.floats(2, 90_000), st.floats(1, 5_000))
def test_the_knee_of_a_host_is_found_from_below_and_from_above(host: float, first: float) -> None:
    search, told = searched(host, first, 100_000)

    assert host / (1 + CLOSE) <= search.knee <= host
    assert not search.is_open
    assert len(told) <= STEPS_MAX


@given(st.floats(2, 90_000), st.floats(1, 5_000))
def test_what_is_reported_is_the_highest_rate_that_was_measured_and_held(host: float, first: float) -> None:
    search, told = searched(host, first, 100_000)

    assert search.knee == max(rate for rate, held in told if held)
    assert all(rate > search.knee for rate, held in told if not held)


def test_a_host_that_holds_the_highest_rate_has_its_knee_elsewhere() -> None:
    search, told = searched(10_000, 100, 1000)

    assert search.knee == 1000
    assert search.is_open
    assert told[-1] == (1000, True)


def test_a_host_that_holds_nothing_has_no_knee_and_the_search_ends() -> None:
    search, told = searched(0, 100, 1000)

    assert search.knee == 0
    assert not search.is_open
    assert all(rate >= 1 for rate, _ in told)


def test_a_host_that_changes_its_mind_gets_an_answer_that_did_hold() -> None:
    search, held_next = KneeSearch(100, 10_000), False
    held = []
    for rate in search.rates():
        held_next = not held_next
        held += [rate] * held_next
        search.tell(held=held_next)

    assert search.knee == max(held)


@pytest.mark.parametrize(("first", "highest"), [(0, 100), (-1, 100), (200, 100)])
def test_rates_that_make_no_search_are_refused(first: float, highest: float) -> None:
    with pytest.raises(ValueError, match="the first rate"):
        KneeSearch(first, highest)


def test_a_rate_that_nobody_measured_is_not_followed_by_another() -> None:
    rates = KneeSearch(100, 1000).rates()
    next(rates)

    with pytest.raises(ValueError, match="not told about"):
        list(rates)


def test_a_search_ends_as_soon_as_it_is_close_enough() -> None:
    search = KneeSearch(100, 100_000)
    rates = []
    for rate in search.rates():
        rates.append(rate)
        search.tell(held=rate <= 1_000)

    assert rates[:5] == [100, 200, 400, 800, 1_600]
    assert min(rate for rate in rates if rate > 1_000) <= search.knee * 1.05
    assert len(rates) == 9
