"""The life of a payment as the domain's rules tell it, in plain Python: what the switch is held against.

It is written from the rules alone and shares nothing with the switch but its words. For each request it says which
answers are right: every reason to refuse that applies, or the approval where there is none. Where the rules say nothing
of a case it raises `NotInTheRules`, before anything has changed, and the case is not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date

from switch.decisions import PaymentState
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.messages.references import approval_code_of, rrn_of
from switch.messages.verdicts import Finding
from tests.simulation.payments import Counters, ModelCard, ModelPayment, Standing

Answers = frozenset[Action]
"""The answers that the rules allow to one request: one approval, or any of the reasons to refuse it."""

APPROVED: Answers = frozenset({Action.APPROVED})
ANY: Answers = frozenset(Action)
DAYS_MAX = 30  # rule 18, rule 20
PIN_TRIES_MAX = 3

SALES = frozenset({Kind.PURCHASE, Kind.OFFLINE_SALE, Kind.CODE_PURCHASE, Kind.COMPLETION, Kind.COMPLETION_ADVICE})
COMPLETIONS = frozenset({Kind.COMPLETION, Kind.COMPLETION_ADVICE})
COUNTED = frozenset({Kind.PURCHASE, Kind.AUTHORISATION, Kind.TRANSFER, Kind.CODE_PURCHASE, Kind.OFFLINE_SALE})
CANCELS = {
    Kind.VOID: frozenset({Kind.PURCHASE}),
    Kind.LOAD_VOID: frozenset({Kind.LOAD}),
    Kind.CODE_CANCEL: frozenset({Kind.CODE_PURCHASE}),
    Kind.COMPLETION_VOID: COMPLETIONS,
}
OF_AUTHORISATIONS = frozenset({Kind.INCREMENT, Kind.AUTHORISATION_VOID}) | COMPLETIONS
ADJUSTMENTS = frozenset({Kind.TIP, Kind.ADJUSTMENT})
TO_CARD = frozenset({Kind.LOAD, Kind.REFUND})

IN_PART = SALES | {Kind.AUTHORISATION, Kind.INCREMENT, Kind.TRANSFER, Kind.REFUND, Kind.LOAD}

_Key = tuple[str, str, str, date]  # terminal, message class, STAN, local date: one merchant, no batch
_Print = tuple[str, int | None, str]  # what a repeat must agree on: card, amount, processing code


class NotInTheRules(Exception):  # noqa: N818 - no error: a case to leave out
    """The rules are silent about this case."""


@dataclass
class Model:
    """Decides requests. ``terminal_limits`` are a terminal's amounts of a day, ``merchant`` what the merchant is owed."""

    cards: dict[str, ModelCard]
    pay_codes: dict[str, ModelCard]
    single_use: frozenset[str] = frozenset()
    terminal_limits: dict[str, int] = field(default_factory=dict)
    merchant: int = 0
    today: date = date.min
    payments: list[ModelPayment] = field(default_factory=list)
    card_days: Counters = field(default_factory=Counters)
    terminal_days: Counters = field(default_factory=Counters)
    _answers: dict[_Key, tuple[_Print, Answers]] = field(default_factory=dict)
    _buried: set[tuple[str, str]] = field(default_factory=set)
    _used_codes: set[str] = field(default_factory=set)

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

    def standing(self) -> Standing:
        """Return the books as they are now."""
        return Standing(
            {card.pan: (card.ledger, card.held, card.status) for card in self.cards.values()},
            self.merchant,
            self.card_days.spent(),
            {key: found for key, found in self.terminal_days.spent().items() if key[0] in self.terminal_limits},
            {each.number: _shown(each) for each in self.payments if each.is_approved and each.kind not in ADJUSTMENTS},
            {each.number: each.queued for each in self.payments if each.queued},
        )

    # --- what makes payments -------------------------------------------------------------------------------

    def _pay(self, request: Request, number: int) -> Answers:
        payment = self._payment(request, number)
        refusals, act = self._judge(payment, request)
        if (request.terminal_id, request.stan) in self._buried:  # rule 8, tombstone
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
        if payment.pay_code in self._used_codes:
            refusals.add(Action.PAY_CODE_INVALID)
        to_card = payment.to_card
        if to_card is not None and (to_card is card or to_card.status != "active"):
            refusals.add(Action.CARD_NOT_PERMITTED)
        return refusals | self._spending_refusals(payment, card)

    def _spending_refusals(self, payment: ModelPayment, card: ModelCard) -> set[Action]:
        refusals: set[Action] = set()
        amount, times = self.card_days.of(card.pan, self.today)
        if card.daily_limit is not None and amount + payment.amount > card.daily_limit:
            refusals.add(Action.EXCEEDS_AMOUNT_LIMIT)
        if card.daily_count is not None and times + 1 > card.daily_count:
            refusals.add(Action.EXCEEDS_COUNT_LIMIT)
        most = self.terminal_limits.get(payment.terminal)
        if most is not None and self.terminal_days.of(payment.terminal, self.today)[0] + payment.amount > most:
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
        self._count(payment, payment.amount, 1)
        if payment.pay_code in self.single_use:
            self._used_codes.add(payment.pay_code)

    def _hold(self, payment: ModelPayment) -> None:
        assert payment.card is not None
        payment.state = PaymentState.HELD
        payment.card.held += payment.amount
        self._count(payment, payment.amount, 1)

    # --- after a sale --------------------------------------------------------------------------------------

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
        """Rule 15: another total; only what names no sale is refused."""
        sale = self._find(request, SALES, payment.card)
        if sale is None or sale.state is not PaymentState.POSTED:
            return {Action.ORIGINAL_NOT_FOUND}, _nothing
        if sale.queued or (payment.kind is Kind.TIP and payment.amount < sale.current):
            raise NotInTheRules
        more = max(payment.amount, sale.refunded) - sale.current

        def adjust() -> None:
            payment.about = sale
            sale.current += more
            self._move(sale, more)
            self._count(_counted_as(sale), more, 0)

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

    def _give_back(self, original: ModelPayment, keep: int, ends: PaymentState | None) -> None:
        """Mirror what is given back of a payment that moved money; without its completion a hold is open again."""
        back, times = original.current - keep, -1 if ends else 0
        original.current = keep
        self._move(original, -back)
        if original.kind in COMPLETIONS:
            self._count(_counted_as(original), -back, 0)
            if ends:
                self._reopen(original)
        else:
            self._count(original, -back, times)
        if original.kind is Kind.REFUND:
            assert original.about is not None
            original.about.refunded -= back
        original.state = ends or original.state

    def _stand_again(self, original: ModelPayment, amount: int) -> None:
        """Undo a cancel: what it gave back is moved again."""
        original.state, original.current = PaymentState.POSTED, original.current + amount
        self._move(original, amount)
        if original.kind in COMPLETIONS:
            self._count(_counted_as(original), amount, 0)
            self._capture(original)
        else:
            self._count(original, amount, 1)

    # --- authorisations ------------------------------------------------------------------------------------

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
        """Rule 22. It is counted as part of its authorisation, so of neither a limited terminal's nor another day's."""
        refusals = self._refusals_of_new(payment)
        if held.state is not PaymentState.HELD:
            refusals.add(Action.ORIGINAL_NOT_FOUND)
        if held.age(self.today) > DAYS_MAX:
            refusals.add(Action.ORIGINAL_TOO_OLD)
        is_limited = {held.terminal, payment.terminal} & self.terminal_limits.keys()
        is_same = (held.terminal, held.day) == (payment.terminal, payment.day)
        if not refusals and not is_same and is_limited:
            raise NotInTheRules

        def increase() -> None:
            assert held.card is not None
            payment.about = held
            held.current += payment.amount
            held.card.held += payment.amount
            self._count(held, payment.amount, 0)

        return refusals, increase

    def _judge_release(self, payment: ModelPayment, held: ModelPayment) -> tuple[set[Action], Callable[[], None]]:
        refusals = set()
        if held.state is not PaymentState.HELD:
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
        if payment.amount * 100 > held.current * 115:
            refusals.add(Action.AMOUNT_MISMATCH)

        def complete() -> None:
            payment.about = held
            self._move(payment, payment.amount)
            self._count(held, payment.amount, 0)
            self._capture(payment)

        return refusals, complete

    def _capture(self, completion: ModelPayment) -> None:
        """Take the whole hold for a completion; the day's counters then say what was completed."""
        held = _counted_as(completion)
        assert held.card is not None
        if held.state is PaymentState.HELD:
            held.card.held -= held.current
        held.state = PaymentState.CAPTURED
        self._count(held, -held.current, 0)

    def _reopen(self, completion: ModelPayment) -> None:
        """Hold again what a completion had taken, unless it could not be completed any more."""
        held = _counted_as(completion)
        assert held.card is not None
        is_too_old = held.age(self.today) > DAYS_MAX
        held.state = PaymentState.EXPIRED if is_too_old else PaymentState.HELD
        held.card.held += 0 if is_too_old else held.current
        self._count(held, held.current, 0)

    def _release(self, held: ModelPayment, state: PaymentState) -> None:
        assert held.card is not None
        held.card.held -= held.current
        self._count(held, -held.current, -1)
        held.state = state

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

    # --- reversals -----------------------------------------------------------------------------------------

    def _reverse(self, request: Request) -> Answers:
        """Rules 7 to 10 and 21."""
        assert request.original is not None
        pan = request.pan.reveal() if request.pan else ""
        original = self._find(request, frozenset(Kind), self.cards.get(pan))
        if original is None:
            self._buried.add((request.terminal_id, request.original.stan))
            return APPROVED
        if not original.is_live or self._is_settled(original) or original.kind in ADJUSTMENTS:
            return APPROVED
        keep = max(request.new_amount_minor or 0, original.refunded)  # I7
        if request.new_amount_minor is None and request.amount_minor not in (None, original.amount):
            return frozenset({Action.AMOUNT_MISMATCH})
        if keep > original.current or (original.kind not in IN_PART and keep not in (0, original.current)):
            return frozenset({Action.AMOUNT_MISMATCH})
        is_last = keep == original.refunded
        is_late = original.day != self.today
        if (
            original.kind in COMPLETIONS
            and original.refunded
            and _counted_as(original).terminal in self.terminal_limits
        ):
            raise NotInTheRules
        if keep == original.current and (is_late or not is_last) and original.kind is not Kind.ACTIVATION:
            return APPROVED
        if is_late:  # rule 8: an operator's
            if original.kind is Kind.ACTIVATION:
                raise NotInTheRules
            original.queued = max(original.queued, original.current - keep)
            return frozenset({Action.ORIGINAL_CLOSED, Action.ORIGINAL_NOT_FOUND})
        self._undo(original, keep, request, is_last=is_last)
        return APPROVED

    def _is_settled(self, original: ModelPayment) -> bool:
        """Whether what a payment changed has moved on since, so that undoing it would have a second effect."""
        about = original.about
        if about is None:
            return False
        expected = {
            Kind.REFUND: PaymentState.POSTED,
            Kind.INCREMENT: PaymentState.HELD,
            Kind.COMPLETION: PaymentState.CAPTURED,
            Kind.COMPLETION_ADVICE: PaymentState.CAPTURED,
        }.get(original.kind, PaymentState.VOIDED)
        if about.state is not expected:
            return True
        if original.kind is Kind.COMPLETION_VOID:
            return about.about is None or about.about.state is not PaymentState.HELD
        return False

    def _undo(self, original: ModelPayment, keep: int, request: Request, *, is_last: bool) -> None:
        """Undo one level: what is kept goes on; without a rest the payment is reversed and what it changed as before."""
        kind, about = original.kind, original.about
        ends = PaymentState.REVERSED if is_last else None
        if kind is Kind.AUTHORISATION:
            self._undo_hold(original, keep)
        elif kind is Kind.INCREMENT:
            self._undo_increment(original, keep)
        elif kind is Kind.AUTHORISATION_VOID:
            assert about is not None
            assert about.card is not None
            about.state = PaymentState.HELD
            about.card.held += about.current
            self._count(about, about.current, 1)
        elif kind in CANCELS:
            assert about is not None
            self._stand_again(about, original.current)
        elif kind is Kind.ACTIVATION:
            assert original.card is not None
            original.card.status = "inactive"
        else:
            self._give_back(original, keep, ends)
            code = request.extras.pay_code
            if is_last and request.pan is None and code is not None and code.reveal() == original.pay_code:
                self._used_codes.discard(original.pay_code)
        original.current = keep
        original.state = ends or original.state

    def _undo_hold(self, original: ModelPayment, keep: int) -> None:
        assert original.card is not None
        if not keep:
            self._release(original, PaymentState.REVERSED)
            return
        back = original.current - keep
        original.card.held -= back
        self._count(original, -back, 0)

    def _undo_increment(self, original: ModelPayment, keep: int) -> None:
        """Take it off the hold; an authorisation of which nothing is left by then is reversed with it."""
        held = original.about
        assert held is not None
        assert held.card is not None
        back = original.current - keep
        if back > held.current and held.terminal in self.terminal_limits:
            raise NotInTheRules
        back = min(back, held.current)
        held.current -= back
        held.card.held -= back
        self._count(held, -back, 0 if held.current else -1)
        if not held.current:
            held.state = PaymentState.REVERSED

    # --- the books -----------------------------------------------------------------------------------------

    def _find(self, request: Request, kinds: frozenset[Kind], card: ModelCard | None) -> ModelPayment | None:
        """Return what a request names, of that card if one is given: by approval code, RRN or STAN."""
        named = request.original
        assert named is not None
        is_hidden = request.kind is Kind.REVERSAL  # who paid by code showed no card
        of_card = [
            each
            for each in self.payments
            if each.kind in kinds and (card is None or each.card is card or (is_hidden and not each.shows_card))
        ]
        if request.kind in OF_AUTHORISATIONS:
            code = request.approval_code
            return _only(each for each in of_card if each.is_approved and approval_code_of(each.number) == code)
        by_stan = [each for each in of_card if (each.terminal, each.stan) == (request.terminal_id, named.stan)]
        day = named.local_date or request.local_date
        near = [each for each in by_stan if abs((each.day - day).days) <= 1]
        by_rrn = [each for each in of_card if each.is_approved and named.rrn and rrn_of(each.number) == named.rrn]
        return _only(near or by_rrn)

    def _move(self, payment: ModelPayment, amount: int) -> None:
        card = payment.card
        assert card is not None
        sign = 1 if payment.kind in TO_CARD else -1
        card.ledger += sign * amount
        if payment.to_card is not None:
            payment.to_card.ledger -= sign * amount
        else:
            self.merchant -= sign * amount

    def _count(self, payment: ModelPayment, amount: int, times: int) -> None:
        """On the day of the payment, whatever the day is (rule 10)."""
        if payment.kind in COUNTED:
            assert payment.card is not None
            self.card_days.add(payment.card.pan, payment.day, amount, times)
            self.terminal_days.add(payment.terminal, payment.day, amount, 0)


def _only(found: Iterable[ModelPayment]) -> ModelPayment | None:
    """Return the one that was found; the traffic never lets two have the same name."""
    payments = list(found)
    assert len(payments) <= 1, payments
    return payments[0] if payments else None


def _counted_as(payment: ModelPayment) -> ModelPayment:
    """Return what a payment is counted as: a completion's authorisation stands for it."""
    if payment.kind not in COMPLETIONS:
        return payment
    assert payment.about is not None
    return payment.about


def _shown(payment: ModelPayment) -> tuple[str, int | None, int]:
    """State, what is left (of what is alive), what was refunded."""
    return payment.state.value, payment.current if payment.is_live else None, payment.refunded


def _nothing() -> None:
    """What a refused request does."""
