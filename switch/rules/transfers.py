"""Rules about the card that a transfer goes to. The card that it comes from climbs the same rungs as any spender."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switch.decisions import Refusal
from switch.messages.actions import Action

if TYPE_CHECKING:
    from switch.decisions import Facts
    from switch.messages.model import Request
    from switch.rules.rule import Policy, Verdict


def receiver_is_known(request: Request, facts: Facts, _: Policy) -> Verdict:
    """The card that the money goes to is in the books."""
    to_pan = request.extras.to_pan
    masked = to_pan.masked if to_pan is not None else ""
    if facts.to_card is not None and facts.to_account is not None:
        return masked, "in the books", None
    why = "the card to transfer to is not in the books" if masked else "no card to transfer to is named"
    return masked, "in the books", Refusal(Action.CARD_UNKNOWN, why)


def receiver_is_active(_: Request, facts: Facts, __: Policy) -> Verdict:
    """Money goes to an active card only; the sender is not told what is the matter with another's card."""
    status = facts.to_card.status if facts.to_card else "unknown"
    if status == "active":
        return status, "active", None
    return status, "active", Refusal(Action.CARD_NOT_PERMITTED, f"the card to transfer to is {status}")


def receiver_has_the_currency(_: Request, facts: Facts, __: Policy) -> Verdict:
    """Both accounts are in one currency: no rate is configured (domain rule 22)."""
    sends = facts.account.currency if facts.account else ""
    receives = facts.to_account.currency if facts.to_account else ""
    if sends == receives:
        return receives, sends, None
    why = f"the receiving account is in currency {receives}, the sending one in {sends}"
    return receives, sends, Refusal(Action.CURRENCY_NOT_SUPPORTED, why)


def receiver_is_another(_: Request, facts: Facts, __: Policy) -> Verdict:
    """Money does not go from an account to itself, by one card or two."""
    sends = facts.account.account_id if facts.account else None
    receives = facts.to_account.account_id if facts.to_account else None
    if sends != receives:
        return receives, sends, None
    return receives, sends, Refusal(Action.CARD_NOT_PERMITTED, "both cards are of one account")
