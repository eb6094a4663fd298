"""Batches as settlements find them: their totals, by kind and state, and what is frozen, uploaded, closed and opened."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa

from switch.decisions import (
    Batch,
    BatchState,
    CloseBatch,
    Facts,
    FreezeBatch,
    KeepRecords,
    Needs,
    OpenBatch,
    OpenPayment,
    Outcome,
    PaymentState,
    Transfer,
)
from switch.ledger import schema
from switch.ledger.settlement_tables import TOTALS
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Extras, Request
from switch.messages.settlement import NO_TOTALS, BatchTotals, Totals, UploadedRecord
from switch.values import Secret
from tests.ledger.sample_books import about
from tests.ledger.script import NEEDS, Effects, Script
from tests.ledger.shop import (
    CARDS,
    LIMITED,
    NOON,
    POOR,
    RICH,
    Shop,
    authorisation,
    code_key,
    pan_key,
    purchase,
    refund,
    reversal,
)

K = Kind
FIRST, UNKNOWN = "000001", "000000"
CODE = Secret("6212345678")
BATCH_NEEDS = Needs(keyed=True, original=False, batch=True)
SCRIPT_NEEDS = NEEDS | dict.fromkeys((K.SETTLEMENT, K.BATCH_UPLOAD, K.BATCH_END), BATCH_NEEDS)

both = pytest.mark.parametrize("together", [True, False], ids=["same group", "later"])


def settlement(stan: int, totals: BatchTotals = NO_TOTALS, **others: Any) -> Request:
    extras = Extras(totals=totals)
    return purchase(stan, None, None, kind=K.SETTLEMENT, mti="0500", extras=extras, **{"batch": FIRST, **others})


def sale(stan: int, amount: int = 1_000, **others: Any) -> Request:
    return purchase(stan, amount, **{"batch": FIRST, **others})


def foreign(*numbers: int) -> BatchTotals:
    return BatchTotals(foreign=Totals(*numbers))


def domestic(*numbers: int) -> BatchTotals:
    return BatchTotals(domestic=Totals(*numbers))


def host_totals(outcome: Outcome) -> BatchTotals | None:
    assert outcome.reply is not None
    return outcome.reply.totals


def actions(outcomes: list[Outcome]) -> list[Action | None]:
    return [outcome.reply.action if outcome.reply else None for outcome in outcomes]


# --- what counts -------------------------------------------------------------------------------------------


def by_code(stan: int, amount: int) -> Request:
    return purchase(stan, amount, None, kind=K.CODE_PURCHASE, extras=Extras(pay_code=CODE))


# fmt: off
COUNTED: dict[str, tuple[list[Request], BatchTotals]] = {
    "a sale":                  ([purchase(1, 1_000)],                                      foreign(1_000, 1)),
    "one by a domestic card":  ([purchase(1, 1_000, LIMITED)],                             domestic(1_000, 1)),
    "one by pay code":         ([by_code(1, 300)],                                         domestic(300, 1)),
    "its cancel":              ([by_code(1, 300), about(K.CODE_CANCEL, 2, 1, 300, None)],  domestic(300, 1, 300, 1)),
    "one told afterwards":     ([purchase(1, 900, kind=K.OFFLINE_SALE, mti="0220")],       foreign(900, 1)),
    "one that was refused":    ([purchase(1, 900_000, POOR)],                              NO_TOTALS),
    "one that was reversed":   ([purchase(1), reversal(1)],                                NO_TOTALS),
    "... in part":             ([purchase(1), reversal(1, new_amount_minor=400)],          foreign(400, 1)),
    "one that was cancelled":  ([purchase(1), about(K.VOID, 2, 1, 1_000)],                 foreign(1_000, 1, 1_000, 1)),
    "... which was undone":    ([purchase(1), about(K.VOID, 2, 1, 1_000), reversal(2)],    foreign(1_000, 1)),
    "... after a part":        ([purchase(1), reversal(1, new_amount_minor=400),
                                 about(K.VOID, 2, 1, 400)],                                foreign(400, 1, 400, 1)),
    "one with another total":  ([purchase(1), about(K.ADJUSTMENT, 2, 1, 700, mti="0220")], foreign(700, 1)),
    "one with a tip":          ([purchase(1), about(K.TIP, 2, 1, 1_000, mti="0220",
                                                    extras=Extras(tip_minor=90))],         foreign(1_090, 1)),
    "a refund":                ([purchase(1), refund(2, 300, of=1)],                       foreign(1_000, 1, 300, 1)),
    "... which was reversed":  ([purchase(1), refund(2, 300, of=1), reversal(2, 300)],     foreign(1_000, 1)),
    "a hold":                  ([authorisation(1)],                                        NO_TOTALS),
    "a completion":            ([authorisation(1), about(K.COMPLETION, 2, 1, 800)],        foreign(800, 1)),
    "... by advice":           ([authorisation(1),
                                 about(K.COMPLETION_ADVICE, 2, 1, 800, mti="0220")],       foreign(800, 1)),
    "... which was cancelled": ([authorisation(1), about(K.COMPLETION, 2, 1, 800),
                                 about(K.COMPLETION_VOID, 3, 2, 800)],                     foreign(800, 1, 800, 1)),
    "a hold that was ended":   ([authorisation(1),
                                 about(K.AUTHORISATION_VOID, 2, 1, 1_000, mti="0100")],    NO_TOTALS),
    "a transfer":              ([purchase(1, kind=K.TRANSFER, extras=Extras(to_pan=LIMITED))], NO_TOTALS),
    "some of each":            ([purchase(1, 10), purchase(2, 20), purchase(3, 40, LIMITED), refund(4, 5, of=2)],
                                BatchTotals(Totals(40, 1), Totals(30, 2, 5, 1))),
}
# fmt: on


@pytest.mark.parametrize(("requests", "expected"), COUNTED.values(), ids=COUNTED.keys())
def test_a_settlement_counts(shop: Shop, requests: list[Request], expected: BatchTotals) -> None:
    """The same whether it stands in the books already (terminal T1) or was decided in the same group (T2)."""
    with shop.database.writing() as connection:
        code = {"code_key": code_key(CODE.reveal()), "card_id": CARDS[RICH][0], "expires_at": NOON + 1, "single_use": 0}
        connection.execute(sa.insert(schema.pay_code), [code])
    of_t1 = [request._replace(batch=FIRST) for request in requests]
    of_t2 = [request._replace(terminal_id="T2") for request in of_t1]
    for request in of_t1:
        shop.send(request)

    [later] = shop.send(settlement(9))
    *_, at_once = shop.send(*of_t2, settlement(9, terminal_id="T2"))

    assert (host_totals(later), host_totals(at_once)) == (expected, expected)


def test_what_changes_beside_a_settlement_is_counted_as_it_stands_then(shop: Shop) -> None:
    """Loaded sums and the group's own changes: of four sales in the books, three change in the settlement's group."""
    shop.send(*(sale(stan, 100 * stan) for stan in (1, 2, 3, 4)))

    *_, settled, _late = shop.send(
        about(K.VOID, 5, 1, 100, batch=FIRST),
        reversal(2, 200, batch=FIRST),
        reversal(3, 300, batch=FIRST, new_amount_minor=250),
        sale(6, 5_000),
        settlement(7),
        sale(8, 7_000),
    )

    assert host_totals(settled) == foreign(100 + 250 + 400 + 5_000, 4, 100, 1)


def test_only_the_named_batch_of_the_terminal_counts(shop: Shop) -> None:
    shop.send(sale(1), sale(2, terminal_id="T2"), sale(3, batch="000007"), sale(4, batch=""))

    [settled] = shop.send(settlement(5))

    assert host_totals(settled) == foreign(1_000, 1)


def test_who_does_not_know_the_batch_means_the_open_one(shop: Shop) -> None:
    shop.send(sale(1), sale(2, batch=UNKNOWN))

    *_, settled = shop.send(sale(3, batch=UNKNOWN), settlement(4, batch=UNKNOWN))

    assert host_totals(settled) == foreign(3_000, 3)


@both
def test_a_sale_of_an_unknown_batch_counts_in_one_batch_alone(shop: Shop, *, together: bool) -> None:
    first = [sale(1, 10, batch=UNKNOWN), settlement(2, foreign(10, 1)), sale(3, batch="")]
    second = [sale(4, 20, batch=UNKNOWN), settlement(5, batch="000002")]

    outcomes = Script(scripted, needs=SCRIPT_NEEDS).send_each(shop, *first, *second, together=together)

    assert actions(outcomes) == [Action.APPROVED] * 5
    assert [row.host_foreign_debit_minor for row in shop.rows(schema.batch)] == [10, 20]


# --- what is frozen ----------------------------------------------------------------------------------------


def test_a_settlement_is_kept_with_both_sides_totals(shop: Shop) -> None:
    theirs = BatchTotals(Totals(1, 2, 3, 4), Totals(5, 6, 7, 8))
    [_, settled] = shop.send(sale(1), settlement(2, theirs))

    [row] = shop.rows(schema.batch)

    kept = row._mapping
    assert [kept[f"host_{name}"] for name in TOTALS] == [0, 0, 0, 0, 1_000, 1, 0, 0]
    assert [kept[f"terminal_{name}"] for name in TOTALS] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert (row.terminal_id, row.merchant_id, row.batch, row.state) == ("T1", "M1", FIRST, "unbalanced")
    assert (row.business_day, row.journal_id, row.settled_at) == (20260304, settled.journal_id, NOON)


@pytest.mark.parametrize(("theirs", "state"), [(foreign(1_000, 1), "closed"), (foreign(999, 1), "unbalanced")])
def test_the_terminal_knows_where_its_batch_stands(shop: Shop, theirs: BatchTotals, state: str) -> None:
    shop.send(sale(1), settlement(2, theirs))

    assert [row.batch_state for row in shop.rows(schema.terminal)] == [state, "open"]


@both
def test_another_settlement_is_held_against_what_was_frozen(shop: Shop, *, together: bool) -> None:
    script = Script(scripted, needs=SCRIPT_NEEDS)
    first = [sale(1), settlement(2), about(K.REVERSAL, 1, 1, 1_000, batch=FIRST, mti="0400")]

    script.send_each(shop, *first, settlement(4), together=together)

    assert script.facts[-1].batch == Batch(FIRST, BatchState.UNBALANCED, foreign(1_000, 1))
    assert len(shop.rows(schema.batch)) == 1


def test_a_repeat_gets_results_and_totals_as_they_were(shop: Shop) -> None:
    [_, first] = shop.send(sale(1), settlement(2, foreign(7, 1)))

    [again] = shop.send(settlement(2, foreign(7, 1)))

    assert again.reply == first.reply
    assert again.reply is not None
    assert again.reply.totals == foreign(1_000, 1)
    assert again.reply.results


@pytest.mark.parametrize("batch", ["000002", "999999", ""])
def test_no_other_batch_is_the_terminals(shop: Shop, batch: str) -> None:
    shop.send(sale(1), sale(2, batch="000002", terminal_id="T2"))

    [settled] = shop.send(settlement(3, batch=batch))

    assert actions([settled]) == [Action.BATCH_UNKNOWN]
    assert shop.rows(schema.batch) == []


def test_a_terminal_of_another_merchant_has_no_batch(shop: Shop) -> None:
    script = Script(lambda _request, _facts: (), needs=SCRIPT_NEEDS)

    script.send(shop, settlement(1, merchant_id="M9"), settlement(2, terminal_id="T9"))

    assert [facts.batch for facts in script.facts] == [None, None]


# --- upload, end, and the next -----------------------------------------------------------------------------


def records(*stans: int) -> Extras:
    return Extras(records=tuple(UploadedRecord(False, f"{stan:06d}", RICH, 10 * stan) for stan in stans))


def upload(stan: int, extras: Extras, **others: Any) -> Request:
    return purchase(stan, None, None, kind=K.BATCH_UPLOAD, mti="0320", batch=FIRST, extras=extras, **others)


def batch_end(stan: int) -> Request:
    return purchase(stan, None, None, kind=K.BATCH_END, mti="0320", batch=FIRST, extras=Extras(record_count=1))


@both
def test_uploaded_records_are_kept_once(shop: Shop, *, together: bool) -> None:
    script = Script(scripted, needs=SCRIPT_NEEDS, pan_key=pan_key)
    uploads = [upload(2, records(5, 6, 5)), upload(3, records(6, 7))]

    script.send_each(shop, settlement(1, foreign(1, 1)), *uploads, settlement(4), together=together)

    kept = [(row.stan, row.amount_minor, row.pan_key, row.masked_pan) for row in shop.rows(schema.uploaded_record)]
    assert kept == [(f"{stan:06d}", 10 * stan, pan_key(RICH), RICH.masked) for stan in (5, 6, 7)]
    seen = [facts.batch.uploaded for facts in script.facts if facts.batch]
    assert seen == [0, 0, 2, 3]


def test_a_record_without_a_card_is_kept_too(shop: Shop) -> None:
    script = Script(scripted, needs=SCRIPT_NEEDS, pan_key=pan_key)

    script.send(
        shop, settlement(1, foreign(1, 1)), upload(2, Extras(records=(UploadedRecord(True, "000005", None, 3),)))
    )

    [row] = shop.rows(schema.uploaded_record)
    assert (row.is_domestic, row.pan_key, row.masked_pan) == (1, None, "")


@both
def test_the_end_of_an_upload_closes_the_batch(shop: Shop, *, together: bool) -> None:
    requests = [settlement(1, foreign(1, 1)), upload(2, records(5)), batch_end(3)]

    Script(scripted, needs=SCRIPT_NEEDS).send_each(shop, *requests, together=together)

    assert [(row.state, row.said_count) for row in shop.rows(schema.batch)] == [("closed", 1)]
    assert shop.rows(schema.terminal)[0].batch_state == "closed"


@both
def test_a_sale_after_the_next_batch_is_opened_is_of_that(shop: Shop, *, together: bool) -> None:
    script = Script(scripted, needs=SCRIPT_NEEDS)
    opened = purchase(2, None, None, kind=K.SIGN_ON, mti="0800", batch=UNKNOWN)
    requests = [settlement(1), opened, sale(3, batch="000002"), settlement(4, batch="000002")]

    script.send_each(shop, *requests, together=together)

    assert script.facts[-1].batch == Batch("000002", BatchState.OPEN, foreign(1_000, 1))
    assert [(row.batch, row.batch_state) for row in shop.rows(schema.terminal)] == [
        ("000002", "unbalanced"),
        (FIRST, "open"),
    ]


@pytest.mark.parametrize("effect", [CloseBatch(FIRST), KeepRecords(FIRST, ()), "twice"], ids=["close", "keep", "twice"])
def test_an_effect_that_does_not_fit_the_batch_is_a_system_error(shop: Shop, effect: Any) -> None:
    freeze = FreezeBatch(FIRST, NO_TOTALS, NO_TOTALS, BatchState.CLOSED)
    effects = (freeze, freeze) if effect == "twice" else (effect,)
    script = Script(lambda _request, _facts: effects, needs=SCRIPT_NEEDS)

    assert actions(script.send(shop, settlement(1))) == [Action.SYSTEM_ERROR]


# --- two writers -------------------------------------------------------------------------------------------


def scripted(request: Request, facts: Facts) -> Effects | Action:
    """A decision as short as can be: nothing new in a batch that is settled, the next sale opens the next one."""
    batch, terminal, amount = facts.batch, facts.terminal, request.amount_minor or 0
    assert terminal is not None
    if request.kind is K.SETTLEMENT:
        assert batch is not None
        theirs = request.extras.totals or NO_TOTALS
        state = BatchState.CLOSED if theirs == batch.totals else BatchState.UNBALANCED
        return (FreezeBatch(batch.number, batch.totals, theirs, state),) if batch.state is BatchState.OPEN else ()
    if request.kind is K.BATCH_UPLOAD:
        return (KeepRecords(FIRST, request.extras.records),)
    if request.kind is K.BATCH_END:
        return (CloseBatch(FIRST, request.extras.record_count),)
    if request.kind is K.SIGN_ON or not request.batch:
        return (OpenBatch(f"{int(terminal.batch) + 1:06d}"),)
    if terminal.batch_state is not BatchState.OPEN:
        return Action.BATCH_MISMATCH
    if request.kind is not K.PURCHASE:
        return ()
    assert facts.account is not None
    assert facts.merchant is not None
    transfer = Transfer(facts.account.account_id, facts.merchant.account_id, amount, "156")
    return transfer, OpenPayment(PaymentState.POSTED, amount, None)


def test_no_sale_slips_in_between_a_settlements_totals_and_its_end(shop: Shop) -> None:
    script = Script(scripted, needs=SCRIPT_NEEDS)
    sides = [[sale(stan, pan=pan) for stan in stans] for pan, stans in ((RICH, range(1, 31)), (POOR, range(31, 61)))]

    settling = [purchase(stan, 1, LIMITED, batch=FIRST, terminal_id="T2") for stan in range(80, 90)]
    *sold, _ = script.race(shop, *sides, [*settling, settlement(99)])

    approved = [outcome for outcomes in sold for outcome in outcomes if actions([outcome]) == [Action.APPROVED]]
    assert len(sold[0]) + len(sold[1]) == 60
    [row] = shop.rows(schema.batch)
    assert row.host_foreign_debit_count == len(approved)


def test_two_settlements_at_once_freeze_a_batch_once(shop: Shop) -> None:
    script = Script(scripted, needs=SCRIPT_NEEDS)
    shop.send(sale(1))

    sides = script.race(shop, [settlement(2)], [settlement(3)])

    assert [actions(side) for side in sides] == [[Action.APPROVED], [Action.APPROVED]]
    assert len(shop.rows(schema.batch)) == 1


def test_settlements_sales_and_sign_ons_of_many_terminals_never_wait_in_a_circle(shop: Shop) -> None:
    """Each group is of both terminals, in another order: who settles one sells on the other."""
    names = ("T1", "T2")

    def side(first: str, second: str, start: int) -> list[Request]:
        return [
            request
            for stan in range(start, start + 30, 3)
            for request in (sale(stan, terminal_id=first), settlement(stan + 1, terminal_id=second))
        ]

    script = Script(scripted, needs=SCRIPT_NEEDS)

    outcomes = script.race(shop, side(*names, 1), side(*names[::-1], 101))

    assert {action for side in outcomes for action in actions(side)} <= {Action.APPROVED, Action.BATCH_MISMATCH}


def test_a_group_that_settles_nothing_reads_no_batch(shop: Shop) -> None:
    script = Script(scripted, needs=SCRIPT_NEEDS)

    script.send(shop, sale(1))

    assert script.facts[0].batch is None


def test_what_is_decided_for_real_closes_a_batch_that_balances(shop: Shop) -> None:
    with closing(shop.store(pan_key=pan_key)) as store:
        report = store.run([sale(1), settlement(2, foreign(1_000, 1)), settlement(3, foreign(5, 1))])

    assert [host_totals(outcome) for outcome in report.outcomes[1:]] == [foreign(1_000, 1)] * 2
    assert [row.state for row in shop.rows(schema.batch)] == ["closed"]
