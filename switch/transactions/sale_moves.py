"""What a step in its life does to the money of a sale, a refund, a transfer, a load, and to their counters.

`switch.transactions.lifecycle` says when. Each function returns the effects beside the change of the payment itself.
"""

from __future__ import annotations

from switch.decisions import ChangeCard, ChangePayment, CountRefund, Effect, PaymentState, Transfer, UsePayCode
from switch.transactions.counting import corrected, recounted
from switch.transactions.moves import Change, from_card, to_card


def give_back(change: Change) -> tuple[Effect, ...]:
    """Mirror what is given back of a sale."""
    count = -1 if change.is_last else 0
    return (*to_card(change), *corrected(change.payment, change.facts, -change.given_back_minor, count))


def give_back_and_free_code(change: Change) -> tuple[Effect, ...]:
    """The same for one by pay code: its customer may show the code again, if it was this purchase that used it up."""
    code = change.facts.pay_code
    if not change.is_last or code is None or code.used_by != change.payment.payment_id:
        return give_back(change)
    return (*give_back(change), UsePayCode(code.code_key, used=False))


def give_back_to_sender(change: Change) -> tuple[Effect, ...]:
    """Mirror a transfer between cards: the one it went to is debited, whatever it has left."""
    count = -1 if change.is_last else 0
    return (*to_card(change, forced=True), *corrected(change.payment, change.facts, -change.given_back_minor, count))


def stand_again(change: Change) -> tuple[Effect, ...]:
    """A cancelled sale is a sale again."""
    sale, amount = change.parent, change.payment.current_minor
    return (
        *from_card(change.payment, amount, forced=True),
        *corrected(sale, change.facts, amount, 1),
        ChangePayment(sale.payment_id, PaymentState.POSTED, sale.current_minor + amount, None),
    )


def leave(_: Change) -> tuple[Effect, ...]:
    """Nothing moves: it has been given back already. It only does not stand again with the reversal of its cancel."""
    return ()


def set_total(change: Change) -> tuple[Effect, ...]:
    """Move the difference to another total, whichever way; the card is debited whatever it has left."""
    return (*_difference(change), *corrected(change.payment, change.facts, -change.given_back_minor))


def set_hold_total(change: Change) -> tuple[Effect, ...]:
    """The same for a completion, which is counted with its authorisation."""
    counted = recounted(change.parent, change.facts, change.payment.current_minor, change.remaining_minor)
    return (*_difference(change), *counted)


def _difference(change: Change) -> tuple[Effect, ...]:
    less = change.given_back_minor
    return to_card(change) if less > 0 else from_card(change.payment, -less, forced=True)


# --- a refund, a load, an activation -----------------------------------------------------------------------


def refund(change: Change) -> tuple[Effect, ...]:
    """New money back, counted against the sale."""
    sale, facts = change.payment, change.facts
    assert facts.account is not None
    assert facts.merchant is not None
    back = Transfer(facts.merchant.account_id, facts.account.account_id, change.moved_minor, sale.currency)
    return (back, CountRefund(sale.payment_id, change.moved_minor))


def take_refund_back(change: Change) -> tuple[Effect, ...]:
    """The merchant has the refund again, and its sale can be refunded again."""
    back = change.given_back_minor
    return (*from_card(change.payment, back, forced=True), CountRefund(change.parent.payment_id, -back))


def unload(change: Change) -> tuple[Effect, ...]:
    """Take what was loaded off the card; whoever cancels has seen that it is still there."""
    return from_card(change.payment, change.given_back_minor, forced=False)


def unload_anyway(change: Change) -> tuple[Effect, ...]:
    """Take what was loaded off the card, also where it is spent."""
    return from_card(change.payment, change.given_back_minor, forced=True)


def load_again(change: Change) -> tuple[Effect, ...]:
    """A cancelled load is on the card again."""
    load, amount = change.parent, change.payment.current_minor
    again = ChangePayment(load.payment_id, PaymentState.POSTED, load.current_minor + amount, None)
    return (*to_card(change), again)


def deactivate(change: Change) -> tuple[Effect, ...]:
    """The card is as it was issued, unless it has been blocked meanwhile (`switch.decisions.ChangeCard`)."""
    card, card_id = change.facts.card, change.payment.card_id
    is_blocked = card is not None and card.card_id == card_id and card.status != "active"
    return () if card_id is None or is_blocked else (ChangeCard(card_id, "inactive"),)
