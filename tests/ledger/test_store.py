"""Requests through the books, on both databases: what is decided, stored, repeated, reversed, refunded."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest

from switch.decisions import Outcome, Standing
from switch.ledger import schema
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import OriginalReference, Request
from switch.values import Pan
from tests.ledger.shop import (
    CARDS,
    HOUR,
    LIMITED,
    MERCHANT_ACCOUNT,
    NOON,
    POOR,
    RICH,
    TODAY,
    Shop,
    authorisation,
    balance_inquiry,
    purchase,
    refund,
    reversal,
)


def actions(outcomes: list[Outcome]) -> list[Action | None]:
    return [outcome.reply.action if outcome.reply else None for outcome in outcomes]


# --- first requests ----------------------------------------------------------------------------------------


def test_a_purchase_moves_money_once_and_leaves_its_traces(shop: Shop) -> None:
    [outcome] = shop.send(purchase(1, 1_000))

    assert (outcome.standing, outcome.reply and outcome.reply.action) == (Standing.FIRST, Action.APPROVED)
    [journal] = shop.rows(schema.journal)
    assert (journal.journal_id, journal.action, journal.masked_pan) == (outcome.journal_id, "approved", RICH.masked)
    [transfer] = shop.rows(schema.transfer)
    assert (transfer.debit_account_id, transfer.credit_account_id) == (CARDS[RICH][1], MERCHANT_ACCOUNT)
    assert shop.account(RICH) == (99_000, 0)
    assert shop.spent(RICH) == (1_000, 1)
    assert len(shop.rows(schema.request_key)) == len(shop.rows(schema.payment)) == 1


def test_two_spends_in_one_group_cannot_both_have_the_last_cent(shop: Shop) -> None:
    outcomes = shop.send(purchase(1, 3_000, POOR), purchase(2, 3_000, POOR), purchase(3, 2_000, POOR))

    assert actions(outcomes) == [Action.APPROVED, Action.INSUFFICIENT_FUNDS, Action.APPROVED]
    assert shop.account(POOR) == (0, 0)


def test_what_a_card_spent_counts_in_the_next_group(shop: Shop) -> None:
    shop.send(purchase(1, 5_000, LIMITED))

    assert actions(shop.send(purchase(2, 3_001, LIMITED))) == [Action.EXCEEDS_AMOUNT_LIMIT]
    assert actions(shop.send(purchase(3, 3_000, LIMITED))) == [Action.APPROVED]
    assert shop.spent(LIMITED) == (8_000, 2)


def test_an_authorisation_holds_and_moves_nothing(shop: Shop) -> None:
    [outcome] = shop.send(authorisation(1, 1_000))

    [hold] = shop.rows(schema.hold)
    assert (hold.hold_id, hold.amount_minor) == (outcome.journal_id, 1_000)
    assert shop.account(RICH) == (100_000, 1_000)
    assert shop.rows(schema.transfer) == []


@pytest.mark.parametrize(
    ("strange", "action"),
    [({"terminal_id": "T9"}, Action.TERMINAL_UNKNOWN), ({"terminal_id": ""}, Action.TERMINAL_UNKNOWN)],
)
def test_strangers_are_answered_and_leave_nothing(shop: Shop, strange: dict[str, Any], action: Action) -> None:
    [outcome] = shop.send(purchase(1, **strange))

    assert outcome.reply is not None
    assert (outcome.reply.action, outcome.journal_id) == (action, None)
    assert shop.rows(schema.journal) == []


def test_a_terminal_of_another_merchant_is_refused_and_what_it_wrote_is_not_kept(shop: Shop) -> None:
    [outcome] = shop.send(purchase(1, merchant_id="M2"))

    assert outcome.reply is not None
    assert outcome.reply.action is Action.MERCHANT_UNKNOWN
    assert shop.rows(schema.journal) == []
    assert shop.rows(schema.request_key) == []


def test_sign_on_is_kept(shop: Shop) -> None:
    request = purchase(1, None, None, kind=Kind.SIGN_ON, mti="0800")

    [outcome] = shop.send(request)

    assert outcome.reply is not None
    assert outcome.reply.batch == "000001"
    assert [row.signed_on for row in shop.rows(schema.terminal)] == [1, 0]


def test_a_large_group_is_one_commit(shop: Shop) -> None:
    outcomes = shop.send(*(purchase(stan, 10) for stan in range(1, 601)))

    assert set(actions(outcomes)) == {Action.APPROVED}
    assert shop.account(RICH) == (94_000, 0)
    assert len(shop.rows(schema.journal)) == 600


def test_any_text_from_the_wire_is_kept_or_refused_but_never_breaks_a_group(shop: Shop) -> None:
    odd = 'quote " backslash \\ brace } comma , 卡 \0'

    outcomes = shop.send(purchase(1, reason=odd), purchase(2, terminal_id=odd), purchase(3))

    assert actions(outcomes) == [Action.APPROVED, Action.TERMINAL_UNKNOWN, Action.APPROVED]
    assert shop.rows(schema.journal)[0].reason[:-1] == odd[:-1]


# --- repeats and conflicts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [purchase(1), purchase(1, 10**9), balance_inquiry(1), authorisation(1)],
    ids=["approved", "declined", "balances", "hold"],
)
def test_a_repeat_gets_the_stored_answer_and_has_no_effect(shop: Shop, request_: Request) -> None:
    [first] = shop.send(request_)
    shop.send(purchase(2, 500))
    after = shop.account(RICH), len(shop.rows(schema.journal))
    shop.now += HOUR

    [repeat] = shop.send(request_._replace(mti=request_.mti[:3] + "1", received_at=shop.now))

    assert repeat.standing is Standing.REPEAT
    assert (repeat.reply, repeat.because, repeat.journal_id) == (first.reply, first.because, first.journal_id)
    assert (shop.account(RICH), len(shop.rows(schema.journal))) == after


def test_a_repeat_in_the_same_group_attaches_to_the_first(shop: Shop) -> None:
    first, repeat = shop.send(purchase(1), purchase(1, mti="0201"))

    assert (first.standing, repeat.standing) == (Standing.FIRST, Standing.REPEAT)
    assert repeat.reply == first.reply
    assert shop.account(RICH) == (99_000, 0)


@pytest.mark.parametrize("other", [{"amount": 999}, {"pan": POOR}, {"pan": None}, {"processing_code": "010000"}])
@pytest.mark.parametrize("together", [True, False], ids=["same group", "later"])
def test_the_same_key_with_another_request_is_a_conflict(shop: Shop, other: dict[str, Any], *, together: bool) -> None:
    first, second = purchase(1), purchase(1, **other)

    outcomes = shop.send(first, second) if together else [*shop.send(first), *shop.send(second)]

    assert outcomes[1].standing is Standing.CONFLICT
    assert actions(outcomes) == [Action.APPROVED, Action.DUPLICATE_CONFLICT]
    assert shop.account(RICH) == (99_000, 0)
    assert len(shop.rows(schema.journal)) == 1


@pytest.mark.parametrize(
    "other", [{"terminal_id": "T2"}, {"batch": "000002"}, {"local_date": date(2026, 3, 3)}, {"mti": "0100"}]
)
def test_another_terminal_batch_date_or_class_is_another_key(shop: Shop, other: dict[str, Any]) -> None:
    outcomes = shop.send(purchase(1), purchase(1, **other))

    assert [outcome.standing for outcome in outcomes] == [Standing.FIRST, Standing.FIRST]


def test_a_repeat_without_a_date_is_found_just_after_midnight(shop: Shop) -> None:
    first = purchase(1, has_local_date=False)
    tomorrow = first._replace(local_date=date(2026, 3, 5), received_at=NOON + HOUR // 2)
    shop.send(first)

    [repeat] = shop.send(tomorrow)
    [other_amount] = shop.send(tomorrow._replace(amount_minor=5))
    [next_day] = shop.send(tomorrow._replace(stan="000002"))

    assert repeat.standing is Standing.REPEAT
    assert other_amount.standing is next_day.standing is Standing.FIRST


def test_the_same_number_without_a_date_a_day_later_is_a_new_purchase(shop: Shop) -> None:
    first = purchase(1, has_local_date=False)
    shop.send(first)

    [second] = shop.send(first._replace(local_date=date(2026, 3, 5), received_at=NOON + 24 * HOUR))

    assert second.standing is Standing.FIRST
    assert shop.account(RICH) == (98_000, 0)


# --- reversals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [True, False], ids=["same group", "later"])
@pytest.mark.parametrize("pan", [RICH, None], ids=["with card", "without card"])
def test_a_reversal_undoes_its_purchase_once(shop: Shop, pan: Pan | None, *, together: bool) -> None:
    requests = [purchase(1), reversal(1, pan=pan), reversal(1, pan=pan, mti="0401"), reversal(1, pan=pan, mti="0420")]

    outcomes = shop.send(*requests) if together else [shop.send(request)[0] for request in requests]

    assert actions(outcomes) == [Action.APPROVED] * 4
    assert [outcome.standing for outcome in outcomes[2:]] == [Standing.REPEAT, Standing.REPEAT]
    assert shop.account(RICH) == (100_000, 0)
    assert shop.spent(RICH) == (0, 0)
    assert [payment.state for payment in shop.rows(schema.payment)] == ["reversed"]


def test_a_second_reversal_under_another_key_has_no_second_effect(shop: Shop) -> None:
    original = OriginalReference("2", "000001", TODAY, "", "")
    shop.send(purchase(1))

    outcomes = [*shop.send(reversal(7, original=original)), *shop.send(reversal(8, original=original))]

    assert actions(outcomes) == [Action.APPROVED, Action.APPROVED]
    assert shop.account(RICH) == (100_000, 0)


def test_a_reversed_hold_is_released(shop: Shop) -> None:
    shop.send(authorisation(1))

    shop.send(reversal(1))

    [end] = shop.rows(schema.hold_end)
    assert end.how == "released"
    assert shop.account(RICH) == (100_000, 0)


@pytest.mark.parametrize("together", [True, False], ids=["same group", "later"])
def test_a_partial_reversal_leaves_a_smaller_hold(shop: Shop, *, together: bool) -> None:
    requests = [authorisation(1), reversal(1, new_amount_minor=400), reversal(1, batch="000009")]

    outcomes = shop.send(*requests) if together else [shop.send(request)[0] for request in requests]

    assert actions(outcomes) == [Action.APPROVED] * 3
    assert [hold.amount_minor for hold in shop.rows(schema.hold)] == [1_000, 400]
    assert [end.how for end in shop.rows(schema.hold_end)] == ["replaced", "released"]
    assert shop.account(RICH) == (100_000, 0)


@pytest.mark.parametrize("together", [True, False], ids=["same group", "later"])
def test_a_purchase_that_arrives_after_its_reversal_is_declined(shop: Shop, *, together: bool) -> None:
    requests = [reversal(1), purchase(1), reversal(1, batch="000002")]

    outcomes = shop.send(*requests) if together else [shop.send(request)[0] for request in requests]

    assert actions(outcomes) == [Action.APPROVED, Action.ALREADY_REVERSED, Action.APPROVED]
    assert shop.account(RICH) == (100_000, 0)
    assert len(shop.rows(schema.tombstone)) == 1


def test_two_reversals_before_their_original_bury_it_once(shop: Shop) -> None:
    original = OriginalReference("2", "000001", TODAY, "", "")

    shop.send(reversal(7, original=original))
    shop.send(reversal(8, original=original), reversal(9, original=original))

    assert len(shop.rows(schema.tombstone)) == 1


def test_a_reversal_of_another_card_finds_no_original(shop: Shop) -> None:
    shop.send(purchase(1))

    [outcome] = shop.send(reversal(1, pan=POOR))

    assert outcome.reply is not None
    assert outcome.reply.action is Action.APPROVED
    assert shop.account(RICH) == (99_000, 0)


def test_a_reversal_of_another_batch_or_class_finds_no_original(shop: Shop) -> None:
    shop.send(purchase(1, batch="000001"))

    shop.send(reversal(1, original=OriginalReference("2", "000001", TODAY, "000002", "")))
    shop.send(reversal(2, original=OriginalReference("1", "000001", TODAY, "", "")))

    assert shop.account(RICH) == (99_000, 0)


def test_the_latest_of_two_originals_is_reversed(shop: Shop) -> None:
    shop.send(purchase(1, 100, local_date=date(2026, 3, 3)))
    shop.send(purchase(1, 200))

    shop.send(reversal(1, None))

    assert [payment.state for payment in shop.rows(schema.payment)] == ["posted", "reversed"]


def test_reversing_a_decline_has_no_effect(shop: Shop) -> None:
    shop.send(purchase(1, 10**9))

    [outcome] = shop.send(reversal(1, 10**9))

    assert outcome.reply is not None
    assert outcome.reply.action is Action.APPROVED
    assert shop.account(RICH) == (100_000, 0)


def test_a_reversal_of_a_closed_day_waits_for_an_operator(shop: Shop) -> None:
    shop.send(purchase(1))
    shop.now += 24 * HOUR

    [outcome] = shop.send(reversal(1))

    assert outcome.reply is not None
    assert outcome.reply.action is Action.ORIGINAL_CLOSED
    [adjustment] = shop.rows(schema.adjustment)
    assert (adjustment.amount_minor, adjustment.state) == (1_000, "open")
    assert shop.account(RICH) == (99_000, 0)


# --- refunds -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_rrn", [True, False], ids=["by RRN", "by STAN"])
def test_refunds_never_exceed_their_sale(shop: Shop, *, by_rrn: bool) -> None:
    [sale] = shop.send(purchase(1))
    assert sale.reply is not None
    named: dict[str, Any] = {"rrn": sale.reply.rrn} if by_rrn else {"of": 1}

    outcomes = shop.send(refund(2, 600, **named), refund(3, 500, **named))
    outcomes += shop.send(refund(4, 400, **named))

    assert actions(outcomes) == [Action.APPROVED, Action.EXCEEDS_ORIGINAL, Action.APPROVED]
    assert shop.account(RICH) == (100_000, 0)
    assert shop.rows(schema.payment)[0].refunded_minor == 1_000


def test_a_reversed_refund_can_be_given_again(shop: Shop) -> None:
    [sale] = shop.send(purchase(1))
    assert sale.reply is not None
    shop.send(refund(2, 1_000, rrn=sale.reply.rrn))

    outcomes = [*shop.send(reversal(2)), *shop.send(refund(3, 1_000, rrn=sale.reply.rrn))]

    assert actions(outcomes) == [Action.APPROVED, Action.APPROVED]
    assert shop.account(RICH) == (100_000, 0)


def test_a_refund_of_another_card_or_without_a_sale_is_refused(shop: Shop) -> None:
    [sale] = shop.send(purchase(1))
    assert sale.reply is not None

    outcomes = shop.send(refund(2, pan=POOR, rrn=sale.reply.rrn), refund(3, rrn="NO SUCH SALE"))

    assert actions(outcomes) == [Action.ORIGINAL_NOT_FOUND, Action.ORIGINAL_NOT_FOUND]


# --- the whole ---------------------------------------------------------------------------------------------


def test_balances_and_counters_are_the_replay_of_their_entries(shop: Shop) -> None:
    dice = random.Random(20260304)
    made = [purchase, authorisation, reversal]
    before = {account: ledger for _, account, ledger, _ in CARDS.values()}

    for _ in range(30):
        requests = [
            dice.choice(made)(dice.randint(1, 60), dice.choice((100, 700, 2_500)), dice.choice([*CARDS]))
            for _ in range(dice.randint(1, 20))
        ]
        shop.send(*requests)

    ended = {end.hold_id for end in shop.rows(schema.hold_end)}
    for row in shop.rows(schema.balance):
        moves = [
            (transfer.credit_account_id == row.account_id) * transfer.amount_minor
            - (transfer.debit_account_id == row.account_id) * transfer.amount_minor
            for transfer in shop.rows(schema.transfer)
        ]
        open_holds = [
            hold.amount_minor
            for hold in shop.rows(schema.hold)
            if hold.account_id == row.account_id and hold.hold_id not in ended
        ]
        assert (row.ledger_minor, row.held_minor) == (before[row.account_id] + sum(moves), sum(open_holds))
        assert row.ledger_minor - row.held_minor >= 0
    live = sum(payment.current_minor for payment in shop.rows(schema.payment))
    assert sum(row.amount_minor for row in shop.rows(schema.card_day)) == live
