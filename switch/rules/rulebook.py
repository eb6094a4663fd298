"""The order in which a request can be refused.

A ladder is climbed from the bottom: who sends it (terminal, merchant), what it asks (amount, currency), whose
card it is (known, valid, not blocked), and last what it may spend (limits, funds). The first rung that refuses
ends the climb, so a stolen card is never told about its balance. Above the last rung success is certain.
"""

from __future__ import annotations

from typing import Final

from switch.decisions import Check, Facts, Refusal, Trace
from switch.messages.model import Request
from switch.rules import amounts, cards, chips, key_counters, parties, pins, presentation, sign_on, spending, transfers
from switch.rules.rule import NOT_ASKED, Ladder, Policy, Rule

RULE_SET: Final = "2026-11h"
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
MACHINE: Final[Ladder] = (
    Rule("serial",                sign_on.serial_matches),
    Rule("software",              sign_on.software_is_recent),
)
OPERATOR: Final[Ladder] = (
    Rule("operator_known",        sign_on.operator_is_known),
    Rule("operator_not_locked",   sign_on.operator_is_not_locked),
    Rule("operator_password",     sign_on.operator_password_is_right),
)
MERCHANT_KNOWN: Final[Ladder] = (
    Rule("merchant_known",        parties.merchant_is_known),
)
KEY: Final[Ladder] = (
    Rule("key_counter",           key_counters.key_counter_increased),
)
KEY_DATED: Final[Ladder] = (
    Rule("key_dated",             key_counters.reversal_says_when),
)
ASKING: Final[Ladder] = (
    *TERMINAL_ACTIVE,
    Rule("terminal_signed_on",    parties.terminal_is_signed_on),
    *MACHINE,
    Rule("terminal_capable",      parties.terminal_may_do_this),
    *MERCHANT_KNOWN,
    *KEY,
)
SENDER: Final[Ladder] = (
    *ASKING,
    Rule("merchant_active",       parties.merchant_is_active),
)
NEW: Final[Ladder] = (
    *SENDER,
    Rule("maintenance",           parties.nothing_new_in_maintenance),
)
BATCH: Final[Ladder] = (
    Rule("batch",                 parties.batch_is_the_terminals),
    Rule("batch_room",            parties.batch_has_room),
)
STATED: Final[Ladder] = (
    Rule("amount_present",        amounts.amount_is_present),
    Rule("currency_of_merchant",  amounts.currency_is_the_merchants),
)
AMOUNT: Final[Ladder] = (
    Rule("amount_present",        amounts.amount_is_present),
    Rule("amount_maximum",        amounts.amount_is_within_maximum),
    Rule("currency_of_merchant",  amounts.currency_is_the_merchants),
)
PAY_CODE: Final[Ladder] = (
    Rule("pay_code",              cards.pay_code_is_good),
)
SALE_NAMED: Final[Ladder] = (
    Rule("sale_by_code",          cards.refund_names_its_sale),
)
NUMBER: Final[Ladder] = (
    Rule("card_check_digit",      cards.check_digit_is_right),
)
OURS: Final[Ladder] = (
    Rule("card_known",            cards.card_is_known),
    Rule("card_currency",         amounts.currency_is_the_accounts),
)
UNEXPIRED: Final[Ladder] = (
    Rule("card_expiry",           cards.card_has_not_expired),
    Rule("card_expiry_matches",   cards.expiry_matches),
)
VALID: Final[Ladder] = (
    *UNEXPIRED,
    Rule("card_status",           cards.card_is_active),
)
CARD: Final[Ladder] = (*NUMBER, *OURS, *VALID)
PREPAID: Final[Ladder] = (
    Rule("card_prepaid",          cards.card_is_prepaid),
)
INACTIVE: Final[Ladder] = (
    Rule("card_inactive",         cards.card_awaits_activation),
)
NOT_REVERSED: Final[Ladder] = (
    Rule("not_reversed_before",   parties.no_reversal_came_first),
)
PRESENTED: Final[Ladder] = (
    Rule("scheme",                presentation.scheme_is_taken),
    Rule("typed",                 presentation.typing_is_allowed),
    Rule("chip_passed_over",      presentation.chip_is_not_passed_over),
    Rule("contactless_pin",       presentation.small_or_with_pin),
)
PIN: Final[Ladder] = (
    Rule("pin",                   pins.pin_is_right),
)
SIGNED: Final[Ladder] = (
    Rule("chip_amount",           chips.signed_amount_is_asked),
    Rule("chip_currency",         chips.signed_currency_is_asked),
    Rule("chip_decision",         chips.chip_decided_so),
)
NOTED: Final[Ladder] = (
    Rule("cryptogram",            chips.cryptogram_is_noted),
)
COUNTER: Final[Ladder] = (
    Rule("chip_counter",          chips.counter_increased),
)
GENUINE: Final[Ladder] = (
    Rule("card_code",             pins.card_codes_are_right),
    Rule("cryptogram",            chips.cryptogram_is_right),
)
AUTHENTIC: Final[Ladder] = (*GENUINE, *SIGNED, *COUNTER, *PIN)  # the PIN last: nobody locks it without the card
RECEIVER: Final[Ladder] = (
    Rule("receiver_known",        transfers.receiver_is_known),
    Rule("receiver_active",       transfers.receiver_is_active),
    Rule("receiver_currency",     transfers.receiver_has_the_currency),
    Rule("receiver_another",      transfers.receiver_is_another),
)
SPENDING: Final[Ladder] = (
    Rule("class_limits",          spending.within_class_limits),
    Rule("single_limit",          amounts.within_single_limit),
    Rule("daily_amount",          amounts.within_daily_amount),
    Rule("daily_count",           amounts.within_daily_count),
    Rule("card_limits",           spending.within_card_limits),
    Rule("terminal_limits",       spending.within_terminal_limits),
    Rule("merchant_limits",       spending.within_merchant_limits),
    Rule("funds",                 amounts.funds_suffice),
)
FLOOR: Final[Ladder] = (
    Rule("floor_limit",           chips.floor_limit),
)

_NEW: Final[Ladder] = (*NEW, *BATCH, *AMOUNT)
_SHOWN: Final[Ladder] = (*NOT_REVERSED, *PRESENTED, *AUTHENTIC)

# money of a card
SPEND_LADDER:      Final[Ladder] = (*_NEW, *CARD, *_SHOWN, *SPENDING)
CODE_LADDER:       Final[Ladder] = (*_NEW, *PAY_CODE, *OURS, *VALID, *_SHOWN, *SPENDING)
TRANSFER_LADDER:   Final[Ladder] = (*_NEW, *CARD, *_SHOWN, *RECEIVER, *SPENDING)
COMPLETION_LADDER: Final[Ladder] = (*_NEW, *NUMBER, *OURS, *NOT_REVERSED, *GENUINE, *PIN)  # promised: no block counts
REFUND_LADDER:     Final[Ladder] = (*_NEW, *SALE_NAMED, *NUMBER, *OURS, *NOT_REVERSED)  # to a blocked card as well
LOAD_LADDER:       Final[Ladder] = (*_NEW, *CARD, *PREPAID, *NOT_REVERSED)
ACTIVATION_LADDER: Final[Ladder] = (*NEW, *BATCH, *NUMBER, *OURS, *UNEXPIRED, *PREPAID, *INACTIVE, *NOT_REVERSED)

# cancels: which card it was of is held against the original; a full batch does not keep them away
VOID_LADDER:       Final[Ladder] = (*NEW, *AMOUNT, *NOT_REVERSED, *PIN)
LOAD_VOID_LADDER:  Final[Ladder] = (*NEW, *AMOUNT, *NUMBER, *OURS, *PREPAID, *NOT_REVERSED)

# what has happened: only its sender, its form, its card or its being told twice refuse it (domain rules 10 and 15);
# the chip data of a completion, an advice or a tip may be its original's, whose counter has been seen
ADVICE_LADDER:     Final[Ladder] = (*TERMINAL_KNOWN, *MERCHANT_KNOWN, *STATED, *NUMBER, *OURS, *NOT_REVERSED, *NOTED)
OFFLINE_LADDER:    Final[Ladder] = (*ADVICE_LADDER, *SIGNED, *COUNTER, *FLOOR)
REVERSAL_LADDER:   Final[Ladder] = (*TERMINAL_KNOWN, *KEY_DATED)
UPLOAD_LADDER:     Final[Ladder] = TERMINAL_KNOWN
BATCH_LADDER:      Final[Ladder] = (*TERMINAL_ACTIVE, *MERCHANT_KNOWN)
CORRECTION_LADDER: Final[Ladder] = (*TERMINAL_KNOWN, *MERCHANT_KNOWN, *OURS)  # an operator's: nothing else refuses it
EXPIRY_LADDER:     Final[Ladder] = ()  # the host's own: there is nobody to refuse

# questions, and the terminal itself
BALANCE_LADDER:    Final[Ladder] = (*SENDER, *CARD, *PRESENTED, *AUTHENTIC)
QUERY_LADDER:      Final[Ladder] = ASKING
DOWNLOAD_LADDER:   Final[Ladder] = TERMINAL_ACTIVE  # also with old software: how else would it become new
SIGN_ON_LADDER:    Final[Ladder] = (*TERMINAL_ACTIVE, *MACHINE, *OPERATOR)
SIGN_OFF_LADDER:   Final[Ladder] = TERMINAL_ACTIVE
# fmt: on


def climb(ladder: Ladder, request: Request, facts: Facts, policy: Policy) -> tuple[Trace, Refusal | None]:
    """Climb until a rule refuses or the top is reached; the trace holds every rung that applied."""
    trace: list[Check] = []
    for name, check in ladder:
        found = check(request, facts, policy)
        if found is NOT_ASKED:
            continue
        value, limit, refusal = found
        if refusal is not None:
            trace.append((name, value, limit, False))
            return tuple(trace), refusal
        trace.append((name, value, limit, True))
    return tuple(trace), None
