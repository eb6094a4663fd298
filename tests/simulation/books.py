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
    card_days: Counters = field(default_factory=Counters)
    terminal_days: Counters = field(default_factory=Counters)
    buried: set[tuple[str, str]] = field(default_factory=set)  # terminal and STAN of what was reversed before it came
    used_codes: set[str] = field(default_factory=set)

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

    def _give_back(self, original: ModelPayment, keep: int, ends: PaymentState | None) -> None:
        """Mirror what is given back of a payment that moved money; without its completion a hold is open again."""
        back, times = original.current - keep, -1 if ends else 0
        original.current = keep
        self._move(original, -back)
        if original.kind in COMPLETIONS:
            self._count(counted_as(original), -back, 0)
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
            self._count(counted_as(original), amount, 0)
            self._capture(original)
        else:
            self._count(original, amount, 1)

    def _capture(self, completion: ModelPayment) -> None:
        """Take the whole hold for a completion; the day's counters then say what was completed."""
        held = counted_as(completion)
        assert held.card is not None
        if held.state is PaymentState.HELD:
            held.card.held -= held.current
        held.state = PaymentState.CAPTURED
        self._count(held, -held.current, 0)

    def _reopen(self, completion: ModelPayment) -> None:
        """Hold again what a completion had taken, unless it could not be completed any more."""
        held = counted_as(completion)
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
