from __future__ import annotations

from pathlib import Path

import pytest

from switch.errors import ConfigurationError
from switch.wire.dialect import Dialect, HeaderWishes, dialect_names, load_dialect
from switch.wire.framing import Framing
from tests.wire.messages import DIALECTS

SMALL = """
name  = "small"
title = "A dialect for tests"

[framing]
length  = "ascii4"
trailer = "03"

[message]
mti = "ascii"
bitmap = "hex"
last_field = 64

[encodings]
numbers = "ascii"
binary = "hex"
lengths = "ascii"

[fields]
3  = { name = "processing code", format = "n", size = 6 }
39 = { name = "response code", format = "an", size = 2 }
60 = { name = "private", format = "ans", lll = 99 }

[subfields]
"60.1" = { start = 0, size = 2, name = "message type" }

[roles]
processing_code = "3"
action = "39"
batch = "60.1"

[[transactions]]
kind = "purchase"
mti = "0200"
when = { "3" = "00????", "60.1" = "22|" }
required = ["3"]

[answers]
echo = ["3"]

[actions]
approved = "00"
"""


def load(folder: Path, text: str = SMALL, name: str = "small") -> Dialect:
    (folder / f"{name}.toml").write_text(text, "utf-8")
    return load_dialect(name, folder)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text)
    assert str(folder / "small.toml") in str(caught.value)
    return str(caught.value)


def test_four_dialects_come_with_the_switch() -> None:
    assert dialect_names() == ("iso8583-1987-ascii", "iso8583-1987-binary", "iso8583-1993-ascii", "unionpay-pos")


def test_each_presets_its_framing() -> None:
    for name in ("iso8583-1987-ascii", "iso8583-1987-binary", "iso8583-1993-ascii"):
        assert DIALECTS[name].framing == Framing("binary2")
    assert DIALECTS["unionpay-pos"].framing == Framing("binary2", tpdu=True, header_bytes=6)


def test_the_iso_dialects_have_every_field_but_the_bitmaps() -> None:
    for name in ("iso8583-1987-ascii", "iso8583-1987-binary", "iso8583-1993-ascii"):
        assert set(DIALECTS[name].fields) == set(range(2, 129)) - {65}


def test_every_dialect_answers_the_same_actions() -> None:
    actions = [set(DIALECTS[name].actions) for name in dialect_names()]

    assert all(each == actions[0] for each in actions)


# fmt: off
CODES_OF_1987 = [
    ("approved", "00"), ("format_error", "30"), ("invalid_transaction", "12"), ("terminal_unknown", "58"),
    ("terminal_inactive", "58"), ("merchant_unknown", "03"), ("invalid_amount", "13"), ("card_unknown", "14"),
    ("currency_not_supported", "12"), ("card_expired", "54"), ("card_frozen", "62"), ("card_stolen", "43"),
    ("exceeds_amount_limit", "61"), ("exceeds_count_limit", "65"), ("insufficient_funds", "51"),
    ("duplicate_conflict", "94"), ("card_lost", "41"),
]
# fmt: on


@pytest.mark.parametrize(("action", "code"), CODES_OF_1987)
def test_the_codes_of_1987_are_the_agreed_ones(action: str, code: str) -> None:
    assert DIALECTS["iso8583-1987-ascii"].actions[action] == code
    assert DIALECTS["iso8583-1987-binary"].actions[action] == code


def test_a_variant_changes_only_what_it_says() -> None:
    plain, packed = DIALECTS["iso8583-1987-ascii"], DIALECTS["iso8583-1987-binary"]

    assert packed.transactions == plain.transactions
    assert packed.fields[4].encoding == "bcd"
    assert packed.fields[36].encoding == "ascii"
    assert packed.fields[36].name == plain.fields[36].name


def test_a_dialect_is_read_from_any_folder(tmp_path: Path) -> None:
    dialect = load(tmp_path)

    assert dialect.framing == Framing("ascii4", trailer=b"\x03")
    assert dialect.subfields["60.1"].of("2200") == "22"
    assert dialect.transactions[0].when == {"3": "00????", "60.1": "22|"}
    assert dialect_names(tmp_path) == ("small",)


# fmt: off
MISTAKES = [
    ('title = "A dialect for tests"', "",                                "title"),
    ('title = "A dialect for tests"', 'titel = "x"\ntitle = "x"',        "titel"),
    ('length  = "ascii4"',     'length = "ascii5"',                      "framing.length"),
    ('trailer = "03"',         'trailer = "0g"',                         "framing.trailer"),
    ('trailer = "03"',         "trailer_counted = true",                 "framing"),
    ("last_field = 64",        "last_field = 65",                        "message.last_field"),
    ("size = 6 }",             "size = 6, ll = 6 }",                     "fields.3"),
    (", size = 6 }",           " }",                                     "fields.3"),
    ("size = 6 }",             "size = 0 }",                             "fields.3.size"),
    ("size = 6 }",             'size = "6" }',                           "fields.3.size"),
    ("size = 6 }",             'size = 6, encoding = "raw" }',           "fields.3"),
    ("size = 6 }",             'size = 6, pad = "F" }',                  "fields.3"),
    ("size = 6 }",             'size = 6, colour = "red" }',             "fields.3.colour"),
    ("size = 6 }",             'll = 5, encoding = "bcd", counts = "bytes" }', "fields.3"),
    ('"ans", lll = 99 }',      '"b", lll = 99, counts = "digits" }',     "fields.60"),
    ('"ans", lll = 99 }',      '"b", lll = 99, encoding = "hex" }',      "fields.60"),
    ('"ans", lll = 99 }',      '"x+n", lll = 99 }',                      "fields.60"),
    ("lll = 99 }",             "ll = 100 }",                             "fields.60"),
    ("[subfields]",            '65 = { name = "x", format = "n", size = 1 }\n[subfields]', "fields.65"),
    ('"60.1" = { start',       '"61.1" = { start',                       "subfields.61.1"),
    ('batch = "60.1"',         'batch = "60.2"',                         "roles.batch"),
    ('mti = "0200"',           'mti = "0201"',                           "transactions.0.mti"),
    ('required = ["3"]',       'required = ["4"]',                       "transactions.0"),
    ('required = ["3"]',       'requires = ["3"]',                       "transactions.0.requires"),
    ('echo = ["3"]',           'echo = ["4"]',                           "answers"),
    ('approved = "00"',        'approved = "000"',                       "actions.approved"),
    ('39 = { name = "response code", format = "an", size = 2 }', "",     "roles.action"),
]
# fmt: on


@pytest.mark.parametrize(("old", "new", "key"), MISTAKES)
def test_a_mistake_is_told_with_file_and_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert old in SMALL

    assert f": {key}: " in refused(tmp_path, SMALL.replace(old, new, 1))


def test_a_mistake_in_the_toml_is_told_with_its_line(tmp_path: Path) -> None:
    assert "line 3" in refused(tmp_path, 'name = "small"\n\ntitle = = "x"\n')


def test_a_file_must_bear_its_own_name(tmp_path: Path) -> None:
    assert ": name: " in refused(tmp_path, SMALL.replace('"small"', '"large"', 1))


def test_an_unknown_dialect_is_told_with_the_known_ones(tmp_path: Path) -> None:
    load(tmp_path)

    with pytest.raises(ConfigurationError, match=r"no dialect 'other'.*known: small"):
        load_dialect("other", tmp_path)


@pytest.mark.parametrize("name", ["../small", "a/b", "", "Small"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    load(tmp_path)

    with pytest.raises(ConfigurationError, match="no dialect"):
        load_dialect(name, folder)


def test_dialects_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('extends = "small"\n', "utf-8")

    assert "circles" in refused(tmp_path, 'extends = "other"\n')


def test_extends_must_name_a_dialect(tmp_path: Path) -> None:
    assert ": extends: " in refused(tmp_path, "extends = 3\n")


def test_a_dialect_without_a_response_code_is_refused(tmp_path: Path) -> None:
    text = SMALL.replace('39 = { name = "response code", format = "an", size = 2 }', "").replace('action = "39"', "")

    assert ": fields.39: " in refused(tmp_path, text)


def test_a_row_says_whether_its_messages_carry_a_mac_and_what_they_are_about(tmp_path: Path) -> None:
    plain = load(tmp_path).transactions[0]
    told = load(tmp_path, SMALL.replace('mti = "0200"', 'mti = "0200"\nmac = true\ntopic = "aids"')).transactions[0]

    assert (plain.mac, plain.topic) == (False, "")
    assert (told.mac, told.topic) == (True, "aids")


def test_a_header_can_tell_the_terminal_what_to_do(tmp_path: Path) -> None:
    header = '[header]\nrequest_nibble = 3\nwishes = { sign_on = "B" }\n\n[message]'
    text = SMALL.replace('length  = "ascii4"', 'length  = "ascii4"\nheader_bytes = 2').replace("[message]", header)

    assert load(tmp_path).header is None
    assert load(tmp_path, text).header == HeaderWishes(3, {"sign_on": "B"})
    assert ": header.request_nibble: " in refused(tmp_path, text.replace("nibble = 3", "nibble = 4"))
    assert ": header.wishes.sign_on: " in refused(tmp_path, text.replace('"B"', '"G"'))
