"""Who takes part in a scenario: terminals and cards of the demo, of files as `switch import` takes them, or made up."""

from __future__ import annotations

import csv
import re
from bisect import bisect
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from switch.data_files import specs_directory
from switch.errors import ConfigurationError
from switch.load.scenario import Cards, Scenario, Terminals
from switch.values import Pan

DEMO: Final = "demo"

STRIPE: Final = "1010000012345"
"""Of track 2, from the service code on: 1 says that there is no chip, so that nobody asks for it."""

CHIP: Final = "2010000012345"
"""The same in the chip: 2, there is one."""

_ACTIVE: Final = "active"
_SPREAD: Final = 7919
"""Numbers that are made up lie so far apart: they share no beginnings beyond their prefix."""

_PAN_DIGITS: Final = 16
_PREPAID: Final = "prepaid"


class TerminalNumber(NamedTuple):
    """A terminal and the merchant that it stands at."""

    terminal_id: str
    merchant_id: str


class Card(NamedTuple):
    """A card as a terminal sees it. The repr shows the masked number."""

    pan: Pan
    expiry_yymm: str

    @property
    def stripe(self) -> str:
        """Track 2 of its stripe, with ``D`` between its parts."""
        return f"{self.pan.reveal()}D{self.expiry_yymm}{STRIPE}"

    @property
    def chip_track(self) -> str:
        """Track 2 of its chip (tag 57)."""
        return f"{self.pan.reveal()}D{self.expiry_yymm}{CHIP}"

    def __repr__(self) -> str:
        return f"Card({self.pan.masked})"


class Population:
    """Everybody. ``weights`` say how often each card is drawn against the others."""

    def __init__(
        self,
        terminals: tuple[TerminalNumber, ...],
        cards: tuple[Card, ...],
        weights: tuple[float, ...],
        pay_codes: tuple[str, ...] = (),
    ) -> None:
        self.terminals = terminals
        self.cards = cards
        self.weights = weights
        self.pay_codes = pay_codes
        self._up_to = list(accumulate(weights))

    def draw(self, chance: Random) -> int:
        """The index of a card, drawn by its weight."""
        return bisect(self._up_to, chance.random() * self._up_to[-1], 0, len(self._up_to) - 1)


def populate(scenario: Scenario, today: date) -> Population:
    """Return who takes part. Raises `ConfigurationError` for files that cannot be used, or where nobody is left."""
    terminals = tuple(_terminals(scenario.terminals))
    cards = tuple(_cards(scenario.cards, today))
    if not terminals:
        raise ConfigurationError(f"{scenario.terminals.file}: no terminal that is active, and none that `only` names")
    if not cards:
        raise ConfigurationError(f"{scenario.cards.file}: no card that is active and not expired")
    think_s, highest = scenario.terminals.think_s, scenario.arrival.highest
    if think_s and len(terminals) / think_s < highest:
        raise ConfigurationError(
            f"{len(terminals)} terminals that think {think_s:g} s send at most {len(terminals) / think_s:g} messages "
            f"a second, and {highest:g} are asked for: name more terminals, or let them think less"
        )
    return Population(
        terminals, tuple(card for card, _ in cards), tuple(weight for _, weight in cards), _pay_codes(scenario.cards)
    )


# --- terminals -----------------------------------------------------------------------------------------------


def _terminals(wanted: Terminals) -> Iterator[TerminalNumber]:
    if wanted.pattern:
        yield from (TerminalNumber(numbered(wanted.pattern, number), wanted.merchant) for number in _numbers(wanted))
        return
    path = _file(wanted.file, "terminals.csv")
    for row in _rows(path, "terminal_id", "merchant_id"):
        named = row["terminal_id"] in wanted.only if wanted.only else row.get("status", "") in ("", _ACTIVE)
        if named and (wanted.only or wanted.file != DEMO or row["merchant_id"] in _demo_merchants()):
            yield TerminalNumber(row["terminal_id"], row["merchant_id"])


def _numbers(wanted: Terminals) -> range:
    digits = wanted.pattern.count("#")
    if len(str(wanted.count)) > digits:
        raise ConfigurationError(f"terminals.pattern: {digits} # are too few to number {wanted.count} terminals")
    return range(1, wanted.count + 1)


def numbered(pattern: str, number: int) -> str:
    """The pattern with its row of ``#`` as the number, zeros in front."""
    return re.sub("#+", lambda found: str(number).zfill(len(found[0])), pattern, count=1)


def _demo_merchants() -> frozenset[str]:
    rows = _rows(_file(DEMO, "merchants.csv"), "merchant_id", "status")
    return frozenset(row["merchant_id"] for row in rows if row["status"] == _ACTIVE)


# --- cards ---------------------------------------------------------------------------------------------------


def _cards(wanted: Cards, today: date) -> Iterator[tuple[Card, float]]:
    """Each card with its weight."""
    if wanted.prefix:
        for index in range(wanted.count):
            yield Card(Pan(card_number(wanted.prefix, index)), wanted.expiry_yymm), 1.0
        return
    path = _file(wanted.file, "cards.csv")
    month = f"{today:%y%m}"
    for line, row in enumerate(_rows(path, "pan", "expiry_yymm"), 2):
        if not (row["pan"].isascii() and row["pan"].isdigit()):
            raise ConfigurationError(f"{path}: line {line}: pan: not a card number")
        if wanted.only and row["pan"] not in wanted.only:
            continue
        is_good = row.get("status", "") in ("", _ACTIVE) and row["expiry_yymm"] >= month
        if is_good or wanted.only:
            yield Card(Pan(row["pan"]), row["expiry_yymm"]), _lasts(path, line, row)


def _lasts(path: Path, line: int, row: Mapping[str, str]) -> float:
    """What may be spent with it in a day, in minor units; 1 for all where the file knows of no money."""
    if "balance_minor" not in row:
        return 1.0
    try:
        money = int(row["balance_minor"] or 0) + int(row.get("credit_limit_minor") or 0)
        daily = row.get("daily_limit_minor")
        return max(1.0, min(money, int(daily)) if daily else money)
    except ValueError:
        raise ConfigurationError(f"{path}: line {line}: an amount is not a whole number of minor units") from None


def card_number(prefix: str, index: int) -> str:
    """A number of 16 digits with a valid check digit (ISO/IEC 7812-1), another for every index."""
    room = _PAN_DIGITS - 1 - len(prefix)
    digits = f"{prefix}{(index * _SPREAD + 17) % 10**room:0{room}d}"
    doubled = sum(sum(divmod(int(digit) * 2, 10)) for digit in digits[-1::-2])
    return f"{digits}{-(doubled + sum(map(int, digits[-2::-2]))) % 10}"


def _pay_codes(wanted: Cards) -> tuple[str, ...]:
    if wanted.pay_codes or wanted.prefix or wanted.file != DEMO:
        return wanted.pay_codes
    return tuple(row["code"] for row in _rows(_file(DEMO, "pay_codes.csv"), "code"))


# --- files ---------------------------------------------------------------------------------------------------


def _file(name: str, demos: str) -> Path:
    return specs_directory() / DEMO / demos if name == DEMO else Path(name)


def _rows(path: Path, *needed: str) -> list[dict[str, str]]:
    """The rows of a CSV file by column. Raises `ConfigurationError` naming what it lacks, never what it holds."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in needed if column not in (reader.fieldnames or ())]
            if missing:
                raise ConfigurationError(f"{path}: has no column {missing[0]}")
            return [{name: text or "" for name, text in row.items() if name} for row in reader]
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise ConfigurationError(f"{path}: not a CSV file in UTF-8") from None
