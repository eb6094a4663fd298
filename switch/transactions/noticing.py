"""What a request leaves behind, approved or not: counted PINs and passwords, a chip's counter, a sign of life.

A wrong PIN counts although the request it came with is declined for it; a right one clears the count as soon as the
ladder has let it pass, also where funds decline it further up. The chip's counter is raised once its cryptogram has
passed, so that no cryptogram is good for a second request, and that of a device's keys by whatever is under one of
them. Wrong codes of a card count for their day, and each sale
that a chip approved offline counts once.
"""

from __future__ import annotations

from typing import Final

from switch.decisions import (
    ChangeCardSecurity,
    ChangeOperator,
    ChangeTerminal,
    CountSpending,
    Effect,
    Facts,
    RaiseKeyCounter,
    Refusal,
    SeeTerminal,
    Trace,
)
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.messages.verdicts import UNCHECKED, Finding
from switch.rules.limits import Counter, day_of
from switch.rules.tries import CODE_TRIES_MAX, offline_sale, read_code, times, typed_code

_HELPED_BY: Final = {
    Action.NOT_SIGNED_ON: "sign_on",
    Action.MAC_WRONG: "sign_on",
    Action.KEYS_MISSING: "sign_on",
    Action.PIN_FORMAT: "sign_on",
    Action.BATCH_MISMATCH: "sign_on",
    Action.SOFTWARE_TOO_OLD: "software",
}
"""What the terminal must do before it can succeed."""

_BAD: Final = (Finding.WRONG, Finding.MALFORMED)


def noticed(request: Request, facts: Facts, trace: Trace, refusal: Refusal | None) -> tuple[Effect, ...]:
    """Return what is to be kept of the request beside what it asks for. Its terminal is a known one."""
    seen = _seen(request, facts)
    if request.verdicts is UNCHECKED:
        return seen
    return (
        *seen,
        *_of_key(request, facts),
        *_of_card(request, facts, trace, refusal),
        *_tries(request, facts, refusal),
        *_of_operator(request, facts, trace, refusal),
    )


def wish_for(facts: Facts, refusal: Refusal | None, effects: tuple[Effect, ...]) -> str:
    """Return what the host wants of the terminal next: what would help a refused request, else what is pending."""
    if refusal is not None and refusal.action in _HELPED_BY:
        return _HELPED_BY[refusal.action]
    if facts.terminal is None or not facts.terminal.pending:
        return ""
    done = {wish for effect in effects if isinstance(effect, ChangeTerminal) for wish in effect.done}
    return next((wish for wish in facts.terminal.pending if wish not in done), "")


def _seen(request: Request, facts: Facts) -> tuple[Effect, ...]:
    """Whatever a terminal sends shows that it is in use; an expiry is the host's own."""
    day = day_of(facts.business_day)
    if facts.terminal is None or facts.terminal.last_seen_day == day or request.kind is Kind.EXPIRY:
        return ()
    return (SeeTerminal(day),)


def _of_key(request: Request, facts: Facts) -> tuple[Effect, ...]:
    """Only who has the key can say where its counter stands: others would use up the device's keys."""
    use = request.verdicts.key_use
    if use is None or not use.is_shown or use.counter <= facts.key_counter:
        return ()
    return (RaiseKeyCounter(use.base, use.device, use.counter),)


def _of_card(request: Request, facts: Facts, trace: Trace, refusal: Refusal | None) -> tuple[Effect, ...]:
    if facts.card is None:
        return ()
    security, verdicts = facts.security, request.verdicts
    tries = atc = None
    if verdicts.pin is Finding.WRONG and _is_refused(refusal, Action.PIN_WRONG):
        tries = security.pin_tries + 1
    elif verdicts.pin is Finding.RIGHT and security.pin_tries and _has_passed(trace, "pin"):
        tries = 0
    counter = request.chip.atc if request.chip is not None else None
    if verdicts.cryptogram is Finding.RIGHT and counter is not None and counter > security.atc:
        atc = counter if refusal is None or _has_passed(trace, "chip_counter") else None
    if tries is None and atc is None:
        return ()
    return (ChangeCardSecurity(facts.card.card_id, pin_tries=tries, atc=atc),)


def _tries(request: Request, facts: Facts, refusal: Refusal | None) -> tuple[Effect, ...]:
    """Count codes that were wrong, up to where none is taken any more, and a chip's sale that is in the books now."""
    if facts.card is None:
        return ()
    card_id, day, verdicts = facts.card.card_id, facts.business_day, request.verdicts
    counted: list[Counter | None] = []
    if _is_refused(refusal, Action.CARD_CODE_WRONG):
        if verdicts.card_code in _BAD:
            counted.append(typed_code(request, card_id, day))
        if verdicts.track_code in _BAD:
            counted.append(read_code(request, card_id, day))
    elif refusal is None:
        counted.append(offline_sale(request, card_id))
    new = [counter for counter in counted if counter is not None and times(facts, counter) < CODE_TRIES_MAX]
    return tuple([CountSpending(owner, period, 0, 1) for owner, period in new])


def _of_operator(request: Request, facts: Facts, trace: Trace, refusal: Refusal | None) -> tuple[Effect, ...]:
    operator, password = facts.operator, request.verdicts.password
    if operator is None:
        return ()
    if password is Finding.WRONG and _is_refused(refusal, Action.OPERATOR_WRONG):
        return (ChangeOperator(operator.operator_id, operator.failures + 1),)
    if password is Finding.RIGHT and operator.failures and _has_passed(trace, "operator_password"):
        return (ChangeOperator(operator.operator_id, 0),)
    return ()


def _is_refused(refusal: Refusal | None, action: Action) -> bool:
    return refusal is not None and refusal.action is action


def _has_passed(trace: Trace, rung: str) -> bool:
    return any(name == rung and passed for name, _, _, passed in trace)
