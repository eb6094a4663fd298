"""Rules about the chip: its cryptogram, its counter, and what it may approve without us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from switch.decisions import Refusal
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import channel_of
from switch.messages.verdicts import UNCHECKED, Finding
from switch.rules.limits import lowest
from switch.rules.rule import NOT_ASKED

if TYPE_CHECKING:
    from switch.decisions import Facts
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


def counter_increased(request: Request, facts: Facts, _: Policy) -> Verdict:
    """The chip's counter (tag 9F36) is above all that we saw, else its data are copied from an earlier use.

    Only a right cryptogram vouches for a counter. An offline sale may come after later uses of the card, but only so
    many; the same sale told twice within that window is found by its key, not here.
    """
    chip = request.chip
    if chip is None or chip.atc is None or request.verdicts.cryptogram is not Finding.RIGHT:
        return NOT_ASKED
    seen = facts.security.atc
    above = seen - ATC_WINDOW if request.kind is Kind.OFFLINE_SALE else seen
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
