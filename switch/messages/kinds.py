"""The canonical transaction types: what a request wants, whatever its dialect calls it."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """One meaning per name; a dialect maps (MTI, processing code, ...) to one of these."""

    # fmt: off
    PURCHASE      = "purchase"       # posts at once
    AUTHORISATION = "authorisation"  # opens a hold
    BALANCE       = "balance"        # balance inquiry, answered in DE 54
    REFUND        = "refund"         # new money back to the card, against an earlier sale
    REVERSAL      = "reversal"       # undoes a request whose answer never arrived
    SIGN_ON       = "sign_on"
    SIGN_OFF      = "sign_off"
    ECHO          = "echo"           # is anybody there? answered without the books
    # fmt: on
