"""Two writers on one PostgreSQL database, each in its own thread: whoever comes first, there is one effect."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa

from switch.ledger import schema
from switch.ledger.database import Database
from switch.ledger.pay_codes import NEVER, keep_code
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Extras, OriginalReference, Request
from switch.messages.references import approval_code_of
from switch.messages.verdicts import Finding, Verdicts
from switch.values import Secret
from tests.ledger.sample_books import VAULT
from tests.ledger.shop import TODAY, purchase, refund
from tests.simulation import town
from tests.simulation.town import FIRST_ID, ID_STRIDE, RICH

ROUNDS = 20
PATIENCE_S = 60.0
APPROVED, NOT_FOUND = Action.APPROVED, Action.ORIGINAL_NOT_FOUND

_Groups = Sequence[Sequence[Request]]
Grouping = Callable[[Sequence[Request]], _Groups]


class Town:
    """Books that several stores write to, under ids from one row of numbers."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._numbers = town.ids()

    def send(self, *requests: Request) -> list[Action]:
        """Settle one group."""
        with closing(town.store(self.database, town.Clock(), self._numbers)) as store:
            return [outcome.reply.action for outcome in store.run(requests).outcomes if outcome.reply is not None]

    def race(self, *sides: _Groups) -> list[list[Action]]:
        """Settle each side's groups in order, all sides at once; return each side's answers."""
        answers: list[list[Action]] = [[] for _ in sides]
        ready = threading.Barrier(len(sides))

        def run(place: int) -> None:
            with closing(town.store(self.database, town.Clock(), self._numbers)) as store:
                store.run([])  # connects
                for group in sides[place]:
                    ready.wait(timeout=PATIENCE_S)
                    outcomes = store.run(group).outcomes
                    answers[place] += [outcome.reply.action for outcome in outcomes if outcome.reply is not None]

        threads = [threading.Thread(target=run, args=(place,), daemon=True) for place in range(len(sides))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=PATIENCE_S)
        return answers

    def of_rich(self) -> tuple[int, int]:
        """Ledger and held amount."""
        return town.standing(self.database).cards[RICH.reveal()][:2]

    def states(self, *kinds: Kind) -> Counter[str]:
        with self.database.reading() as connection:
            payment, journal = schema.payment.c, schema.journal.c
            chosen = sa.select(payment.state).where(payment.payment_id == journal.journal_id, journal.kind.in_(kinds))
            return Counter(connection.scalars(chosen))


@pytest.fixture
def shared(shared_books: Database) -> Iterator[Town]:
    """A town; at the end of each test its books are sound."""
    made = Town(shared_books)
    yield made
    assert town.broken(shared_books) == {}


def about(kind: Kind, stan: int, amount: int, of: int, mti: str = "0200", **changes: Any) -> Request:
    """A request about the one with the STAN ``of``, the ``of``-th that was sent."""
    original = OriginalReference("", f"{of:06d}", TODAY, "", "")
    code = approval_code_of(FIRST_ID + (of - 1) * ID_STRIDE)
    request = purchase(stan, amount, RICH, kind=kind, mti=mti, original=original)
    if kind in (Kind.COMPLETION, Kind.AUTHORISATION_VOID, Kind.INCREMENT):
        request = request._replace(approval_code=code)
    return request._replace(**changes)


def one_each(requests: Sequence[Request]) -> _Groups:
    return [[request] for request in requests]


def in_fives(requests: Sequence[Request]) -> _Groups:
    return [requests[start : start + 5] for start in range(0, len(requests), 5)]


def in_fives_backwards(requests: Sequence[Request]) -> _Groups:
    """The same groups, each from its end: two of them want the same rows in opposite orders."""
    return [list(reversed(group)) for group in in_fives(requests)]


groupings = pytest.mark.parametrize(
    ("first", "second"), [(one_each, one_each), (in_fives, in_fives_backwards)], ids=["one each", "crossing groups"]
)


def paired(first: _Groups, second: _Groups, answers: list[list[Action]]) -> list[tuple[Action, Action]]:
    """The two answers about each original, whatever the order in which they were asked."""
    by_original = [
        dict(zip([each.original.stan for group in side for each in group if each.original], said, strict=True))
        for side, said in zip((first, second), answers, strict=True)
    ]
    return [(by_original[0][stan], by_original[1][stan]) for stan in sorted(by_original[0])]


@groupings
def test_of_two_completions_one_captures(shared: Town, first: Grouping, second: Grouping) -> None:
    shared.send(*(purchase(n, 100, kind=Kind.AUTHORISATION, mti="0100") for n in range(1, ROUNDS + 1)))
    one = first([about(Kind.COMPLETION, 100 + n, 100, n) for n in range(1, ROUNDS + 1)])
    other = second([about(Kind.COMPLETION, 200 + n, 90, n, terminal_id="T2") for n in range(1, ROUNDS + 1)])

    pairs = paired(one, other, shared.race(one, other))

    assert [set(pair) for pair in pairs] == [{APPROVED, NOT_FOUND}] * ROUNDS
    taken = sum(100 if pair[0] is APPROVED else 90 for pair in pairs)
    assert shared.of_rich() == (100_000 - taken, 0)
    assert shared.states(Kind.AUTHORISATION) == {"captured": ROUNDS}


@groupings
def test_a_completion_and_a_cancel_do_not_both_have_the_hold(shared: Town, first: Grouping, second: Grouping) -> None:
    shared.send(*(purchase(n, 100, kind=Kind.AUTHORISATION, mti="0100") for n in range(1, ROUNDS + 1)))
    one = first([about(Kind.COMPLETION, 100 + n, 100, n) for n in range(1, ROUNDS + 1)])
    other = second(
        [about(Kind.AUTHORISATION_VOID, 200 + n, 100, n, "0100", terminal_id="T2") for n in range(1, ROUNDS + 1)]
    )

    pairs = paired(one, other, shared.race(one, other))

    assert [set(pair) for pair in pairs] == [{APPROVED, NOT_FOUND}] * ROUNDS
    completed = sum(pair[0] is APPROVED for pair in pairs)
    assert shared.of_rich() == (100_000 - 100 * completed, 0)


@groupings
def test_a_void_and_a_reversal_give_a_sale_back_once(shared: Town, first: Grouping, second: Grouping) -> None:
    shared.send(*(purchase(n, 100) for n in range(1, ROUNDS + 1)))
    one = first([about(Kind.VOID, 100 + n, 100, n) for n in range(1, ROUNDS + 1)])
    other = second([about(Kind.REVERSAL, 200 + n, 100, n, "0400") for n in range(1, ROUNDS + 1)])

    pairs = paired(one, other, shared.race(one, other))

    assert all(voided in (APPROVED, NOT_FOUND) and undone is APPROVED for voided, undone in pairs)
    assert shared.states(Kind.PURCHASE) == Counter(reversed=ROUNDS)
    assert shared.of_rich() == (100_000, 0)


@groupings
def test_two_refunds_do_not_give_back_more_than_the_sale(shared: Town, first: Grouping, second: Grouping) -> None:
    shared.send(*(purchase(n, 100) for n in range(1, ROUNDS + 1)))
    one = first([refund(100 + n, 60, of=n) for n in range(1, ROUNDS + 1)])
    rest = [about(Kind.REFUND, 200 + n, 60, n, terminal_id="T1") for n in range(1, ROUNDS + 1)]
    other = second(rest)

    pairs = paired(one, other, shared.race(one, other))

    assert [set(pair) for pair in pairs] == [{APPROVED, Action.EXCEEDS_ORIGINAL}] * ROUNDS
    assert shared.of_rich() == (100_000 - 40 * ROUNDS, 0)


def test_a_request_and_its_own_reversal_never_both_have_an_effect(shared: Town) -> None:
    sales = [purchase(n, 100) for n in range(1, ROUNDS + 1)]
    undone = [about(Kind.REVERSAL, 200 + n, 100, n, "0400") for n in range(1, ROUNDS + 1)]

    sold, said = shared.race(one_each(sales), one_each(undone))

    assert set(sold) <= {APPROVED, Action.ALREADY_REVERSED}
    assert said == [APPROVED] * ROUNDS
    assert shared.of_rich() == (100_000, 0)


def test_a_repeat_that_overtakes_its_first_finds_one_sale(shared: Town) -> None:
    sales = [purchase(n, 100) for n in range(1, ROUNDS + 1)]
    again = [each._replace(mti="0201") for each in sales]

    answers = shared.race(one_each(sales), one_each(again))

    assert answers == [[APPROVED] * ROUNDS] * 2
    assert shared.of_rich() == (100_000 - 100 * ROUNDS, 0)


@pytest.mark.parametrize("grouped", [one_each, in_fives], ids=["one each", "groups"])
def test_wrong_pins_at_two_terminals_are_all_counted(shared: Town, grouped: Grouping) -> None:
    wrong = Verdicts(pin=Finding.WRONG)
    sides = [
        grouped([purchase(n, 100, terminal_id=terminal, verdicts=wrong) for n in range(1, 11)])
        for terminal in ("T1", "T2")
    ]

    answers = shared.race(*sides)

    said = Counter(answer for side in answers for answer in side)
    assert said == {Action.PIN_WRONG: 3, Action.PIN_TRIES_EXCEEDED: 17}
    with shared.database.reading() as connection:
        assert connection.scalars(sa.select(schema.card_security.c.pin_tries)).all() == [3]


def test_a_pay_code_shown_twice_at_once_pays_once(shared: Town) -> None:
    codes = [f"62{n:017d}" for n in range(100, 100 + ROUNDS)]
    with shared.database.writing() as connection:
        for code in codes:
            keep_code(connection, VAULT.code_key(code), VAULT.pan_key(RICH), NEVER)
    one, other = (
        [
            purchase(n, 100, None, kind=Kind.CODE_PURCHASE, terminal_id=terminal, extras=Extras(pay_code=Secret(code)))
            for n, code in enumerate(codes, start=1)
        ]
        for terminal in ("T1", "T2")
    )

    answers = shared.race(one_each(one), one_each(other))

    assert [set(pair) for pair in zip(*answers, strict=True)] == [{APPROVED, Action.PAY_CODE_INVALID}] * ROUNDS
    assert shared.of_rich() == (100_000 - 100 * ROUNDS, 0)
