"""The command itself: what it prints, and how it ends. What is played is tested in tests/tools/test_day.py."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from switch.cli.setup import install, settings_text
from switch.config import load_settings
from switch.tools.demo import load_data
from switch.tools.demo_keys import load_demo_keys
from tests.cli.test_serve import environment

UNIONPAY = '[{"name": "door", "dialect": "unionpay-pos", "bind": "127.0.0.1:0"}]'


def day(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "switch", "terminal", "day", *arguments],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def a_demo_that_listens(folder: Path) -> Iterator[str]:
    """HOST:PORT of a switch with the demo's data, whose settings are in the folder."""
    install(folder, settings_text("sqlite:///switch.sqlite3"))
    settings = load_settings(folder / "switch.toml")
    load_data(settings)
    load_demo_keys(settings)
    with subprocess.Popen(
        [sys.executable, "-m", "switch", "serve"],
        cwd=folder,
        env={**environment(folder), "SWITCH_LISTENERS": UNIONPAY},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        reader = Thread(target=process.stderr.read)  # a log that nobody reads fills its pipe and stops the switch
        try:
            events = (json.loads(line) for line in process.stderr)
            address = next(event["address"] for event in events if event["event"] == "listening")
            reader.start()
            yield address
        finally:
            process.kill()
            if reader.is_alive():
                reader.join()


def test_a_day_is_played_and_the_books_agree_and_a_locked_terminals_is_not_as_expected(tmp_path: Path) -> None:
    with a_demo_that_listens(tmp_path / "demo") as address:
        settings = str(tmp_path / "demo" / "switch.toml")
        played = day("--dialect", "unionpay-pos", "--to", address, "--config", settings, folder=tmp_path)
        locked = day("--dialect", "unionpay-pos", "--to", address, "--terminal", "TERM0002", folder=tmp_path)

    assert played.returncode == 0, played.stdout + played.stderr
    assert "the demo's master key" in played.stdout
    assert "steps as expected, every balance as counted" in played.stdout
    assert "terminal and books agree to the cent" in played.stdout
    assert played.stdout.count("the terminal's mistake, found") == 3
    assert "all invariants hold" in played.stdout
    assert max(map(len, played.stdout.splitlines())) <= 80
    assert "4111111111111111" not in played.stdout
    assert locked.returncode == 1
    assert "expected 00" in locked.stdout
    assert "Traceback" not in locked.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--dialect", "unionpay-pos", "--to", "127.0.0.1"), "--to wants HOST:PORT"),
        (("--dialect", "unionpay-pos", "--to", "127.0.0.1:1"), "nobody listens on 127.0.0.1:1"),
        (
            ("--dialect", "iso8583-1993-ascii", "--to", "127.0.0.1:1"),
            "no day is written for dialect iso8583-1993-ascii",
        ),
        (("--dialect", "none", "--to", "127.0.0.1:1"), "none"),
        (
            ("--dialect", "unionpay-pos", "--to", "127.0.0.1:1", "--config", "a.toml", "--database", "sqlite:///a"),
            "name --config or --database, not both",
        ),
    ],
)
def test_what_an_operator_has_to_change_is_said_in_one_message(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = day(*arguments, folder=tmp_path)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_master_key_that_others_may_read_or_that_is_none_is_refused_without_its_digits(tmp_path: Path) -> None:
    file = tmp_path / "master.txt"
    file.write_text("0123456789ABCDEX", "ascii")
    ask = ("--dialect", "unionpay-pos", "--to", "127.0.0.1:1", "--master-key-file", str(file))

    file.chmod(0o644)
    open_to_others = day(*ask, folder=tmp_path)
    file.chmod(0o600)
    no_key = day(*ask, folder=tmp_path)

    assert open_to_others.returncode == no_key.returncode == 2
    assert "chmod 600" in open_to_others.stderr
    assert "wants 16, 32 or 48 hexadecimal digits" in no_key.stderr
    assert "0123456789" not in open_to_others.stderr + no_key.stderr
