"""The demo is the first thing that anybody runs: it has to work, on any free ports, and twice in one folder."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path


def free_port_base() -> int:
    """A port that is free, together with those three and four above it."""
    while True:
        with ExitStack() as held, socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            base = int(first.getsockname()[1])
            try:
                for port in (base + 3, base + 4):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
        return base


def run_demo(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "switch", "demo", "--once", "--directory", str(folder)]
    return subprocess.run(
        [*command, "--port-base", str(free_port_base())], capture_output=True, text=True, timeout=60, check=False
    )


def net_of(shown: str) -> str:
    """What the statement comes to."""
    return next(line.split()[1] for line in shown.splitlines() if line.startswith("Net "))


def test_every_answer_of_the_demo_is_the_expected_one_and_so_again_in_the_same_folder(tmp_path: Path) -> None:
    first = run_demo(tmp_path / "demo")
    second = run_demo(tmp_path / "demo")

    for done in (first, second):
        assert done.returncode == 0, done.stdout + done.stderr
        assert "✗" not in done.stdout
        assert "results 1 and 1" in done.stdout
        assert "Statement of merchant MERCHANT0000001" in done.stdout
        assert "all invariants hold\ndemo ready\n" in done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 80
    assert net_of(first.stdout) == "207.42"
    assert net_of(second.stdout) == "237.17"  # the script's messages are repeats, the terminal's two sales are new
    assert (tmp_path / "demo" / "switch.toml").exists()


def test_a_port_that_is_taken_is_named_in_one_message(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        base = int(taken.getsockname()[1]) - 3
        command = [sys.executable, "-m", "switch", "demo", "--once", "--directory", str(tmp_path / "demo")]
        done = subprocess.run(
            [*command, "--port-base", str(base)], capture_output=True, text=True, timeout=60, check=False
        )

    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{base + 3}" in done.stderr
    assert "Traceback" not in done.stderr
