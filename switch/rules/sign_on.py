"""Rules about who works with which machine: serial number, software, the operator and the password.

Whether the terminal has the keys that a sign-on needs is known where the keys are, before anything is decided.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from switch.decisions import Refusal
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.verdicts import Finding
from switch.rules.rule import NOT_ASKED
from switch.wire.masking import shown

if TYPE_CHECKING:
    from switch.decisions import Facts
    from switch.messages.model import Request
    from switch.rules.rule import Policy, Verdict

OPERATOR_FAILURES_MAX: Final = 5
"""Wrong passwords in a row after which an operator is locked (domain rule 26)."""


def serial_matches(request: Request, facts: Facts, _: Policy) -> Verdict:
    """A terminal number that is bound to a machine works on that machine only: it says which it is when it signs on.

    Other messages, and those of dialects without a place for it, need not say it.
    """
    bound_to, told = facts.terminal.serial if facts.terminal else "", request.extras.serial
    if not bound_to:
        return NOT_ASKED
    if told == bound_to:
        return told, bound_to, None
    why = f"the terminal is bound to the machine with serial number {bound_to}"
    if told:
        return shown(told, "free"), bound_to, Refusal(Action.SERIAL_MISMATCH, why)
    if request.kind is not Kind.SIGN_ON or not request.extras.can_tell_serial:
        return NOT_ASKED
    return "none", bound_to, Refusal(Action.SERIAL_MISMATCH, f"{why}, and tells none")


def software_is_recent(request: Request, facts: Facts, policy: Policy) -> Verdict:
    """A terminal that says, or last said, that its software is older than the listener's least has to update first."""
    least = policy.minimum_software
    if not least:
        return NOT_ASKED
    version = request.extras.software or (facts.terminal.software if facts.terminal else "")
    if not version or _numbers(version) >= _numbers(least):
        return version, least, None
    return version, least, Refusal(Action.SOFTWARE_TOO_OLD, f"the terminal has version {version}, the least is {least}")


def operator_is_known(request: Request, facts: Facts, _: Policy) -> Verdict:
    """An operator who gives a password is registered with the merchant.

    A number that is not registered passes without one: merchants who never registered anybody use it as a cashier's
    mark, and the facts do not say whether others are registered.
    """
    asked = request.extras.operator_id
    if not asked:
        return NOT_ASKED
    operator = facts.operator
    if operator is None:
        if request.extras.password is None and request.verdicts.password is Finding.ABSENT:
            return asked, "any without a password", None
        return asked, "registered", Refusal(Action.OPERATOR_WRONG, f"operator {asked} is not registered")
    if operator.is_active:
        return asked, "registered", None
    return asked, "registered", Refusal(Action.OPERATOR_WRONG, f"operator {asked} is closed")


def operator_is_not_locked(_: Request, facts: Facts, __: Policy) -> Verdict:
    """After five wrong passwords in a row the right one does not help either: somebody unlocks the operator."""
    if facts.operator is None or not facts.operator.has_password:
        return NOT_ASKED
    failures = facts.operator.failures
    if failures < OPERATOR_FAILURES_MAX:
        return failures, OPERATOR_FAILURES_MAX, None
    why = f"operator {facts.operator.operator_id} is locked after {failures} wrong passwords"
    return failures, OPERATOR_FAILURES_MAX, Refusal(Action.OPERATOR_LOCKED, why)


def operator_password_is_right(request: Request, facts: Facts, _: Policy) -> Verdict:
    """An operator who has a password gives it. One without has nothing to hold what is given against."""
    operator, password = facts.operator, request.verdicts.password
    if operator is None or not operator.has_password:
        return NOT_ASKED
    if password is Finding.RIGHT:
        return password.value, "right", None
    given = "gave no password" if password is Finding.ABSENT else f"gave a password that is {password.value}"
    return password.value, "right", Refusal(Action.OPERATOR_WRONG, f"operator {operator.operator_id} {given}")


@lru_cache(maxsize=256)
def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of ``1.10.2`` or ``000123``; zeros at the end say nothing, and no number at all is the oldest."""
    found = [int(digits) for digits in re.findall(r"[0-9]+", version)]
    while found and not found[-1]:
        found.pop()
    return tuple(found)
