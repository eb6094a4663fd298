"""``switch keys``: put in and taken out in components, listed by check value, demo keys refused."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from switch.cli import imports
from switch.cli.keys import keys_app
from switch.cli.setup import install, settings_text
from switch.errors import ConfigurationError, OperatorError
from switch.security.ciphers import xor
from switch.security.demo_keys import DEMO_BDK, DEMO_BDK_AES, DEMO_TERMINAL_MASTER
from switch.security.key_blocks import KeyAlgorithm, KeyBlocks

root = typer.Typer()
root.add_typer(keys_app, name="keys")
root.add_typer(imports.import_app, name="import")

PARTS = (bytes(range(16)), bytes.fromhex("8C3D5E7F90A1B2C3D4E5F60718293A4B"))
CHECK = KeyBlocks.check_value(xor(*PARTS))


class Office:
    """An installation with one merchant and one terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        install(folder, settings_text("sqlite:///switch.sqlite3"))
        for subject, text in (
            ("merchants", "merchant_id,name,mcc\nM1,Tea House,5812\n"),
            ("terminals", "terminal_id,merchant_id\nT1,M1\n"),
        ):
            (folder / f"{subject}.csv").write_text(text)
            self.run("import", subject, str(folder / f"{subject}.csv"))

    def run(self, *arguments: str, typed: str = "") -> str:
        runner = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"})
        result = runner.invoke(root, [*arguments, "--config", str(self.folder / "switch.toml")], input=typed)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output


def typed(*parts: bytes) -> str:
    return "".join(f"{part.hex()}\n" for part in parts)


@pytest.fixture
def office(migrated_folder: Path) -> Office:
    return Office(migrated_folder)


def test_components_make_a_terminals_master_key_that_only_its_check_value_shows(office: Office) -> None:
    said = office.run("keys", "import", "T1", typed=typed(*PARTS))
    listed = office.run("keys", "list")

    assert CHECK in said
    assert re.search(rf"T1 +terminal_master +{CHECK}", listed)
    assert xor(*PARTS).hex() not in (said + listed).lower()


def test_what_is_taken_out_makes_the_key_that_was_put_in(office: Office) -> None:
    office.run("keys", "import", "T1", typed=typed(*PARTS))

    said = office.run("keys", "export", "T1", "--components", "3")

    parts = [bytes.fromhex(part) for part in re.findall(r": ([0-9A-F]{32}) ", said)]
    assert len(parts) == 3
    assert xor(xor(parts[0], parts[1]), parts[2]) == xor(*PARTS)


def test_a_generated_key_is_nobodys(office: Office) -> None:
    said = [office.run("keys", "generate", "T1") for _ in range(2)]

    assert said[0] != said[1]


def test_an_issuers_key_is_put_in_listed_and_removed(office: Office) -> None:
    office.run("keys", "issuer", "import", "6200", "cvk", "--index", "1", typed=typed(*PARTS))

    assert re.search(rf"6200 +cvk +1 +{CHECK}", office.run("keys", "list"))
    office.run("keys", "issuer", "remove", "6200", "cvk", "--index", "1")
    assert "no keys" in office.run("keys", "list")


@pytest.mark.parametrize(("key_set", "algorithm"), [("FFFF987654", KeyAlgorithm.TDES), ("a1b2c3d4", KeyAlgorithm.AES)])
def test_a_base_derivation_key_of_two_officers_is_listed_wrapped_anew_and_removed(
    key_set: str, algorithm: KeyAlgorithm, office: Office
) -> None:
    check = KeyBlocks.check_value(xor(*PARTS), algorithm)

    said = office.run("keys", "base", "import", key_set, typed=typed(*PARTS))
    listed = office.run("keys", "list")

    assert f"{key_set.upper()} bdk: check value {check}" in said
    assert re.search(rf"{key_set.upper()} +bdk +{check}", listed)
    assert xor(*PARTS).hex() not in (said + listed).lower()
    file = office.folder / "keys.toml"
    start, _, old = file.read_text().partition("[master]\nkey = ")
    file.write_text(f'{start}[master]\ncurrent = 2\nkeys.1 = {old.strip()}\nkeys.2 = "{"5A" * 32}"\n')
    assert [office.run("keys", "rewrap").split()[0] for _ in range(2)] == ["1", "0"]
    office.run("keys", "base", "remove", key_set)
    assert "no keys" in office.run("keys", "list")


@pytest.mark.parametrize(
    ("arguments", "lines", "problem"),
    [
        (("import", "T1"), typed(PARTS[0]), "2 components are wanted"),
        (("import", "T1"), "zz\nzz\n", "component 1 is not hex digits"),
        (("import", "T1"), "0011\n0022\n", "component 1 has 2 bytes"),
        (("import", "T9"), typed(*PARTS), "no terminal T9"),
        (("import", "T1"), typed(PARTS[0], xor(PARTS[0], DEMO_TERMINAL_MASTER)), "everybody knows"),
        (("export", "T1"), "", "T1 has no key"),
        (("issuer", "import", "62", "mac"), typed(*PARTS), "usage is one of"),
        (("issuer", "import", "6x", "cvk"), typed(*PARTS), "named by 1 to 12 digits"),
        (("issuer", "remove", "62", "cvk"), "", "no key 62 cvk"),
        (("base", "import", "FFFF98765"), typed(*PARTS), "10 hex digits for Triple DES"),
        (("base", "import", "FFFF987654"), typed(PARTS[0]), "2 components are wanted"),
        (("base", "import", "FFFF987654"), typed(PARTS[0] * 2, PARTS[1] * 2), "has 32 bytes; it must have 16"),
        (("base", "import", "FFFF987654"), typed(PARTS[0], xor(PARTS[0], DEMO_BDK)), "everybody knows"),
        (("base", "import", "12345678"), typed(PARTS[0], xor(PARTS[0], DEMO_BDK_AES)), "everybody knows"),
        (("base", "remove", "FFFF987654"), "", "no base derivation key FFFF987654"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    arguments: tuple[str, ...], lines: str, problem: str, office: Office
) -> None:
    with pytest.raises(OperatorError, match=problem):
        office.run("keys", *arguments, typed=lines)


def test_without_a_master_key_there_is_nothing_to_keep_keys_under(office: Office) -> None:
    keys = office.folder / "keys.toml"
    keys.write_text(keys.read_text().partition("[master]")[0])

    with pytest.raises(ConfigurationError, match=r"no \[master\] key"):
        office.run("keys", "generate", "T1")


def test_keys_are_wrapped_under_a_new_master_key_and_the_old_one_is_not_needed_any_more(office: Office) -> None:
    office.run("keys", "import", "T1", typed=typed(*PARTS))
    office.run("keys", "issuer", "import", "62", "pvk", "--index", "1", typed=typed(*PARTS))
    file = office.folder / "keys.toml"
    start, _, old = file.read_text().partition("[master]\nkey = ")
    new = f'"{"5A" * 32}"'

    file.write_text(f"{start}[master]\ncurrent = 2\nkeys.1 = {old.strip()}\nkeys.2 = {new}\n")
    said = [office.run("keys", "rewrap") for _ in range(2)]
    file.write_text(f"{start}[master]\ncurrent = 2\nkeys.2 = {new}\n")

    assert "2 keys wrapped anew; all are under master key 2" in said[0]
    assert "0 keys wrapped anew" in said[1]
    parts = re.findall(r": ([0-9A-F]{32}) ", office.run("keys", "export", "T1"))
    assert xor(*map(bytes.fromhex, parts)) == xor(*PARTS)


def test_a_master_key_that_was_taken_out_too_early_is_named(office: Office) -> None:
    office.run("keys", "import", "T1", typed=typed(*PARTS))
    file = office.folder / "keys.toml"
    start = file.read_text().partition("[master]")[0]

    file.write_text(f'{start}[master]\ncurrent = 2\nkeys.2 = "{"5A" * 32}"\n')

    for command in (("export", "T1"), ("rewrap",)):
        with pytest.raises(ConfigurationError, match="is under master key 1, add that to the key file"):
            office.run("keys", *command)


def test_a_terminals_key_copied_to_another_in_the_books_is_not_given_out(office: Office) -> None:
    (office.folder / "terminals.csv").write_text("terminal_id,merchant_id\nT2,M1\n")
    office.run("import", "terminals", str(office.folder / "terminals.csv"))
    office.run("keys", "import", "T1", typed=typed(*PARTS))
    with closing(sqlite3.connect(office.folder / "switch.sqlite3")) as books, books:
        books.execute(
            "INSERT INTO terminal_key (terminal_id, usage, check_value, block, changed_at) "
            "SELECT 'T2', usage, check_value, block, changed_at FROM terminal_key"
        )

    with pytest.raises(ConfigurationError, match="kept for terminal T2 is another's"):
        office.run("keys", "export", "T2")


def test_how_natural_pins_are_made_is_said_with_their_key(office: Office) -> None:
    key = ("keys", "issuer", "import", "6225", "pin_natural", "--method")

    office.run(*key, "start=3 size=12 fill=D digits=6", typed=typed(*PARTS))

    assert re.search(rf"6225 +pin_natural +{CHECK}", office.run("keys", "list"))
    with pytest.raises(ConfigurationError, match="6225 pin_natural: digits=3: a PIN has 4 to 12 digits"):
        office.run(*key, "digits=3", typed=typed(*PARTS))
