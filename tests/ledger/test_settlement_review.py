"""Sequences around a settlement that a second look tried: what was settled by hand, voided late, told afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
import trio

from switch.chores import Chores
from switch.config import ChoreSettings
from switch.decisions import Outcome
from switch.decisions.closing import Right
from switch.ledger import schema
from switch.ledger.audit_days import BATCHES
from switch.ledger.audit_life import LIFE
from switch.ledger.batches_compared import compare_batches
from switch.ledger.corrections import Desk, settle_adjustment, settle_discrepancy
from switch.ledger.database import open_database
from switch.ledger.days import cut_over
from switch.ledger.group import Rules
from switch.ledger.ids import JournalIds
from switch.ledger.sessions import connector
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Extras, Request
from switch.messages.settlement import BatchTotals, Totals, UploadedRecord
from switch.rules.rule import Policy
from switch.settlement.comparing import compared
from switch.telemetry import EventLog, configure_logging
from switch.transactions.decide import decide
from switch.transactions.table import NEEDS
from tests.ledger.closed_days import MAKER, offenders, second_merchant
from tests.ledger.sample_books import RICH, VAULT, SampleBooks, about, fill, send
from tests.ledger.shop import NOON, TODAY, Shop, business_day, purchase, refund, reversal

_T = TypeVar("_T")

BATCH, NEXT, UNKNOWN = "000001", "000002", "000000"
DAY_US = 24 * 3_600_000_000
WRONG = BatchTotals(foreign=Totals(1, 1))
_ids = count(2_000_000)


def sale(stan: int, amount: int = 1_000, **others: Any) -> Request:
    return purchase(stan, amount, RICH, **{"batch": BATCH, **others})


def settlement(stan: int, totals: BatchTotals, batch: str = BATCH) -> Request:
    extras = Extras(totals=totals)
    return purchase(stan, None, None, kind=Kind.SETTLEMENT, mti="0500", batch=batch, extras=extras)


def end(stan: int, batch: str = BATCH) -> Request:
    return purchase(stan, None, None, kind=Kind.BATCH_END, mti="0320", batch=batch)


def sign_on(stan: int) -> Request:
    return purchase(stan, None, None, kind=Kind.SIGN_ON, mti="0800")


def action(outcome: Outcome) -> Action | None:
    return None if outcome.reply is None else outcome.reply.action


# --- what an operator has put right already -----------------------------------------------------------------


@pytest.fixture
def books(sqlite_database: str, tmp_path: Path) -> Iterator[SampleBooks]:
    """Books with a sale, STAN 901, that its terminal does not have: its batch is uploaded without it, and closed."""
    with closing(open_database(sqlite_database)) as opened:
        filled = fill(opened, tmp_path)
        tell(filled, sale(901), settlement(902, WRONG), end(903))
        compare_batches(opened, compared, lambda: next(_ids))
        yield filled


def tell(books: SampleBooks, *requests: Request) -> list[Action | None]:
    return [action(outcome) for outcome in send(books.database, *requests, first_id=next(_ids), step=1_000_000)]


def desk(books: SampleBooks, now: int = NOON) -> Desk:
    rules = Rules(decide, NEEDS, business_day)
    return Desk(connector(books.database), rules, VAULT, lambda: now, lambda: next(_ids))


def missing(books: SampleBooks) -> int:
    ((number,),) = books.rows("SELECT id FROM discrepancy WHERE stan = '000901'")
    return int(number)


def balance(books: SampleBooks) -> int:
    query = sa.text("SELECT b.ledger_minor FROM balance AS b JOIN card AS c USING (account_id) WHERE c.pan_key = :key")
    with books.database.reading() as connection:
        return int(connection.execute(query, {"key": VAULT.pan_key(RICH)}).scalar_one())


def test_a_sale_that_was_given_back_by_hand_is_not_refunded_again(books: SampleBooks) -> None:
    before = balance(books)
    settle_discrepancy(desk(books), missing(books), Right.TERMINAL)

    tell(books, refund(904, 1_000, RICH, of=901, batch=NEXT))

    assert balance(books) - before == 1_000


def test_a_reversal_of_what_was_given_back_by_hand_gives_nothing_back_again(books: SampleBooks) -> None:
    """The terminal that does not have the sale is the one that has a reversal of it waiting to be sent."""
    before = balance(books)
    settle_discrepancy(desk(books), missing(books), Right.TERMINAL)

    tell(books, reversal(901, 1_000, RICH, batch=BATCH))

    assert balance(books) - before == 1_000


def test_what_was_reversed_since_it_was_compared_is_not_given_back_by_hand(books: SampleBooks) -> None:
    before = balance(books)
    tell(books, reversal(901, 1_000, RICH, batch=BATCH))

    settle_discrepancy(desk(books), missing(books), Right.TERMINAL)

    assert balance(books) - before == 1_000


def test_a_sale_whose_late_reversal_was_wrong_can_be_refunded(books: SampleBooks) -> None:
    books.damage("UPDATE journal SET business_day = 20260303 WHERE stan = '000901'")
    tell(books, reversal(901, 1_000, RICH, batch=BATCH))
    ((waiting,),) = books.rows("SELECT journal_id FROM adjustment WHERE state = 'open'")
    settle_adjustment(desk(books), waiting, Right.HOST, "the goods were taken home")

    assert tell(books, refund(904, 1_000, RICH, of=901, batch=NEXT)) == [Action.APPROVED]


def new_total(stan: int, amount: int) -> Request:
    """Of the sale that its terminal does not have."""
    return about(Kind.ADJUSTMENT, stan, 901, amount, mti="0220", batch=BATCH)


def late_reversal(books: SampleBooks) -> int:
    """Of the sale, which was yesterday's."""
    books.damage(
        "UPDATE journal SET business_day = 20260303 WHERE stan = '000901'",
        "INSERT INTO card_day SELECT card_id, 20260303, 1000, 1 FROM journal WHERE stan = '000901'",
    )
    tell(books, reversal(901, 1_000, RICH, batch=BATCH))
    ((waiting,),) = books.rows("SELECT journal_id FROM adjustment WHERE state = 'open'")
    return int(waiting)


@pytest.mark.parametrize("first", ["settled", "told"])
def test_the_audit_knows_another_total_of_a_sale_whose_late_reversal_was_wrong(books: SampleBooks, first: str) -> None:
    """While it waited, it held the total where it was; afterwards nothing did."""
    waiting, before = late_reversal(books), balance(books)
    if first == "told":
        tell(books, new_total(905, 300))
    settle_adjustment(desk(books), waiting, Right.HOST)

    tell(books, new_total(906, 200))

    assert balance(books) - before == 800
    assert offenders(books.database, LIFE) == []


def test_the_audit_knows_another_total_of_a_sale_whose_late_reversal_was_right(books: SampleBooks) -> None:
    settle_adjustment(desk(books), late_reversal(books), Right.TERMINAL)
    before = balance(books)

    tell(books, new_total(905, 300))

    assert balance(books) == before
    assert offenders(books.database, LIFE) == []


def test_a_sale_whose_late_reversal_was_right_is_not_refunded_again(books: SampleBooks) -> None:
    settle_adjustment(desk(books), late_reversal(books), Right.TERMINAL)

    assert tell(books, refund(905, 1_000, RICH, of=901, batch=NEXT)) == [Action.EXCEEDS_ORIGINAL]


def test_the_audit_knows_another_total_of_what_was_given_back_by_hand(books: SampleBooks) -> None:
    settle_discrepancy(desk(books), missing(books), Right.TERMINAL)
    before = balance(books)

    tell(books, new_total(905, 300))

    assert balance(books) == before
    assert offenders(books.database, LIFE) == []


def test_the_audit_finds_a_total_that_gives_back_what_was_given_back_by_hand(books: SampleBooks) -> None:
    tell(books, new_total(905, 300))
    ((told,),) = books.rows("SELECT journal_id FROM journal WHERE stan = '000905'")
    books.damage(f"INSERT INTO adjustment VALUES ({told - 1}, {sale_of(books)}, 1000, '', 'open')")

    assert len(offenders(books.database, LIFE)) == 1


def sale_of(books: SampleBooks) -> int:
    ((number,),) = books.rows("SELECT journal_id FROM journal WHERE stan = '000901' AND kind = 'purchase'")
    return int(number)


# --- what comes when its batch is settled -------------------------------------------------------------------


def decided(shop: Shop, *requests: Request) -> list[Action | None]:
    """Decide requests, each alone, where batches are given out at sign-on."""

    def decide_with_batches(request: Request, facts: Any) -> Any:
        return decide(request, facts, Policy(has_batches=True))

    with closing(shop.store(decide_with_batches)) as store:
        return [action(outcome) for request in requests for outcome in store.run([request]).outcomes]


def test_a_sale_of_a_settled_batch_is_not_cancelled_in_the_next(sqlite_shop: Shop) -> None:
    answers = decided(
        sqlite_shop,
        sign_on(1),
        sale(2, batch=UNKNOWN),
        settlement(3, BatchTotals(foreign=Totals(1_000, 1))),
        sign_on(4),
        about(Kind.VOID, 5, 2, 1_000, batch=NEXT),
        settlement(6, WRONG, NEXT),
    )

    assert answers[4] is Action.ORIGINAL_NOT_FOUND
    assert offenders(sqlite_shop.database, BATCHES) == []


settled_as = pytest.mark.parametrize("theirs", [BatchTotals(foreign=Totals(1_000, 1)), WRONG], ids=["closed", "open"])


@settled_as
def test_nothing_is_sold_or_refunded_in_a_settled_batch(sqlite_shop: Shop, theirs: BatchTotals) -> None:
    late = sale(4), refund(5, 300, of=2, batch=BATCH)

    answers = decided(sqlite_shop, sign_on(1), sale(2), settlement(3, theirs), *late)

    assert Action.APPROVED not in answers[3:]


@settled_as
def test_nothing_is_cancelled_in_a_settled_batch(sqlite_shop: Shop, theirs: BatchTotals) -> None:
    void = about(Kind.VOID, 4, 2, 1_000, batch=BATCH)

    answers = decided(sqlite_shop, sign_on(1), sale(2), settlement(3, theirs), void)

    assert answers[-1] is not Action.APPROVED


def test_a_reversal_that_comes_when_its_batch_is_closed_waits_for_an_operator(sqlite_shop: Shop) -> None:
    decided(sqlite_shop, sign_on(1), sale(2), settlement(3, BatchTotals(foreign=Totals(1_000, 1))))

    answers = decided(sqlite_shop, reversal(2, batch=BATCH))

    assert answers == [Action.ORIGINAL_CLOSED]
    assert len(sqlite_shop.rows(schema.adjustment)) == 1


def test_a_terminal_whose_batch_balanced_may_end_its_upload(sqlite_shop: Shop) -> None:
    balanced = decided(sqlite_shop, sign_on(1), sale(2), settlement(3, BatchTotals(foreign=Totals(1_000, 1))))

    assert decided(sqlite_shop, end(4)) == [Action.APPROVED]
    assert balanced[-1] is Action.APPROVED


def test_totals_are_the_ledgers_where_a_sale_was_refunded_and_then_reversed(sqlite_shop: Shop) -> None:
    decided(sqlite_shop, sale(1), refund(2, 300, of=1, batch=BATCH), reversal(1, batch=BATCH), settlement(3, WRONG))

    assert offenders(sqlite_shop.database, BATCHES) == []


def test_each_of_two_sales_under_one_stan_is_compared(sqlite_shop: Shop) -> None:
    """A batch that is open over midnight may have one STAN twice: on two days it is two keys."""
    sqlite_shop.send(sale(1, 1_000))
    sqlite_shop.now += DAY_US
    tomorrow = TODAY + timedelta(days=1)
    sqlite_shop.send(sale(1, 2_000, local_date=tomorrow), settlement(2, WRONG), end(3))

    assert compare_batches(sqlite_shop.database, compared, lambda: next(_ids)) == (1, 2)


def test_a_terminal_that_never_signs_on_sells_under_its_own_number_but_cannot_settle_it(sqlite_shop: Shop) -> None:
    own = "000007"
    theirs = BatchTotals(foreign=Totals(1_000, 1))

    before = decided(sqlite_shop, sale(1, batch=own), settlement(2, theirs, own), end(3, own), sale(4, batch=own))
    after = decided(sqlite_shop, sign_on(5), sale(6, batch=own), sale(7), settlement(8, theirs))

    unknown, ok = Action.BATCH_UNKNOWN, Action.APPROVED
    assert before == [ok, unknown, unknown, ok]
    assert after == [ok, Action.BATCH_MISMATCH, ok, ok]
    assert [(row.batch, row.state) for row in sqlite_shop.rows(schema.batch)] == [(BATCH, "closed")]
    assert offenders(sqlite_shop.database, BATCHES) == []


def records(*each: tuple[int, int]) -> Extras:
    return Extras(records=tuple(UploadedRecord(False, f"{stan:06d}", RICH, amount) for stan, amount in each))


def upload(stan: int, *each: tuple[int, int]) -> Request:
    own = {"kind": Kind.BATCH_UPLOAD, "mti": "0320", "batch": BATCH, "extras": records(*each)}
    return purchase(stan, None, None, **own)


def test_another_upload_under_a_stan_that_was_used_already_brings_its_records(shop: Shop) -> None:
    """Without card and amount of its own it cannot be told from a repeat: so a repeat may bring more."""
    shop.send(sale(1), sale(2), settlement(3, WRONG), upload(4, (1, 1_000)))

    [again] = shop.send(upload(4, (1, 1_000), (2, 1_000)))
    shop.send(upload(4, (1, 1_000)), end(5))

    assert action(again) is Action.APPROVED
    assert len(shop.rows(schema.uploaded_record)) == 2
    assert compare_batches(shop.database, compared, lambda: next(_ids)) == (1, 0)


def test_two_records_of_one_stan_are_held_against_the_two_sales_that_stand_under_it(shop: Shop) -> None:
    shop.send(sale(1, 1_000))
    shop.now += DAY_US
    tomorrow = TODAY + timedelta(days=1)
    shop.send(sale(1, 2_000, local_date=tomorrow), settlement(2, WRONG), upload(3, (1, 2_000), (1, 1_000)), end(4))

    assert compare_batches(shop.database, compared, lambda: next(_ids)) == (1, 0)


# --- chores -------------------------------------------------------------------------------------------------


class Idle:
    """A ledger of which nothing is asked but what it counts."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def submit(self, request: Request, _deliver: Callable[[Outcome], None], _expires_at: int) -> bool:
        self.asked.append(request)
        return False  # there is no room: nothing is waited for


async def in_place(function: Callable[[], _T]) -> _T:
    return function()


async def test_one_merchants_wrong_terms_do_not_keep_holds_from_expiring(sqlite_shop: Shop) -> None:
    second_merchant(sqlite_shop)
    sqlite_shop.send(sale(1), purchase(2, 500, RICH, kind=Kind.AUTHORISATION, mti="0100", batch=BATCH))
    with sqlite_shop.database.writing() as connection:
        connection.execute(sa.update(schema.merchant).values(fee_plan="of last year"))
    cut_over(sqlite_shop.database, TODAY, NOON)
    later, idle = TODAY + timedelta(days=60), Idle()
    plans = MAKER
    ids, events = JournalIds(lambda: NOON), EventLog(configure_logging("json", "info", StringIO()))
    chores = Chores(
        ChoreSettings(), sqlite_shop.database, idle, in_place, lambda: NOON, lambda _: later, plans, ids, events
    )

    with trio.fail_after(30):
        await chores.look()

    assert [request.kind for request in idle.asked] == [Kind.EXPIRY]
