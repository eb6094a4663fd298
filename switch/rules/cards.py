"""Rules about the card itself: is it ours, is it valid, is it blocked."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from switch.decisions import Refusal
from switch.messages.actions import Action
from switch.messages.model import channel_of
from switch.rules.rule import NOT_ASKED

if TYPE_CHECKING:
    from datetime import date

    from switch.decisions import Facts
    from switch.messages.model import Request
    from switch.rules.rule import Policy, Verdict

PREPAID: Final = "prepaid"
"""The account class of cards that are sold, activated and loaded at the till."""

_BLOCKED: Final = {
    "frozen": Action.CARD_FROZEN,
    "lost": Action.CARD_LOST,
    "stolen": Action.CARD_STOLEN,
    "inactive": Action.CARD_INACTIVE,
}


def refund_names_its_sale(request: Request, facts: Facts, _: Policy) -> Verdict:
    """Whoever paid with a scanned code shows no card at a refund: which it goes back to, only the sale says."""
    if request.pan is not None or channel_of(request.entry_mode) != "qr":
        return NOT_ASKED
    if facts.card is not None:
        return facts.card.masked_pan, "a sale by pay code", None
    why = "no sale by pay code at this merchant is named by the message"
    return "none", "a sale by pay code", Refusal(Action.ORIGINAL_NOT_FOUND, why)


def check_digit_is_right(request: Request, facts: Facts, _: Policy) -> Verdict:
    """The number passes the Luhn check, else it was mistyped or misread; a pay code's card shows none."""
    if request.pan is None and facts.card is not None:
        return NOT_ASKED
    if request.pan is not None and request.pan.has_valid_check_digit():
        return request.pan.masked, "Luhn", None
    masked = request.pan.masked if request.pan is not None else ""
    return masked, "Luhn", Refusal(Action.CARD_UNKNOWN, "the card number's check digit is wrong")


def card_is_known(request: Request, facts: Facts, _: Policy) -> Verdict:
    """The card is in the books."""
    if facts.card is not None and facts.account is not None:
        return facts.card.masked_pan, "in the books", None
    masked = request.pan.masked if request.pan is not None else ""
    return masked, "in the books", Refusal(Action.CARD_UNKNOWN, "the card is not in the books")


def card_has_not_expired(_: Request, facts: Facts, __: Policy) -> Verdict:
    """A card is good until the last day of its month (ISO/IEC 7813); YYMM compares as text in this century."""
    expiry = facts.card.expiry_yymm if facts.card else ""
    this_month = _yymm(facts.business_day)
    if expiry >= this_month:
        return expiry, this_month, None
    return expiry, this_month, Refusal(Action.CARD_EXPIRED, f"the card expired in {expiry} (YYMM)")


def expiry_matches(request: Request, facts: Facts, _: Policy) -> Verdict:
    """An expiry date in the message is the card's own."""
    expiry = facts.card.expiry_yymm if facts.card else ""
    if request.expiry_yymm in ("", expiry):
        return request.expiry_yymm, expiry, None
    why = f"the message says that the card expires in {request.expiry_yymm}, the books say {expiry} (YYMM)"
    return request.expiry_yymm, expiry, Refusal(Action.CARD_EXPIRED, why)


def card_is_active(_: Request, facts: Facts, __: Policy) -> Verdict:
    """A card that is frozen, lost, stolen or not yet activated buys nothing."""
    status = facts.card.status if facts.card else "unknown"
    if status == "active":
        return status, "active", None
    return status, "active", Refusal(_BLOCKED.get(status, Action.CARD_FROZEN), f"the card is {status}")


def card_is_prepaid(_: Request, facts: Facts, __: Policy) -> Verdict:
    """Only a prepaid card is activated or loaded."""
    of = facts.card.account_class if facts.card else ""
    if of == PREPAID:
        return of, PREPAID, None
    why = f"the card's account is of class {of}, not prepaid" if of else "the card is not prepaid"
    return of, PREPAID, Refusal(Action.CARD_NOT_PERMITTED, why)


def card_awaits_activation(_: Request, facts: Facts, __: Policy) -> Verdict:
    """A card is activated once: one that is active stays so, one that was lost stays lost."""
    status = facts.card.status if facts.card else "unknown"
    if status == "inactive":
        return status, "inactive", None
    return status, "inactive", Refusal(Action.CARD_NOT_PERMITTED, f"the card is {status} and cannot be activated")


def pay_code_is_good(_: Request, facts: Facts, __: Policy) -> Verdict:
    """The pay code is one of ours, still valid, and not used before unless it may be used again."""
    code = facts.pay_code
    if code is None:
        return "unknown", "valid", Refusal(Action.PAY_CODE_INVALID, "the pay code is not in the books")
    if code.is_used and code.is_single_use:
        return "used", "valid", Refusal(Action.PAY_CODE_INVALID, "the pay code was used before")
    if facts.decided_at > code.expires_at:
        seconds = (facts.decided_at - code.expires_at) // 1_000_000
        return "expired", "valid", Refusal(Action.PAY_CODE_INVALID, f"the pay code expired {seconds} s ago")
    return "valid", "valid", None


@lru_cache(maxsize=8)  # business days change once a day
def _yymm(day: date) -> str:
    return f"{day.year % 100:02d}{day.month:02d}"
