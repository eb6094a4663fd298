"""The transaction table: one row per kind, naming who may refuse it, what it does, and how long it may take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from switch.decisions import Facts, Needs, Refusal
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.rules.rule import Ladder
from switch.rules.rulebook import BALANCE_LADDER, REFUND_LADDER, REVERSAL_LADDER, SIGN_ON_LADDER, SPEND_LADDER
from switch.transactions import lifecycle, posting
from switch.transactions.posting import Posting


class Row(NamedTuple):
    """How one kind is handled.

    ``keyed``: a repeat gets the stored answer. ``original``: the payment it names is loaded. ``deadline_s``:
    seconds after which a request still waiting is dropped, because nobody listens for its answer any more.
    """

    kind: Kind
    ladder: Ladder
    post: Callable[[Request, Facts], Posting | Refusal]
    keyed: bool
    original: bool
    deadline_s: float


# fmt: off
ROWS: Final = (
    #   kind                ladder           posts                  keyed  original  deadline_s
    Row(Kind.PURCHASE,      SPEND_LADDER,    posting.purchase,      True,  False,    50.0),
    Row(Kind.AUTHORISATION, SPEND_LADDER,    posting.authorisation, True,  False,    50.0),
    Row(Kind.BALANCE,       BALANCE_LADDER,  posting.balance,       True,  False,    10.0),
    Row(Kind.REFUND,        REFUND_LADDER,   posting.refund,        True,  True,     50.0),
    Row(Kind.REVERSAL,      REVERSAL_LADDER, lifecycle.reversal,    True,  True,     50.0),
    Row(Kind.SIGN_ON,       SIGN_ON_LADDER,  posting.sign_on,       False, False,    10.0),
    Row(Kind.SIGN_OFF,      SIGN_ON_LADDER,  posting.sign_off,      False, False,    10.0),
)
# fmt: on

TABLE: Final[Mapping[Kind, Row]] = {row.kind: row for row in ROWS}
"""Every kind but the echo, which is answered at the door without the books."""

NEEDS: Final[Mapping[Kind, Needs]] = {row.kind: Needs(row.keyed, row.original) for row in ROWS}
"""What the ledger has to load for each kind."""
