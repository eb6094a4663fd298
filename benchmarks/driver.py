"""Runs the load driver: load.c and its messages compiled on demand, or load_epoll.py where there is no C compiler."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SOURCES = (HERE / "load.c", HERE / "load_messages.c")
ECHOED = "none"  # what stands for DE 39 where an answer has none
STANS = 999_999
ONCE_DEADLINE_S = 60.0
LOADING_MAX_S = 500.0
SPARE_S = 60  # more than the driver's own deadline for the last answers


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the driver measured. ``driver_load`` is the share of one core that the driver took."""

    sent: int
    per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
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
        return self._run(found, warm=warm, expect=expect)

    @contextmanager
    def loading(self, port: int, *, connections: int, depth: int, rate: float) -> Iterator[Callable[[], Run]]:
        """Load a host with ``rate`` requests a second, until the function that is yielded is called for the result.

        Latencies count from the moment that a request was due. It raises RuntimeError unless all were approved.
        """
        # fmt: off
        command = self._command(port, self.messages, connections, LOADING_MAX_S, "-d", str(depth), "-r", str(rate),
                                "-s", str(self.seed))
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # fmt: on

        def end() -> Run:
            process.terminate()
            output, errors = process.communicate(timeout=SPARE_S)
            return self._run(_read(process.returncode, output, errors), warm=0, expect="00")

        try:
            yield end
        finally:
            process.kill()
            process.communicate()

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

    def _run(self, found: dict[str, Any], *, warm: float, expect: str) -> Run:
        """Count on from what a run has sent, and check what it was answered."""
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
            max_ms=found["max_ms"],
            driver_load=found["driver_cpu_s"] / (found["window_s"] + warm),
        )

    def _found(self, port: int, file: Path, connections: int, seconds: float, *more: str) -> dict[str, Any]:
        command = self._command(port, file, connections, seconds, *more)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + SPARE_S)
        return _read(done.returncode, done.stdout, done.stderr)

    def _command(self, port: int, file: Path, connections: int, seconds: float, *more: str) -> list[str]:
        # fmt: off
        return [*self.command, "-p", str(port), "-m", str(file), "-c", str(connections), "-t", str(seconds), *more,
                "-j"]
        # fmt: on


def _read(status: int, output: str, errors: str) -> dict[str, Any]:
    if status:
        raise RuntimeError(f"the load driver: {errors}")
    found: dict[str, Any] = json.loads(output)
    return found


def make_driver(folder: Path, messages: Path) -> Driver:
    """Compile the driver into ``folder``."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return Driver([sys.executable, str(HERE / "load_epoll.py")], "Python (no C compiler found)", messages)
    program = folder / "load"
    subprocess.run([compiler, "-O2", "-std=gnu11", "-o", program, *SOURCES], check=True, timeout=120)
    return Driver([str(program)], "C", messages)
