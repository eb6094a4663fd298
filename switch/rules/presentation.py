"""Rules about how a card is shown to a terminal: typed, swiped past its chip, held against the reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from switch.decisions import Refusal
from switch.messages.actions import Action
from switch.messages.model import channel_of
from switch.messages.verdicts import Finding
from switch.rules.limits import lowest
from switch.rules.rule import NOT_ASKED
from switch.values import Money

if TYPE_CHECKING:
    from switch.decisions import Facts, Limits
    from switch.messages.model import Request
    from switch.rules.rule import Policy, Verdict


def scheme_is_taken(_: Request, facts: Facts, __: Policy) -> Verdict:
    """A terminal that is registered for some schemes takes cards of these only."""
    taken = facts.terminal.schemes if facts.terminal else None
    if not taken:
        return NOT_ASKED
    scheme = facts.card.scheme if facts.card else ""
    if scheme in taken:
        return scheme, sorted(taken), None
    why = f"the terminal takes cards of {', '.join(sorted(taken))}; this one is of {scheme or 'no known scheme'}"
    return scheme, sorted(taken), Refusal(Action.CARD_NOT_PERMITTED, why)


def typing_is_allowed(request: Request, facts: Facts, _: Policy) -> Verdict:
    """A typed card number is taken as freely as the stricter of terminal and merchant takes it.

    So is a number that comes with no track and no cryptogram: what its entry mode says of it is the sender's word only.
    """
    if request.entry_mode[:2] == "01":
        found = "typed"
    elif request.is_number_alone:
        found = "number alone"
    else:
        return NOT_ASKED
    terminals = facts.terminal.manual_entry if facts.terminal else "free"
    merchants = facts.merchant.manual_entry if facts.merchant else "free"
    if "off" in (terminals, merchants):
        whose = "terminal" if terminals == "off" else "merchant"
        why = f"the {whose} may not take typed card numbers{_AS_GOOD_AS_TYPED[found]}"
        return found, "off", Refusal(Action.NOT_PERMITTED_TERMINAL, why)
    if "with_code" not in (terminals, merchants):
        return (found, "free", None) if found == "typed" else NOT_ASKED
    if request.verdicts.card_code is not Finding.ABSENT:
        return f"{found} with its code", "with_code", None
    why = f"the card was typed without the code on its back{_AS_GOOD_AS_TYPED[found]}"
    return found, "with_code", Refusal(Action.CARD_CODE_WRONG, why)


def chip_is_not_passed_over(request: Request, facts: Facts, _: Policy) -> Verdict:
    """A card with a chip (service code 2xx or 6xx, ISO/IEC 7813) is not swiped where its chip can be read.

    Unless the chip would not be read, the terminal says so, and may do so.
    """
    if not request.can_read_chip or request.service_code[:1] not in ("2", "6"):
        return NOT_ASKED
    if channel_of(request.entry_mode) != "swipe":
        return NOT_ASKED
    if not request.is_fallback:
        return "swiped", "chip", Refusal(Action.INSERT_CHIP, "the card has a chip and the terminal can read it")
    if facts.terminal is not None and facts.terminal.allows_fallback:
        return "fallback", "fallback allowed", None
    return "fallback", "chip", Refusal(Action.INSERT_CHIP, "the terminal may not read the stripe of a card with a chip")


def small_or_with_pin(request: Request, facts: Facts, policy: Policy) -> Verdict:
    """A card held against the reader needs no PIN up to the lowest of the limits for that, where one is set."""
    if channel_of(request.entry_mode) != "contactless" or request.verdicts.pin is not Finding.ABSENT:
        return NOT_ASKED
    limit = lowest(_limits_of_all(facts, policy), "contactless", "no_pin")
    if limit is None:
        return NOT_ASKED
    amount = request.amount_minor or 0
    if amount <= limit:
        return amount, limit, None
    currency = facts.merchant.currency if facts.merchant else ""
    why = f"{Money(amount, currency)} contactless without PIN against a limit of {Money(limit, currency)}"
    return amount, limit, Refusal(Action.PIN_REQUIRED, why)


_AS_GOOD_AS_TYPED: Final = {"typed": "", "number alone": ", and nothing was read of this one but its number"}


def _limits_of_all(facts: Facts, policy: Policy) -> Limits:
    card, terminal, merchant = facts.card, facts.terminal, facts.merchant
    return (
        *(policy.classes.get(card.account_class, ()) if card else ()),
        *(card.limits if card else ()),
        *(terminal.limits if terminal else ()),
        *(merchant.limits if merchant else ()),
    )
