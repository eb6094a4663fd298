"""The canonical transaction types: what a request wants, whatever its dialect calls it."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """One meaning per name; a dialect maps (MTI, processing code, ...) to one of these."""

    # fmt: off
    # money of a card, now or soon
    PURCHASE           = "purchase"            # posts at once
    AUTHORISATION      = "authorisation"       # opens a hold
    INCREMENT          = "increment"           # adds to the hold of an authorisation
    COMPLETION         = "completion"          # captures a hold, wholly or in part, a little above at most
    COMPLETION_ADVICE  = "completion_advice"   # the same, as something that has happened
    REFUND             = "refund"              # new money back to the card, against an earlier sale
    TRANSFER           = "transfer"            # from one card to another
    CODE_PURCHASE      = "code_purchase"       # a purchase from the account behind a pay code shown as QR
    OFFLINE_SALE       = "offline_sale"        # approved by chip or voice before it is told
    ADJUSTMENT         = "adjustment"          # another total for an earlier sale
    TIP                = "tip"                 # a tip on top of an earlier sale
    # prepaid cards
    ACTIVATION         = "activation"          # an issued card may be used from now on
    LOAD               = "load"                # cash paid at the till, put on the card

    # the merchant's cancels, in the same batch or (of an authorisation) later
    VOID               = "void"                # of a purchase
    AUTHORISATION_VOID = "authorisation_void"
    COMPLETION_VOID    = "completion_void"     # the hold is open again
    LOAD_VOID          = "load_void"
    CODE_CANCEL        = "code_cancel"         # of a code_purchase

    # the terminal's batch
    SETTLEMENT         = "settlement"          # its totals against ours
    BATCH_UPLOAD       = "batch_upload"        # its transactions, where the totals differ
    BATCH_END          = "batch_end"           # that was the last of them

    # what the host does by itself, or an operator through it
    CORRECTION         = "correction"          # money put right by hand: a discrepancy, a late reversal
    STATEMENT          = "statement"           # a merchant's fees and shares of one business day

    # what the network or time undoes
    REVERSAL           = "reversal"            # undoes a request whose answer never arrived
    EXPIRY             = "expiry"              # ends a hold that nobody captured; made by the host

    # questions and news
    BALANCE            = "balance"             # balance inquiry, answered in DE 54
    CODE_QUERY         = "code_query"          # what became of a code_purchase
    SCRIPT_RESULT      = "script_result"       # what a chip did with an issuer's script
    STATUS_UPLOAD      = "status_upload"       # a terminal tells of itself
    SIGNATURE_UPLOAD   = "signature_upload"    # the cardholder's signature to an earlier sale

    # the terminal's own
    SIGN_ON            = "sign_on"             # working keys and batch number are given out
    SIGN_OFF           = "sign_off"
    DOWNLOAD_QUERY     = "download_query"      # which CA keys, AIDs or parameters are there?
    DOWNLOAD           = "download"            # one of them
    DOWNLOAD_END       = "download_end"        # the terminal has them all
    ECHO               = "echo"                # is anybody there? answered without the books
    # fmt: on
