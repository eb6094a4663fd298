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
