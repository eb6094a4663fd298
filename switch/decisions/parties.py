"""Who takes part in a payment, as the books know them: terminal, merchant, card, operator, and what limits them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from switch.values import record


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


class BatchState(StrEnum):
    """Where a terminal's batch stands."""

    # fmt: off
    OPEN       = "open"        # takes new transactions
    UNBALANCED = "unbalanced"  # settled, its totals differ: its records are being uploaded
    CLOSED     = "closed"      # balanced, or uploaded: the next sign-on opens another
    # fmt: on


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
    batch_state: BatchState = BatchState.OPEN


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


@record
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
    """A code shown as QR that stands for a card's account for a while. ``code_key`` is its keyed hash.

    ``used_by`` is the purchase that used it up, where it is good for one.
    """

    code_key: bytes
    expires_at: int
    is_single_use: bool
    used_by: int | None = None

    @property
    def is_used(self) -> bool:
        return self.used_by is not None
