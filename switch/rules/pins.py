"""Rules about what proves that the card and its holder are there: the PIN and the codes of the card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from switch.decisions import Refusal
from switch.messages.actions import Action
from switch.messages.verdicts import UNCHECKED, Finding
from switch.rules.rule import NOT_ASKED
from switch.rules.tries import CODE_TRIES_MAX, read_code, times, typed_code

if TYPE_CHECKING:
    from switch.decisions import Facts
    from switch.messages.model import Request
    from switch.rules.rule import Policy, Verdict

PIN_TRIES_MAX: Final = 3
"""Wrong PINs in a row after which no PIN is taken any more (domain rule 26)."""


def pin_is_right(request: Request, facts: Facts, _: Policy) -> Verdict:
    """A PIN that is given is right, and comes before there were too many wrong ones.

    One that nothing can be held against passes, as ``unchecked`` in the trace: the card has no PIN that we know.
    """
    if request.verdicts is UNCHECKED or request.verdicts.pin is Finding.ABSENT:
        return NOT_ASKED
    pin = request.verdicts.pin
    tries = facts.security.pin_tries
    if tries >= PIN_TRIES_MAX:
        return tries, PIN_TRIES_MAX, Refusal(Action.PIN_TRIES_EXCEEDED, f"there were {tries} wrong PINs before")
    if pin is Finding.WRONG:
        return pin.value, "right", Refusal(Action.PIN_WRONG, f"wrong PIN number {tries + 1} of {PIN_TRIES_MAX}")
    if pin is Finding.MALFORMED:
        why = "the PIN block holds no PIN: most likely it is under another key"
        return pin.value, "right", Refusal(Action.PIN_FORMAT, why)
    return pin.value, "right", None


def card_codes_are_right(request: Request, facts: Facts, _: Policy) -> Verdict:
    """The code on the card as typed, and the one on its stripe or in its chip, are the card's. Unchecked ones pass.

    After too many wrong ones in a business day the right one is refused like them: who guesses is not told. Typed and
    read ones are counted apart, so that a stripe still buys whose number somebody types.
    """
    if request.verdicts is UNCHECKED:
        return NOT_ASKED
    typed, read = request.verdicts.card_code, request.verdicts.track_code
    if typed is Finding.ABSENT and read is Finding.ABSENT:
        return NOT_ASKED
    card_id = facts.card.card_id if facts.card else 0
    for code, where, counter in (
        (typed, "as typed", typed_code(request, card_id, facts.business_day)),
        (read, "as read from the card", read_code(request, card_id, facts.business_day)),
    ):
        tries = times(facts, counter)
        if tries >= CODE_TRIES_MAX:
            why = f"there were {tries} wrong codes {where} today"
            return tries, CODE_TRIES_MAX, Refusal(Action.CARD_CODE_WRONG, why)
        if code in _BAD:
            return code.value, "right", Refusal(Action.CARD_CODE_WRONG, f"the card's code {where} is {code.value}")
    return (typed if read is Finding.ABSENT else read).value, "right", None


_BAD: Final = (Finding.WRONG, Finding.MALFORMED)
