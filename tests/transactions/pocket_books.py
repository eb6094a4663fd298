"""The books of one card in a page of plain Python: decisions are made from them and put into them, one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any

from switch.decisions import (
    ChangePayment,
    CountRefund,
    CountSpend,
    Decision,
    Effect,
    EndHold,
    Facts,
    OpenHold,
    OpenPayment,
    PayCode,
    Payment,
    PaymentState,
    Transfer,
)
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.transactions.decide import decide
from switch.transactions.lifecycle import COMPLETION, SALE
from switch.transactions.table import TABLE
from tests.builders import NOW, TODAY, a_card, a_payment, a_request, a_terminal, an_account, some_facts

CARD, MERCHANT, OTHER_CARD = 100, 900, 200
COUNTED = (*SALE, Kind.TRANSFER, Kind.AUTHORISATION)


@dataclass
class PocketBooks:
    """Amounts are minor units; ``ledger`` is by account, ``open_holds`` by the journal id that opened each."""

    start_minor: int
    day: date = TODAY
    ledger: dict[int, int] = field(default_factory=dict)
    open_holds: dict[int, int] = field(default_factory=dict)
    payments: dict[int, Payment] = field(default_factory=dict)
    spent: dict[date, tuple[int, int]] = field(default_factory=dict)
    _ids: Any = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.ledger = {CARD: self.start_minor, MERCHANT: 0, OTHER_CARD: 0}

    @property
    def held(self) -> int:
        return sum(self.open_holds.values())

    @property
    def available(self) -> int:
        return self.ledger[CARD] - self.held

    def ask(self, kind: Kind, amount: int, about: int | None = None, **changes: Any) -> Decision:
        """Have a request decided and its effects made; ``about`` is the payment that it names."""
        request = a_request(**{"kind": kind, "amount_minor": amount, **changes})
        facts = self._facts(request, about)
        decision = decide(request, facts)
        for effect in decision.effects:
            self._make(effect, request, facts)
        return decision

    def sleep(self, days: int) -> None:
        self.day += timedelta(days=days)

    def _facts(self, request: Request, about: int | None) -> Facts:
        original = self.payments.get(about or 0) if TABLE[request.kind].original else None
        parent = self._about(original)
        status = "inactive" if request.kind is Kind.ACTIVATION else "active"
        return some_facts(
            journal_id=next(self._ids),
            business_day=self.day,
            terminal=a_terminal(last_seen_day=int(f"{self.day:%Y%m%d}")),
            card=a_card(account_class="prepaid", status=status, expiry_yymm="9912"),
            account=an_account(ledger_minor=self.ledger[CARD], held_minor=self.held),
            original=original,
            parent=parent,
            grandparent=self._about(parent),
            increments=self._increments(original, parent, self._about(parent)),
            to_card=a_card(card_id=2, account_id=OTHER_CARD),
            to_account=an_account(account_id=OTHER_CARD),
            pay_code=PayCode(b"c", NOW + 1, is_single_use=False),
        )

    def _increments(self, *line: Payment | None) -> tuple[Payment, ...]:
        held = {payment.payment_id for payment in line if payment is not None and payment.kind is Kind.AUTHORISATION}
        return tuple(payment for payment in self._posted(Kind.INCREMENT) if payment.original_id in held)

    def _posted(self, *kinds: Kind) -> list[Payment]:
        found = self.payments.values()
        return [payment for payment in found if payment.kind in kinds and payment.state is PaymentState.POSTED]

    def _about(self, payment: Payment | None) -> Payment | None:
        return self.payments.get(payment.original_id or 0) if payment is not None else None

    def _make(self, effect: Effect, request: Request, facts: Facts) -> None:
        match effect:
            case Transfer():
                self.ledger[effect.debit_account_id] -= effect.amount_minor
                self.ledger[effect.credit_account_id] += effect.amount_minor
            case OpenHold():
                assert facts.journal_id not in self.open_holds
                self.open_holds[facts.journal_id] = effect.amount_minor
            case EndHold():
                assert self.open_holds.pop(effect.hold_id) == effect.amount_minor, "a hold ends once, as a whole"
            case CountSpend():
                amount, times = self.spent.get(effect.business_day, (0, 0))
                self.spent[effect.business_day] = amount + effect.amount_minor, times + effect.count
            case ChangePayment():
                payment = self.payments[effect.payment_id]
                self.payments[effect.payment_id] = payment._replace(
                    state=effect.state, current_minor=effect.current_minor, hold_id=effect.hold_id
                )
            case CountRefund():
                payment = self.payments[effect.payment_id]
                refunded = payment.refunded_minor + effect.amount_minor
                self.payments[effect.payment_id] = payment._replace(refunded_minor=refunded)
            case OpenPayment():
                self.payments[facts.journal_id] = self._payment(effect, request, facts)
            case _:
                pass

    def _payment(self, effect: OpenPayment, request: Request, facts: Facts) -> Payment:
        return a_payment(
            payment_id=facts.journal_id,
            kind=request.kind,
            state=effect.state,
            amount_minor=effect.amount_minor,
            current_minor=effect.amount_minor,
            merchant_account_id=OTHER_CARD if request.kind is Kind.TRANSFER else MERCHANT,
            hold_id=effect.hold_id,
            business_day=self.day,
            original_id=facts.original.payment_id if facts.original else None,
        )

    # --- what must be true at any time ---------------------------------------------------------------------

    def check(self) -> None:
        """Money, holds, refunds and counters follow from what the payments say is left of them."""
        assert sum(self.ledger.values()) == self.start_minor
        assert self.ledger[CARD] == self.start_minor + sum(map(_gained, self.payments.values()))
        held = {
            payment.hold_id: payment.current_minor
            for payment in self.payments.values()
            if payment.state is PaymentState.HELD
        }
        assert self.open_holds == held
        assert min(self.open_holds.values(), default=1) > 0
        for payment in self.payments.values():
            assert 0 <= payment.refunded_minor <= payment.current_minor
            refunds = (other for other in self.payments.values() if other.original_id == payment.payment_id)
            assert payment.refunded_minor == sum(o.current_minor for o in refunds if o.kind is Kind.REFUND)
        assert {day: spent for day, spent in self.spent.items() if spent != (0, 0)} == self._replayed()

    def _replayed(self) -> dict[date, tuple[int, int]]:
        """What each day's counters should be: an authorisation's amount is of its latest increments' days first."""
        replayed: dict[date, tuple[int, int]] = {}

        def add(day: date, amount: int, times: int = 0) -> None:
            before, times_before = replayed.get(day, (0, 0))
            replayed[day] = before + amount, times_before + times

        for payment in self.payments.values():
            amount, times = (
                payment.current_minor,
                int(payment.state not in (PaymentState.VOIDED, PaymentState.REVERSED)),
            )
            if payment.kind in COMPLETION and payment.state is not PaymentState.POSTED:
                add(self.payments[payment.original_id or 0].business_day, amount)
            if payment.kind not in COUNTED:
                continue
            if payment.state is PaymentState.CAPTURED:
                completed = self._posted(*COMPLETION)
                amount = sum(one.current_minor for one in completed if one.original_id == payment.payment_id)
            for increment in reversed(self._increments(payment)):
                share = min(increment.current_minor, amount)
                add(increment.business_day, share)
                amount -= share
            add(payment.business_day, amount, times)
        return {day: spent for day, spent in replayed.items() if spent != (0, 0)}


def _gained(payment: Payment) -> int:
    """What a payment, as it stands, has brought the card."""
    if payment.kind in (Kind.REFUND, Kind.LOAD):
        return payment.current_minor
    return -payment.current_minor if payment.kind in (*SALE, *COMPLETION, Kind.TRANSFER) else 0


def is_approved(decision: Decision) -> bool:
    return decision.reply.action is Action.APPROVED
