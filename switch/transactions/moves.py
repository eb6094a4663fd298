"""The parts that every step in a payment's life is made of: a payment about to change, and entries in the books.

Every move is an entry of its own: nothing is taken out of the books again. What must be stored whatever is left on the
card by now (a debit that stands again, a hold opened again) is marked ``forced``.
"""

from __future__ import annotations

from typing import NamedTuple

from switch.decisions import EndHold, Facts, OpenHold, Payment, Transfer


class Change(NamedTuple):
    """A payment about to take a step: what is left of it afterwards, and what the request itself moves.

    ``is_last`` is False where a reversal leaves a part that goes on as before.
    """

    payment: Payment
    facts: Facts
    remaining_minor: int
    moved_minor: int
    is_last: bool

    @property
    def given_back_minor(self) -> int:
        """What the step takes off the payment; below zero where it adds to it."""
        return self.payment.current_minor - self.remaining_minor

    @property
    def parent(self) -> Payment:
        """The payment that this one is about."""
        assert self.facts.parent is not None
        return self.facts.parent


def to_card(change: Change, *, forced: bool = False) -> tuple[Transfer, ...]:
    """Credit the payment's card with what is given back; of a cancelled load that is the load again."""
    return _transfer(change.payment, change.given_back_minor, to_card=True, forced=forced)


def from_card(payment: Payment, amount_minor: int, *, forced: bool) -> tuple[Transfer, ...]:
    """Debit the payment's card, for the other account that the payment is about."""
    return _transfer(payment, amount_minor, to_card=False, forced=forced)


def open_hold(payment: Payment, amount_minor: int, *, forced: bool = False) -> OpenHold:
    """Set an amount aside on the payment's card."""
    assert payment.account_id is not None
    return OpenHold(payment.account_id, amount_minor, payment.currency, forced)


def end_hold(payment: Payment, how: str) -> EndHold:
    """End the payment's open hold, as a whole."""
    assert payment.account_id is not None
    assert payment.hold_id is not None
    return EndHold(payment.hold_id, payment.account_id, payment.current_minor, how)


def hold_instead(payment: Payment, amount_minor: int) -> tuple[EndHold | OpenHold, ...]:
    """Put another hold in the place of the payment's, since none ever changes; or none, for nothing."""
    if not amount_minor:
        return (end_hold(payment, "released"),)
    return (end_hold(payment, "replaced"), open_hold(payment, amount_minor))


def _transfer(payment: Payment, amount_minor: int, *, to_card: bool, forced: bool) -> tuple[Transfer, ...]:
    """Between the two accounts of a payment: its card's, and its merchant's or (of a transfer) the other card's."""
    if not amount_minor:
        return ()
    card_account_id, other_account_id = payment.account_id, payment.merchant_account_id
    assert card_account_id is not None
    assert other_account_id is not None
    if to_card:
        return (Transfer(other_account_id, card_account_id, amount_minor, payment.currency, forced),)
    return (Transfer(card_account_id, other_account_id, amount_minor, payment.currency, forced),)
