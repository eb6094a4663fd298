from __future__ import annotations

from pathlib import Path

import pytest

from switch.errors import OperatorError
from tests.cli.test_token_commands import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_it_is_switched_on_and_off_and_stands_in_the_record(shell: Shell) -> None:
    on = shell.run("maintenance", "on", "--notice", "Back at noon.", "--notice-zh", "中午恢复。")
    shown = shell.run("maintenance", "show", status=1)
    off = shell.run("maintenance", "off")

    assert "is on: new requests are declined" in on
    assert all(told in shown for told in ("is on since", "at a shell", "en: Back at noon.", "zh: 中午恢复。"))
    assert "let in again" in off or "is off" in off
    assert "is off" in shell.run("maintenance", "show")
    record = shell.run("audit-log", "list")
    assert "maintenance.on maintenance:on: state off -> notice Back at noon." in record
    assert "maintenance.off maintenance:on" in record


def test_done_again_it_says_what_it_found(shell: Shell) -> None:
    shell.run("maintenance", "on")

    assert "the notice is new" in shell.run("maintenance", "on", "--notice", "Later.")
    shell.run("maintenance", "off")
    assert "nothing has changed" in shell.run("maintenance", "off")


def test_a_notice_is_no_novel(shell: Shell) -> None:
    with pytest.raises(OperatorError, match="notice: String should have at most 300"):
        shell.run("maintenance", "on", "--notice", "x" * 301)
