"""Batches: of the right number, and not full."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switch.decisions import Refusal, Spent
from switch.messages.actions import Action
from switch.rules.parties import batch_has_room, batch_is_the_terminals
from switch.rules.rule import NOT_ASKED, Policy
from tests.builders import a_request, a_terminal, some_facts

BATCHES = Policy(has_batches=True)
FACTS = some_facts(terminal=a_terminal(batch="000007", signed_on=True))


@pytest.mark.parametrize("batch", ["000007", "000000", ""])
def test_the_open_batch_or_none_is_right(batch: str) -> None:
    assert batch_is_the_terminals(a_request(batch=batch), FACTS, BATCHES) == (batch, "000007", None)


def test_another_batch_is_refused_by_name() -> None:
    _, _, refusal = batch_is_the_terminals(a_request(batch="000006"), FACTS, BATCHES)

    assert refusal == Refusal(Action.BATCH_MISMATCH, "the terminal's open batch is 000007, not 000006")


def test_where_a_dialect_has_no_batches_none_is_asked_for() -> None:
    request = a_request(batch="000006")

    assert batch_is_the_terminals(request, FACTS, Policy()) is NOT_ASKED
    assert batch_has_room(request, FACTS, Policy()) is NOT_ASKED
    assert batch_has_room(a_request(batch=""), FACTS, BATCHES) is NOT_ASKED


@pytest.mark.parametrize("batch", ["000007", "000000"])
def test_a_batch_takes_999_requests(batch: str) -> None:
    def refusal_after(count: int) -> Refusal | None:
        facts = replace(FACTS, spending={("batch:TERM0001/000007", 0): Spent(0, count)})
        return batch_has_room(a_request(batch=batch), facts, BATCHES)[2]

    assert refusal_after(0) is None
    assert refusal_after(998) is None
    assert refusal_after(999) == Refusal(Action.BATCH_FULL, "the batch has 999 requests: settle it first")


def test_a_batch_nobody_counted_yet_has_room() -> None:
    assert batch_has_room(a_request(batch="000007"), FACTS, BATCHES) == (0, 999, None)


def test_a_terminal_that_has_not_signed_on_numbers_its_batches_itself() -> None:
    facts = some_facts(terminal=a_terminal(batch="000007", signed_on=False))

    assert batch_is_the_terminals(a_request(batch="000006"), facts, BATCHES) is NOT_ASKED
