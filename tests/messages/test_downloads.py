"""Terminals fetch CA keys, applications and parameters as their firmware reads them."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from switch.data_files import specs_directory
from switch.errors import ConfigurationError
from switch.messages.downloads import LIST_BYTES_MAX, Downloads, load_downloads
from switch.messages.unionpay import ItemName
from switch.wire.tlv import parse_tlv

UNIONPAY = bytes.fromhex("A000000333")
KEY_08, AID_01 = bytes.fromhex("9F0605A0000003339F220108"), bytes.fromhex("9F0608A000000333010101")


def many(count: int) -> Downloads:
    """CA keys of so many indexes, each of one byte."""
    return Downloads({"ca_keys": {ItemName(UNIONPAY, bytes([index])): b"k" for index in range(count)}}, b"")


def changed(folder: Path, name: str, old: str, new: str) -> Path:
    for path in (specs_directory() / "terminals").iterdir():
        shutil.copy(path, folder)
    text = (folder / name).read_text("utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), "utf-8")
    return folder


def test_the_keys_there_are_are_listed_by_owner_and_index() -> None:
    answer = load_downloads().listed("ca_keys", b"100")

    assert answer is not None
    assert answer[:1] == b"1"
    assert [one.value.hex() for one in parse_tlv(answer[1:])][:4] == ["a000000333", "08", "a000000333", "09"]


def test_the_applications_there_are_are_listed() -> None:
    answer = load_downloads().listed("aids", b"")

    assert answer is not None
    assert [one.value.hex().upper() for one in parse_tlv(answer[1:])] == [
        "A000000333010101", "A000000333010102", "A000000333010103", "A000000333010106",
    ]  # fmt: skip


def test_a_list_goes_on_from_what_the_terminal_has() -> None:
    downloads = load_downloads()

    assert downloads.listed("aids", b"103") == b"1" + bytes.fromhex("9F0608A000000333010106")
    assert downloads.listed("aids", b"104") == b"0"
    assert downloads.listed("aids", b"199") == b"0"


def test_a_list_too_long_for_one_message_says_that_there_is_more() -> None:
    downloads, got = many(90), 0
    beginnings = []
    while got < 90:
        answer = downloads.listed("ca_keys", f"1{got:02d}".encode())
        assert answer is not None
        assert len(answer) <= LIST_BYTES_MAX
        beginnings.append(answer[:1])
        got += len(answer[1:]) // 12

    assert (beginnings, got) == ([b"2", b"2", b"1"], 90)


@pytest.mark.parametrize("asked", [b"", b"1", b"1x0", b"200", b"\xff\xff\xff", b"1\xb2\xb2"])
def test_a_position_that_is_none_is_the_first(asked: bytes) -> None:
    downloads = load_downloads()

    assert downloads.listed("aids", asked) == downloads.listed("aids", b"100")


def test_a_key_is_told_whole_with_its_hash() -> None:
    answer = load_downloads().item("ca_keys", KEY_08)

    assert answer is not None
    assert answer[:1] == b"1"
    parts = {one.tag: one.value for one in parse_tlv(answer[1:])}
    assert list(parts) == ["9F06", "9F22", "DF05", "DF06", "DF07", "DF02", "DF04", "DF03"]
    assert (parts["DF05"], len(parts["DF02"])) == (b"20301231", 144)
    whole = parts["9F06"] + parts["9F22"] + parts["DF02"] + parts["DF04"]
    assert hashlib.sha1(whole, usedforsecurity=False).digest() == parts["DF03"]


def test_an_application_is_told_with_its_action_codes() -> None:
    answer = load_downloads().item("aids", AID_01)

    assert answer is not None
    parts = {one.tag: one.value.hex().upper() for one in parse_tlv(answer[1:])}
    assert (parts["9F06"], parts["DF13"]) == ("A000000333010101", "0010000000")
    assert {"DF01", "9F09", "DF11", "DF12", "9F1B", "DF15", "DF16", "DF17", "DF14", "DF18", "9F7B"} <= set(parts)


def test_every_answer_fits_the_field_and_every_item_is_listed() -> None:
    downloads = load_downloads()

    for topic, size in (("ca_keys", 12), ("aids", 11)):
        names = downloads.listed(topic, b"100")
        assert names is not None
        for at in range(1, len(names), size):
            item = downloads.item(topic, names[at : at + size])
            assert item is not None
            assert item.startswith(b"1" + names[at : at + size])
            assert len(item) <= 999


def test_what_is_not_there_is_said_to_be_none() -> None:
    downloads = load_downloads()

    assert downloads.item("ca_keys", bytes.fromhex("9F0605A0000009999F220101")) == b"0"
    assert downloads.item("aids", KEY_08) == b"0"


def test_what_names_nothing_gets_no_answer() -> None:
    downloads = load_downloads()

    assert downloads.item("ca_keys", b"\x9f\x06") is None
    assert downloads.item("tunes", KEY_08) is None
    assert downloads.listed("parameters", b"100") is None


def test_parameters_are_tags_and_values() -> None:
    assert load_downloads().item("parameters", b"") == b"12601331811915201210233"


# fmt: off
MISTAKES = [
    ("ca_keys.toml",    'exponent = "03"',    'exponent = "05"',    r"ca_keys\.0: .*sha1 is not that of"),
    ("ca_keys.toml",    'index    = "09"',    'index    = "0"',     r"ca_keys\.1\.index"),
    ("ca_keys.toml",    'expires  = "2030',   'expires  = "1930',   r"ca_keys\.0\.expires"),
    ("ca_keys.toml",    "[[ca_keys]]",        "[[ca_key]]",         r"ca_key: Extra"),
    ("aids.toml",       "A000000333010102",   "A000000333010101",   r"two rows have the same aid"),
    ("aids.toml",       'DF11 = "D8',         'DF11 = "X8',         r"tags\.DF11"),
    ("aids.toml",       "DF11 =",             "DF1 =",              r"tags\.DF1"),
    ("parameters.toml", 'tag     = "12"',     'tag     = "1"',      r"parameters\.0\.tag"),
    ("parameters.toml", "[[parameters]]",     "[[parameters",       r"not TOML"),
]
# fmt: on


@pytest.mark.parametrize(("name", "old", "new", "reason"), MISTAKES)
def test_a_mistake_stops_the_start_with_file_key_and_reason(
    tmp_path: Path, name: str, old: str, new: str, reason: str
) -> None:
    folder = changed(tmp_path, name, old, new)

    with pytest.raises(ConfigurationError, match=rf"{name}: .*{reason}"):
        load_downloads(folder)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"ca_keys\.toml: cannot be read"):
        load_downloads(tmp_path)


def test_keys_told_twice_are_refused(tmp_path: Path) -> None:
    folder = changed(tmp_path, "ca_keys.toml", "[[ca_keys]]", "[[ca_keys]]")
    text = (folder / "ca_keys.toml").read_text("utf-8")
    (folder / "ca_keys.toml").write_text(text + text[text.index("[[ca_keys]]") :], "utf-8")

    with pytest.raises(ConfigurationError, match="two rows have the same rid and index"):
        load_downloads(folder)
