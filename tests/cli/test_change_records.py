"""What is changed at a shell stands in the record of changes, and no secret with it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from switch.cli.books import open_books
from switch.cli.main import app as root
from switch.errors import ImportRefused, OperatorError
from switch.office.change_log import LoggedChange, list_changes, verify_changes

PAN = "4111111111111111"
PASSWORD = "correct-horse-9"
COMPONENTS = ("0123456789ABCDEFFEDCBA9876543210", "1A2B3C4D5E6F70819293A4B5C6D7E8F9")
FILES = {
    "merchants": "merchant_id,name\nM1,Tea House\n",
    "terminals": "terminal_id,merchant_id,status\nT1,M1,active\n",
    "cards": f"pan,expiry_yymm,balance_minor\n{PAN},3012,10000\n",
}


class Shell:
    """An installation with a merchant, a terminal and a card, and somebody at its shell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run("init", str(folder), config=False)
        for subject, content in FILES.items():
            (folder / f"{subject}.csv").write_text(content)
            self.run("import", subject, str(folder / f"{subject}.csv"))

    def run(self, *arguments: str, typed: str = "", config: bool = True) -> str:
        where = ("--config", str(self.folder / "switch.toml")) if config else ()
        result = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"}).invoke(root, [*arguments, *where], input=typed)
        if isinstance(result.exception, OperatorError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    def logged(self, count: int) -> list[LoggedChange]:
        """The last changes, the oldest first; the chain holds."""
        with open_books(self.folder / "switch.toml") as books, books.database.reading() as connection:
            verify_changes(connection)
            return list_changes(connection, limit=count)[::-1]


@pytest.fixture
def shell(migrated_folder: Path) -> Shell:
    return Shell(migrated_folder)


def told(changes: list[LoggedChange]) -> list[tuple[str, str]]:
    return [(change.what, change.target) for change in changes]


def test_an_import_is_there_with_what_it_came_to(shell: Shell) -> None:
    begun, done = shell.logged(2)

    assert told([begun, done]) == [("import.cards:begun", "import:cards"), ("import.cards", "import:cards")]
    assert done.after == {"file": "cards.csv", "rows": 1, "added": 1, "changed": 0, "unchanged": 0}
    assert done.role == "owner"


def test_an_import_that_was_refused_had_begun(shell: Shell) -> None:
    (shell.folder / "cards.csv").write_text("pan,expiry_yymm\n1,1\n")

    with pytest.raises(ImportRefused):
        shell.run("import", "cards", str(shell.folder / "cards.csv"))

    assert told(shell.logged(1)) == [("import.cards:begun", "import:cards")]


def test_operators_are_there_without_their_passwords(shell: Shell) -> None:
    shell.run("operator", "add", "M1", "07", "--password-stdin", typed=f"{PASSWORD}\n")
    shell.run("operator", "reset", "M1", "07", "--no-password")
    shell.run("operator", "unlock", "M1", "07")
    shell.run("operator", "close", "M1", "07")

    changes = shell.logged(4)
    assert told(changes) == [(f"operator.{verb}", "operator:M1/07") for verb in ("add", "reset", "unlock", "close")]
    assert [change.after for change in changes[:2]] == [{"password": "new"}, {"password": "none"}]
    assert (changes[3].before, changes[3].after) == ({"status": "active"}, {"status": "closed"})
    assert PASSWORD not in str(changes)
    assert "argon2" not in str(changes)


def test_a_pay_code_is_there_by_its_card_alone(shell: Shell) -> None:
    code = shell.run("paycode", "new", PAN).split()[0]

    (change,) = shell.logged(1)
    assert change.what == "card.new_pay_code"
    assert change.target.startswith("card:")
    assert code not in str(change)
    assert PAN not in str(change)


def test_keys_are_there_by_their_check_values(shell: Shell) -> None:
    shell.run("keys", "generate", "T1")
    exported = shell.run("keys", "export", "T1")
    shell.run("keys", "import", "T1", typed="\n".join(COMPONENTS))
    shell.run("keys", "issuer", "import", "411111", "pvk", typed="\n".join(COMPONENTS))
    shell.run("keys", "issuer", "remove", "411111", "pvk")
    shell.run("keys", "rewrap")

    changes = shell.logged(6)
    assert told(changes) == [
        ("terminal.new_master_key", "terminal:T1"),
        ("terminal.export_master_key", "terminal:T1"),
        ("terminal.import_master_key", "terminal:T1"),
        ("issuer_key.import", "issuer_key:411111/pvk/"),
        ("issuer_key.remove", "issuer_key:411111/pvk/"),
        ("keys.rewrap", "keys:all"),
    ]
    assert len(str(changes[2].after["check_value"])) == 6
    secrets = [*COMPONENTS, *(line.split()[4] for line in exported.splitlines() if line.startswith("component"))]
    assert len(secrets) == 4
    assert not any(secret in str(changes) for secret in secrets)


def test_a_cut_over_is_there_once(shell: Shell) -> None:
    today = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
    for _ in range(2):
        shell.run("settlement", "cutover", "--day", str(today))

    changes = shell.logged(2)
    assert told(changes) == [(f"day.cutover{end}", f"day:{today:%Y%m%d}") for end in (":begun", "")]


def test_a_reason_holds_no_card_number(shell: Shell) -> None:
    with open_books(shell.folder / "switch.toml") as books:
        with pytest.raises(OperatorError, match="may be a card's"):
            books.change("terminal.lock", "terminal:T1", {}, "card 4111 1111 1111 1111 was skimmed")
        books.change("terminal.lock", "terminal:T1", {}, "see RRN 6RLCUT1NAZUE, call 13800138000")

    assert shell.logged(1)[0].because.startswith("see RRN")
