"""Reversals in the model: the network undoes what a terminal had no answer to (rules 7 to 10 and 21)."""

from __future__ import annotations

from switch.decisions import PaymentState
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Request
from tests.simulation.books import (
    ADJUSTMENTS,
    APPROVED,
    CANCELS,
    IN_PART,
    Answers,
    ModelBooks,
    NotInTheRules,
)
from tests.simulation.payments import ModelPayment


class ReversingBooks(ModelBooks):
    """Books in which payments can be undone, one level at a time."""

    def _reverse(self, request: Request) -> Answers:
        """Rules 7 to 10 and 21."""
        assert request.original is not None
        pan = request.pan.reveal() if request.pan else ""
        original = self._find(request, frozenset(Kind), self.cards.get(pan))
        if original is None:
            self.buried.add((request.terminal_id, request.original.stan))
            return APPROVED
        if original.state is PaymentState.VOIDED:  # it does not stand again with the reversal of its cancel
            original.state = PaymentState.REVERSED
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
        if keep == original.current and not is_last:
            return APPROVED
        if is_late and original.kind is Kind.ACTIVATION:
            raise NotInTheRules
        if is_late and keep != original.current:  # rule 8: an operator's
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
            return about.about is None or about.about.state not in (PaymentState.HELD, PaymentState.EXPIRED)
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
                self.used_codes.discard(original.pay_code)
        original.current = keep
        original.state = ends or original.state

    def _undo_hold(self, original: ModelPayment, keep: int) -> None:
        assert original.card is not None
        if not keep:
            self._release(original, PaymentState.REVERSED)
            return
        original.card.held -= original.current - keep

    def _undo_increment(self, original: ModelPayment, keep: int) -> None:
        """Take it off the hold; an authorisation of which nothing is left by then is reversed with it."""
        held = original.about
        assert held is not None
        assert held.card is not None
        back = min(original.current - keep, held.current)
        held.current -= back
        held.card.held -= back
        if not held.current:
            held.state = PaymentState.REVERSED
