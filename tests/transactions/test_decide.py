"""A decision is the reply, the whole trace, and the effects: nothing else, and nothing hidden."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from switch.decisions import ChangeTerminal, CountRefund, CountSpend, OpenHold, OpenPayment, PaymentState, Transfer
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Balance
from switch.messages.references import approval_code_of, rrn_of
from switch.rules.rule import Policy
from switch.transactions.decide import decide, decider
from switch.transactions.table import NEEDS, TABLE
from tests.builders import JOURNAL_ID, NOW, TODAY, a_payment, a_request, an_account, some_facts


def test_a_purchase_moves_its_amount_from_card_to_merchant() -> None:
    decision = decide(a_request(), some_facts())

    assert decision.reply.action is Action.APPROVED
    assert decision.effects == (
        Transfer(100, 900, 1000, "156"),
        CountSpend(1, TODAY, 1000, 1),
        OpenPayment(PaymentState.POSTED, 1000, None),
    )


def test_an_authorisation_holds_its_amount() -> None:
    decision = decide(a_request(kind=Kind.AUTHORISATION, mti="0100"), some_facts())

    assert decision.effects == (
        OpenHold(100, 1000, "156"),
        CountSpend(1, TODAY, 1000, 1),
        OpenPayment(PaymentState.HELD, 1000, JOURNAL_ID, is_authorisation=True),
    )


def test_an_approval_carries_reference_and_approval_code() -> None:
    reply = decide(a_request(), some_facts()).reply

    assert reply.rrn == rrn_of(JOURNAL_ID)
    assert reply.approval_code == approval_code_of(JOURNAL_ID)
    assert reply.answered_at == NOW


def test_a_reference_in_the_request_is_kept() -> None:
    assert decide(a_request(rrn="123456789012"), some_facts()).reply.rrn == "123456789012"


def test_a_decline_has_a_reference_but_no_approval_code_and_no_effect() -> None:
    decision = decide(a_request(amount_minor=5001), some_facts())

    assert decision.reply.action is Action.INSUFFICIENT_FUNDS
    assert decision.reply.rrn
    assert not decision.reply.approval_code
    assert decision.effects == ()
    assert decision.because == "50.01 CNY with 50.00 CNY available"
    assert decision.journalled


def test_an_unknown_terminal_leaves_no_trace_in_the_books() -> None:
    decision = decide(a_request(), some_facts(terminal=None))

    assert not decision.journalled
    assert decision.effects == ()


def test_a_balance_inquiry_tells_ledger_and_available() -> None:
    account = an_account(ledger_minor=5000, held_minor=1200)

    decision = decide(
        a_request(kind=Kind.BALANCE, amount_minor=None, processing_code="311000"), some_facts(account=account)
    )

    assert decision.effects == ()
    assert decision.reply.balances == (Balance("10", "01", "156", 5000), Balance("10", "02", "156", 3800))


def test_a_refund_needs_its_sale() -> None:
    refund = a_request(kind=Kind.REFUND, processing_code="200000")

    assert decide(refund, some_facts()).reply.action is Action.ORIGINAL_NOT_FOUND


def test_a_refund_gives_back_and_counts_against_the_sale() -> None:
    refund = a_request(kind=Kind.REFUND, processing_code="200000", amount_minor=400)

    decision = decide(refund, some_facts(original=a_payment(refunded_minor=600)))

    assert decision.effects == (
        Transfer(900, 100, 400, "156"),
        CountRefund(11, 400),
        OpenPayment(PaymentState.POSTED, 400, None),
    )


def test_refunds_never_exceed_the_sale() -> None:
    refund = a_request(kind=Kind.REFUND, processing_code="200000", amount_minor=401)

    decision = decide(refund, some_facts(original=a_payment(refunded_minor=600)))

    assert decision.reply.action is Action.EXCEEDS_ORIGINAL


def test_a_sale_can_be_refunded_for_thirty_days() -> None:
    refund = a_request(kind=Kind.REFUND, processing_code="200000")

    last_day = decide(refund, some_facts(original=a_payment(business_day=TODAY - timedelta(days=30))))
    too_late = decide(refund, some_facts(original=a_payment(business_day=TODAY - timedelta(days=31))))

    assert last_day.reply.action is Action.APPROVED
    assert too_late.reply.action is Action.ORIGINAL_TOO_OLD


def test_a_sign_on_gives_out_the_batch_number() -> None:
    decision = decide(a_request(kind=Kind.SIGN_ON, pan=None, amount_minor=None), some_facts(card=None, account=None))

    assert decision.reply.batch == "000001"
    assert decision.effects == (ChangeTerminal(signed_on=True),)


def test_a_sign_off_is_noted() -> None:
    decision = decide(a_request(kind=Kind.SIGN_OFF, pan=None, amount_minor=None), some_facts(card=None, account=None))

    assert decision.effects == (ChangeTerminal(signed_on=False),)


def test_the_policy_is_the_listeners() -> None:
    decide_for_listener = decider({"strict": Policy(sign_on_required=True)})

    assert decide_for_listener(a_request(listener="strict"), some_facts()).reply.action is Action.NOT_SIGNED_ON
    assert decide_for_listener(a_request(listener="easy"), some_facts()).reply.action is Action.APPROVED


def test_every_kind_has_a_row_except_what_nobody_decides() -> None:
    assert set(TABLE) == set(Kind) - {Kind.ECHO, Kind.STATEMENT}
    assert set(NEEDS) == set(TABLE)


@given(st.integers(1, 2**62), st.integers(1, 2**62))
def test_different_ids_have_different_references(one: int, other: int) -> None:
    assert (rrn_of(one) == rrn_of(other)) == (one == other)


@given(st.integers(0, 2**62))
def test_references_and_approval_codes_fit_their_fields(journal_id: int) -> None:
    assert len(rrn_of(journal_id)) == 12
    assert rrn_of(journal_id).isalnum()
    assert len(approval_code_of(journal_id)) == 6
    assert approval_code_of(journal_id).isdigit()


@given(st.integers(1, 10_000), st.integers(-2000, 10_000), st.integers(0, 2000))
def test_an_approved_spend_never_takes_available_below_zero(amount: int, ledger: int, held: int) -> None:
    account = an_account(ledger_minor=ledger, held_minor=held)

    decision = decide(a_request(amount_minor=amount), some_facts(account=account))

    assert (decision.reply.action is Action.APPROVED) == (amount <= account.available_minor)
