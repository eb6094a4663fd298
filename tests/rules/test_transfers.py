"""The card that a transfer goes to: ours, active, in the same currency, of another account."""

from __future__ import annotations

from typing import Any

import pytest

from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Extras
from switch.rules.rule import Policy
from switch.rules.rulebook import TRANSFER_LADDER, climb
from switch.values import Pan
from tests.builders import a_card, a_request, an_account, some_facts

TO = Pan("5555555555554444")
GOOD: dict[str, Any] = {"to_card": a_card(card_id=2, account_id=101), "to_account": an_account(account_id=101)}


# fmt: off
WAYS: list[tuple[dict[str, Any], Action]] = [
    ({},                                                         Action.APPROVED),
    ({"to_card": None, "to_account": None},                      Action.CARD_UNKNOWN),
    ({"to_card": a_card(status="inactive")},                     Action.CARD_NOT_PERMITTED),
    ({"to_card": a_card(status="stolen")},                       Action.CARD_NOT_PERMITTED),
    ({"to_account": an_account(account_id=101, currency="840")}, Action.CURRENCY_NOT_SUPPORTED),
    ({"to_account": an_account()},                               Action.CARD_NOT_PERMITTED),
    ({"card": a_card(status="stolen")},                          Action.CARD_STOLEN),
    ({"account": an_account(ledger_minor=999)},                  Action.INSUFFICIENT_FUNDS),
]
# fmt: on


@pytest.mark.parametrize(("changes", "action"), WAYS)
def test_a_transfer_needs_a_sender_who_may_spend_and_a_receiver_who_may_receive(
    changes: dict[str, Any], action: Action
) -> None:
    request = a_request(kind=Kind.TRANSFER, extras=Extras(to_pan=TO))

    trace, refusal = climb(TRANSFER_LADDER, request, some_facts(**{**GOOD, **changes}), Policy())

    assert (refusal.action if refusal else Action.APPROVED) is action
    assert TO.reveal() not in repr(trace) + repr(refusal)
