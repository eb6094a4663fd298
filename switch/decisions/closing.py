"""The words in which a business day that is over is settled: what moved, what a terminal uploaded, what comes of it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Movement(NamedTuple):
    """One transfer to or from a merchant's account, with what its journal row says.

    ``moved_minor`` is positive to the merchant and negative from it; ``original_id`` is what the row is about.
    ``scheme`` is as the card has it ("" where it does not say), ``card_bin`` its first six digits, ``account_class``
    that of its account; all three are "" where no card of ours was part of it. Dates are yyyymmdd, times hhmmss, ""
    where the message said none; ``decided_at`` is when it was answered, in microseconds since 1970, UTC.
    """

    journal_id: int
    kind: str
    original_id: int | None
    moved_minor: int
    terminal_id: str
    batch: str
    stan: str
    rrn: str
    local_date: int
    local_time: str
    masked_pan: str
    scheme: str
    card_bin: str
    account_class: str
    decided_at: int


class Terms(NamedTuple):
    """Under what terms a merchant is settled: the name of its fee plan, and what its agents get of the fees."""

    merchant_id: str
    account_id: int
    currency: str
    fee_plan: str
    shares: str


class MadeStatement(NamedTuple):
    """A merchant's statement of one day, ready to be kept. Amounts are minor units, none is below zero but the net.

    ``fee_minor`` is the whole fee, ``share_minor`` the part of it that goes to agents (``shares``: each agent's, none
    of nothing); the rest is the acquirer's. The net is gross less credits less fee. ``content`` is for the floor that
    made it: opaque to the books.
    """

    gross_minor: int
    credit_minor: int
    fee_minor: int
    share_minor: int
    net_minor: int
    items: int
    shares: tuple[tuple[str, int], ...]
    content: str


class MadeFile(NamedTuple):
    """A day's clearing file, ready to be kept, with its control totals in minor units."""

    items: int
    debit_minor: int
    credit_minor: int
    content: str


class Booked(NamedTuple):
    """An approved payment of a batch, as the books have it: ``state`` is its payment's, ``pan_key`` its card's or None.

    ``amount_minor`` is what it is now, or what it was when it was voided or reversed.
    """

    journal_id: int
    kind: str
    original_id: int | None
    stan: str
    state: str
    amount_minor: int
    pan_key: bytes | None
    masked_pan: str


class Uploaded(NamedTuple):
    """The same as the terminal has it; ``pan_key`` is None where its record names no card."""

    stan: str
    amount_minor: int
    pan_key: bytes | None
    masked_pan: str


class Difference(NamedTuple):
    """What books and terminal do not agree about: ``what`` is ``missing``, ``extra`` or ``different``.

    ``journal_id`` and ``host_minor`` are None where the books have nothing, ``terminal_minor`` where the terminal has
    nothing. Card and masked card are the terminal's, where it names one.
    """

    stan: str
    what: str
    journal_id: int | None
    host_minor: int | None
    terminal_minor: int | None
    pan_key: bytes | None
    masked_pan: str


class Right(StrEnum):
    """Whose word is taken where terminal and books differ."""

    HOST = "host"
    TERMINAL = "terminal"
