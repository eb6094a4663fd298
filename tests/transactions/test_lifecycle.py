"""Whatever comes in whatever order, money is given back at most once, and holds and counters follow the payments."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switch.decisions import CountSpend, Decision, OpenHold, PaymentState, Transfer
from switch.messages.kinds import Kind
from switch.transactions.lifecycle import STEPS
from switch.transactions.table import ROWS, TABLE
from tests.transactions.pocket_books import CARD, PocketBooks, is_approved

NEW = (Kind.PURCHASE, Kind.AUTHORISATION, Kind.CODE_PURCHASE, Kind.OFFLINE_SALE, Kind.TRANSFER, Kind.LOAD)
LATER = tuple(row.kind for row in ROWS if row.original and row.kind not in (Kind.CODE_QUERY, Kind.SIGNATURE_UPLOAD))
FITTING = {
    kind: tuple(comes for step in STEPS if kind in step.originals for comes in step.comes) for kind in (*NEW, *LATER)
}


def play(books: PocketBooks, random: Random) -> Decision:
    """Something comes: new, or about one of the latest payments, and then mostly what can come about such a one."""
    books.sleep(random.choices([0, 1, 31], [40, 2, 1])[0])
    payments = list(books.payments.values())[-4:]
    if not payments or random.random() < 0.25:
        return books.ask(random.choice((*NEW, *[Kind.AUTHORISATION] * 4)), random.choice([100, 300, 1000]))
    original = random.choice(payments)
    kind = random.choice(FITTING[original.kind] or LATER) if random.random() < 0.9 else random.choice(LATER)
    amount = random.choice([50, 100, 300, 1000])
    if kind not in (Kind.REFUND, Kind.INCREMENT, Kind.ADJUSTMENT, Kind.TIP) and random.random() < 0.8:
        amount = original.amount_minor if kind is Kind.REVERSAL else original.current_minor or amount
    part = random.choice([None, None, None, 0, 50, 200]) if kind is Kind.REVERSAL else None
    return books.ask(kind, amount, original.payment_id, new_amount_minor=part)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), start=st.sampled_from([1500, 5000]))
def test_the_books_follow_the_payments(seed: int, start: int) -> None:
    books, random = PocketBooks(start), Random(seed)

    for _ in range(30):
        available = books.available
        decision = play(books, random)
        books.check()
        if books.available < min(available, 0):
            moves = [effect for effect in decision.effects if isinstance(effect, Transfer | OpenHold)]
            assert any(effect.forced for effect in moves), "nothing goes below the floor but what is forced"


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_request_moves_more_than_once_what_it_is_about(seed: int) -> None:
    books, random = PocketBooks(5000), Random(seed)
    for _ in range(20):
        play(books, random)

    for payment_id in list(books.payments):
        payment = books.payments[payment_id]
        books.ask(Kind.REVERSAL, payment.amount_minor, payment_id)
        again = books.ask(Kind.REVERSAL, payment.amount_minor, payment_id)
        assert not any(isinstance(effect, Transfer | OpenHold | CountSpend) for effect in again.effects)


# fmt: off
CHAINS: list[tuple[Kind, tuple[Kind, ...]]] = [
    # new                what comes about the one before, each of which a reversal undoes
    (Kind.PURCHASE,      (Kind.VOID,)),
    (Kind.CODE_PURCHASE, (Kind.CODE_CANCEL,)),
    (Kind.LOAD,          (Kind.LOAD_VOID,)),
    (Kind.TRANSFER,      ()),
    (Kind.OFFLINE_SALE,  (Kind.REFUND,)),
    (Kind.AUTHORISATION, (Kind.AUTHORISATION_VOID,)),
    (Kind.AUTHORISATION, (Kind.INCREMENT,)),
    (Kind.AUTHORISATION, (Kind.COMPLETION, Kind.COMPLETION_VOID)),
    (Kind.AUTHORISATION, (Kind.COMPLETION_ADVICE, Kind.REFUND)),
]
# fmt: on


@pytest.mark.parametrize(("new", "later"), CHAINS, ids=str)
def test_reversals_undo_a_chain_level_by_level(new: Kind, later: tuple[Kind, ...]) -> None:
    books = PocketBooks(5000)
    pictures = []
    for kind in (new, *later):
        pictures.append((books.ledger[CARD], books.held, books.spent.get(books.day, (0, 0))))
        last = max(books.payments, default=None)
        assert is_approved(books.ask(kind, 1000, last))

    for payment_id in sorted(books.payments, reverse=True):
        assert is_approved(books.ask(Kind.REVERSAL, 1000, payment_id))
        books.check()
        assert (books.ledger[CARD], books.held, books.spent.get(books.day, (0, 0))) == pictures.pop()


def test_what_is_reinstated_is_stored_although_the_money_is_spent() -> None:
    books = PocketBooks(1000)
    books.ask(Kind.PURCHASE, 1000)
    books.ask(Kind.VOID, 1000, 1)
    books.ask(Kind.PURCHASE, 900)

    decision = books.ask(Kind.REVERSAL, 1000, 2)

    assert is_approved(decision)
    assert books.available == -900
    assert books.payments[1].state is PaymentState.POSTED


def test_a_completion_is_taken_once_though_its_cancel_is_undone_late() -> None:
    books = PocketBooks(5000)
    books.ask(Kind.AUTHORISATION, 1000)
    books.ask(Kind.COMPLETION, 800, 1)
    books.ask(Kind.COMPLETION_VOID, 800, 2)
    books.ask(Kind.COMPLETION, 1000, 1)

    late = books.ask(Kind.REVERSAL, 800, 3)

    assert is_approved(late)
    assert late.effects == ()
    assert books.ledger[CARD] == 4000


# --- the tables --------------------------------------------------------------------------------------------


def test_no_two_steps_are_for_the_same_thing() -> None:
    keys = Counter(
        (kind, step.are, comes, step.theirs) for step in STEPS for kind in step.originals for comes in step.comes
    )

    assert [key for key, times in keys.items() if times > 1] == []


def test_the_transaction_table_names_what_undoes_each_kind() -> None:
    undoing = {
        (kind, comes)
        for step in STEPS
        if step.become in (PaymentState.VOIDED, PaymentState.REVERSED)
        for kind in step.originals
        for comes in step.comes
    }

    named = {(row.kind, row.undone_by) for row in ROWS if row.undone_by is not None}

    assert undoing == named | {(kind, Kind.REVERSAL) for kind, _ in named}


def test_what_comes_later_wants_its_original_and_nothing_else_does() -> None:
    about = {comes for step in STEPS for comes in step.comes}
    told = {Kind.CODE_QUERY, Kind.SIGNATURE_UPLOAD, Kind.SCRIPT_RESULT}

    assert {row.kind for row in ROWS if row.original} == about | told


@pytest.mark.parametrize("kind", [row.kind for row in ROWS if not row.refusable], ids=str)
def test_what_has_happened_is_refused_for_no_limit_and_no_funds(kind: Kind) -> None:
    rungs = {rule.name for rule in TABLE[kind].ladder}

    assert rungs.isdisjoint(
        {"funds", "single_limit", "daily_amount", "card_status", "card_expiry", "merchant_active", "pin"}
    )


@pytest.mark.parametrize("kind", [row.kind for row in ROWS if row.undone_by is not None], ids=str)
def test_what_a_reversal_undoes_is_refused_where_the_reversal_came_first(kind: Kind) -> None:
    assert "not_reversed_before" in {rule.name for rule in TABLE[kind].ladder}
