from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from switch import __version__

ROOT = Path(__file__).resolve().parents[2]


def switch(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "switch", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_version_and_help_are_told() -> None:
    assert switch(ROOT, "--version").stdout == f"switch {__version__}\n"
    assert "switch init" in switch(ROOT, "--help").stdout


def test_init_makes_an_installation_that_can_be_checked(tmp_path: Path) -> None:
    made = switch(tmp_path, "init", "shop")

    folder = tmp_path / "shop"
    assert made.returncode == 0, made.stderr
    assert "switch serve" in made.stdout
    assert stat.S_IMODE((folder / "keys.toml").stat().st_mode) == 0o600
    assert switch(folder, "db", "check").returncode == 0
    assert switch(folder, "db", "upgrade").returncode == 0
    assert switch(folder, "config", "check").returncode == 0


def test_what_init_says_to_run_next_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    made = switch(tmp_path, "init", "my shop")

    assert "\n  cd 'my shop'\n" in made.stdout


def test_init_writes_the_lines_that_everyone_changes_live(tmp_path: Path) -> None:
    switch(tmp_path, "init")

    live = tomllib.loads((tmp_path / "switch.toml").read_text("utf-8"))
    assert live["ledger"] == {"database": "sqlite:///switch.sqlite3"}
    assert live["listeners"] == [
        {"name": "iso8583", "dialect": "iso8583-1987-ascii", "bind": "127.0.0.1:8583"},
        {"name": "unionpay", "dialect": "unionpay-pos", "bind": "127.0.0.1:8584", "sign_on": "required"},
    ]
    assert live["admin"] == {"bind": "127.0.0.1:8580"}
    assert live["keys"] == {"file": "keys.toml"}


def test_every_commented_setting_is_a_setting_and_shows_its_default(tmp_path: Path) -> None:
    switch(tmp_path, "init")
    plain = json.loads(switch(tmp_path, "config", "check").stdout)
    lines = (tmp_path / "switch.toml").read_text("utf-8").splitlines()
    live = [line.removeprefix("# ") if " = " in line or line.startswith("# [") else line for line in lines]
    (tmp_path / "switch.toml").write_text("\n".join(live), "utf-8")

    checked = switch(tmp_path, "config", "check")

    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout) == plain


def test_init_accepts_an_empty_folder_and_refuses_an_installation(tmp_path: Path) -> None:
    first = switch(tmp_path, "init", ".")
    keys = (tmp_path / "keys.toml").read_bytes()

    second = switch(tmp_path, "init", ".")

    assert (first.returncode, second.returncode) == (0, 2)
    assert "switch.toml: exists" in second.stderr
    assert (tmp_path / "keys.toml").read_bytes() == keys


def test_init_that_fails_leaves_no_settings_and_no_keys(tmp_path: Path) -> None:
    made = switch(tmp_path, "init", "--database", "sqlite:///missing/folder/books.sqlite3")

    assert made.returncode == 2
    assert made.stderr.startswith("switch: ")
    assert list(tmp_path.iterdir()) == []


def test_init_leaves_older_keys_alone(tmp_path: Path) -> None:
    (tmp_path / "keys.toml").write_text("old", "utf-8")

    made = switch(tmp_path, "init")

    assert made.returncode == 2
    assert (tmp_path / "keys.toml").read_text("utf-8") == "old"
    assert not (tmp_path / "switch.toml").exists()


@pytest.mark.parametrize("command", [("serve",), ("db", "check"), ("db", "upgrade"), ("config", "check")])
def test_without_settings_every_command_says_what_to_do(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = switch(tmp_path, *command)

    assert done.returncode == 2
    assert "switch init" in done.stderr
    assert "Traceback" not in done.stderr


def test_config_check_masks_the_password(tmp_path: Path) -> None:
    done = switch(
        tmp_path,
        "config",
        "check",
        SWITCH_LEDGER__DATABASE="postgresql://u:hunter2@localhost/s",
    )

    assert done.returncode == 0
    assert "hunter2" not in done.stdout
    assert json.loads(done.stdout)["ledger"]["database"] == "postgresql://u:********@localhost/s"


def test_a_database_without_books_names_the_command(tmp_path: Path) -> None:
    done = switch(tmp_path, "db", "check", SWITCH_LEDGER__DATABASE="sqlite:///new.sqlite3")

    assert done.returncode == 2
    assert "switch db upgrade" in done.stderr
