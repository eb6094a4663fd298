"""What a decision does to the books, as values: the ledger makes them durable before the reply leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from switch.decisions.facts import PaymentState
from switch.decisions.parties import BatchState

if TYPE_CHECKING:
    from datetime import date

    from switch.messages.settlement import BatchTotals, UploadedRecord


class Transfer(NamedTuple):
    """Moves ``amount_minor`` (> 0) from one account to another, at once and for good.

    A cardholder's account is credit-normal: a purchase debits it and credits the merchant's. ``forced``
    marks what must be stored although it takes the card below its floor (a reinstated debit, invariant I3).
    """

    debit_account_id: int
    credit_account_id: int
    amount_minor: int
    currency: str
    forced: bool = False


class OpenHold(NamedTuple):
    """Sets ``amount_minor`` aside on a cardholder's account. The hold's id is the journal id that opened it.

    ``forced`` marks one that is set aside again whatever is left by now (a reinstated authorisation, invariant I3).
    """

    account_id: int
    amount_minor: int
    currency: str
    forced: bool = False


@dataclass(frozen=True, slots=True)
class EndHold:
    """Ends an open hold: ``how`` is released, captured, expired or replaced (by a smaller one, opened with it)."""

    hold_id: int
    account_id: int
    amount_minor: int
    how: str


@dataclass(frozen=True, slots=True)
class CountSpend:
    """Adds to (or gives back to) a card's counters of one business day."""

    card_id: int
    business_day: date
    amount_minor: int
    count: int


@dataclass(frozen=True, slots=True)
class CountSpending:
    """Adds to (or gives back to) a counter that has a limit.

    ``owner`` is ``card:ID``, ``card:ID/CHANNEL``, ``terminal:ID``, ``terminal:ID/CHANNEL``, ``merchant:ID`` (and with
    a channel) or ``batch:TERMINAL/BATCH``; ``period`` a day (yyyymmdd), a month (yyyymm) or 0 for all time.
    """

    owner: str
    period: int
    amount_minor: int
    count: int


class OpenPayment(NamedTuple):
    """Records the request as a payment that later ones can reverse, void or refund.

    ``is_authorisation`` makes it findable by merchant and approval code, from any terminal, for its completion.
    """

    state: PaymentState
    amount_minor: int
    hold_id: int | None
    is_authorisation: bool = False


@dataclass(frozen=True, slots=True)
class ChangePayment:
    """Moves an earlier payment to its next state; what was refunded of it changes by `CountRefund` only."""

    payment_id: int
    state: PaymentState
    current_minor: int
    hold_id: int | None


@dataclass(frozen=True, slots=True)
class CountRefund:
    """Adds a refund to (or, when the refund is reversed, takes it off) what was refunded of a sale."""

    payment_id: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class LayTombstone:
    """A reversal came before its original: when that arrives it is declined, without a hold.

    ``message_class`` "" stands for any class; ``local_date`` is the original's as far as it is known.
    """

    message_class: str
    stan: str
    local_date: date
    batch: str


@dataclass(frozen=True, slots=True)
class QueueAdjustment:
    """Something an operator must settle by hand: a reversal of a closed batch or business day."""

    payment_id: int
    amount_minor: int
    why: str


@dataclass(frozen=True, slots=True)
class ChangeTerminal:
    """Signs a terminal on or off (None: as it is), notes what it reported and what it has done of what was pending."""

    signed_on: bool | None = None
    software: str | None = None
    operator_id: str | None = None
    done: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeeTerminal:
    """Notes that the terminal was heard of on this day (yyyymmdd): who stays silent for long is dormant."""

    day: int


@dataclass(frozen=True, slots=True)
class ChangeCard:
    """Moves a card to another status: an activation, and its reversal. One that is blocked by then stays as it is."""

    card_id: int
    status: str


@dataclass(frozen=True, slots=True)
class ChangeCardSecurity:
    """Sets the number of wrong PINs in a row, or the highest counter of the chip; None: as it is."""

    card_id: int
    pin_tries: int | None = None
    atc: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeOperator:
    """Sets the number of wrong passwords in a row of an operator of the terminal's merchant."""

    operator_id: str
    failures: int


@dataclass(frozen=True, slots=True)
class KeepKeys:
    """Keeps the working keys given out at a sign-on: (usage, check value, key block) of each.

    Those before them stay usable beside them for a while: the terminal may not have had the answer.
    """

    keys: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class RaiseKeyCounter:
    """Notes the highest counter seen of a device's keys (`switch.messages.verdicts.KeyUse`); a lower one is no news."""

    base: str
    device: bytes
    counter: int


@dataclass(frozen=True, slots=True)
class UsePayCode:
    """Marks a pay code as used by this request; ``used`` False makes it usable again."""

    code_key: bytes
    used: bool


@dataclass(frozen=True, slots=True)
class KeepUpload:
    """Keeps what a terminal sent to be kept: a status, a signature, a script's result. ``content`` is as it came."""

    what: str
    original_id: int | None
    content: bytes


@dataclass(frozen=True, slots=True)
class FreezeBatch:
    """Settles a batch: both sides' totals of now, and what comes of them. The terminal's batch takes the state."""

    batch: str
    host: BatchTotals
    terminal: BatchTotals
    state: BatchState


@dataclass(frozen=True, slots=True)
class KeepRecords:
    """Keeps uploaded records of a batch that is not balanced; one that is there already is not kept twice."""

    batch: str
    records: tuple[UploadedRecord, ...]


@dataclass(frozen=True, slots=True)
class CloseBatch:
    """Ends the upload of a batch: from now on it can be compared, and the next sign-on opens another.

    ``said_count`` is how many records it had in all, as the terminal counts them; None where it does not say.
    """

    batch: str
    said_count: int | None = None


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """Gives the terminal its next batch."""

    batch: str


Effect = (
    Transfer
    | OpenHold
    | EndHold
    | CountSpend
    | OpenPayment
    | ChangePayment
    | CountRefund
    | LayTombstone
    | CountSpending
    | QueueAdjustment
    | ChangeTerminal
    | SeeTerminal
    | ChangeCard
    | ChangeCardSecurity
    | ChangeOperator
    | KeepKeys
    | RaiseKeyCounter
    | UsePayCode
    | KeepUpload
    | FreezeBatch
    | KeepRecords
    | CloseBatch
    | OpenBatch
)
