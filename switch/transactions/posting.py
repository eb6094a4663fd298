"""What an approved request comes to: effects on the books as values, and what they add to the answer."""

from __future__ import annotations

from typing import NamedTuple

from switch.decisions import Account, Card, Effect, Facts, Merchant, Payment
from switch.messages.model import Balance, Request
from switch.messages.settlement import BatchTotals


class Posting(NamedTuple):
    """Effects on the books, and what goes into the reply.

    ``has_approval_code`` makes a DE 38: every kind that moves money or holds it has one of its own, an increment and a
    completion too. ``quoted`` is the payment whose references (37, 38) the answer repeats instead. ``private`` is the
    content of the dialect's private field. ``results`` and ``totals`` are a settlement's.
    """

    effects: tuple[Effect, ...] = ()
    balances: tuple[Balance, ...] = ()
    batch: str = ""
    has_approval_code: bool = False
    private: bytes = b""
    quoted: Payment | None = None
    results: str = ""
    totals: BatchTotals | None = None


NOTHING = Posting()
"""Approved, and there was nothing to do."""


def parties_to(request: Request, facts: Facts) -> tuple[int, Card, Account, Merchant]:
    """Return amount, card, account and merchant: the ladder has seen to it that they exist."""
    assert facts.card is not None
    assert facts.account is not None
    assert facts.merchant is not None
    return request.amount_minor or 0, facts.card, facts.account, facts.merchant
