"""Whatever terminals send, in whatever order and groups: answers, books and audit are what the rules say."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switch.ledger.database import Database
from tests.ledger.sample_books import everything
from tests.simulation import town
from tests.simulation.play import copy_of, play
from tests.simulation.traffic import ALL, AUTHORISING, PREPAYING, SELLING, TWISTS, Operation, messages_of

ONE_BY_ONE = (1,)
FAMILIES = {"all kinds": ALL, "authorisations": AUTHORISING, "sales": SELLING, "prepaid cards": PREPAYING}
UNTWISTED = (0,) * 5
OFTEN_THE_FIRST_CARD = (0, 0, 1, 2, 3)

families = pytest.mark.parametrize("names", FAMILIES.values(), ids=FAMILIES)


def operations(names: Sequence[str]) -> st.SearchStrategy[list[Operation]]:
    """Lists of operations; the shortest failure has ``nothing`` in most places."""
    one = st.builds(
        Operation,
        st.sampled_from(("nothing", *names)),
        st.integers(0, 3),
        st.integers(0, 5),
        st.sampled_from(OFTEN_THE_FIRST_CARD),
        st.integers(0, 1),
        st.sampled_from((*UNTWISTED, *range(5, TWISTS))),
    )
    return st.lists(one, min_size=20, max_size=36)


def made_up(names: Sequence[str], number: int, seed: int) -> list[Operation]:
    """The same from a seed, for a long day."""
    chance = random.Random(seed)
    return [
        Operation(
            chance.choice(names),
            chance.randrange(4),
            chance.randrange(6),
            chance.choice(OFTEN_THE_FIRST_CARD),
            chance.randrange(2),
            chance.choice((*UNTWISTED, *range(5, TWISTS))),
        )
        for _ in range(number)
    ]


@families
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), sizes=st.lists(st.integers(1, 8), min_size=1, max_size=5))
def test_any_life_of_payments_is_the_one_that_the_rules_tell_however_its_messages_are_grouped(
    town_template: Path, names: Sequence[str], data: st.DataObject, sizes: list[int]
) -> None:
    messages = messages_of(data.draw(operations(names)))

    with copy_of(town_template) as grouped, copy_of(town_template) as single:
        play(grouped, messages, sizes)
        play(single, messages, ONE_BY_ONE)

        assert everything(grouped) == everything(single)
        assert town.broken(grouped) == {}


@families
@pytest.mark.parametrize("seed", range(12))
def test_a_made_up_life_of_payments_is_the_one_that_the_rules_tell(
    town_template: Path, names: Sequence[str], seed: int
) -> None:
    with copy_of(town_template) as opened:
        play(opened, messages_of(made_up(names, 60, seed)), (2, 1, 5, 3))

        assert town.broken(opened) == {}


@families
def test_a_long_life_of_payments_on_postgresql_is_the_one_that_the_rules_tell(
    shared_books: Database, names: Sequence[str]
) -> None:
    messages = messages_of(made_up(names, 300, seed=8583))

    play(shared_books, messages, (3, 1, 7, 2, 12))

    assert town.broken(shared_books) == {}
