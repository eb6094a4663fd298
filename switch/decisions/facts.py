"""What the books say about one request at the moment it is decided: inside its group, after the requests before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from switch.decisions.parties import BatchState, Card, CardSecurity, Merchant, Operator, PayCode, Terminal
from switch.values import record

if TYPE_CHECKING:
    from datetime import date

    from switch.messages.kinds import Kind
    from switch.messages.settlement import BatchTotals


class Account(NamedTuple):
    """A cardholder's account. ``ledger_minor`` is what was posted; what may still be spent is ``available_minor``."""

    account_id: int
    currency: str
    ledger_minor: int
    held_minor: int
    credit_limit_minor: int

    @property
    def available_minor(self) -> int:
        return self.ledger_minor - self.held_minor + self.credit_limit_minor


@record
class Spent:
    """What a card has spent on one business day, open holds included."""

    amount_minor: int
    count: int


class PaymentState(StrEnum):
    """Where a payment stands. `DECLINED` ones are kept so that a reversal of a decline is recognised."""

    # fmt: off
    DECLINED = "declined"
    HELD     = "held"      # an authorisation whose hold is open
    CAPTURED = "captured"  # an authorisation whose hold a completion has taken
    EXPIRED  = "expired"   # an authorisation that nobody completed
    POSTED   = "posted"    # in the books: a purchase, a completion, a refund, a void
    VOIDED   = "voided"    # cancelled by the merchant
    REVERSED = "reversed"  # undone by the network: its answer never arrived
    # fmt: on


class Payment(NamedTuple):
    """An earlier financial request, as a later one (reversal, refund) needs to see it.

    ``amount_minor`` is as first authorised, ``current_minor`` what is left after partial reversals,
    ``refunded_minor`` the sum of the refunds against it. ``hold_id`` is the hold open now, if any.
    ``pan_key`` compares cards without their numbers: the keyed hash that the vault looks cards up by.
    """

    payment_id: int
    kind: Kind
    state: PaymentState
    amount_minor: int
    current_minor: int
    refunded_minor: int
    currency: str
    account_id: int | None
    merchant_account_id: int | None
    card_id: int | None
    pan_key: bytes
    hold_id: int | None
    business_day: date
    batch: str
    merchant_id: str
    rrn: str
    approval_code: str
    original_id: int | None = None  # of what is about another payment (a refund, a void, a completion): that one
    terminal_id: str = ""
    entry_mode: str = ""


class Batch(NamedTuple):
    """The batch that a settlement or an upload names, with the host's totals: of now, or frozen by its settlement."""

    number: str
    state: BatchState
    totals: BatchTotals
    uploaded: int = 0  # records so far


@dataclass(frozen=True, slots=True)
class Needs:
    """Which facts a kind wants loaded, and whether it claims its key (a repeat then gets the stored reply).

    ``any_card``: the original is found whatever card the request is of, so that another one can be refused by name.
    """

    keyed: bool
    original: bool
    any_card: bool = False
    batch: bool = False


_NO_COUNTERS: Final[Mapping[tuple[str, int], Spent]] = MappingProxyType({})


def _no_counters() -> Mapping[tuple[str, int], Spent]:
    return _NO_COUNTERS


@record
class Facts:
    """What the books say about one request. What does not exist is None.

    ``journal_id`` is the identity that the request will have in the books: unique, rising with time, and
    the seed of RRN and approval code. ``tombstone`` says that a reversal of this request came before it.
    ``pan_key`` is the request's own (b"" without a PAN), to compare with ``original.pan_key``. ``parent`` is what
    ``original`` itself is about (the sale of a refund or a void, the authorisation of a completion), ``grandparent``
    what that is about (the authorisation, where ``original`` voids a completion). ``increments`` are those of the
    authorisation among these three, without what was undone, oldest first. ``to_card`` and ``to_account`` are
    those that a transfer goes to. ``spending`` holds the counters with a limit, by owner and period
    (`switch.decisions.CountSpending`). ``queued_minor`` is what waits for an operator of ``original`` already, or has
    been settled by one (`switch.decisions.QueueAdjustment`). ``key_counter`` is the highest counter seen of the device
    whose key for one transaction the request is under, 0 for none.
    """

    journal_id: int
    decided_at: int
    business_day: date
    terminal: Terminal | None
    merchant: Merchant | None
    card: Card | None
    account: Account | None
    spent: Spent
    original: Payment | None
    tombstone: bool
    pan_key: bytes
    security: CardSecurity = CardSecurity()
    parent: Payment | None = None
    grandparent: Payment | None = None
    increments: tuple[Payment, ...] = ()
    spending: Mapping[tuple[str, int], Spent] = field(default_factory=_no_counters)
    to_card: Card | None = None
    to_account: Account | None = None
    operator: Operator | None = None
    pay_code: PayCode | None = None
    batch: Batch | None = None
    queued_minor: int = 0
    key_counter: int = 0
