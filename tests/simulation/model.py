"""The life of a payment as the domain's rules tell it, in plain Python: what the switch is held against.

It is written from the rules and shares nothing with the switch but its words. For each request it says which answers
are right: every reason to refuse that applies, or the approval where there is none. Where the rules leave a choice it
makes the one that the switch documents: what of a refunded completion is held again, on which day an increment counts.
Where they say nothing it raises `NotInTheRules`, before anything has changed, and the case is not sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from switch.decisions import PaymentState
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.messages.verdicts import Finding
from tests.simulation.books import (
    ADJUSTMENTS,
    APPROVED,
    CANCELS,
    DAYS_MAX,
    OF_AUTHORISATIONS,
    SALES,
    Answers,
    NotInTheRules,
)
from tests.simulation.payments import ModelCard, ModelPayment
from tests.simulation.reversals import ReversingBooks

ANY: Answers = frozenset(Action)
PIN_TRIES_MAX = 3

_Key = tuple[str, str, str, date]  # terminal, message class, STAN, local date: one merchant, no batch
_Print = tuple[str, int | None, str]  # what a repeat must agree on: card, amount, processing code


@dataclass
class Model(ReversingBooks):
    """Decides requests."""

    _answers: dict[_Key, tuple[_Print, Answers]] = field(default_factory=dict)

    def answers(self, request: Request, number: int) -> Answers:
        """Decide one request, which gets ``number`` as its journal id; return the answers that are right."""
        if request.kind is Kind.EXPIRY:
            return self._expire(request)
        key = (request.terminal_id, request.message_class, request.stan, request.local_date)
        print_ = (request.pan.reveal() if request.pan else "", request.amount_minor, request.processing_code)
        if key in self._answers:
            first, answers = self._answers[key]
            return answers if first == print_ else frozenset({Action.DUPLICATE_CONFLICT})  # rules 2 and 3
        answers = self._reverse(request) if request.kind is Kind.REVERSAL else self._pay(request, number)
        self._answers[key] = (print_, answers)
        return answers

    def _pay(self, request: Request, number: int) -> Answers:
        payment = self._payment(request, number)
        refusals, act = self._judge(payment, request)
        if (request.terminal_id, request.stan) in self.buried:  # rule 8, tombstone
            refusals.add(Action.ALREADY_REVERSED)
        refusals |= self._pin(payment, request, others=bool(refusals))
        self.payments.append(payment)
        if refusals:
            return frozenset(refusals)
        payment.state, payment.current = PaymentState.POSTED, payment.amount
        act()
        return APPROVED

    def _payment(self, request: Request, number: int) -> ModelPayment:
        code = request.extras.pay_code.reveal() if request.extras.pay_code else ""
        card = self.cards[request.pan.reveal()] if request.pan else self.pay_codes.get(code)
        to_card = self.cards[request.extras.to_pan.reveal()] if request.extras.to_pan else None
        amount = request.amount_minor or 0
        return ModelPayment(
            number,
            request.kind,
            request.terminal_id,
            request.stan,
            self.today,
            amount,
            card,
            to_card,
            code,
            shows_card=request.pan is not None,
        )

    def _judge(self, payment: ModelPayment, request: Request) -> tuple[set[Action], Callable[[], None]]:
        """Return the reasons to refuse a payment, and what it does where there is none."""
        kind = payment.kind
        if kind in CANCELS:
            return self._judge_cancel(payment, request)
        if kind in OF_AUTHORISATIONS:
            return self._judge_of_authorisation(payment, request)
        if kind is Kind.REFUND:
            return self._judge_refund(payment, request)
        if kind in ADJUSTMENTS:
            return self._judge_adjustment(payment, request)
        assert payment.card is not None or kind is Kind.CODE_PURCHASE
        refusals = self._refusals_of_new(payment)
        if kind is Kind.AUTHORISATION:
            return refusals, lambda: self._hold(payment)
        return refusals, lambda: self._post(payment)

    def _refusals_of_new(self, payment: ModelPayment) -> set[Action]:
        card, kind = payment.card, payment.kind
        if card is None:
            return {Action.PAY_CODE_INVALID}
        if kind is Kind.OFFLINE_SALE:  # rule 15: it has happened
            return set()
        if kind is Kind.ACTIVATION:
            return set() if card.is_prepaid and card.status == "inactive" else {Action.CARD_NOT_PERMITTED}
        refusals = set() if card.status == "active" else {Action.CARD_INACTIVE}
        if kind is Kind.LOAD:
            return refusals if card.is_prepaid else refusals | {Action.CARD_NOT_PERMITTED}
        if payment.pay_code in self.used_codes:
            refusals.add(Action.PAY_CODE_INVALID)
        to_card = payment.to_card
        if to_card is not None and (to_card is card or to_card.status != "active"):
            refusals.add(Action.CARD_NOT_PERMITTED)
        return refusals | self._spending_refusals(payment, card)

    def _spending_refusals(self, payment: ModelPayment, card: ModelCard) -> set[Action]:
        refusals: set[Action] = set()
        card_days, terminal_days = self.counted()
        amount, times = card_days.of(card.pan, self.today)
        if card.daily_limit is not None and amount + payment.amount > card.daily_limit:
            refusals.add(Action.EXCEEDS_AMOUNT_LIMIT)
        if card.daily_count is not None and times + 1 > card.daily_count:
            refusals.add(Action.EXCEEDS_COUNT_LIMIT)
        most = self.terminal_limits.get(payment.terminal)
        if most is not None and terminal_days.of(payment.terminal, self.today)[0] + payment.amount > most:
            refusals.add(Action.EXCEEDS_AMOUNT_LIMIT)
        if payment.amount > card.available:
            refusals.add(Action.INSUFFICIENT_FUNDS)
        return refusals

    def _pin(self, payment: ModelPayment, request: Request, *, others: bool) -> set[Action]:
        """Count wrong PINs (rule 26), which nobody may do without the card, and before money is spoken of."""
        card, pin = payment.card, request.verdicts.pin
        if pin is Finding.ABSENT or card is None:
            return set()
        if others:
            raise NotInTheRules
        if card.pin_tries >= PIN_TRIES_MAX:
            return {Action.PIN_TRIES_EXCEEDED}
        card.pin_tries = card.pin_tries + 1 if pin is Finding.WRONG else 0
        return {Action.PIN_WRONG} if pin is Finding.WRONG else set()

    def _post(self, payment: ModelPayment) -> None:
        if payment.kind is Kind.ACTIVATION:
            assert payment.card is not None
            payment.card.status = "active"
            return
        self._move(payment, payment.amount)
        if payment.pay_code in self.single_use:
            self.used_codes.add(payment.pay_code)

    def _hold(self, payment: ModelPayment) -> None:
        assert payment.card is not None
        payment.state = PaymentState.HELD
        payment.card.held += payment.amount

    def _judge_refund(self, payment: ModelPayment, request: Request) -> tuple[set[Action], Callable[[], None]]:
        """Rule 20."""
        sale = self._find(request, SALES, payment.card)
        if sale is None or sale.state is not PaymentState.POSTED:
            return {Action.ORIGINAL_NOT_FOUND}, _nothing
        refusals = set()
        if sale.age(self.today) > DAYS_MAX:
            refusals.add(Action.ORIGINAL_TOO_OLD)
        if sale.refunded + sale.queued + payment.amount > sale.current:
            refusals.add(Action.EXCEEDS_ORIGINAL)

        def refund() -> None:
            payment.about = sale
            sale.refunded += payment.amount
            self._move(payment, payment.amount)

        return refusals, refund

    def _judge_adjustment(self, payment: ModelPayment, request: Request) -> tuple[set[Action], Callable[[], None]]:
        """Rule 15: another total; only what names no sale is refused. What waits for an operator is given back once."""
        sale = self._find(request, SALES, payment.card)
        if sale is None or sale.state is not PaymentState.POSTED:
            return {Action.ORIGINAL_NOT_FOUND}, _nothing
        if payment.kind is Kind.TIP and payment.amount < sale.current:
            raise NotInTheRules
        more = max(payment.amount, min(sale.refunded + sale.queued, sale.current)) - sale.current

        def adjust() -> None:
            payment.about = sale
            sale.current += more
            self._move(sale, more)

        return set(), adjust

    def _judge_cancel(self, payment: ModelPayment, request: Request) -> tuple[set[Action], Callable[[], None]]:
        """Rule 19, of sales, loads, pay codes and completions."""
        original = self._find(request, CANCELS[payment.kind], None)
        refusals: set[Action] = set()
        if payment.kind is Kind.LOAD_VOID and payment.card is not None and not payment.card.is_prepaid:
            refusals.add(Action.CARD_NOT_PERMITTED)
        if original is None:
            return refusals | {Action.ORIGINAL_NOT_FOUND}, _nothing
        if original.state is not PaymentState.POSTED or original.refunded or original.terminal != payment.terminal:
            refusals.add(Action.ORIGINAL_NOT_FOUND)
        if original.day != self.today:
            refusals |= {Action.ORIGINAL_NOT_FOUND, Action.ORIGINAL_CLOSED}
        if payment.amount != original.current:
            refusals.add(Action.AMOUNT_MISMATCH)
        if payment.kind is not Kind.CODE_CANCEL and payment.card is not original.card:
            refusals.add(Action.CARD_MISMATCH)
        assert original.card is not None
        if payment.kind is Kind.LOAD_VOID and payment.amount > original.card.available:
            refusals.add(Action.INSUFFICIENT_FUNDS)  # I3: what was loaded has been spent

        def cancel() -> None:
            payment.about = original
            payment.current = original.current
            self._give_back(original, 0, PaymentState.VOIDED)

        return refusals, cancel

    def _judge_of_authorisation(
        self, payment: ModelPayment, request: Request
    ) -> tuple[set[Action], Callable[[], None]]:
        """Rules 18 and 22: increment, completion, cancel."""
        is_void = payment.kind is Kind.AUTHORISATION_VOID
        held = self._find(request, frozenset({Kind.AUTHORISATION}), None if is_void else payment.card)
        if held is None:
            new = self._refusals_of_new(payment) if payment.kind is Kind.INCREMENT else set()
            return new | {Action.ORIGINAL_NOT_FOUND}, _nothing
        judge = {
            Kind.INCREMENT: self._judge_increment,
            Kind.AUTHORISATION_VOID: self._judge_release,
        }.get(payment.kind, self._judge_completion)
        return judge(payment, held)

    def _judge_increment(self, payment: ModelPayment, held: ModelPayment) -> tuple[set[Action], Callable[[], None]]:
        """Rule 22."""
        refusals = self._refusals_of_new(payment)
        if held.state is not PaymentState.HELD:
            refusals.add(Action.ORIGINAL_NOT_FOUND)
        if held.age(self.today) > DAYS_MAX:
            refusals.add(Action.ORIGINAL_TOO_OLD)

        def increase() -> None:
            assert held.card is not None
            payment.about = held
            held.current += payment.amount
            held.card.held += payment.amount

        return refusals, increase

    def _judge_release(self, payment: ModelPayment, held: ModelPayment) -> tuple[set[Action], Callable[[], None]]:
        refusals = set()
        if held.state is not PaymentState.HELD or held.queued:
            refusals.add(Action.ORIGINAL_NOT_FOUND)
        if payment.amount != held.current:
            refusals.add(Action.AMOUNT_MISMATCH)
        if payment.card is not held.card:
            refusals.add(Action.CARD_MISMATCH)

        def release() -> None:
            payment.about = held
            payment.current = held.current
            self._release(held, PaymentState.VOIDED)

        return refusals, release

    def _judge_completion(self, payment: ModelPayment, held: ModelPayment) -> tuple[set[Action], Callable[[], None]]:
        """Rules 15 and 18: no age refuses what has happened, but what no authorisation covers is refused to both."""
        is_advice = payment.kind is Kind.COMPLETION_ADVICE
        refusals = set()
        if held.state is not PaymentState.HELD and not (is_advice and held.state is PaymentState.EXPIRED):
            refusals.add(Action.ORIGINAL_NOT_FOUND)
        if held.age(self.today) > DAYS_MAX and not is_advice:
            refusals.add(Action.ORIGINAL_TOO_OLD)
        left = held.current - held.queued  # what waits for an operator is authorised no more
        if left <= 0:
            refusals.add(Action.ORIGINAL_NOT_FOUND)
        if payment.amount * 100 > left * 115:
            refusals.add(Action.AMOUNT_MISMATCH)

        def complete() -> None:
            payment.about = held
            self._move(payment, payment.amount)
            self._capture(payment)

        return refusals, complete

    def _expire(self, request: Request) -> Answers:
        """Rule 18: unused authorisations release their hold after 30 days. What they counted is history."""
        assert request.original is not None
        held = next(each for each in self.payments if each.number == request.original.journal_id)
        if held.state is not PaymentState.HELD or held.age(self.today) <= DAYS_MAX:
            return ANY
        assert held.card is not None
        held.card.held -= held.current
        held.state = PaymentState.EXPIRED
        return APPROVED


def _nothing() -> None:
    """What a refused request does."""
