"""What is let in while the switch is maintained."""

from __future__ import annotations

import pytest

from switch.decisions import Refusal
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.rules.parties import nothing_new_in_maintenance
from switch.rules.rule import NOT_ASKED, Policy
from switch.transactions.decide import MAINTAINED, decide, decider
from switch.transactions.table import TABLE
from tests.builders import a_request, some_facts

K = Kind
NEW = {
    *(K.PURCHASE, K.CODE_PURCHASE, K.TRANSFER, K.REFUND, K.AUTHORISATION, K.INCREMENT, K.COMPLETION, K.ACTIVATION, K.LOAD),
    *(K.VOID, K.CODE_CANCEL, K.COMPLETION_VOID, K.LOAD_VOID, K.AUTHORISATION_VOID),
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLE)
def test_what_moves_money_or_opens_something_is_new_and_the_rest_is_not_asked(kind: Kind) -> None:
    asks = [rule for rule in TABLE[kind].ladder if rule.check is nothing_new_in_maintenance]

    assert len(asks) == (kind in NEW)


def test_it_is_declined_with_a_word_of_its_own() -> None:
    decision = decide(a_request(), some_facts(), MAINTAINED)

    assert decision.reply.action is Action.MAINTENANCE
    assert decision.trace[-1] == ("maintenance", True, False, False)


def test_at_other_times_the_trace_does_not_speak_of_it() -> None:
    assert nothing_new_in_maintenance(a_request(), some_facts(), Policy()) is NOT_ASKED


def test_a_stranger_is_told_that_first() -> None:
    assert decide(a_request(), some_facts(terminal=None), MAINTAINED).reply.action is Action.TERMINAL_UNKNOWN


def test_every_listeners_other_settings_stay_as_they_are() -> None:
    strict = {"strict": Policy(sign_on_required=True)}
    request = a_request(listener="strict")

    assert decider(strict, lambda: True)(request, some_facts()).reply.action is Action.NOT_SIGNED_ON
    assert decider({}, lambda: True)(request, some_facts()).reply.action is Action.MAINTENANCE


def test_it_says_why() -> None:
    found = nothing_new_in_maintenance(a_request(), some_facts(), MAINTAINED)

    assert found[2] == Refusal(Action.MAINTENANCE, "the switch is in maintenance: nothing new is let in")
