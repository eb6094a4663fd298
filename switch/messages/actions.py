"""The internal result codes. DE 39 of each dialect is made from these in messages/mapping, and nowhere else."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """What the switch answers, in its own words; ``specs/responses.toml`` has the texts for people."""

    # fmt: off
    APPROVED               = "approved"

    FORMAT_ERROR           = "format_error"            # cannot be parsed, or a required field is missing
    INVALID_TRANSACTION    = "invalid_transaction"     # no kind fits the message
    TERMINAL_UNKNOWN       = "terminal_unknown"
    TERMINAL_INACTIVE      = "terminal_inactive"       # registered, locked, dormant, retired
    NOT_SIGNED_ON          = "not_signed_on"
    MAC_WRONG              = "mac_wrong"               # missing where it is required, or not the message's
    KEYS_MISSING           = "keys_missing"            # the terminal has no master key to send others under
    KEY_SERIAL_WRONG       = "key_serial_wrong"        # DUKPT: no serial number, or one whose counter was seen before
    OPERATOR_WRONG         = "operator_wrong"          # not registered, or another password
    OPERATOR_LOCKED        = "operator_locked"         # five wrong passwords
    SERIAL_MISMATCH        = "serial_mismatch"         # the terminal number on another machine
    SOFTWARE_TOO_OLD       = "software_too_old"
    BATCH_MISMATCH         = "batch_mismatch"          # not the batch given out at sign-on
    BATCH_UNBALANCED       = "batch_unbalanced"        # settled, not balanced: upload it first
    BATCH_UNKNOWN          = "batch_unknown"           # settled or uploaded: not the terminal's, or closed before
    BATCH_FULL             = "batch_full"              # three-digit counters end: settle first
    MERCHANT_UNKNOWN       = "merchant_unknown"        # also: terminal is not of this merchant
    MERCHANT_FROZEN        = "merchant_frozen"
    NOT_PERMITTED_TERMINAL = "not_permitted_terminal"  # kind or entry mode the terminal may not do
    INVALID_AMOUNT         = "invalid_amount"
    CURRENCY_NOT_SUPPORTED = "currency_not_supported"
    CARD_UNKNOWN           = "card_unknown"            # check digit wrong, or not in the books
    CARD_EXPIRED           = "card_expired"            # or the expiry in the message is another
    CARD_FROZEN            = "card_frozen"
    CARD_LOST              = "card_lost"
    CARD_STOLEN            = "card_stolen"
    CARD_INACTIVE          = "card_inactive"
    CARD_MISMATCH          = "card_mismatch"           # a void with another card than its original's
    CARD_NOT_PERMITTED     = "card_not_permitted"      # this card may not do that: load, transfer, scheme
    PIN_WRONG              = "pin_wrong"
    PIN_TRIES_EXCEEDED     = "pin_tries_exceeded"
    PIN_FORMAT             = "pin_format"              # no PIN in the PIN block: keys differ
    PIN_REQUIRED           = "pin_required"            # contactless above its limit
    CARD_CODE_WRONG        = "card_code_wrong"         # CVN on the stripe, in the chip or as typed
    CRYPTOGRAM_WRONG       = "cryptogram_wrong"        # the chip's, or its counter did not increase
    INSERT_CHIP            = "insert_chip"             # swiped where its chip can be read
    PAY_CODE_INVALID       = "pay_code_invalid"        # unknown, used or expired
    EXCEEDS_AMOUNT_LIMIT   = "exceeds_amount_limit"    # single or daily amount
    EXCEEDS_COUNT_LIMIT    = "exceeds_count_limit"
    INSUFFICIENT_FUNDS     = "insufficient_funds"
    DUPLICATE_CONFLICT     = "duplicate_conflict"      # same key, another PAN, amount or processing code
    ALREADY_REVERSED       = "already_reversed"        # the original arrives after its reversal
    AMOUNT_MISMATCH        = "amount_mismatch"         # reversal or void differs from its original
    ORIGINAL_NOT_FOUND     = "original_not_found"
    ORIGINAL_CLOSED        = "original_closed"         # its batch or business day is over: an operator adjusts
    ORIGINAL_TOO_OLD       = "original_too_old"
    EXCEEDS_ORIGINAL       = "exceeds_original"        # refunds would sum to more than the sale
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"  # overload: try again
    MAINTENANCE            = "maintenance"             # an operator lets nothing new in for a while
    SYSTEM_ERROR           = "system_error"            # cannot store
    # fmt: on


APPROVALS: Final = frozenset({Action.APPROVED})
