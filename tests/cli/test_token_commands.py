from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from switch.cli.main import app as root
from switch.errors import OperatorError


class Shell:
    """A new installation, and somebody at its shell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run("init", str(folder), config=False)

    def run(self, *arguments: str, config: bool = True, status: int = 0) -> str:
        where = ("--config", str(self.folder / "switch.toml")) if config else ()
        result = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"}).invoke(root, [*arguments, *where])
        if isinstance(result.exception, OperatorError):
            raise result.exception
        assert result.exit_code == status, result.output
        return result.output


@pytest.fixture
def shell(migrated_folder: Path) -> Shell:
    return Shell(migrated_folder)


def test_a_token_is_shown_once_and_its_making_is_in_the_record(shell: Shell) -> None:
    said = shell.run("token", "create", "oscar", "--role", "operator", "--days", "7")

    token = said.split()[0]
    assert token.startswith("swt_")
    assert "it is not shown again" in said
    listed = shell.run("token", "list")
    assert "oscar" in listed
    assert "active" in listed
    record = shell.run("audit-log", "list")
    assert "token.create token:new" in record
    assert "at a shell (owner)" in record
    assert token not in listed + record


def test_a_revoked_token_says_so(shell: Shell) -> None:
    shell.run("token", "create", "oscar", "--role", "viewer")

    assert shell.run("token", "revoke", "1") == "token 1 of oscar: active -> revoked\n"
    assert "revoked" in shell.run("token", "list")


def test_a_role_that_no_token_has_is_refused_by_name(shell: Shell) -> None:
    with pytest.raises(OperatorError, match="role: "):
        shell.run("token", "create", "oscar", "--role", "owner")


def test_the_record_is_verified_and_its_last_digest_can_be_kept(shell: Shell) -> None:
    shell.run("token", "create", "oscar", "--role", "viewer")
    said = shell.run("audit-log", "verify")
    digest = said.split()[-1]

    assert "1 changes" in said
    shell.run("token", "revoke", "1")
    assert "2 changes" in shell.run("audit-log", "verify", "--digest", digest)
    assert "cut off" in shell.run("audit-log", "verify", "--digest", "ab" * 32, status=1)
    with pytest.raises(OperatorError, match="64 hex digits"):
        shell.run("audit-log", "verify", "--digest", "xyz")


def test_without_tokens_and_changes_it_is_said(shell: Shell) -> None:
    assert "no tokens yet" in shell.run("token", "list")
    assert "no changes yet" in shell.run("audit-log", "list")
