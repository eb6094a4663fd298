"""The command itself: what it prints, what it writes, how it ends. What is sent is tested in tests/load."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from switch.reports.files import read_results
from tests.cli.test_day import a_demo_that_listens
from tests.cli.test_serve import environment

SLOW = """
title      = "small"
dialect    = "unionpay-pos"
duration_s = 60

[arrival]
rate = 20

[[mix]]
kind = "purchase"

[terminals]
only = ["TERM0001"]
"""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "switch", "load", *arguments]


def load(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_scenario_is_played_told_written_and_held_to_its_limits_and_the_books(tmp_path: Path) -> None:
    with a_demo_that_listens(tmp_path / "demo") as address:
        ledger = f"sqlite:///{tmp_path / 'demo' / 'switch.sqlite3'}"
        asked = ("abuse", "--to", address, "--duration", "1", "--rate", "40", "--connections", "3", "--seed", "7")
        played = load(*asked, "--ledger", ledger, "--json", "a.json", "--report", "a.html", folder=tmp_path)
        strict = tmp_path / "strict.toml"
        strict.write_text(SLOW.replace("60", "0.5") + "[limits]\np50_ms = 0.001\n", "utf-8")
        broken = load(str(strict), "--to", address, folder=tmp_path)
        lost = load(str(strict), "--to", address, "--json", "no/such/folder.json", folder=tmp_path)
        easy = tmp_path / "easy.toml"
        easy.write_text(SLOW + "[limits]\np99_ms = 60000\n", "utf-8")
        searched = load(
            *(str(easy), "--to", address, "--find-knee", "--duration", "0.5", "--rate", "20", "--highest-rate", "40"),
            *("--json", "knee.json"),
            folder=tmp_path,
        )

    assert played.returncode == 0, played.stdout + played.stderr
    assert "they agree" in played.stdout
    assert "held   error_share" in played.stdout
    assert max(map(len, played.stdout.splitlines())) <= 80
    results = read_results(tmp_path / "a.json")
    assert (results.title, results.target, results.connections) == ("abuse", address, 3)
    assert "--seed 7" in results.command
    assert results.faults_sent
    assert results.books is not None
    assert "<svg" in (tmp_path / "a.html").read_text("utf-8")
    assert broken.returncode == 1
    assert "BROKE  p50_ms" in broken.stdout
    assert max(map(len, broken.stdout.splitlines())) <= 80
    assert lost.returncode == 3
    assert "cannot be written" in lost.stderr
    assert searched.returncode == 0, searched.stdout + searched.stderr
    assert "Held up to 40" in searched.stdout
    assert "every rate held" in searched.stdout
    assert [(step.rate_per_s, step.held) for step in read_results(tmp_path / "knee.json").knee] == [
        (20, True),
        (40, True),
    ]


def test_ctrl_c_ends_a_run_early_and_still_reports_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with subprocess.Popen(
            command("purchase", "--to", address, "--connections", "1", "--json", "early.json"),
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            terminal, _ = silent.accept()
            with terminal:
                assert terminal.recv(1)  # the load has begun
                process.send_signal(signal.SIGINT)
                told, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "the run was ended early" in told
    written = json.loads((tmp_path / "early.json").read_text("utf-8"))
    assert written["interrupted"] is True
    assert written["duration_s"] < 60


def test_ctrl_c_while_terminals_sign_on_reports_that_nothing_was_sent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with subprocess.Popen(
            command("unionpay-day", "--to", address, "--json", "early.json"),
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            terminal, _ = silent.accept()
            with terminal:
                assert terminal.recv(1)  # a sign-on
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in errors
    written = json.loads((tmp_path / "early.json").read_text("utf-8"))
    assert (written["interrupted"], written["sent"]) == (True, 0)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("purchase", "--to", "127.0.0.1"), 2, "--to wants HOST:PORT"),
        (("purchase", "--to", "127.0.0.1:1"), 3, "nobody listens on 127.0.0.1:1"),
        (("nothing", "--to", "127.0.0.1:1"), 2, "there are abuse, idle, purchase, unionpay-day"),
        (("purchase", "--to", "127.0.0.1:1", "--connections", "100000"), 2, "connections: "),
        (("purchase", "--to", "127.0.0.1:1", "--find-knee", "--ledger", "sqlite:///x"), 2, "not with --find-knee"),
        (("purchase", "--to", "127.0.0.1:1", "--keys", "none"), 2, "none: no such key file"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_message(
    arguments: tuple[str, ...], status: int, said: str, tmp_path: Path
) -> None:
    done = load(*arguments, folder=tmp_path)

    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
