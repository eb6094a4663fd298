"""What recording costs: a host alone, behind a bare proxy, and behind the recorder, with and without tokens.

``python -m benchmarks.record [--quick]`` prints two tables. A proxy is a hop more whatever it does, so the recorder is
held against the same proxy that records nothing as well as against the host without any. The recorder's scribe, the
host and the load share this machine's cores: with two of them the busiest rows measure who gets a core.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import trio
from rich.console import Console
from rich.table import Table

from benchmarks import books
from benchmarks.driver import ECHOED, Driver, Run, make_driver
from benchmarks.hosts import HERE, Host, _running, free_port, running_echo, running_switch
from benchmarks.messages import write_purchases
from switch.tools.recorder import Recorder

DIALECT = "iso8583-1987-ascii"
PURCHASES = 20_000
SHAPES = ((1, 1), (16, 1), (64, 4))  # connections, requests in flight on each
WAYS = ("direct", "bare proxy", "recorder", "recorder, tokens")


@dataclass(frozen=True, slots=True)
class Way:
    """One run on one way to the host, and the processor time that the proxy and its scribe took for a message."""

    run: Run
    proxy_us: float
    scribe_us: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians over the rounds of one shape and way; ratios are medians of each round's own."""

    per_second: float
    p50_ms: float
    p99_ms: float
    of_direct: float
    of_proxy: float
    proxy_us: float
    scribe_us: float


def main() -> None:
    """Measure an echo and the switch, and show both; as ``proxy PORT TO`` be the bare proxy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--proxy", nargs=2, type=int, metavar=("PORT", "TO"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.proxy:
        trio.run(_proxy, *options.proxy)
        return
    root = HERE.parent / "build"
    root.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="record-", dir=root))
    try:
        _measure(folder, Console(), rounds=1 if options.quick else 5, seconds=1.0 if options.quick else 2.5)
    finally:
        shutil.rmtree(folder)


def _measure(folder: Path, console: Console, *, rounds: int, seconds: float) -> None:
    write_purchases(folder / "purchases.hex", PURCHASES)
    driver = make_driver(folder, folder / "purchases.hex")
    key = folder / "token.key"
    key.write_text("ab" * 32, "ascii")
    key.chmod(0o600)
    books.prepare(folder)
    hosts: tuple[tuple[str, Callable[[Path], object], str], ...] = (
        ("a bare echo", running_echo, ECHOED),
        ("the switch", running_switch, "00"),
    )
    for name, running, expect in hosts:
        with running(folder) as host:  # type: ignore[attr-defined]
            found = _rounds(folder, driver, host, expect, rounds, seconds)
        console.print(_table(name, found))


def _rounds(
    folder: Path, driver: Driver, host: Host, expect: str, rounds: int, seconds: float
) -> dict[tuple[int, int], dict[str, Cost]]:
    runs: dict[tuple[int, int], list[dict[str, Way]]] = {shape: [] for shape in SHAPES}
    with ExitStack() as stack:
        hosts = {"direct": host} | {way: stack.enter_context(_between(folder, way, host.port)) for way in WAYS[1:]}
        for _ in range(rounds):
            for shape in SHAPES:
                runs[shape].append({way: _run(driver, its, shape, expect, seconds) for way, its in hosts.items()})
    return {shape: {way: _cost(way, found) for way in WAYS} for shape, found in runs.items()}


def _run(driver: Driver, host: Host, shape: tuple[int, int], expect: str, seconds: float) -> Way:
    connections, depth = shape
    scribes = _children(host.pid)
    before = _processor_s(host.pid), sum(map(_processor_s, scribes))
    run = driver.run(host.port, connections=connections, depth=depth, seconds=seconds, warm=0.3, expect=expect)
    time.sleep(0.5)  # what the scribe is behind belongs to this run
    after = _processor_s(host.pid), sum(map(_processor_s, scribes))
    messages = run.per_second * (seconds + 0.3)
    return Way(run, (after[0] - before[0]) / messages * 1e6, (after[1] - before[1]) / messages * 1e6)


def _processor_s(pid: int) -> float:
    """Processor time that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


def _cost(way: str, rounds: list[dict[str, Way]]) -> Cost:
    return Cost(
        median(one[way].run.per_second for one in rounds),
        median(one[way].run.p50_ms for one in rounds),
        median(one[way].run.p99_ms for one in rounds),
        median(one[way].run.per_second / one["direct"].run.per_second for one in rounds),
        median(one[way].run.per_second / one["bare proxy"].run.per_second for one in rounds),
        median(one[way].proxy_us for one in rounds),
        median(one[way].scribe_us for one in rounds),
    )


@contextmanager
def _between(folder: Path, way: str, to: int) -> Iterator[Host]:
    """Run one way of getting to the host at port ``to``."""
    port = free_port()
    if way == "bare proxy":
        arguments = ["-m", "benchmarks.record", "--proxy", str(port), str(to)]
    else:
        out = folder / f"{way.replace(', ', '-')}-{port}.jsonl"
        arguments = ["-m", "switch", "record", "--listen", f"127.0.0.1:{port}", "--to", f"127.0.0.1:{to}"]
        arguments += ["--out", str(out), "--dialect", DIALECT]
        if way.endswith("tokens"):
            arguments += ["--tokenise", "--key-file", str(folder / "token.key")]
    with (folder / "between.log").open("ab") as log, _running(arguments, port, folder, log, {}) as host:
        yield host


async def _proxy(port: int, to: int) -> None:
    recorder = Recorder(None)
    await recorder.open("127.0.0.1", port, "127.0.0.1", to)
    await recorder.run()


def _table(name: str, found: dict[tuple[int, int], dict[str, Cost]]) -> Table:
    table = Table("c x d", "way", "a second", "p50 ms", "p99 ms", "direct", "proxy", "us", "scribe", title=name)
    for (connections, depth), ways in found.items():
        for way, cost in ways.items():
            shown = f"{cost.per_second:,.0f}", f"{cost.p50_ms:.2f}", f"{cost.p99_ms:.2f}"
            ratios = f"{cost.of_direct:.2f}", f"{cost.of_proxy:.2f}"
            us = ("", "") if way == "direct" else (f"{cost.proxy_us:.1f}", f"{cost.scribe_us:.1f}")
            table.add_row(f"{connections} x {depth}", way, *shown, *ratios, *us)
    return table


if __name__ == "__main__":
    main()
