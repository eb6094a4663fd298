"""The rule about keys that are good for one transaction (DUKPT): a counter of a device is taken once, and upwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switch.decisions import Refusal
from switch.messages.actions import Action
from switch.messages.verdicts import UNCHECKED
from switch.rules.rule import NOT_ASKED

if TYPE_CHECKING:
    from switch.decisions import Facts
    from switch.messages.model import Request
    from switch.rules.rule import Policy, Verdict


def key_counter_increased(request: Request, facts: Facts, _: Policy) -> Verdict:
    """The counter is above the highest one seen of the device, else the PIN block or the message may be a copy.

    Not asked of what has happened (reversals, advices): that is told late, or under the key of its original, and
    carries no PIN.
    """
    if request.verdicts is UNCHECKED:
        return NOT_ASKED
    use = request.verdicts.key_use
    if use is None:
        return NOT_ASKED
    seen = facts.key_counter
    if use.counter > seen:
        return use.counter, seen, None
    why = (
        "the device's keys are used up: it needs another initial key"
        if seen >= use.last
        else f"the key serial number's counter did not increase: {use.counter} after {seen}"
    )
    return use.counter, seen, Refusal(Action.KEY_SERIAL_WRONG, why)


def reversal_says_when(request: Request, _: Facts, __: Policy) -> Verdict:
    """A reversal under such a key says of which day it is, or its original is.

    Its counter is held against nothing, so without a date a copy of it, sent again on another day, would be about
    whatever has its STAN and amount then.
    """
    if request.verdicts is UNCHECKED or request.verdicts.key_use is None:
        return NOT_ASKED
    named = request.original
    if request.has_local_date or (named is not None and named.message_class and named.local_date is not None):
        return True, "a date", None
    return False, "a date", Refusal(Action.FORMAT_ERROR, "a reversal under a key for one transaction needs a date")
