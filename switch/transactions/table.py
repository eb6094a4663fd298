"""The transaction table: one row per kind, naming who may refuse it, what it does, and how long it may take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from switch.decisions import Facts, Needs, Refusal
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.rules.rule import Ladder, Policy
from switch.rules.rulebook import (
    ACTIVATION_LADDER,
    ADVICE_LADDER,
    BALANCE_LADDER,
    BATCH_LADDER,
    CODE_LADDER,
    COMPLETION_LADDER,
    CORRECTION_LADDER,
    DOWNLOAD_LADDER,
    EXPIRY_LADDER,
    LOAD_LADDER,
    LOAD_VOID_LADDER,
    OFFLINE_LADDER,
    QUERY_LADDER,
    REFUND_LADDER,
    REVERSAL_LADDER,
    SIGN_OFF_LADDER,
    SIGN_ON_LADDER,
    SPEND_LADDER,
    TRANSFER_LADDER,
    UPLOAD_LADDER,
    VOID_LADDER,
)
from switch.transactions import authorisations as holding
from switch.transactions import prepaid, questions, reversing, settling, spending, undoing
from switch.transactions import terminal_postings as terminal
from switch.transactions.posting import Posting


class Row(NamedTuple):
    """How one kind is handled.

    ``keyed``: a repeat gets the stored answer. ``original``: the payment it names is loaded, with ``any_card`` also one
    of another card, to refuse that by name. ``refusable`` False: it has happened already, and no limit, no funds and no
    state of card or merchant refuses it (domain rule 15). ``undone_by`` names the row of
    `switch.transactions.lifecycle` that undoes it: the merchant's cancel, which a reversal always stands beside, or the
    reversal alone. ``deadline_s``: seconds after which a request still waiting is dropped, because nobody listens for
    its answer any more.
    """

    kind: Kind
    ladder: Ladder
    post: Callable[[Request, Facts, Policy], Posting | Refusal]
    keyed: bool
    original: bool
    any_card: bool
    refusable: bool
    undone_by: Kind | None
    deadline_s: float


K, Y, N = Kind, True, False

# fmt: off
ROWS: Final = (
    #                                                                          keyed: a repeat gets the stored answer
    #                                                                          |  original: what it is about is loaded
    #                                                                          |  |  any card: of whatever card
    #                                                                          |  |  |  refusable (rule 15)
    #   kind                  ladder             posts                         |  |  |  |  undone by          deadline_s
    Row(K.PURCHASE,           SPEND_LADDER,      spending.purchase,            Y, N, N, Y, K.VOID,               50.0),
    Row(K.CODE_PURCHASE,      CODE_LADDER,       spending.code_purchase,       Y, N, N, Y, K.CODE_CANCEL,        50.0),
    Row(K.TRANSFER,           TRANSFER_LADDER,   spending.transfer,            Y, N, N, Y, K.REVERSAL,           50.0),
    Row(K.OFFLINE_SALE,       OFFLINE_LADDER,    spending.offline_sale,        Y, N, N, N, K.REVERSAL,           50.0),
    Row(K.ADJUSTMENT,         ADVICE_LADDER,     spending.adjustment,          Y, Y, N, N, None,                 50.0),
    Row(K.TIP,                ADVICE_LADDER,     spending.adjustment,          Y, Y, N, N, None,                 50.0),
    Row(K.REFUND,             REFUND_LADDER,     spending.refund,              Y, Y, N, Y, K.REVERSAL,           50.0),

    Row(K.AUTHORISATION,      SPEND_LADDER,      holding.authorisation,        Y, N, N, Y, K.AUTHORISATION_VOID, 50.0),
    Row(K.INCREMENT,          SPEND_LADDER,      holding.increment,            Y, Y, N, Y, K.REVERSAL,           50.0),
    Row(K.COMPLETION,         COMPLETION_LADDER, holding.completion,           Y, Y, N, Y, K.COMPLETION_VOID,    50.0),
    Row(K.COMPLETION_ADVICE,  ADVICE_LADDER,     holding.completion,           Y, Y, N, N, K.COMPLETION_VOID,    50.0),
    Row(K.EXPIRY,             EXPIRY_LADDER,     holding.expiry,               N, Y, N, N, None,                 50.0),

    Row(K.ACTIVATION,         ACTIVATION_LADDER, prepaid.activation,           Y, N, N, Y, K.REVERSAL,           50.0),
    Row(K.LOAD,               LOAD_LADDER,       prepaid.load,                 Y, N, N, Y, K.LOAD_VOID,          50.0),

    Row(K.VOID,               VOID_LADDER,       undoing.cancel,               Y, Y, Y, Y, K.REVERSAL,           50.0),
    Row(K.CODE_CANCEL,        VOID_LADDER,       undoing.cancel,               Y, Y, Y, Y, K.REVERSAL,           50.0),
    Row(K.COMPLETION_VOID,    VOID_LADDER,       undoing.cancel,               Y, Y, Y, Y, K.REVERSAL,           50.0),
    Row(K.LOAD_VOID,          LOAD_VOID_LADDER,  undoing.cancel_load,          Y, Y, Y, Y, K.REVERSAL,           50.0),
    Row(K.AUTHORISATION_VOID, VOID_LADDER,       undoing.cancel_authorisation, Y, Y, Y, Y, K.REVERSAL,           50.0),
    Row(K.REVERSAL,           REVERSAL_LADDER,   reversing.reversal,           Y, Y, N, N, None,                 50.0),

    Row(K.BALANCE,            BALANCE_LADDER,    questions.balance,            Y, N, N, Y, None,                 10.0),
    Row(K.CODE_QUERY,         QUERY_LADDER,      questions.code_query,         N, Y, N, Y, None,                 10.0),

    Row(K.SETTLEMENT,         BATCH_LADDER,      settling.settlement,          Y, N, N, Y, None,                 50.0),
    Row(K.BATCH_UPLOAD,       BATCH_LADDER,      settling.batch_upload,        Y, N, N, Y, None,                 50.0),
    Row(K.BATCH_END,          BATCH_LADDER,      settling.batch_end,           Y, N, N, Y, None,                 50.0),
    Row(K.CORRECTION,         CORRECTION_LADDER, settling.correction,          N, N, N, N, None,                 50.0),

    Row(K.SIGN_ON,            SIGN_ON_LADDER,    terminal.sign_on,             N, N, N, Y, None,                 10.0),
    Row(K.SIGN_OFF,           SIGN_OFF_LADDER,   terminal.sign_off,            N, N, N, Y, None,                 10.0),
    Row(K.DOWNLOAD_QUERY,     DOWNLOAD_LADDER,   terminal.download_query,      N, N, N, Y, None,                 10.0),
    Row(K.DOWNLOAD,           DOWNLOAD_LADDER,   terminal.download,            N, N, N, Y, None,                 10.0),
    Row(K.DOWNLOAD_END,       DOWNLOAD_LADDER,   terminal.download_end,        N, N, N, Y, None,                 10.0),
    Row(K.STATUS_UPLOAD,      UPLOAD_LADDER,     terminal.upload,              N, N, N, N, None,                 10.0),
    Row(K.SIGNATURE_UPLOAD,   UPLOAD_LADDER,     terminal.upload,              Y, Y, N, N, None,                 50.0),
    Row(K.SCRIPT_RESULT,      UPLOAD_LADDER,     terminal.upload,              Y, Y, N, N, None,                 50.0),
)
# fmt: on

TABLE: Final[Mapping[Kind, Row]] = {row.kind: row for row in ROWS}
"""Every kind but the echo, answered at the door without the books, and a statement, which asks nobody."""

_OF_BATCHES: Final = frozenset({K.SETTLEMENT, K.BATCH_UPLOAD, K.BATCH_END})

NEEDS: Final[Mapping[Kind, Needs]] = {
    row.kind: Needs(row.keyed, row.original, row.any_card, row.kind in _OF_BATCHES) for row in ROWS
}
"""What the ledger has to load for each kind."""
