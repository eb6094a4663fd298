"""Durable purchases a second through TCP, against a bare echo of the same frames, round by round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.driver import ECHOED, Driver, Run
from benchmarks.hosts import running_echo, running_switch

SHAPES = ((1, 1), (16, 1), (64, 1), (16, 16))  # connections, requests in flight on each


@dataclass(frozen=True, slots=True)
class Durable:
    """Medians over the rounds of one shape. ``ratio`` is the median of each round's own ratio."""

    connections: int
    depth: int
    per_second: float
    echo_per_second: float
    ratio: float
    p50_ms: float
    p99_ms: float
    driver_load: float


def measure(
    folder: Path, driver: Driver, *, rounds: int, seconds: float, say: Callable[[str], None]
) -> tuple[list[Durable], int]:
    """Load echo and switch in turn, for every shape in every round; also return the purchases made."""
    found: dict[tuple[int, int], list[tuple[Run, Run]]] = {shape: [] for shape in SHAPES}
    with running_echo(folder) as echo, running_switch(folder) as switch:
        for number in range(rounds):
            for connections, depth in SHAPES:
                say(f"round {number + 1} of {rounds}: {connections} connections x {depth}")
                shape = {"connections": connections, "depth": depth}
                bare = driver.run(echo.port, **shape, seconds=seconds / 2, warm=0.3, expect=ECHOED)
                durable = driver.run(switch.port, **shape, seconds=seconds, warm=0.3, expect="00")
                found[connections, depth].append((bare, durable))
    purchases = sum(durable.sent for pairs in found.values() for _, durable in pairs)
    return [_summary(shape, pairs) for shape, pairs in found.items()], purchases


def _summary(shape: tuple[int, int], pairs: list[tuple[Run, Run]]) -> Durable:
    return Durable(
        *shape,
        per_second=median(durable.per_second for _, durable in pairs),
        echo_per_second=median(bare.per_second for bare, _ in pairs),
        ratio=median(durable.per_second / bare.per_second for bare, durable in pairs),
        p50_ms=median(durable.p50_ms for _, durable in pairs),
        p99_ms=median(durable.p99_ms for _, durable in pairs),
        driver_load=max(run.driver_load for pair in pairs for run in pair),
    )
