"""The order in which a request can be refused.

A ladder is climbed from the bottom: who sends it (terminal, merchant), what it asks (amount, currency), whose
card it is (known, valid, not blocked), and last what it may spend (limits, funds). The first rung that refuses
ends the climb, so a stolen card is never told about its balance. Above the last rung success is certain.
"""

from __future__ import annotations

from typing import Final

from switch.decisions import Check, Facts, Refusal, Trace
from switch.messages.model import Request
from switch.rules import amounts, cards, parties
from switch.rules.rule import Ladder, Policy, Rule

RULE_SET: Final = "2026-11b"
"""Stored with every decision, so that a later reader knows which rules were in force."""

# fmt: off
TERMINAL_KNOWN: Final[Ladder] = (
    Rule("terminal_known",        parties.terminal_is_known),
    Rule("terminal_of_merchant",  parties.terminal_is_of_merchant),
)
TERMINAL_ACTIVE: Final[Ladder] = (
    Rule("terminal_known",        parties.terminal_is_known),
    Rule("terminal_active",       parties.terminal_is_active),
    Rule("terminal_of_merchant",  parties.terminal_is_of_merchant),
)
SENDER: Final[Ladder] = (
    *TERMINAL_ACTIVE,
    Rule("terminal_signed_on",    parties.terminal_is_signed_on),
    Rule("terminal_capable",      parties.terminal_may_do_this),
    Rule("merchant_known",        parties.merchant_is_known),
    Rule("merchant_active",       parties.merchant_is_active),
)
AMOUNT: Final[Ladder] = (
    Rule("amount_present",        amounts.amount_is_present),
    Rule("amount_maximum",        amounts.amount_is_within_maximum),
    Rule("currency_of_merchant",  amounts.currency_is_the_merchants),
)
CARD: Final[Ladder] = (
    Rule("card_check_digit",      cards.check_digit_is_right),
    Rule("card_known",            cards.card_is_known),
    Rule("card_currency",         amounts.currency_is_the_accounts),
    Rule("card_expiry",           cards.card_has_not_expired),
    Rule("card_expiry_matches",   cards.expiry_matches),
    Rule("card_status",           cards.card_is_active),
)
NOT_REVERSED: Final[Ladder] = (
    Rule("not_reversed_before",   parties.no_reversal_came_first),
)
SPENDING: Final[Ladder] = (
    Rule("single_limit",          amounts.within_single_limit),
    Rule("daily_amount",          amounts.within_daily_amount),
    Rule("daily_count",           amounts.within_daily_count),
    Rule("funds",                 amounts.funds_suffice),
)

SPEND_LADDER:      Final[Ladder] = (*SENDER, *AMOUNT, *CARD, *NOT_REVERSED, *SPENDING)
CODE_LADDER:       Final[Ladder] = (*SENDER, *AMOUNT, *CARD[1:], *NOT_REVERSED, *SPENDING)
TRANSFER_LADDER:   Final[Ladder] = (*SENDER, *AMOUNT, *CARD, *NOT_REVERSED, *SPENDING)
COMPLETION_LADDER: Final[Ladder] = (*SENDER, *AMOUNT, *CARD[:3], *NOT_REVERSED)
REFUND_LADDER:     Final[Ladder] = (*SENDER, *AMOUNT, *CARD[:3], *NOT_REVERSED)  # money finds its way to a blocked card
LOAD_LADDER:       Final[Ladder] = (*SENDER, *AMOUNT, *CARD, *NOT_REVERSED)
ACTIVATION_LADDER: Final[Ladder] = (*SENDER, *CARD[:2], CARD[3], *NOT_REVERSED)
VOID_LADDER:       Final[Ladder] = (*SENDER, *AMOUNT, *NOT_REVERSED)  # the card is held against the original's
LOAD_VOID_LADDER:  Final[Ladder] = (*SENDER, *AMOUNT, *CARD[:2], *NOT_REVERSED)
ADVICE_LADDER:     Final[Ladder] = (*TERMINAL_KNOWN, SENDER[5], AMOUNT[0], AMOUNT[2], *CARD[:3], *NOT_REVERSED)
BALANCE_LADDER:    Final[Ladder] = (*SENDER, *CARD)
QUERY_LADDER:      Final[Ladder] = SENDER[:6]
UPLOAD_LADDER:     Final[Ladder] = TERMINAL_KNOWN
DOWNLOAD_LADDER:   Final[Ladder] = TERMINAL_ACTIVE
REVERSAL_LADDER:   Final[Ladder] = TERMINAL_KNOWN  # domain rule 10: nothing else refuses a reversal
SIGN_ON_LADDER:    Final[Ladder] = TERMINAL_ACTIVE
SIGN_OFF_LADDER:   Final[Ladder] = TERMINAL_ACTIVE
EXPIRY_LADDER:     Final[Ladder] = ()  # the host's own: nobody to refuse
# fmt: on


def climb(ladder: Ladder, request: Request, facts: Facts, policy: Policy) -> tuple[Trace, Refusal | None]:
    """Climb until a rule refuses or the top is reached; the trace holds every rung that was tried."""
    trace: list[Check] = []
    for name, check in ladder:
        value, limit, refusal = check(request, facts, policy)
        if refusal is not None:
            trace.append((name, value, limit, False))
            return tuple(trace), refusal
        trace.append((name, value, limit, True))
    return tuple(trace), None
