from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from switch.errors import OperatorError
from switch.tools.describe import Description, describe_bare, describe_frame, parse_hex
from switch.wire.codec import Codec
from switch.wire.dialect import load_dialect

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = {
    sample["id"]: sample
    for sample in map(json.loads, (ROOT / "tests/vectors/messages.jsonl").read_text("utf-8").splitlines())
}
CUP = load_dialect("unionpay-pos")
ASCII = load_dialect("iso8583-1987-ascii")
PURCHASE = (
    b"0200723C448028C08000"
    b"16"
    b"4111111111111111"
    b"000000"
    b"000000001234"
    b"1121000001"
    b"000001"
    b"000001"
    b"1121"
    b"3012"
    b"5411"
    b"021"
    b"00"
    b"34"
    b"4111111111111111=30121010000012345"
    b"532400000001"
    b"TERM0001"
    b"MERCHANT0000001"
    b"156"
)
SECRETS = ("4111111111111111", "30121010000012345", b"4111111111111111".hex().upper())


def table(description: Description) -> dict[str, str]:
    return {line.path: line.value for line in description.lines}


def run(*arguments: str, stdin: str = "", columns: str = "80") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "switch", "describe", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": columns},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- what is told -----------------------------------------------------------------------------------------


def test_a_frame_is_told_from_its_length_to_the_parts_of_its_fields() -> None:
    told = table(describe_frame(bytes.fromhex(SAMPLES["S18b"]["hex"]), CUP))

    assert told["length"] == "00A3"
    assert told["tpdu"] == "6000000510"
    assert told["header"] == "603100000000"
    assert told["mti"] == "0210"
    assert told["2"] == "622500******0014"
    assert told["55.9F36"] == "031E"
    assert told["60"] == "2200000700050"
    assert told["60.2"] == "000007"


@pytest.mark.parametrize("sample", [one for one in SAMPLES.values() if one["roundtrip"]], ids=lambda one: one["id"])
def test_every_sample_can_be_described(sample: dict[str, str]) -> None:
    dialect = load_dialect(sample["project_dialect"])
    layers = sample.get("framing", "")
    data = bytes.fromhex(sample["hex"])
    if layers.startswith("tpdu"):
        data = len(data).to_bytes(2, "big") + data
    framed = layers.startswith(("len2", "tpdu"))

    description = (describe_frame if framed else describe_bare)(data, dialect)
    assert description.trouble is None
    assert {"mti", "bitmap"} <= table(description).keys()


def test_card_data_is_masked_unless_asked_for() -> None:
    masked, open_ = describe_bare(PURCHASE, ASCII), describe_bare(PURCHASE, ASCII, unmask=True)

    assert table(masked)["35"] == "411111******1111=" + "*" * 17
    assert not any(secret in line.value for line in masked.lines for secret in SECRETS)
    assert table(open_)["35"] == "4111111111111111=30121010000012345"


def test_chip_data_is_opened_and_its_card_number_masked() -> None:
    chip = "5A084111111111111111 57134111111111111111D30121010000012345000F 9F3602031E 7006 5F2003414243"
    data = bytes.fromhex("02000000000000000200" + "0044" + chip.replace(" ", ""))

    told = table(describe_bare(data, CUP))
    assert told["55.5A"] == "411111******1111"
    assert told["55.57"].startswith("411111******1111D*")
    assert told["55.9F36"] == "031E"
    assert told["55.70.5F20"] == "******"


def test_private_data_may_hold_chip_data_or_any_text() -> None:
    chip = b"02000000000000000200" + b"0050" + b"\x9f\x36\x02\x03\x1e"
    text = b"02000000000000000200" + b"0050" + b"hello"

    assert table(describe_bare(chip.replace(b"0050", b"005"), ASCII))["55.9F36"] == "031E"
    assert table(describe_bare(text.replace(b"0050", b"005"), ASCII))["55"] == "hello"


def test_text_cannot_disturb_the_screen_and_chinese_can_be_read() -> None:
    body = bytes.fromhex("0200 0000000000000002 0009") + b"\x1b[2J" + "张颖".encode("gbk") + b"!"
    clean = bytes.fromhex("0200 0000000000000002 0004") + "张颖".encode("gbk")

    assert [line.value for line in describe_bare(body, CUP).lines][-1] == r"\x1B[2J\xD5\xC5\xD3\xB1!"
    assert [line.value for line in describe_bare(clean, CUP).lines][-2:] == [r"\xD5\xC5\xD3\xB1", "张颖"]


def test_neither_a_password_nor_a_pay_code_is_shown() -> None:
    fields = {0: "0800", 59: "A20100206SN1234A3006620001", 63: "01 secret7"}

    told = table(describe_bare(Codec(CUP).encode(fields), CUP))

    assert told["59"] == "A20100206SN1234A3006******"
    assert told["63"] == "01 *******"


def test_a_keep_alive_is_told_as_one() -> None:
    description = describe_frame(b"\0\0", CUP)

    assert description.trouble is None
    assert description.lines[0].name == "keep-alive"


# --- what is wrong ----------------------------------------------------------------------------------------


def caret_at(description: Description) -> str:
    """The two characters above the caret."""
    assert description.trouble is not None
    at = description.trouble.caret.index("^")
    return description.trouble.row[at : at + 2]


def test_the_caret_stands_under_the_byte_that_is_wrong() -> None:
    at = PURCHASE.index(b"TERM0001")
    description = describe_bare(PURCHASE[:at] + b"T\x00RM0001" + PURCHASE[at + 8 :], ASCII)

    assert description.trouble is not None
    assert caret_at(description) == "00"
    assert description.trouble.reason == f"field 41 at byte {at + 1}: not a printable character"
    assert table(description)["37"] == "532400000001"


def test_positions_count_from_the_first_byte_given() -> None:
    body = bytes.fromhex("0200 4000000000000000 1A")
    description = describe_frame(CUP.framing.wrap_request(body), CUP)

    assert description.trouble is not None
    assert "byte 23:" in description.trouble.reason


def test_the_bytes_of_a_card_number_are_not_drawn_unless_asked_for() -> None:
    bad = PURCHASE.replace(b"000000000000001234", b"00000000000000123x", 1)
    masked, open_ = describe_bare(bad, ASCII), describe_bare(bad, ASCII, unmask=True)

    assert masked.trouble is not None
    assert open_.trouble is not None
    assert caret_at(masked) == caret_at(open_) == "78"
    assert "31 31 31" not in masked.trouble.row
    assert ".." in masked.trouble.row
    assert ".." not in open_.trouble.row


def test_a_frame_cut_short_is_told_as_far_as_it_goes() -> None:
    data = bytes.fromhex(SAMPLES["S18b"]["hex"])

    short = describe_frame(data[:60], CUP)
    assert short.trouble is not None
    assert short.trouble.reason.startswith("frame at byte 60:")
    assert table(short)["3"] == "000000"
    long = describe_frame(data + b"\0", CUP)
    assert long.trouble is not None
    assert long.trouble.reason.startswith("frame at byte 165:")
    assert table(long)["64"] == "51D8741E"


def test_bad_chip_data_is_told_by_its_tag() -> None:
    data = bytes.fromhex("02000000000000000200" + "0005" + "9F3604031E")

    description = describe_bare(data, CUP)
    assert description.trouble is not None
    assert description.trouble.reason == "field 55.9F36 at byte 15: 4 bytes announced, 2 are there"
    assert table(description)["55"] == "********"
    assert not any("unionpay" in reading for reading in description.trouble.readings)


def test_what_would_make_sense_is_suggested() -> None:
    wrong = describe_frame(PURCHASE, ASCII)
    other = describe_frame(bytes.fromhex(SAMPLES["S18b"]["hex"]), ASCII)

    assert wrong.trouble is not None
    assert other.trouble is not None
    assert "--dialect iso8583-1987-ascii --bare" in wrong.trouble.readings
    assert other.trouble.readings == ("--dialect unionpay-pos",)


@pytest.mark.parametrize(("text", "reason"), [("0g", "character 2"), ("012", "whole bytes"), (" \n", "no bytes")])
def test_bad_hex_is_told_by_its_character(text: str, reason: str) -> None:
    with pytest.raises(OperatorError, match=reason):
        parse_hex(text)


# --- the command ------------------------------------------------------------------------------------------


def test_the_command_prints_a_table_of_80_columns_with_whole_values() -> None:
    long = "x" * 300
    data = ASCII.framing.wrap_request(PURCHASE[:4] + b"0000000000010000" + b"300" + long.encode())

    done = run("--dialect", "iso8583-1987-ascii", data.hex())
    short = run("--dialect", "iso8583-1987-ascii", "--bare", PURCHASE.hex())
    assert done.returncode == short.returncode == 0, done.stderr
    assert long in done.stdout.splitlines()
    assert max(map(len, short.stdout.splitlines())) <= 80
    assert any(line.endswith(" MERCHANT0000001") for line in short.stdout.splitlines())
    assert not any(secret in short.stdout for secret in SECRETS)


def test_the_command_reads_blanks_lines_and_standard_input() -> None:
    spaced = PURCHASE.hex(" ").upper()

    assert run("--dialect", "iso8583-1987-ascii", "--bare", *spaced.split()).returncode == 0
    done = run("--dialect", "iso8583-1987-ascii", "--bare", "--unmask", "-", stdin=spaced.replace(" ", "\n"))
    assert "4111111111111111=30121010000012345" in done.stdout


def test_the_command_ends_with_1_for_a_bad_message_and_2_for_a_bad_question() -> None:
    bad = run("--dialect", "iso8583-1987-ascii", "--bare", PURCHASE.replace(b"TERM", b"TE\0M").hex())

    assert bad.returncode == 1
    assert "^^" in bad.stdout
    assert "field 41" in bad.stdout
    assert run("--dialect", "iso8583-1987-ascii", "0g").returncode == 2
    assert "known:" in run("--dialect", "klingon", "00").stderr


@pytest.mark.parametrize("size", range(24))
def test_a_frame_can_be_cut_anywhere(size: int) -> None:
    description = describe_frame(bytes.fromhex(SAMPLES["S18b"]["hex"])[:size], CUP)

    assert description.trouble is not None
    assert description.trouble.reason.startswith(f"frame at byte {size}:")
