"""The model's books: what there is, how a request finds what it is about, and the moves that all of life is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from switch.decisions import PaymentState
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.messages.references import approval_code_of, rrn_of
from tests.simulation.payments import Counters, ModelCard, ModelPayment, Standing

Answers = frozenset[Action]
"""The answers that the rules allow to one request: one approval, or any of the reasons to refuse it."""

APPROVED: Answers = frozenset({Action.APPROVED})
DAYS_MAX = 30  # rule 18, rule 20

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


class NotInTheRules(Exception):  # noqa: N818 - no error: a case to leave out
    """The rules are silent about this case."""


@dataclass
class ModelBooks:
    """``terminal_limits`` are a terminal's amounts of a day, ``merchant`` is what the merchant is owed."""

    cards: dict[str, ModelCard]
    pay_codes: dict[str, ModelCard]
    single_use: frozenset[str] = frozenset()
    terminal_limits: dict[str, int] = field(default_factory=dict)
    merchant: int = 0
    today: date = date.min
    payments: list[ModelPayment] = field(default_factory=list)
    buried: set[tuple[str, str]] = field(default_factory=set)  # terminal and STAN of what was reversed before it came
    used_codes: set[str] = field(default_factory=set)

    def standing(self) -> Standing:
        """Return the books as they are now."""
        card_days, terminal_days = self.counted()
        return Standing(
            {card.pan: (card.ledger, card.held, card.status) for card in self.cards.values()},
            self.merchant,
            card_days.spent(),
            {key: found for key, found in terminal_days.spent().items() if key[0] in self.terminal_limits},
            {each.number: _shown(each) for each in self.payments if each.is_approved and each.kind not in ADJUSTMENTS},
            {each.number: each.queued for each in self.payments if each.queued},
        )

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

    def counted(self) -> tuple[Counters, Counters]:
        """Return what cards and terminals have spent by day: each payment on its own, whatever the day is (rule 10).

        What stands for an authorisation is its increments', the latest first, and its own for the rest; what a
        completion left that was undone after its refund is its authorisation's too.
        """
        cards, terminals = Counters(), Counters()

        def count(payment: ModelPayment, amount: int, times: int = 0) -> None:
            assert payment.card is not None
            cards.add(payment.card.pan, payment.day, amount, times)
            terminals.add(payment.terminal, payment.day, amount, 0)

        for payment in self.payments:
            if payment.kind in COMPLETIONS and payment.state is PaymentState.REVERSED:
                count(counted_as(payment), payment.current)
            if payment.kind not in COUNTED or not payment.is_approved:
                continue
            left = payment.current
            if payment.kind is Kind.AUTHORISATION:
                left = self._standing_for(payment)
                for increment in reversed(self._about(payment, frozenset({Kind.INCREMENT}))):
                    count(increment, min(increment.current, left))
                    left -= min(increment.current, left)
            is_gone = payment.state in (PaymentState.VOIDED, PaymentState.REVERSED)
            count(payment, left, 0 if is_gone else 1)
        return cards, terminals

    def _standing_for(self, held: ModelPayment) -> int:
        if held.state is PaymentState.CAPTURED:
            return sum(completion.current for completion in self._about(held, COMPLETIONS))
        return held.current if held.state in (PaymentState.HELD, PaymentState.EXPIRED) else 0

    def _about(self, held: ModelPayment, kinds: frozenset[Kind]) -> list[ModelPayment]:
        of_kind = (each for each in self.payments if each.kind in kinds and each.about is held)
        return [each for each in of_kind if each.state is PaymentState.POSTED]

    def _give_back(self, original: ModelPayment, keep: int, ends: PaymentState | None) -> None:
        """Mirror what is given back of a payment that moved money; without its completion a hold is open again."""
        back = original.current - keep
        original.current = keep
        self._move(original, -back)
        if original.kind in COMPLETIONS and ends:
            self._reopen(original)
        if original.kind is Kind.REFUND:
            assert original.about is not None
            original.about.refunded -= back
        original.state = ends or original.state

    def _stand_again(self, original: ModelPayment, amount: int) -> None:
        """Undo a cancel: what it gave back is moved again."""
        original.state, original.current = PaymentState.POSTED, original.current + amount
        self._move(original, amount)
        if original.kind in COMPLETIONS:
            self._capture(original)

    def _capture(self, completion: ModelPayment) -> None:
        """Take the whole hold for a completion, if there is one."""
        held = counted_as(completion)
        assert held.card is not None
        if held.state is PaymentState.HELD:
            held.card.held -= held.current
        held.state = PaymentState.CAPTURED

    def _reopen(self, completion: ModelPayment) -> None:
        """Hold again what a completion of today had taken, unless it could not be completed any more."""
        held = counted_as(completion)
        assert held.card is not None
        is_too_old = held.age(self.today) > DAYS_MAX or completion.day != self.today
        held.state = PaymentState.EXPIRED if is_too_old else PaymentState.HELD
        held.card.held += 0 if is_too_old else held.current

    def _release(self, held: ModelPayment, state: PaymentState) -> None:
        assert held.card is not None
        held.card.held -= held.current
        held.state = state


def _only(found: Iterable[ModelPayment]) -> ModelPayment | None:
    """Return the one that was found; the traffic never lets two have the same name."""
    payments = list(found)
    assert len(payments) <= 1, payments
    return payments[0] if payments else None


def counted_as(payment: ModelPayment) -> ModelPayment:
    """Return what a payment is counted as: a completion's authorisation stands for it."""
    if payment.kind not in COMPLETIONS:
        return payment
    assert payment.about is not None
    return payment.about


def _shown(payment: ModelPayment) -> tuple[str, int | None, int]:
    """State, what is left (of what is alive), what was refunded."""
    return payment.state.value, payment.current if payment.is_live else None, payment.refunded
