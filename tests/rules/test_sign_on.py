"""Who works with which machine: serial number, software, operator and password."""

from __future__ import annotations

from typing import Any

import pytest

from switch.decisions import Operator
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Extras, Request
from switch.messages.verdicts import Finding, Verdicts
from switch.rules.rule import Policy
from switch.rules.rulebook import SIGN_ON_LADDER, SPEND_LADDER, climb
from switch.values import Secret
from tests.builders import a_request, a_terminal, an_operator, some_facts


def a_sign_on(password: Finding = Finding.ABSENT, **extras: Any) -> Request:
    if password is not Finding.ABSENT:
        extras["password"] = Secret("0000")
    return a_request(kind=Kind.SIGN_ON, extras=Extras(**extras), verdicts=Verdicts(password=password))


def answer(request: Request, policy: Policy | None = None, **facts: Any) -> Action:
    _, refusal = climb(SIGN_ON_LADDER, request, some_facts(**facts), policy or Policy())
    return refusal.action if refusal is not None else Action.APPROVED


@pytest.mark.parametrize(
    ("bound_to", "reported", "action"),
    [
        ("SN1", "SN1", Action.APPROVED),
        ("SN1", "SN2", Action.SERIAL_MISMATCH),
        ("SN1", "", Action.SERIAL_MISMATCH),
        ("", "SN2", Action.APPROVED),
        ("", "", Action.APPROVED),
    ],
)
def test_a_bound_terminal_works_on_its_machine_only(bound_to: str, reported: str, action: Action) -> None:
    assert answer(a_sign_on(serial=reported), terminal=a_terminal(serial=bound_to)) is action


def test_a_bound_terminal_of_a_dialect_without_serial_numbers_signs_on_without_one() -> None:
    assert answer(a_sign_on(can_tell_serial=False), terminal=a_terminal(serial="SN1")) is Action.APPROVED


def test_a_bound_terminal_tells_its_number_at_sign_on_only() -> None:
    _, refusal = climb(SPEND_LADDER, a_request(), some_facts(terminal=a_terminal(serial="SN1")), Policy())

    assert refusal is None


def test_a_card_number_in_place_of_a_serial_number_is_not_in_the_trace() -> None:
    sign_on = a_sign_on(serial="4111111111111111")

    trace, refusal = climb(SIGN_ON_LADDER, sign_on, some_facts(terminal=a_terminal(serial="SN1")), Policy())

    assert refusal is not None
    assert trace[-1] == ("serial", "411111******1111", "SN1", False)


@pytest.mark.parametrize(("least", "reported", "before", "action"), [
    ("",       "1",      "",     Action.APPROVED),
    ("2.1",    "2.1",    "",     Action.APPROVED),
    ("2.1",    "2.1.0",  "",     Action.APPROVED),
    ("2.1.0",  "2.1",    "",     Action.APPROVED),
    ("2.9",    "2.10",   "",     Action.APPROVED),
    ("2.10",   "2.9",    "",     Action.SOFTWARE_TOO_OLD),
    ("2.1",    "V2.0.9", "",     Action.SOFTWARE_TOO_OLD),
    ("000120", "000119", "",     Action.SOFTWARE_TOO_OLD),
    ("000120", "000121", "",     Action.APPROVED),
    ("2.1",    "beta",   "",     Action.SOFTWARE_TOO_OLD),
    ("2.1",    "",       "",     Action.APPROVED),
    ("2.1",    "",       "2.0",  Action.SOFTWARE_TOO_OLD),
    ("2.1",    "2.2",    "2.0",  Action.APPROVED),
    ("2.1",    "2.0",    "2.2",  Action.SOFTWARE_TOO_OLD),
])  # fmt: skip
def test_software_is_compared_by_its_numbers(least: str, reported: str, before: str, action: Action) -> None:
    request = a_sign_on(software=reported)

    assert answer(request, Policy(minimum_software=least), terminal=a_terminal(software=before)) is action


# fmt: off
OPERATORS: list[tuple[Operator | None, str, Finding, Action]] = [
    # registered                              number  password           action
    (None,                                    "",     Finding.ABSENT,    Action.APPROVED),
    (None,                                    "01",   Finding.ABSENT,    Action.APPROVED),
    (None,                                    "01",   Finding.WRONG,     Action.OPERATOR_WRONG),
    (None,                                    "01",   Finding.UNCHECKED, Action.OPERATOR_WRONG),
    (an_operator(),                           "01",   Finding.RIGHT,     Action.APPROVED),
    (an_operator(),                           "01",   Finding.WRONG,     Action.OPERATOR_WRONG),
    (an_operator(),                           "01",   Finding.ABSENT,    Action.OPERATOR_WRONG),
    (an_operator(),                           "01",   Finding.UNCHECKED, Action.OPERATOR_WRONG),
    (an_operator(has_password=False),         "01",   Finding.ABSENT,    Action.APPROVED),
    (an_operator(is_active=False),            "01",   Finding.RIGHT,     Action.OPERATOR_WRONG),
    (an_operator(failures=4),                 "01",   Finding.RIGHT,     Action.APPROVED),
    (an_operator(failures=5),                 "01",   Finding.RIGHT,     Action.OPERATOR_LOCKED),
    (an_operator(failures=5),                 "01",   Finding.WRONG,     Action.OPERATOR_LOCKED),
]
# fmt: on


@pytest.mark.parametrize(("operator", "number", "password", "action"), OPERATORS)
def test_an_operator_with_a_password_gives_it_five_wrong_ones_at_most(
    operator: Operator | None, number: str, password: Finding, action: Action
) -> None:
    assert answer(a_sign_on(password, operator_id=number), operator=operator) is action
