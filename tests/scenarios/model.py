"""The books as the domain's rules describe them, in a page of plain Python: what the real ones are held against.

One business day, a few cards, two terminals. Each STAN of a terminal stands for one spend at most.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from switch.messages.kinds import Kind
from switch.messages.model import Request


@dataclass
class ModelCard:
    """An account of one card, in minor units. ``daily_limit`` None does not apply."""

    ledger: int
    daily_limit: int | None
    held: int = 0
    spent: int = 0
    count: int = 0


@dataclass
class ModelPayment:
    """A spend or refund: approved or not, and what is left of it."""

    kind: Kind
    card: ModelCard
    approved: bool
    amount: int
    left: int
    refunded: int = 0
    is_reversed: bool = False
    sale: ModelPayment | None = None


_Key = tuple[str, str, str]  # terminal, message class, STAN
_Print = tuple[str, int | None, str]  # what a repeat must agree on: card, amount, processing code


@dataclass
class Model:
    """Decides requests; ``cards`` are by number, ``merchant`` is what the merchant is owed."""

    cards: dict[str, ModelCard]
    merchant: int = 0
    _answers: dict[_Key, tuple[_Print, bool]] = field(default_factory=dict)
    _payments: dict[tuple[str, str], ModelPayment] = field(default_factory=dict)  # by terminal, STAN
    _buried: set[tuple[str, str]] = field(default_factory=set)

    def approves(self, request: Request) -> bool:
        """Decide one request as the switch must: 00, or anything else."""
        assert request.pan is not None
        key = (request.terminal_id, request.message_class, request.stan)
        print_ = (request.pan.reveal(), request.amount_minor, request.processing_code)
        if key in self._answers:
            first, answer = self._answers[key]
            return answer and first == print_  # rules 2 and 3
        answer = self._decide(request, self.cards[request.pan.reveal()])
        self._answers[key] = (print_, answer)
        return answer

    def _decide(self, request: Request, card: ModelCard) -> bool:
        if request.kind is Kind.REVERSAL:
            return self._reverse(request)
        amount = request.amount_minor or 0
        payment = ModelPayment(request.kind, card, False, amount, amount)
        self._payments[request.terminal_id, request.stan] = payment
        if (request.terminal_id, request.stan) in self._buried:  # rule 8, tombstone
            return False
        payment.approved = self._refund(request, payment) if request.kind is Kind.REFUND else self._spend(payment)
        return payment.approved

    def _spend(self, payment: ModelPayment) -> bool:
        card, amount = payment.card, payment.amount
        if card.daily_limit is not None and card.spent + amount > card.daily_limit:
            return False
        if amount > card.ledger - card.held:
            return False
        card.spent += amount
        card.count += 1
        self._move(payment, amount)
        return True

    def _refund(self, request: Request, payment: ModelPayment) -> bool:
        assert request.original is not None
        sale = self._payments.get((request.terminal_id, request.original.stan))
        if sale is None or not sale.approved or sale.kind is not Kind.PURCHASE or sale.is_reversed:
            return False
        if sale.card is not payment.card or payment.amount > sale.left - sale.refunded:  # rule 20
            return False
        sale.refunded += payment.amount
        payment.sale = sale
        self._move(payment, payment.amount)
        return True

    def _reverse(self, request: Request) -> bool:
        assert request.original is not None
        original = self._payments.get((request.terminal_id, request.original.stan))
        if original is None:
            self._buried.add((request.terminal_id, request.original.stan))
            return True
        if not original.approved or original.is_reversed:
            return True
        if original.sale is not None and original.sale.is_reversed:
            return True  # the refund is part of what the sale's reversal left given
        if request.new_amount_minor is None and request.amount_minor != original.amount:
            return False
        keep = max(request.new_amount_minor or 0, original.refunded)  # I7
        if keep > original.left:
            return False
        self._undo(original, keep)
        return True

    def _undo(self, payment: ModelPayment, keep: int) -> None:
        """Leave ``keep`` of a payment; nothing, or what was refunded, ends it. The day's counters follow (rule 10)."""
        back = payment.left - keep
        if not back and keep != payment.refunded:
            return
        self._move(payment, -back)
        payment.left = keep
        payment.is_reversed = keep == payment.refunded
        if payment.sale is not None:
            payment.sale.refunded -= back
        elif payment.kind is not Kind.REFUND:
            payment.card.spent -= back
            payment.card.count -= payment.is_reversed

    def _move(self, payment: ModelPayment, amount: int) -> None:
        if payment.kind is Kind.AUTHORISATION:
            payment.card.held += amount
            return
        sign = -1 if payment.kind is Kind.PURCHASE else 1
        payment.card.ledger += sign * amount
        self.merchant -= sign * amount
