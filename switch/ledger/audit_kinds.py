"""What an approved request of each kind may do to the books: the table that the audit holds them against.

It is written from the domain's rules and not made from the transaction table: two who agree have both read the rules.
A test sees to it that no kind is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final, NamedTuple

from switch.messages.kinds import Kind


class Does(Enum):
    """Whether an approval does something to the books."""

    NEVER = 0
    MAY = 1
    MUST = 2


class Way(Enum):
    """Which way its money goes: BACK is the other way than that of its original."""

    NONE = ""
    FROM_CARD = "from the card"
    TO_CARD = "to the card"
    EITHER = "either way"
    BACK = "back"


class Row(NamedTuple):
    """What an approved request of a kind does to the books.

    ``ends_as`` are the ways in which it may end a hold; ``about`` the kinds that its original must be of, if it must
    have one. ``keyed``: a repeat gets the stored answer.
    """

    kind: Kind
    keyed: bool
    pays: bool  # opens a payment
    way: Way
    moves: Does
    holds: Does
    ends: Does
    ends_as: tuple[str, ...]
    about: tuple[Kind, ...]


K, Y, N = Kind, True, False
NEVER, MAY, MUST = Does

HELD: Final = (K.AUTHORISATION,)
COMPLETED: Final = (K.COMPLETION, K.COMPLETION_ADVICE)
SOLD: Final = (K.PURCHASE, K.CODE_PURCHASE, K.OFFLINE_SALE, *COMPLETED)

# fmt: off
ROWS: Final = (
    #                         keyed
    #                         |  pays                  moves  holds  ends   a hold, how                        about
    Row(K.PURCHASE,           Y, Y, Way.FROM_CARD, MUST,  NEVER, NEVER, (),                                    ()),
    Row(K.CODE_PURCHASE,      Y, Y, Way.FROM_CARD, MUST,  NEVER, NEVER, (),                                    ()),
    Row(K.OFFLINE_SALE,       Y, Y, Way.FROM_CARD, MUST,  NEVER, NEVER, (),                                    ()),
    Row(K.TRANSFER,           Y, Y, Way.FROM_CARD, MUST,  NEVER, NEVER, (),                                    ()),
    Row(K.LOAD,               Y, Y, Way.TO_CARD,   MUST,  NEVER, NEVER, (),                                    ()),
    Row(K.ACTIVATION,         Y, Y, Way.NONE,      NEVER, NEVER, NEVER, (),                                    ()),
    Row(K.REFUND,             Y, Y, Way.TO_CARD,   MUST,  NEVER, NEVER, (),                                    SOLD),
    Row(K.ADJUSTMENT,         Y, N, Way.EITHER,    MAY,   NEVER, NEVER, (),                                    SOLD),
    Row(K.TIP,                Y, N, Way.EITHER,    MAY,   NEVER, NEVER, (),                                    SOLD),

    Row(K.AUTHORISATION,      Y, Y, Way.NONE,      NEVER, MUST,  NEVER, (),                                    ()),
    Row(K.INCREMENT,          Y, Y, Way.NONE,      NEVER, MUST,  MUST,  ("replaced",),                         HELD),
    Row(K.COMPLETION,         Y, Y, Way.FROM_CARD, MUST,  NEVER, MUST,  ("captured",),                         HELD),
    Row(K.COMPLETION_ADVICE,  Y, Y, Way.FROM_CARD, MUST,  NEVER, MAY,   ("captured",),                         HELD),
    Row(K.EXPIRY,             N, N, Way.NONE,      NEVER, NEVER, MAY,   ("expired",),                          HELD),

    Row(K.VOID,               Y, Y, Way.TO_CARD,   MUST,  NEVER, NEVER, (),                         (K.PURCHASE,)),
    Row(K.CODE_CANCEL,        Y, Y, Way.TO_CARD,   MUST,  NEVER, NEVER, (),                    (K.CODE_PURCHASE,)),
    Row(K.COMPLETION_VOID,    Y, Y, Way.TO_CARD,   MUST,  MAY,   NEVER, (),                               COMPLETED),
    Row(K.LOAD_VOID,          Y, Y, Way.FROM_CARD, MUST,  NEVER, NEVER, (),                             (K.LOAD,)),
    Row(K.AUTHORISATION_VOID, Y, Y, Way.NONE,      NEVER, NEVER, MUST,  ("released",),                         HELD),
    Row(K.REVERSAL,           Y, N, Way.BACK,      MAY,   MAY,   MAY,   ("released", "replaced", "captured"),  ()),

    Row(K.CORRECTION,         N, N, Way.EITHER,    MUST,  NEVER, NEVER, (),                                    ()),
    Row(K.SETTLEMENT,         Y, N, Way.NONE,      NEVER, NEVER, NEVER, (),                                    ()),
    Row(K.BATCH_UPLOAD,       Y, N, Way.NONE,      NEVER, NEVER, NEVER, (),                                    ()),
    Row(K.BATCH_END,          Y, N, Way.NONE,      NEVER, NEVER, NEVER, (),                                    ()),

    Row(K.BALANCE,            Y, N, Way.NONE,      NEVER, NEVER, NEVER, (),                                    ()),
    Row(K.CODE_QUERY,         N, N, Way.NONE,      NEVER, NEVER, NEVER, (),                                    ()),
    Row(K.SCRIPT_RESULT,      Y, N, Way.NONE,      NEVER, NEVER, NEVER, (),                                    ()),
    Row(K.SIGNATURE_UPLOAD,   Y, N, Way.NONE,      NEVER, NEVER, NEVER, (),                                    ()),
    Row(K.STATUS_UPLOAD,      N, N, Way.NONE,      NEVER, NEVER, NEVER, (),                                    ()),
    Row(K.SIGN_ON,            N, N, Way.NONE,      NEVER, NEVER, NEVER, (),                                    ()),
    Row(K.SIGN_OFF,           N, N, Way.NONE,      NEVER, NEVER, NEVER, (),                                    ()),
    Row(K.DOWNLOAD_QUERY,     N, N, Way.NONE,      NEVER, NEVER, NEVER, (),                                    ()),
    Row(K.DOWNLOAD,           N, N, Way.NONE,      NEVER, NEVER, NEVER, (),                                    ()),
    Row(K.DOWNLOAD_END,       N, N, Way.NONE,      NEVER, NEVER, NEVER, (),                                    ()),
)
# fmt: on

IMPORT: Final = "import"
"""What the journal calls an import: it moves opening balances, and is no request."""

UPLOADS: Final = {
    "status": K.STATUS_UPLOAD,
    "signature": K.SIGNATURE_UPLOAD,
    "script_result": K.SCRIPT_RESULT,
}
"""Which kind of request brings each kind of upload."""

LIVES: Final = tuple(row.kind for row in ROWS if row.about or row.kind is K.REVERSAL)
"""Kinds that change an earlier payment."""

SPENDS: Final = (K.PURCHASE, K.CODE_PURCHASE, K.OFFLINE_SALE, K.TRANSFER, K.AUTHORISATION)
"""Kinds that a card's daily counters count, each as one; increments and completions count with their authorisation."""


def kinds(chosen: Callable[[Row], bool]) -> str:
    """Return the kinds of the chosen rows as SQL writes a list."""
    return listed(row.kind for row in ROWS if chosen(row))


def listed(values: Iterable[str]) -> str:
    """Return words as SQL writes a list; one of nothing holds nothing."""
    return "(" + (", ".join(f"'{value}'" for value in values) or "''") + ")"
