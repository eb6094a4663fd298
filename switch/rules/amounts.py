"""Rules about money: is the amount one we can take, and may this card spend it now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switch.decisions import Refusal
from switch.messages.actions import Action
from switch.values import Money

if TYPE_CHECKING:
    from switch.decisions import Facts
    from switch.messages.model import Request
    from switch.rules.rule import Policy, Verdict


def amount_is_present(request: Request, _: Facts, __: Policy) -> Verdict:
    """DE 4 is there and not zero."""
    amount = request.amount_minor
    if amount:
        return amount, 1, None
    why = "the amount is missing" if amount is None else "the amount is zero"
    return amount, 1, Refusal(Action.INVALID_AMOUNT, why)


def amount_is_within_maximum(request: Request, facts: Facts, policy: Policy) -> Verdict:
    """No single request exceeds what the listener takes, whatever the card may spend."""
    amount, limit = request.amount_minor or 0, policy.maximum_amount_minor
    if amount <= limit:
        return amount, limit, None
    return amount, limit, Refusal(Action.INVALID_AMOUNT, _over(amount, limit, "for one transaction", facts))


def currency_is_the_merchants(request: Request, facts: Facts, _: Policy) -> Verdict:
    """DE 49 is the merchant's currency; absent, that one is meant. No conversion rate is configured."""
    merchants = facts.merchant.currency if facts.merchant else ""
    if request.currency in ("", merchants):
        return request.currency, merchants, None
    why = f"the merchant takes currency {merchants}, not {request.currency}"
    return request.currency, merchants, Refusal(Action.CURRENCY_NOT_SUPPORTED, why)


def currency_is_the_accounts(request: Request, facts: Facts, _: Policy) -> Verdict:
    """The card's account is in the currency asked for (domain rule 22)."""
    accounts = facts.account.currency if facts.account else ""
    asked = request.currency or (facts.merchant.currency if facts.merchant else "")
    if asked == accounts:
        return asked, accounts, None
    why = f"the card's account is in currency {accounts}, not {asked}"
    return asked, accounts, Refusal(Action.CURRENCY_NOT_SUPPORTED, why)


def within_single_limit(request: Request, facts: Facts, _: Policy) -> Verdict:
    """One transaction stays within the card's single limit."""
    amount, limit = request.amount_minor or 0, facts.card.single_limit_minor if facts.card else None
    if limit is None or amount <= limit:
        return amount, limit, None
    return amount, limit, Refusal(Action.EXCEEDS_AMOUNT_LIMIT, _over(amount, limit, "for one transaction", facts))


def within_daily_amount(request: Request, facts: Facts, _: Policy) -> Verdict:
    """A card spends at most its daily limit on one business day, open holds included."""
    total = facts.spent.amount_minor + (request.amount_minor or 0)
    limit = facts.card.daily_limit_minor if facts.card else None
    if limit is None or total <= limit:
        return total, limit, None
    return total, limit, Refusal(Action.EXCEEDS_AMOUNT_LIMIT, _over(total, limit, "today", facts))


def within_daily_count(_: Request, facts: Facts, __: Policy) -> Verdict:
    """A card is used at most its daily number of times."""
    count, limit = facts.spent.count + 1, facts.card.daily_count if facts.card else None
    if limit is None or count <= limit:
        return count, limit, None
    return count, limit, Refusal(Action.EXCEEDS_COUNT_LIMIT, f"transaction {count} today against a limit of {limit}")


def funds_suffice(request: Request, facts: Facts, _: Policy) -> Verdict:
    """What is available (ledger - held + credit limit) covers the amount."""
    amount, available = request.amount_minor or 0, facts.account.available_minor if facts.account else 0
    if amount <= available:
        return amount, available, None
    return amount, available, Refusal(Action.INSUFFICIENT_FUNDS, _over(amount, available, "available", facts))


def _over(value_minor: int, limit_minor: int, what: str, facts: Facts) -> str:
    currency = facts.merchant.currency if facts.merchant else ""
    limit = Money(limit_minor, currency)
    value = Money(value_minor, currency)
    return f"{value} with {limit} {what}" if what == "available" else f"{value} {what} against a limit of {limit}"
