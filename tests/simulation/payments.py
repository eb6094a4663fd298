"""What the model remembers: cards, accounts, payments, counters, and copies of them to hold the real books against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from switch.decisions import PaymentState
from switch.messages.kinds import Kind

LIVE = frozenset({PaymentState.HELD, PaymentState.POSTED})


@dataclass
class ModelCard:
    """A card and its own account, in minor units. Limits of None do not apply."""

    pan: str
    ledger: int
    held: int = 0
    status: str = "active"
    is_prepaid: bool = False
    daily_limit: int | None = None
    daily_count: int | None = None
    pin_tries: int = 0

    @property
    def available(self) -> int:
        return self.ledger - self.held


@dataclass
class ModelPayment:
    """A request for money, refused or not. ``number`` is its journal id, ``current`` what is left of it.

    ``about`` is the payment that it changes: the sale of a void, the authorisation of a completion.
    """

    number: int
    kind: Kind
    terminal: str
    stan: str
    day: date
    amount: int
    card: ModelCard | None = None
    to_card: ModelCard | None = None
    pay_code: str = ""
    about: ModelPayment | None = None
    state: PaymentState = PaymentState.DECLINED
    current: int = 0
    refunded: int = 0
    queued: int = 0  # for an operator: its reversal came too late
    shows_card: bool = True

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    @property
    def is_approved(self) -> bool:
        return self.state is not PaymentState.DECLINED

    def age(self, today: date) -> int:
        return (today - self.day).days


class Standing(NamedTuple):
    """The model's books at one moment, as plain values: by card (ledger, held, status), by (card, day) and by payment."""

    cards: dict[str, tuple[int, int, str]]
    merchant: int
    card_days: dict[tuple[str, date], tuple[int, int]]
    terminal_days: dict[tuple[str, date], tuple[int, int]]
    payments: dict[int, tuple[str, int | None, int]]
    queued: dict[int, int]


class Counters:
    """Amounts and numbers of times, by whose they are and the day; nothing is below zero."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, date], tuple[int, int]] = {}

    def of(self, owner: str, day: date) -> tuple[int, int]:
        return self._found.get((owner, day), (0, 0))

    def add(self, owner: str, day: date, amount: int, times: int) -> None:
        before = self.of(owner, day)
        self._found[owner, day] = (before[0] + amount, before[1] + times)

    def spent(self) -> dict[tuple[str, date], tuple[int, int]]:
        """Return what is not zero."""
        return {key: found for key, found in self._found.items() if found != (0, 0)}
