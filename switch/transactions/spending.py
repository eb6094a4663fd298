"""Money that moves at once: purchases by card, by pay code or told afterwards, their refunds, transfers."""

from __future__ import annotations

from typing import Final

from switch.decisions import Facts, OpenPayment, Payment, PaymentState, Refusal, Transfer, UsePayCode
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.rules.rule import Policy
from switch.transactions.counting import counted, spent
from switch.transactions.lifecycle import step_for, take
from switch.transactions.posting import Posting, parties_to
from switch.values import Money

REFUND_DAYS: Final = 30
"""A sale can be refunded this many days (domain rule 20)."""


def purchase(request: Request, facts: Facts, policy: Policy) -> Posting:
    """Debit the card, credit the merchant, at once."""
    return _sale(request, facts, policy, forced=False)


def code_purchase(request: Request, facts: Facts, policy: Policy) -> Posting:
    """The same from the account behind a pay code; one that is good for a single purchase is used up."""
    posting, code = _sale(request, facts, policy, forced=False), facts.pay_code
    if code is None or not code.is_single_use:
        return posting
    return posting._replace(effects=(*posting.effects, UsePayCode(code.code_key, used=True)))


def offline_sale(request: Request, facts: Facts, policy: Policy) -> Posting:
    """A sale that has happened: debited whatever the card has left, blocked or not (domain rule 15)."""
    return _sale(request, facts, policy, forced=True)


def transfer(request: Request, facts: Facts, policy: Policy) -> Posting:
    """From one card to another, both of ours, in one entry."""
    amount, _card, account, _merchant = parties_to(request, facts)
    assert facts.to_account is not None
    return Posting(
        effects=(
            Transfer(account.account_id, facts.to_account.account_id, amount, account.currency),
            *spent(request, facts, policy),
            OpenPayment(PaymentState.POSTED, amount, None),
        ),
        has_approval_code=True,
    )


def refund(request: Request, facts: Facts, policy: Policy) -> Posting | Refusal:
    """New money back to the card, against a sale that is there, young enough and not yet refunded (domain rule 20)."""
    amount, _card, account, _merchant = parties_to(request, facts)
    sale, step = facts.original, step_for(Kind.REFUND, facts)
    if sale is None or step is None or not _is_of_this_card(sale, facts):
        return Refusal(Action.ORIGINAL_NOT_FOUND, "no sale of this card at this merchant is named by the message")
    if (facts.business_day - sale.business_day).days > REFUND_DAYS:
        return Refusal(Action.ORIGINAL_TOO_OLD, f"the sale is of {sale.business_day}, more than {REFUND_DAYS} days ago")
    left = sale.current_minor - sale.refunded_minor - facts.queued_minor
    if amount > left:
        why = f"{Money(amount, account.currency)} asked, {Money(left, account.currency)} of the sale not yet refunded"
        return Refusal(Action.EXCEEDS_ORIGINAL, why)
    back = take(step, sale, facts, sale.current_minor, amount)
    own = OpenPayment(PaymentState.POSTED, amount, None)
    return Posting(effects=(*back, *counted(request, facts, policy), own), has_approval_code=True)


def adjustment(request: Request, facts: Facts, _: Policy) -> Posting | Refusal:
    """Another total for a sale, or a tip on top of it: the difference moves, forced, and the sale is of the new total.

    It is not a payment of its own and no reversal undoes it: another adjustment does. ``request.amount_minor`` is the
    new total, unless a tip's message says the tip itself. What was refunded already, or waits for an operator to be
    given back, stays the least.
    """
    sale, step = facts.original, step_for(request.kind, facts)
    if sale is None or step is None or not _is_of_this_card(sale, facts):
        return Refusal(Action.ORIGINAL_NOT_FOUND, "no sale of this card at this merchant is named by the message")
    tip = request.extras.tip_minor if request.kind is Kind.TIP else None
    total = request.amount_minor or 0 if tip is None else sale.current_minor + tip
    least = min(sale.refunded_minor + facts.queued_minor, sale.current_minor)
    return Posting(effects=take(step, sale, facts, max(total, least)), has_approval_code=True)


def _sale(request: Request, facts: Facts, policy: Policy, *, forced: bool) -> Posting:
    amount, _card, account, merchant = parties_to(request, facts)
    return Posting(
        effects=(
            Transfer(account.account_id, merchant.account_id, amount, account.currency, forced),
            *spent(request, facts, policy),
            OpenPayment(PaymentState.POSTED, amount, None),
        ),
        has_approval_code=True,
    )


def _is_of_this_card(sale: Payment, facts: Facts) -> bool:
    """A purchase by pay code carries no card's key, but the books know whose code it was."""
    return facts.card is not None and sale.card_id == facts.card.card_id
