"""What a settlement answers and freezes, and what an upload may do."""

from __future__ import annotations

from typing import Any

import pytest

from switch.decisions import (
    Batch,
    BatchState,
    CloseBatch,
    Decision,
    Effect,
    FreezeBatch,
    KeepRecords,
    OpenBatch,
    Transfer,
)
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Extras
from switch.messages.settlement import BatchTotals, Totals, UploadedRecord
from switch.rules.rule import Policy
from switch.transactions.decide import decide
from tests.builders import a_request, a_terminal, some_facts

OURS = BatchTotals(Totals(1_000, 2, 300, 1), Totals(500, 1))
OTHERS = BatchTotals(Totals(1_100, 2, 300, 1), Totals(500, 1))
NUMBER = "000007"
RECORD = UploadedRecord(True, "000042", None, 500)
BATCHES = Policy(has_batches=True)


def a_batch(state: BatchState = BatchState.OPEN) -> Batch:
    return Batch(NUMBER, state, OURS)


def decided(kind: Kind, batch: Batch | None, **extras: Any) -> Decision:
    request = a_request(kind=kind, pan=None, amount_minor=None, batch=NUMBER, extras=Extras(**extras))
    return decide(request, some_facts(card=None, account=None, batch=batch), BATCHES)


def changes(decision: Decision) -> list[Effect]:
    return [effect for effect in decision.effects if isinstance(effect, FreezeBatch | KeepRecords | CloseBatch)]


def settled(theirs: BatchTotals, batch: Batch | None = None) -> Decision:
    return decided(Kind.SETTLEMENT, batch or a_batch(), totals=theirs)


def test_equal_totals_close_the_batch() -> None:
    decision = settled(OURS)

    assert (decision.reply.action, decision.reply.results, decision.reply.totals) == (Action.APPROVED, "11", OURS)
    assert changes(decision) == [FreezeBatch(NUMBER, OURS, OURS, BatchState.CLOSED)]


def test_one_side_that_differs_leaves_the_batch_to_be_uploaded() -> None:
    decision = settled(OTHERS)

    assert (decision.reply.action, decision.reply.results, decision.reply.totals) == (Action.APPROVED, "21", OURS)
    assert changes(decision) == [FreezeBatch(NUMBER, OURS, OTHERS, BatchState.UNBALANCED)]


@pytest.mark.parametrize("impossible", [Totals(1_000, 0), Totals(0, 2), Totals(1_000, 2, 0, 1)])
def test_totals_that_cannot_be_freeze_nothing(impossible: Totals) -> None:
    decision = settled(OURS._replace(domestic=impossible))

    assert (decision.reply.action, decision.reply.results) == (Action.APPROVED, "31")
    assert changes(decision) == []


def test_a_batch_that_is_nobodys_or_long_closed_is_not_settled() -> None:
    decision = decided(Kind.SETTLEMENT, None, totals=OURS)

    assert decision.reply.action is Action.BATCH_UNKNOWN
    assert changes(decision) == []


@pytest.mark.parametrize(("theirs", "results"), [(OURS, "11"), (OTHERS, "21")])
def test_a_closed_batch_is_answered_from_its_frozen_totals(theirs: BatchTotals, results: str) -> None:
    decision = settled(theirs, a_batch(BatchState.CLOSED))

    assert (decision.reply.results, changes(decision)) == (results, [])


def test_a_terminal_that_counts_again_and_rightly_closes_its_batch() -> None:
    assert changes(settled(OURS, a_batch(BatchState.UNBALANCED))) == [CloseBatch(NUMBER)]
    assert changes(settled(OTHERS, a_batch(BatchState.UNBALANCED))) == []


def test_records_are_kept_and_the_end_closes() -> None:
    batch = a_batch(BatchState.UNBALANCED)

    assert changes(decided(Kind.BATCH_UPLOAD, batch, records=(RECORD,))) == [KeepRecords(NUMBER, (RECORD,))]
    assert changes(decided(Kind.BATCH_END, batch)) == [CloseBatch(NUMBER)]
    assert changes(decided(Kind.BATCH_END, batch, record_count=7)) == [CloseBatch(NUMBER, 7)]


@pytest.mark.parametrize("kind", [Kind.BATCH_UPLOAD, Kind.BATCH_END])
def test_a_batch_that_balanced_is_heard_of_once_more_without_effect(kind: Kind) -> None:
    decision = decided(kind, a_batch(BatchState.CLOSED), records=(RECORD,))

    assert (decision.reply.action, changes(decision)) == (Action.APPROVED, [])


@pytest.mark.parametrize("batch", [None, a_batch()])
@pytest.mark.parametrize("kind", [Kind.BATCH_UPLOAD, Kind.BATCH_END])
def test_nothing_is_uploaded_without_a_settlement(kind: Kind, batch: Batch | None) -> None:
    decision = decided(kind, batch, records=(RECORD,))

    assert (decision.reply.action, changes(decision)) == (Action.BATCH_UNKNOWN, [])


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (BatchState.OPEN, Action.APPROVED),
        (BatchState.UNBALANCED, Action.BATCH_UNBALANCED),
        (BatchState.CLOSED, Action.BATCH_MISMATCH),
    ],
)
def test_new_payments_wait_for_an_open_batch(state: BatchState, action: Action) -> None:
    facts = some_facts(terminal=a_terminal(batch=NUMBER, batch_state=state, signed_on=True))

    assert decide(a_request(batch=NUMBER), facts, BATCHES).reply.action is action


@pytest.mark.parametrize(
    ("batch", "state", "next_one"),
    [
        ("000007", BatchState.CLOSED, "000008"),
        ("999999", BatchState.CLOSED, "000001"),
        ("000007", BatchState.OPEN, "000007"),
        ("000007", BatchState.UNBALANCED, "000007"),
    ],
)
def test_the_next_sign_on_opens_another_batch_where_the_last_is_closed(
    batch: str, state: BatchState, next_one: str
) -> None:
    facts = some_facts(terminal=a_terminal(batch=batch, batch_state=state), card=None, account=None)

    decision = decide(a_request(kind=Kind.SIGN_ON, pan=None, amount_minor=None), facts, BATCHES)

    assert decision.reply.batch == next_one
    assert [effect for effect in decision.effects if isinstance(effect, OpenBatch)] == (
        [OpenBatch(next_one)] if state is BatchState.CLOSED else []
    )


@pytest.mark.parametrize(("reason", "is_charge"), [("charge", True), ("return", False)])
def test_a_correction_moves_money_whatever_the_card_has_left(reason: str, is_charge: bool) -> None:  # noqa: FBT001
    facts = some_facts()
    assert facts.account is not None
    assert facts.merchant is not None
    sides = (facts.account.account_id, facts.merchant.account_id)

    decision = decide(a_request(kind=Kind.CORRECTION, mti="", stan="", reason=reason, amount_minor=10**9), facts)

    debit, credit = sides if is_charge else sides[::-1]
    assert [effect for effect in decision.effects if isinstance(effect, Transfer)] == [
        Transfer(debit, credit, 10**9, facts.account.currency, forced=True)
    ]
