"""Simulated terminals: each numbers what it sends, has the keys that it signed on for, and knows what it may cancel."""

from __future__ import annotations

from collections import deque
from random import Random
from typing import Final, NamedTuple

from switch.errors import ConfigurationError
from switch.load.matching import MatchKey
from switch.load.population import Card, TerminalNumber
from switch.load.scenario import Entry
from switch.messages.kinds import Kind
from switch.security.mac import MacAlgorithm, MacKey, MacMethod, MacOutput, mac_key
from switch.security.working_keys import taken
from switch.wire.dialect import Dialect

NO_BATCH: Final = "000000"
STAN_MAX: Final = 999_999

_KEPT: Final = 32
"""Approved payments that a till remembers of each kind, to cancel, refund or reverse them: the newest."""


class Payment(NamedTuple):
    """A payment as its till remembers it: what it sent, and what an approval said. The repr hides the frame."""

    kind: Kind
    entry: Entry
    card: Card
    amount_minor: int
    stan: str
    batch: str
    sent_at: str  # 7
    frame: bytes = b""
    key: MatchKey | None = None
    has_mac: bool = False
    rrn: str = ""
    code: str = ""
    date: str = ""

    def __repr__(self) -> str:
        return f"Payment({self.kind} {self.stan} {self.card})"


class Till:
    """One terminal. ``mac`` is None where it sends no MACs."""

    __slots__ = ("_approved", "_stan", "batch", "mac", "number")

    def __init__(self, number: TerminalNumber, stan: int) -> None:
        self.number = number
        self.batch = NO_BATCH
        self.mac: MacKey | None = None
        self._stan = stan
        self._approved: dict[Kind, deque[Payment]] = {}

    def next_stan(self) -> str:
        """The number of the next message; 000001 follows 999999."""
        stan = self._stan
        self._stan = stan % STAN_MAX + 1
        return f"{stan:06d}"

    def take_keys(self, master: bytes, data: bytes, method: MacMethod) -> None:
        """Take the keys that a sign-on gave out. Raises `PeerError` where the master key does not open them."""
        self.mac = mac_key(method.algorithm, taken(master, data).mac_key)

    def remember(self, payment: Payment) -> None:
        """An approval came: the payment may be cancelled, refunded, completed or reversed from now on."""
        self._approved.setdefault(payment.kind, deque(maxlen=_KEPT)).append(payment)

    def newest(self, kind: Kind) -> Payment | None:
        """Take the newest approved payment of a kind out of its memory."""
        found = self._approved.get(kind)
        return found.pop() if found else None

    def oldest(self, kind: Kind) -> Payment | None:
        """Take the oldest one."""
        found = self._approved.get(kind)
        return found.popleft() if found else None

    def any_of(self, kind: Kind, chance: Random) -> Payment | None:
        """Look at one of them, and keep it."""
        found = self._approved.get(kind)
        return chance.choice(found) if found else None


def tills(numbers: tuple[TerminalNumber, ...], dialect: Dialect, chance: Random) -> tuple[Till, ...]:
    """A till for each terminal, each with its first number drawn: runs of one day hardly ever use a number twice.

    Raises `ConfigurationError` for a terminal or merchant whose name has no room in its field.
    """
    return tuple(Till(_filled(number, dialect), chance.randrange(1, STAN_MAX + 1)) for number in numbers)


def _filled(number: TerminalNumber, dialect: Dialect) -> TerminalNumber:
    """The names as long as their fields, spaces behind."""
    sizes = [dialect.fields[int(dialect.roles[role])].max_size for role in ("terminal", "merchant")]
    for name, size in zip(number, sizes, strict=True):
        if len(name) > size or not (name.isascii() and name.isprintable()):
            raise ConfigurationError(f"terminal {number.terminal_id!r}: {name!r} is not {size} characters of ASCII")
    return TerminalNumber(number.terminal_id.ljust(sizes[0]), number.merchant_id.ljust(sizes[1]))


def mac_method(dialect: Dialect) -> MacMethod:
    """UnionPay's where the field holds characters, the retail MAC where it holds bytes."""
    if dialect.fields[int(dialect.roles["mac"])].format == "b":
        return MacMethod(MacAlgorithm.X9_19, MacOutput.RAW8)
    return MacMethod(MacAlgorithm.ECB, MacOutput.ASCII8)
