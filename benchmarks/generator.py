"""What one process of the load engine can send and read on one core: ``python benchmarks/generator.py``.

The host is `answering.c` on another core (compiled here), so what is measured is the generator. CPU time is the
process's own, user and system: a second of it is a second of one core, whoever else is on the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import trio

from switch.capture.entry import Direction, Entry
from switch.capture.files import CaptureWriter, Head, read_capture
from switch.load.comparing import Comparison
from switch.load.engine import drive
from switch.load.keys_given import GivenKeys
from switch.load.matching import Matching
from switch.load.pacing import AtOnce, AtRate, Pace
from switch.load.plan import Planned, Target
from switch.load.replaying import Replay
from switch.load.rewriting import Rewriter
from switch.load.tallying import Tally
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect

ISO: Final = load_dialect("iso8583-1987-ascii")
CODEC: Final = Codec(ISO)
MATCHING: Final = Matching(ISO)
ZONE: Final = ZoneInfo("Asia/Shanghai")
RATE: Final = 8_000
SECONDS: Final = 5
IN_FLIGHT: Final = 256
CONNECTIONS: Final = 100
RECORDED: Final = 50_000


def sale(number: int) -> Fields:
    """A purchase of one of a thousand terminals."""
    fields = {0: "0200", 2: "6200000000000047", 3: "000000", 4: "000000001000", 7: "1121120000"}
    fields |= {11: f"{number % 1_000_000:06d}", 12: "120000", 13: "1121", 14: "3012", 22: "012", 25: "00"}
    return fields | {41: f"T{number % 1_000:07d}", 42: "MERCHANT0000001", 49: "156"}


def fresh(rate: int, seconds: float) -> Iterator[Planned]:
    """Messages that are encoded as they are due."""
    for number in range(int(rate * seconds)):
        fields = sale(number)
        frame = ISO.framing.wrap_request(CODEC.encode(fields))
        yield Planned(number * 1_000_000 // rate, number % CONNECTIONS, frame, MATCHING.of_request(fields))


def record(path: Path) -> None:
    """Write a capture of sales and their answers."""
    with CaptureWriter(path, Head(dialect=ISO.name)) as writer:
        for number in range(RECORDED):
            fields = sale(number)
            for direction, mti in ((Direction.TO_HOST, "0200"), (Direction.TO_TERMINAL, "0210")):
                frame = ISO.framing.wrap_request(CODEC.encode({**fields, 0: mti}))
                writer.write(Entry(number * 100, str(number % CONNECTIONS), direction, frame))


def replay(path: Path, pace: Pace, names: tuple[str, ...]) -> Replay:
    """A capture sent again, every answer compared."""

    def capture() -> Iterator[Entry]:
        with read_capture(path) as reader:
            yield from reader

    comparison = Comparison(ISO, frozenset({7, 11, 12, 13}))
    rewriter = Rewriter(ISO, names, lambda: datetime.now(ZONE), 1, GivenKeys(ISO))
    return Replay(capture, ISO, pace, rewriter, comparison, connections=CONNECTIONS)


def measure(name: str, plan: Iterable[Planned], target: Target, in_flight: int | None = None) -> None:
    """Drive one plan and print its line."""

    def answered(planned: Planned, answer: Fields, _is_counted: bool) -> None:  # noqa: FBT001 - as it is told
        if isinstance(plan, Replay):
            plan.answered(planned, answer)

    async def run() -> None:
        await drive(plan, target, tally, connections=CONNECTIONS, in_flight=in_flight)

    tally = Tally(target.deadline_us, on_answer=answered)
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    trio.run(run)
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    sent = tally.sent_messages
    assert (tally.answered_messages, tally.errors) == (sent, 0), f"{tally.errors} errors"
    print(
        f"{name:36} {sent / wall_s:>8,.0f}/s  {cpu_s / sent * 1e6:>5.1f} us of CPU each  "
        f"{sent / cpu_s:>7,.0f} a core-second  p99 {tally.latencies.at(0.99) / 1_000:.2f} ms"
    )


def main() -> None:
    """Compile the host, run against it, print the table."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        host = Path(folder) / "answering"
        subprocess.run(["gcc", "-O2", "-o", host, Path(__file__).with_name("answering.c")], check=True)
        port = int(sys.argv[1]) if len(sys.argv) > 1 else 17_299
        os.sched_setaffinity(0, {cores[-1]})
        with subprocess.Popen([host, str(port)]) as process:
            os.sched_setaffinity(0, {cores[0]})
            try:
                time.sleep(0.3)  # it has no way to say that it listens
                all_runs(Path(folder) / "sales.jsonl", Target("127.0.0.1", port, ISO))
            finally:
                process.terminate()


def all_runs(path: Path, target: Target) -> None:
    """Each way to load, once."""
    record(path)
    print(f"one process on one core, {CONNECTIONS} connections, {ISO.name}, host in C on another core")
    measure(f"open loop, {RATE:,}/s", fresh(RATE, SECONDS), target)
    measure(f"open loop, {2 * RATE:,}/s", fresh(2 * RATE, SECONDS), target)
    measure(f"{IN_FLIGHT} in flight", fresh(RATE, 2 * SECONDS), target, IN_FLIGHT)
    measure(f"replay, {RATE:,}/s", replay(path, AtRate(RATE), ()), target)
    measure(f"replay, rewriting, {RATE:,}/s", replay(path, AtRate(RATE), ("stan", "dates")), target)
    measure(f"replay, rewriting, {IN_FLIGHT} in flight", replay(path, AtOnce(), ("stan", "dates")), target, IN_FLIGHT)


if __name__ == "__main__":
    main()
