"""Runs the load driver: load.c compiled on demand, or load_epoll.py where there is no C compiler."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ECHOED = "none"  # what stands for DE 39 where an answer has none
STANS = 999_999
ONCE_DEADLINE_S = 60.0
SPARE_S = 60  # more than the driver's own deadline for the last answers


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the driver measured. ``driver_load`` is the share of one core that the driver took."""

    sent: int
    per_second: float
    p50_ms: float
    p99_ms: float
    driver_load: float


@dataclass(frozen=True, slots=True)
class Once:
    """What messages that were each sent once came to; ``answers`` stand in the messages' order, without lengths."""

    answers: list[bytes]
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
        found = self._found(port, self.messages, connections, seconds, "-d", str(depth), "-w", str(warm),
                            "-s", str(self.seed))
        # fmt: on
        if expect != ECHOED:
            self.seed += found["sent"]
        if self.seed > STANS:
            raise RuntimeError("more requests than trace numbers: measure in shorter rounds")
        if found["codes"] != {expect: found["sent"]}:
            raise RuntimeError(f"not every request was answered {expect}: {json.dumps(found)}")
        return Run(
            sent=found["sent"],
            per_second=found["per_second"],
            p50_ms=found["p50_ms"],
            p99_ms=found["p99_ms"],
            driver_load=found["driver_cpu_s"] / (found["window_s"] + warm),
        )

    def run_once(self, port: int, messages: Sequence[bytes], *, connections: int) -> Once:
        """Send each message once, as it is, one at a time on a connection: number k of n sends k, k + n ... in order.

        Raises RuntimeError unless each was answered, by something that is not looked at here.
        """
        with tempfile.TemporaryDirectory(dir=self.messages.parent) as folder:
            file, answers = Path(folder) / "messages.hex", Path(folder) / "answers.hex"
            file.write_text("".join(f"{message.hex()}\n" for message in messages), "ascii")
            found = self._found(port, file, connections, ONCE_DEADLINE_S, "-o", str(answers))
            lines = answers.read_text("ascii").splitlines()
        if found["answered"] != len(messages) or found["unmatched"]:
            raise RuntimeError(f"not every request was answered, and once: {json.dumps(found)}")
        return Once(
            answers=[bytes.fromhex(line) for line in lines],
            per_second=found["per_second"],
            p50_ms=found["p50_ms"],
            p99_ms=found["p99_ms"],
            driver_load=found["driver_cpu_s"] / found["window_s"],
        )

    def _found(self, port: int, file: Path, connections: int, seconds: float, *more: str) -> dict[str, Any]:
        # fmt: off
        done = subprocess.run(
            [*self.command, "-p", str(port), "-m", str(file), "-c", str(connections), "-t", str(seconds), *more, "-j"],
            capture_output=True, text=True, check=False, timeout=seconds + SPARE_S,
        )
        # fmt: on
        if done.returncode:
            raise RuntimeError(f"the load driver: {done.stderr}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def make_driver(folder: Path, messages: Path) -> Driver:
    """Compile the driver into ``folder``."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return Driver([sys.executable, str(HERE / "load_epoll.py")], "Python (no C compiler found)", messages)
    program = folder / "load"
    subprocess.run([compiler, "-O2", "-std=gnu11", "-o", program, HERE / "load.c"], check=True, timeout=120)
    return Driver([str(program)], "C", messages)
