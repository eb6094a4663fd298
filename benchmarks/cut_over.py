"""How long a business day takes to be cut over and settled, and what the purchases that go on meanwhile notice of it.

The day is settled by `switch settlement cutover`, a process beside the running switch, as an operator does it. The
purchases come at a rate that is far from all the switch can do, in an open loop: they do not wait for each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from benchmarks.day_books import clock, day_of, prepare
from benchmarks.driver import Driver, Run
from benchmarks.hosts import Host, running_switch, switch

ENTRIES: Final = 1_000_000
BEFORE_S: Final = 6.0
TERMINALS: Final = 4_000  # of a thousand merchants
RATE: Final = 500  # purchases a second
CONNECTIONS, DEPTH = 16, 16
WARM_S: Final = 2.0
LOG_LINES: Final = 10


@dataclass(frozen=True, slots=True)
class CutOver:
    """What was measured: the whole command, start of the program included, and purchases before it and during it."""

    entries: int
    took_s: float
    before: Run
    during: Run

    @property
    def ratio(self) -> float:
        return self.during.p99_ms / self.before.p99_ms


def measure(
    folder: Path,
    driver: Driver,
    *,
    entries: int,
    seconds: float,
    say: Callable[[str], None],
    terminals: int = TERMINALS,
    at_noon: Callable[[Host], object] = lambda _host: None,
) -> CutOver:
    """Settle a day of ``entries`` purchases, after ``seconds`` of purchases without that; first do ``at_noon``.

    Raises RuntimeError unless all purchases were approved and the day was settled.
    """
    say(f"a day of {entries:,} entries")
    prepare(folder, terminals=terminals, entries=entries)
    day = day_of(clock())
    with running_switch(folder) as host, _with_its_log(folder):
        at_noon(host)
        say(f"{RATE} purchases a second")
        _load(driver, host.port, lambda: time.sleep(WARM_S))
        before, _ = _load(driver, host.port, lambda: time.sleep(seconds))
        say(f"{RATE} purchases a second, and cut-over")
        during, took_s = _load(driver, host.port, lambda: _cut_over(folder, day))
    return CutOver(entries, took_s, before, during)


@contextmanager
def _with_its_log(folder: Path) -> Iterator[None]:
    """Where a measurement fails, say what the switch said last."""
    try:
        yield
    except RuntimeError as error:
        lines = (folder / "serve.log").read_text(errors="replace").splitlines()
        error.add_note("\n".join(["the switch's log ends:", *lines[-LOG_LINES:]]))
        raise


def _load(driver: Driver, port: int, meanwhile: Callable[[], object]) -> tuple[Run, float]:
    """Load the switch while something is done; also return the seconds that it took."""
    with driver.loading(port, connections=CONNECTIONS, depth=DEPTH, rate=RATE) as end:
        begun = time.perf_counter()
        meanwhile()
        took_s = time.perf_counter() - begun
        return end(), took_s


def _cut_over(folder: Path, day: date) -> None:
    said = switch(folder, "settlement", "cutover", "--day", f"{day}")
    if "clearing file" not in said:
        raise RuntimeError(f"{day} was not settled: {said}")
