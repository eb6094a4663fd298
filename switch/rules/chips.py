"""Rules about the chip: its cryptogram, what that vouches for, its counter, and what it may approve without us.

A right cryptogram says that the chip saw *some* payment. That it saw this one is for the amount, the currency and the
decision to say that stand beside it, and the counter says that it was not seen before. All of these are asked only
where the cryptogram is right. An offline sale has happened: what does not fit is in its trace, and does not refuse it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from switch.decisions import Refusal
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import channel_of
from switch.messages.verdicts import UNCHECKED, Finding
from switch.rules.limits import SPENDS, lowest
from switch.rules.rule import NOT_ASKED
from switch.rules.tries import offline_sale, times

if TYPE_CHECKING:
    from switch.decisions import Facts
    from switch.messages.chip import ChipData
    from switch.messages.model import Request
    from switch.rules.rule import Policy, Verdict

ATC_WINDOW: Final = 10
"""How far a stored offline sale may be behind the chip's highest counter: uses of the card since. Our choice."""


def cryptogram_is_right(request: Request, _: Facts, __: Policy) -> Verdict:
    """The chip's cryptogram is its own. One that no key can check passes, as ``unchecked`` in the trace."""
    if request.verdicts is UNCHECKED or request.verdicts.cryptogram is Finding.ABSENT:
        return NOT_ASKED
    cryptogram = request.verdicts.cryptogram
    if cryptogram in (Finding.WRONG, Finding.MALFORMED):
        why = f"the chip's cryptogram is {cryptogram.value}"
        return cryptogram.value, "right", Refusal(Action.CRYPTOGRAM_WRONG, why)
    return cryptogram.value, "right", None


def cryptogram_is_noted(request: Request, _: Facts, __: Policy) -> Verdict:
    """The same of what has happened already: a cryptogram that is not the chip's passes, and is seen in the trace."""
    cryptogram = request.verdicts.cryptogram
    return NOT_ASKED if cryptogram is Finding.ABSENT else (cryptogram.value, "right", None)


def signed_amount_is_asked(request: Request, _: Facts, __: Policy) -> Verdict:
    """The amount that the chip signed (tag 9F02) is the one asked for."""
    chip = _vouching_chip(request)
    if chip is None or chip.amount_minor is None:
        return NOT_ASKED
    signed, asked = chip.amount_minor, request.amount_minor
    if signed == asked or _has_happened(request):
        return signed, asked, None
    why = f"the chip signed an amount of {signed}, the message asks for {asked} (minor units)"
    return signed, asked, Refusal(Action.CRYPTOGRAM_WRONG, why)


def signed_currency_is_asked(request: Request, facts: Facts, _: Policy) -> Verdict:
    """The currency that the chip signed (tag 5F2A) is the message's: the merchant's where it names none."""
    chip = _vouching_chip(request)
    if chip is None or not chip.currency:
        return NOT_ASKED
    asked = request.currency or (facts.merchant.currency if facts.merchant else "")
    if chip.currency == asked or _has_happened(request):
        return chip.currency, asked, None
    why = f"the chip signed currency {chip.currency}, the message asks for {asked}"
    return chip.currency, asked, Refusal(Action.CRYPTOGRAM_WRONG, why)


def chip_decided_so(request: Request, _: Facts, __: Policy) -> Verdict:
    """The chip asked for our decision (tag 9F27, EMV Book 3 table 14): it did not decline, nor approve by itself.

    Only the sale that it approved offline has its approval (TC) instead.
    """
    chip = _vouching_chip(request)
    if chip is None or chip.cryptogram_information is None:
        return NOT_ASKED
    decided = "TC" if chip.is_approved_offline else "ARQC" if chip.asks_online else "AAC"
    wanted = "TC" if _has_happened(request) else "ARQC"
    if decided == wanted or _has_happened(request):
        return decided, wanted, None
    done = "approved the payment by itself" if decided == "TC" else "declined the payment"
    return decided, wanted, Refusal(Action.CRYPTOGRAM_WRONG, f"the chip {done} and does not ask for it ({decided})")


def counter_increased(request: Request, facts: Facts, _: Policy) -> Verdict:
    """The chip's counter (tag 9F36) is above all that we saw, else its data are copied from an earlier use.

    Only a right cryptogram vouches for a counter. An offline sale may come after later uses of the card, but only
    so many. Of these uses the books keep the highest counter, and that of each offline sale: an offline sale with
    one of these is refused as one that is there already. That of an earlier online request is not kept, so a sale
    that the chip approved in the course of one, told as an offline sale after another use of the card, is stored. A
    sale that the chip approved after its online request was lost has that request's counter: where the request did
    arrive, its sale is refused here, and somebody corrects it by hand.
    """
    chip = request.chip
    if chip is None or chip.atc is None or request.verdicts.cryptogram is not Finding.RIGHT:
        return NOT_ASKED
    seen = facts.security.atc
    is_late = _has_happened(request)
    above = seen - ATC_WINDOW if is_late else seen
    is_told_again = facts.card is not None and times(facts, offline_sale(request, facts.card.card_id)) > 0
    if is_late and (chip.atc == seen or is_told_again):
        why = f"the chip's transaction {chip.atc} is in the books already"
        return chip.atc, seen, Refusal(Action.DUPLICATE_CONFLICT, why)
    if chip.atc > above:
        return chip.atc, above, None
    why = f"the chip's counter did not increase: {chip.atc} after {seen}"
    return chip.atc, above, Refusal(Action.CRYPTOGRAM_WRONG, why)


def floor_limit(request: Request, facts: Facts, _: Policy) -> Verdict:
    """A sale that chip and terminal approved above the terminal's floor limit has happened: it passes, and is seen."""
    if request.chip is None or facts.terminal is None or request.kind is not Kind.OFFLINE_SALE:
        return NOT_ASKED
    limit = lowest(facts.terminal.limits, channel_of(request.entry_mode), "floor")
    return NOT_ASKED if limit is None else (request.amount_minor, limit, None)


def _vouching_chip(request: Request) -> ChipData | None:
    """The chip data of a payment, where they are the chip's own."""
    is_payment = request.kind in SPENDS and request.verdicts.cryptogram is Finding.RIGHT
    return request.chip if is_payment else None


def _has_happened(request: Request) -> bool:
    return request.kind is Kind.OFFLINE_SALE
