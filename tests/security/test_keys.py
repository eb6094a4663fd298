"""The key file: private or refused, written once, wrong in no silent way."""

from __future__ import annotations

from pathlib import Path

import pytest

from switch.errors import ConfigurationError
from switch.security.keys import MasterKeys, load_keys, write_fresh_keys

ONE = "11" * 32
TWO = "22" * 32
LOOKUP = "99" * 32
MASTER = "aa" * 32
WITHOUT_MASTER = f'[vault]\ncurrent = 1\nkeys.1 = "{ONE}"\n[lookup]\nkey = "{LOOKUP}"\n'
WITH_MASTER = f'{WITHOUT_MASTER}[master]\nkey = "{MASTER}"\n'


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.toml"
    write_fresh_keys(path)
    return path


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_fresh_keys_are_private_random_and_load(key_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    write_fresh_keys(other)

    keys = load_keys(key_file, {})

    assert key_file.stat().st_mode & 0o777 == 0o600
    assert keys.current == 1
    again = load_keys(other, {})
    assert keys.master is not None
    assert again.master is not None
    fresh = [
        key
        for made in (keys, again)
        for key in (made.vault[1], made.lookup, made.master.keys[1] if made.master else b"")
    ]
    assert {len(key) for key in fresh} == {32}
    assert len(set(fresh)) == 6


def test_fresh_keys_never_replace_old_ones(key_file: Path) -> None:
    before = key_file.read_bytes()

    with pytest.raises(ConfigurationError, match="exists"):
        write_fresh_keys(key_file)

    assert key_file.read_bytes() == before
    assert [entry.name for entry in key_file.parent.iterdir()] == [key_file.name]


def test_keys_are_not_written_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_fresh_keys(tmp_path / "nowhere" / "keys.toml")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_file_that_others_may_touch_is_refused_with_the_command_that_helps(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)

    with pytest.raises(ConfigurationError, match=f"chmod 600 {key_file}"):
        load_keys(key_file, {})


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such key file"):
        load_keys(tmp_path / "keys.toml", {})


def test_a_folder_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a file"):
        load_keys(tmp_path, {})


def test_the_environment_wins_over_the_file_and_its_newest_key_is_current(key_file: Path) -> None:
    keys = load_keys(key_file, {"SWITCH_VAULT_KEYS": f"2:{TWO} 1:{ONE}", "SWITCH_LOOKUP_KEY": LOOKUP})

    assert keys.current == 2
    assert keys.vault == {1: bytes.fromhex(ONE), 2: bytes.fromhex(TWO)}
    assert keys.lookup == bytes.fromhex(LOOKUP)


def test_the_environment_may_keep_an_older_key_current(key_file: Path) -> None:
    keys = load_keys(
        key_file,
        {"SWITCH_VAULT_KEYS": f"1:{ONE} 2:{TWO}", "SWITCH_LOOKUP_KEY": LOOKUP, "SWITCH_VAULT_CURRENT": "1"},
    )

    assert keys.current == 1


def test_a_file_made_before_there_was_a_master_key_stays_valid(tmp_path: Path) -> None:
    keys = load_keys(_write(tmp_path / "keys.toml", WITHOUT_MASTER), {})

    assert keys.lookup == bytes.fromhex(LOOKUP)
    assert keys.master is None


def test_the_master_key_is_read_from_the_file(tmp_path: Path) -> None:
    assert load_keys(_write(tmp_path / "keys.toml", WITH_MASTER), {}).master == MasterKeys(
        1, {1: bytes.fromhex(MASTER)}
    )


def test_master_keys_have_versions_of_which_one_wraps(tmp_path: Path) -> None:
    versions = f'{WITHOUT_MASTER}[master]\ncurrent = 2\nkeys.1 = "{MASTER}"\nkeys.2 = "{TWO}"\n'

    read = load_keys(_write(tmp_path / "keys.toml", versions), {}).master
    told = load_keys(tmp_path / "keys.toml", {"SWITCH_MASTER_KEY": f"1:{MASTER} 12:{TWO}"}).master

    assert read == MasterKeys(2, {1: bytes.fromhex(MASTER), 2: bytes.fromhex(TWO)})
    assert told == MasterKeys(12, {1: bytes.fromhex(MASTER), 12: bytes.fromhex(TWO)})
    assert TWO not in repr(read)
    assert repr(bytes.fromhex(TWO)) not in repr(read)


@pytest.mark.parametrize("text", [WITHOUT_MASTER, WITH_MASTER])
def test_the_environment_may_give_the_master_key_beside_a_file_that_gives_the_others(text: str, tmp_path: Path) -> None:
    keys = load_keys(_write(tmp_path / "keys.toml", text), {"SWITCH_MASTER_KEY": TWO})

    assert keys.master == MasterKeys(1, {1: bytes.fromhex(TWO)})
    assert keys.vault == {1: bytes.fromhex(ONE)}
    assert keys.lookup == bytes.fromhex(LOOKUP)


def test_where_the_environment_gives_the_vault_keys_the_file_gives_no_master_key(tmp_path: Path) -> None:
    path = _write(tmp_path / "keys.toml", WITH_MASTER)
    vault = {"SWITCH_VAULT_KEYS": f"1:{ONE}", "SWITCH_LOOKUP_KEY": LOOKUP}

    assert load_keys(path, vault).master is None
    assert load_keys(path, {**vault, "SWITCH_MASTER_KEY": TWO}).master == MasterKeys(1, {1: bytes.fromhex(TWO)})


def test_a_wrong_master_key_beside_a_file_is_told_with_the_variable_and_not_shown(key_file: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"keys\.toml with SWITCH_MASTER_KEY: master\.key: must be 32 bytes"
    ) as refused:
        load_keys(key_file, {"SWITCH_MASTER_KEY": ONE[2:]})

    assert ONE[2:] not in str(refused.value)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"SWITCH_LOOKUP_KEY": LOOKUP}, "vault.keys"),
        ({"SWITCH_VAULT_KEYS": f"1:{ONE}"}, "lookup.key"),
        ({"SWITCH_VAULT_KEYS": ONE, "SWITCH_LOOKUP_KEY": LOOKUP}, "vault"),
        ({"SWITCH_VAULT_KEYS": f"0:{ONE}", "SWITCH_LOOKUP_KEY": LOOKUP}, "greater than or equal to 1"),
        ({"SWITCH_VAULT_KEYS": f"1:{ONE}", "SWITCH_MASTER_KEY": MASTER}, "lookup.key"),
        ({"SWITCH_VAULT_KEYS": f"1:{ONE}", "SWITCH_LOOKUP_KEY": LOOKUP, "SWITCH_MASTER_KEY": ""}, "master.key"),
        (
            {"SWITCH_VAULT_KEYS": f"1:{ONE}", "SWITCH_LOOKUP_KEY": LOOKUP, "SWITCH_MASTER_KEY": ONE},
            "two keys are equal",
        ),
        ({"SWITCH_MASTER_KEY": ONE}, "no such key file"),
    ],
)
def test_a_half_set_environment_is_refused(environment: dict[str, str], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=reason) as refused:
        load_keys(tmp_path / "none.toml", environment)

    assert ONE not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "vault: Field required"),
        (f'[vault]\ncurrent = 2\nkeys.1 = "{ONE}"\n[lookup]\nkey = "{LOOKUP}"', "current is 2"),
        (f'[vault]\ncurrent = 1\nkeys.1 = "{ONE}"\n[lookup]\nkey = "{ONE}"', "two keys are equal"),
        (f'[vault]\ncurrent = 1\nkeys.1 = "{ONE[2:]}"\n[lookup]\nkey = "{LOOKUP}"', r"vault.keys.1: must be 32 bytes"),
        (f'[vault]\ncurrent = 1\nkeys.1 = "{ONE[2:]}zz"\n[lookup]\nkey = "{LOOKUP}"', "64 hex digits"),
        (f'[vault]\ncurrent = 1\nkeys.1 = 1\n[lookup]\nkey = "{LOOKUP}"', "must be text"),
        (f'[vault]\ncurrent = 1\nkeys.{ONE} = "{ONE}"\n[lookup]\nkey = "{LOOKUP}"', "vault.keys"),
        (f'{ONE} = 1\n[vault]\ncurrent = 1\nkeys.1 = "{TWO}"\n[lookup]\nkey = "{LOOKUP}"', "not permitted"),
        (f"[vault\n{ONE}", "not TOML"),
        (f'{WITHOUT_MASTER}[master]\nkey = "{ONE}"', "two keys are equal"),
        (f'{WITHOUT_MASTER}[master]\nkey = "{LOOKUP}"', "two keys are equal"),
        (f'{WITHOUT_MASTER}[master]\nkey = "{ONE[2:]}"', "master.key: must be 32 bytes"),
        (f"{WITHOUT_MASTER}[master]", "master: give one key, or current and"),
        (f'{WITHOUT_MASTER}[master]\nkeys.2 = "{TWO}"', "master: current must be the version of one"),
        (f'{WITHOUT_MASTER}[master]\ncurrent = 1\nkeys.2 = "{TWO}"', "master: current must be the version of one"),
        (f'{WITHOUT_MASTER}[master]\nkey = "{TWO}"\nkeys.2 = "{MASTER}"', "master: give one key, or current and"),
        (f'{WITHOUT_MASTER}[master]\nkey = "{TWO}"\ncurrent = 1', "master: give one key, or current and"),
        (f'{WITHOUT_MASTER}[master]\ncurrent = 1\nkeys.1 = "{TWO}"\nkeys.2 = "{TWO}"', "two keys are equal"),
        (f'{WITHOUT_MASTER}[master]\ncurrent = 1000\nkeys.1000 = "{TWO}"', "master.current"),
        (f'{WITHOUT_MASTER}[master]\n{ONE} = "{TWO}"', "not permitted"),
        (f'master = "{ONE}"\n{WITHOUT_MASTER}', "master: "),
    ],
)
def test_a_wrong_file_names_the_place_and_never_shows_a_key(text: str, reason: str, tmp_path: Path) -> None:
    path = _write(tmp_path / "keys.toml", text)

    with pytest.raises(ConfigurationError, match=reason) as refused:
        load_keys(path, {})

    assert ONE[2:] not in str(refused.value)
    assert str(path) in str(refused.value)


def test_keys_do_not_show_themselves(key_file: Path) -> None:
    keys = load_keys(key_file, {})

    assert repr(keys) == "Keys(current=1, master=MasterKeys(current=1))"
