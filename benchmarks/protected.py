"""Sign-ons, and purchases with MAC and cryptogram against the same ones without, of one fleet through TCP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.driver import Driver, Once
from benchmarks.fleet import DIALECT, TERMINALS, Fleet, prepare
from benchmarks.hosts import Host, running_switch

CONNECTIONS = 64  # divides TERMINALS, as `benchmarks.fleet` wants it
PROTECTED, PLAIN = "protected", "plain"
DOORS: Mapping[str, Mapping[str, Any]] = {
    PROTECTED: {"dialect": DIALECT, "security": {"mac": "required"}},
    PLAIN: {"dialect": DIALECT},
}


@dataclass(frozen=True, slots=True)
class Figure:
    """Medians over the rounds of one sort of message."""

    per_second: float
    p50_ms: float
    p99_ms: float
    driver_load: float


@dataclass(frozen=True, slots=True)
class Protected:
    """What was measured. ``ratio`` is the median of each round's own ratio of protected to plain purchases."""

    sign_ons: Figure
    protected: Figure
    plain: Figure
    ratio: float


def measure(folder: Path, driver: Driver, *, rounds: int, turns: int, say: Callable[[str], None]) -> Protected:
    """Have every terminal sign on in each round; then load both doors in turn, ``turns`` purchases of each terminal.

    Raises RuntimeError unless all was approved, and answered with keys, or with a right MAC and ARPC.
    """
    say(f"keys of {TERMINALS:,} terminals")
    fleet = prepare(folder)
    with running_switch(folder, DOORS) as host:
        signed_on = []
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}: sign-ons")
            signed_on.append(_sign_on(fleet, driver, host))
        for door in (PLAIN, PROTECTED):  # unpacks every terminal's keys, which later rounds find ready
            _buy(fleet, driver, host, door, 1)
        pairs = []
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}: plain and protected purchases")
            pairs.append((_buy(fleet, driver, host, PLAIN, turns), _buy(fleet, driver, host, PROTECTED, turns)))
    return Protected(
        _figure(signed_on),
        _figure([protected for _, protected in pairs]),
        _figure([plain for plain, _ in pairs]),
        median(protected.per_second / plain.per_second for plain, protected in pairs),
    )


def _sign_on(fleet: Fleet, driver: Driver, host: Host) -> Once:
    found = driver.run_once(host.ports[PROTECTED], fleet.sign_ons(), connections=CONNECTIONS)
    fleet.take_keys(found.answers)
    return found


def _buy(fleet: Fleet, driver: Driver, host: Host, door: str, turns: int) -> Once:
    sales = fleet.sales(turns, protected=door == PROTECTED)
    found = driver.run_once(host.ports[door], [sale.message for sale in sales], connections=CONNECTIONS)
    fleet.check(sales, found.answers)
    return found


def _figure(found: list[Once]) -> Figure:
    return Figure(
        median(one.per_second for one in found),
        median(one.p50_ms for one in found),
        median(one.p99_ms for one in found),
        max(one.driver_load for one in found),
    )
