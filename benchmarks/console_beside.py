"""What purchases notice of a busy console, and how long its pages take, over a journal of a million rows.

The console's process runs beside the switch on the same two cores; the purchases come in an open loop. Rounds with
and without visitors are interleaved, and each pair has its own ratio.
"""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import urlencode

from benchmarks.driver import Driver, Run
from benchmarks.hosts import Host, switch

RATE: Final = 500  # purchases a second
CONNECTIONS, DEPTH = 16, 16
PAGES_PER_SECOND: Final = 20  # a control room of people who click
WARM_S: Final = 2.0
_DEADLINE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Beside:
    """What was measured. ``ratio`` is the median of each round's own ratio of p99 with visitors to p99 without."""

    alone: Run
    beside: Run
    ratio: float
    pages: int
    page_p50_ms: float
    page_p99_ms: float


@dataclass(slots=True)
class Visitors:
    """Somebody who looks at one page after another, so many a second, whatever they take."""

    port: int
    cookie: str
    paths: list[str]
    took_ms: list[float] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Look until the end of the block."""
        stop = threading.Event()
        looking = threading.Thread(target=self._look, args=(stop,))
        looking.start()
        try:
            yield
        finally:
            stop.set()
            looking.join()

    def look_at(self, path: str) -> tuple[int, str]:
        """Return a page's status and text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_DEADLINE_S)
        try:
            connection.request("GET", path, headers={"Cookie": self.cookie})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def _look(self, stop: threading.Event) -> None:
        due = time.perf_counter()
        for path in cycle(self.paths):
            if stop.wait(max(0.0, due - time.perf_counter())):
                return
            begun = max(due, time.perf_counter() - 1.0)  # a page that is late delays those after it a second at most
            status, _ = self.look_at(path)
            if status != http.client.OK:
                self.troubles.append(f"{path}: {status}")
            self.took_ms.append((time.perf_counter() - begun) * 1_000)
            due += 1 / PAGES_PER_SECOND


def measure(
    folder: Path, driver: Driver, host: Host, *, rounds: int, seconds: float, say: Callable[[str], None]
) -> Beside:
    """Load the switch with and without visitors in turn. Raises RuntimeError unless all was approved and shown."""
    visitors = _visitors(folder, host.ports["admin"])
    _load(driver, host.port, WARM_S)
    alone, beside = [], []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}: purchases, and purchases beside a busy console")
        alone.append(_load(driver, host.port, seconds))
        with visitors.busy():
            beside.append(_load(driver, host.port, seconds))
    if visitors.troubles:
        raise RuntimeError(f"pages that were not shown: {visitors.troubles[:3]}")
    took = sorted(visitors.took_ms)
    return Beside(
        _middle(alone),
        _middle(beside),
        median(with_.p99_ms / without.p99_ms for with_, without in zip(beside, alone, strict=True)),
        len(took),
        took[len(took) // 2],
        took[len(took) * 99 // 100],
    )


def _load(driver: Driver, port: int, seconds: float) -> Run:
    with driver.loading(port, connections=CONNECTIONS, depth=DEPTH, rate=RATE) as end:
        time.sleep(seconds)
        return end()


def _middle(runs: list[Run]) -> Run:
    return sorted(runs, key=lambda run: run.p99_ms)[len(runs) // 2]


def _visitors(folder: Path, port: int) -> Visitors:
    """Log in, and find what there is to look at."""
    token = switch(folder, "token", "create", "bench", "--role", "officer", "--days", "1").split()[0]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_DEADLINE_S)
    try:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/login", urlencode({"token": token}), form)
        cookie = (connection.getresponse().getheader("Set-Cookie") or "").partition(";")[0]
    finally:
        connection.close()
    visitors = Visitors(port, cookie, [])
    _, first = visitors.look_at("/transactions")
    one, terminal = re.search(r"/transactions/\d+", first), re.search(r"/terminals/[^\"]+", first)
    if one is None or terminal is None:
        raise RuntimeError("the console shows no transactions")
    _, shown = visitors.look_at(one[0])
    card = re.search(r"/cards/\d+", shown)
    visitors.paths = [
        "/transactions", "/transactions?action=declined", f"/transactions?terminal={terminal[0].rpartition('/')[2]}",
        one[0], terminal[0], *([card[0], f"/transactions?card={card[0].rpartition('/')[2]}"] if card else []),
        "/merchants", "/terminals", "/batches", "/days", "/changes",
    ]  # fmt: skip
    return visitors
