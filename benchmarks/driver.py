"""Runs the load driver: load.c compiled on demand, or load_epoll.py where there is no C compiler."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ECHOED = "none"  # what stands for DE 39 where an answer has none
STANS = 999_999
SPARE_S = 60  # more than the driver's own deadline for the last answers


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the driver measured. ``driver_load`` is the share of one core that the driver took."""

    sent: int
    per_second: float
    p50_ms: float
    p99_ms: float
    driver_load: float


@dataclass(slots=True)
class Driver:
    """A load driver. ``seed`` counts on from run to run, so that no host sees a request twice."""

    command: list[str]
    name: str
    messages: Path
    seed: int = 1

    def run(self, port: int, *, connections: int, depth: int, seconds: float, warm: float, expect: str) -> Run:
        """Load a host for ``seconds``. Raises RuntimeError unless every request got the DE 39 ``expect``.

        Expecting "none", an echo, uses up no numbers: it would soon have gone through all there are.
        """
        # fmt: off
        done = subprocess.run(
            [*self.command, "-p", str(port), "-m", str(self.messages), "-c", str(connections), "-d", str(depth),
             "-t", str(seconds), "-w", str(warm), "-s", str(self.seed), "-j"],
            capture_output=True, text=True, check=True, timeout=seconds + warm + SPARE_S,
        )
        # fmt: on
        found: dict[str, Any] = json.loads(done.stdout)
        if expect != ECHOED:
            self.seed += found["sent"]
        if self.seed > STANS:
            raise RuntimeError("more requests than trace numbers: measure in shorter rounds")
        if found["codes"] != {expect: found["sent"]}:
            raise RuntimeError(f"not every request was answered {expect}: {done.stdout}")
        return Run(
            sent=found["sent"],
            per_second=found["per_second"],
            p50_ms=found["p50_ms"],
            p99_ms=found["p99_ms"],
            driver_load=found["driver_cpu_s"] / (found["window_s"] + warm),
        )


def make_driver(folder: Path, messages: Path) -> Driver:
    """Compile the driver into ``folder``."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return Driver([sys.executable, str(HERE / "load_epoll.py")], "Python (no C compiler found)", messages)
    program = folder / "load"
    subprocess.run([compiler, "-O2", "-std=gnu11", "-o", program, HERE / "load.c"], check=True, timeout=120)
    return Driver([str(program)], "C", messages)
