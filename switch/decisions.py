"""The words that rules, transactions and ledger share: what is known, what was decided, and why.

`Facts` is what the books say about one request at the moment it is decided, inside its group and after the
requests decided before it. A `Decision` is a value: the reply, the whole trace, and the effects that the
ledger makes durable before the reply leaves. Nothing here does I/O.

What is made anew for every request is a NamedTuple: as immutable as a frozen dataclass, made in a fifth of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from switch.messages.actions import Action
    from switch.messages.kinds import Kind
    from switch.messages.model import Reply, Request


# --- what the books know ----------------------------------------------------------------------------------


class Limit(NamedTuple):
    """What may be spent through one channel; None does not apply.

    ``no_pin_minor`` is the amount above which a PIN is asked for, ``floor_minor`` the one up to which the terminal may
    approve a chip card offline.
    """

    single_minor: int | None = None
    daily_minor: int | None = None
    daily_count: int | None = None
    monthly_minor: int | None = None
    monthly_count: int | None = None
    no_pin_minor: int | None = None
    floor_minor: int | None = None


Limits = tuple[tuple[str, Limit], ...]
"""Limits by channel (``swipe``, ``chip``, ``contactless``, ``manual``, ``qr``; "" for all of them together)."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal as registered. Empty ``kinds``, ``entry_modes`` or ``schemes`` mean all.

    ``manual_entry`` is ``free``, ``with_code`` (a typed card needs its CVN) or ``off``; ``pending`` what the terminal
    is to be told to do next (`switch.messages.model.Reply.wish`), the first first. ``last_seen_day`` is a yyyymmdd.
    """

    terminal_id: str
    merchant_id: str
    status: str  # registered, active, locked, dormant, retired
    serial: str
    kinds: frozenset[str]
    entry_modes: frozenset[str]
    batch: str  # six digits, the batch now open
    signed_on: bool
    because: str = ""  # why it is locked
    manual_entry: str = "free"
    allows_fallback: bool = True
    schemes: frozenset[str] = frozenset()
    software: str = ""  # the version it reported last
    pending: tuple[str, ...] = ()
    limits: Limits = ()
    last_seen_day: int = 0


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant and the account that its sales are credited to, in its one currency."""

    merchant_id: str
    name: str
    mcc: str
    status: str  # active, frozen, closed
    currency: str
    account_id: int
    manual_entry: str = "free"
    limits: Limits = ()


@dataclass(frozen=True, slots=True)
class Card:
    """A card without its number. Limits of None do not apply.

    ``account_class`` is that of its account: I, II, III, prepaid, or "" for none.
    """

    card_id: int
    account_id: int
    masked_pan: str
    expiry_yymm: str
    status: str  # active, inactive, frozen, lost, stolen
    single_limit_minor: int | None
    daily_limit_minor: int | None
    daily_count: int | None
    account_class: str = ""
    scheme: str = ""
    limits: Limits = ()


class CardSecurity(NamedTuple):
    """What a card's past says about its next use: wrong PINs in a row, the highest counter its chip has shown."""

    pin_tries: int = 0
    atc: int = -1


@dataclass(frozen=True, slots=True)
class Operator:
    """A person at a terminal. ``has_password`` False: the number alone is enough."""

    operator_id: str
    has_password: bool
    failures: int
    is_active: bool


@dataclass(frozen=True, slots=True)
class PayCode:
    """A code shown as QR that stands for a card's account for a while. ``code_key`` is its keyed hash."""

    code_key: bytes
    expires_at: int
    is_single_use: bool
    is_used: bool


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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Needs:
    """Which facts a kind wants loaded, and whether it claims its key (a repeat then gets the stored reply).

    ``any_card``: the original is found whatever card the request is of, so that another one can be refused by name.
    """

    keyed: bool
    original: bool
    any_card: bool = False


_NO_COUNTERS: Final[Mapping[tuple[str, int], Spent]] = MappingProxyType({})


class Facts(NamedTuple):
    """What the books say about one request. What does not exist is None.

    ``journal_id`` is the identity that the request will have in the books: unique, rising with time, and
    the seed of RRN and approval code. ``tombstone`` says that a reversal of this request came before it.
    ``pan_key`` is the request's own (b"" without a PAN), to compare with ``original.pan_key``. ``parent`` is what
    ``original`` itself is about (the sale of a refund or a void, the authorisation of a completion), ``grandparent``
    what that is about (the authorisation, where ``original`` voids a completion). ``to_card`` and ``to_account`` are
    those that a transfer goes to. ``spending`` holds the counters with a limit, by owner and period
    (`switch.decisions.CountSpending`). ``queued_minor`` is what waits for an operator of ``original`` already, or has
    been settled by one (`switch.decisions.QueueAdjustment`).
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
    parent: Payment | None = None
    grandparent: Payment | None = None
    security: CardSecurity = CardSecurity()
    spending: Mapping[tuple[str, int], Spent] = _NO_COUNTERS
    to_card: Card | None = None
    to_account: Account | None = None
    operator: Operator | None = None
    pay_code: PayCode | None = None
    queued_minor: int = 0


# --- what was decided -------------------------------------------------------------------------------------


Check = tuple[str, object, object, bool]
"""One rung of the refusal ladder as it was climbed: rule, value found, limit it was held against, passed or not."""

Trace = tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Our rule says no. ``because`` is one English clause for operators: numbers and states, never a PAN."""

    action: Action
    because: str


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
    """Moves a card to another status: an activation, and its reversal."""

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
    | UsePayCode
    | KeepUpload
)


class Decision(NamedTuple):
    """The answer to one request, why, and what it does to the books.

    ``because`` is "" for an approval. ``journalled`` is False where the sender is no known terminal at its own
    merchant: strangers cannot fill the disk; such a decision has no effects and claims no key.
    """

    reply: Reply
    trace: Trace
    because: str
    effects: tuple[Effect, ...]
    journalled: bool


class Standing(StrEnum):
    """How an outcome came about, for counters and the log."""

    FIRST = "first"  # decided now
    REPEAT = "repeat"  # the stored answer of an earlier one
    CONFLICT = "conflict"  # same key, another request: nothing changed
    SHED = "shed"  # older than its deadline before its turn came; no answer
    UNKNOWN = "unknown"  # the commit's fate could not be found out; no answer


class Outcome(NamedTuple):
    """What the ledger hands back for one request once its group is durable. ``reply`` None means stay silent."""

    request: Request
    standing: Standing
    reply: Reply | None
    because: str
    journal_id: int | None
    committed_at: int
