from __future__ import annotations

import json
from pathlib import Path

import pytest

from switch.capture.entry import Direction, Entry, Event
from switch.capture.faults import CaptureFault
from switch.capture.files import CaptureWriter, Head
from switch.errors import ConfigurationError, OperatorError
from switch.tools.message_diff import DiffRow, Message, UnreadableMessage, diff_messages, read_message
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = {
    sample["id"]: sample
    for sample in map(json.loads, (ROOT / "tests/vectors/messages.jsonl").read_text("utf-8").splitlines())
}
WHOLE = {
    name: sample
    for name, sample in SAMPLES.items()
    if sample.get("project_dialect") and not sample.get("framing", "").startswith("tpdu5")  # a header and no length
}
ASCII = load_dialect("iso8583-1987-ascii")
PAN, OTHER_PAN = "4111111111111111", "4111119999991111"
CHIP = "9F2608AABBCCDDEEFF00119F36020007"
PURCHASE: Fields = {
    0: "0200",
    2: PAN,
    3: "000000",
    4: "000000001000",
    7: "1121093000",
    11: "000042",
    41: "TERM0001",
    42: "MERCHANT0000001",
}


def frame(changes: Fields | None = None, dialect: str = "iso8583-1987-ascii") -> bytes:
    spoken = load_dialect(dialect)
    fields = {number: value for number, value in sorted({**PURCHASE, **(changes or {})}.items()) if value}
    return spoken.framing.wrap_request(Codec(spoken).encode(fields))


def message(changes: Fields | None = None, dialect: str = "iso8583-1987-ascii") -> Message:
    return Message("m", frame(changes, dialect), load_dialect(dialect))


def differing(before: Message, after: Message, *, unmask: bool = False) -> dict[str, DiffRow]:
    return {row.path: row for row in diff_messages(before, after, unmask=unmask) if row.differs}


def capture_of(folder: Path, *frames: bytes, dialect: str = "iso8583-1987-ascii") -> Path:
    path = folder / "day.jsonl"
    with CaptureWriter(path, Head(dialect=dialect)) as writer:
        writer.write(Entry(0, "1", Direction.TO_HOST, b"", event=Event.OPEN))
        for at, one in enumerate(frames, 1):
            writer.write(Entry(at, "1", Direction.TO_HOST, one))
    return path


# --- what differs -----------------------------------------------------------------------------------------


def test_a_message_is_the_same_as_itself() -> None:
    assert differing(message(), message()) == {}


def test_a_field_that_differs_is_told_with_both_values() -> None:
    found = differing(message(), message({4: "000000002000", 11: "000043"}))

    assert set(found) == {"4", "11"}
    assert (found["4"].before, found["4"].after) == ("000000001000", "000000002000")


def test_a_field_that_only_one_has_is_absent_in_the_other() -> None:
    found = differing(message(), message({38: "A1B2C3"}))

    assert set(found) == {"38"}
    assert (found["38"].before, found["38"].after) == (None, "A1B2C3")


def test_a_subfield_is_told_beside_its_field() -> None:
    found = differing(message(), message({3: "200000"}))

    assert set(found) == {"3", "3.1"}
    assert (found["3.1"].before, found["3.1"].after) == ("00", "20")


def test_a_tag_of_the_chip_is_told_by_its_name() -> None:
    chip, other = bytes.fromhex(CHIP), bytes.fromhex(CHIP[:-4] + "0008")

    found = differing(message({55: chip.decode("latin-1")}), message({55: other.decode("latin-1")}))

    assert set(found) == {"55.9F36"}
    assert found["55.9F36"].name == "application transaction counter"
    assert (found["55.9F36"].before, found["55.9F36"].after) == ("0007", "0008")


def test_length_and_bitmap_follow_from_the_fields() -> None:
    rows = {row.path: row for row in diff_messages(message(), message({38: "A1B2C3"}))}

    assert rows["bitmap"].before != rows["bitmap"].after
    assert not rows["bitmap"].differs
    assert not rows["length"].differs


def test_the_same_fields_in_two_dialects_are_the_same_message() -> None:
    assert differing(message(), message(dialect="iso8583-1987-binary")) == {}


def test_a_message_without_length_and_header_is_read_too() -> None:
    bare = Message("bare", frame()[2:], ASCII)

    assert differing(message(), bare) == {}
    assert set(differing(bare, message({11: "000043"}))) == {"11"}


def test_lines_come_in_the_order_of_fields() -> None:
    rows = diff_messages(message({38: "A1B2C3"}), message({25: "00", 70: "301"}))

    numbers = [int(row.path) for row in rows if row.path.isdecimal()]
    assert numbers == sorted(numbers)
    assert {25, 38, 70} <= set(numbers)


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_published_message_is_the_same_as_itself_and_not_as_an_empty_one(name: str) -> None:
    dialect = load_dialect(WHOLE[name]["project_dialect"])
    one = Message(name, bytes.fromhex(WHOLE[name]["hex"]), dialect)
    empty = Message("empty", Codec(dialect).encode({0: "0800"}), dialect)

    assert differing(one, one) == {}
    assert {"mti", "11", "41", "70", "39"} & set(differing(one, empty))


# --- what is not shown ------------------------------------------------------------------------------------


def test_two_card_numbers_that_look_alike_masked_are_told_as_different() -> None:
    row = differing(message(), message({2: OTHER_PAN}))["2"]

    assert row.hidden
    assert row.before == row.after == "411111******1111"


def test_card_data_is_shown_on_demand_only() -> None:
    track, other = f"{PAN}=30121010000012345", f"{PAN}=30121010000099999"

    masked = diff_messages(message({35: track}), message({35: other}))
    clear = diff_messages(message({35: track}), message({35: other}), unmask=True)

    assert not any("12345" in f"{row.before}" or PAN in f"{row.before}" for row in masked)
    assert any(row.before == track and row.after == other for row in clear)


def test_neither_rows_nor_messages_show_their_values() -> None:
    rows = diff_messages(message(), message({2: OTHER_PAN}), unmask=True)

    assert PAN not in repr(rows)
    assert PAN.encode().hex() not in repr(message()).lower()


# --- where messages come from -----------------------------------------------------------------------------


def test_a_message_is_given_in_hexadecimal_or_as_a_file_of_it(tmp_path: Path) -> None:
    text, path = frame().hex(), tmp_path / "one.hex"
    path.write_text(f"{text[:40]}\n{text[40:]}\n")

    read = [read_message(given, ASCII.name) for given in (text, str(path), f"@{path}")]

    assert [one.data for one in read] == [frame()] * 3


def test_a_file_may_hold_the_bytes_themselves(tmp_path: Path) -> None:
    path = tmp_path / "one.bin"
    path.write_bytes(frame())

    assert read_message(str(path), ASCII.name).data == frame()


def test_an_entry_of_a_capture_is_named_by_its_number_and_brings_its_dialect(tmp_path: Path) -> None:
    path = capture_of(tmp_path, frame(), frame({11: "000043"}))

    read = read_message(f"{path}#3", "")

    assert read.data == frame({11: "000043"})
    assert read.dialect.name == ASCII.name
    assert read.label == f"{path}#3"


@pytest.mark.parametrize(
    ("entry", "told"),
    [("1", "not a message but the open of a connection"), ("4", "there are not so many"), ("0", "not so many")],
)
def test_an_entry_that_is_no_message_is_refused(tmp_path: Path, entry: str, told: str) -> None:
    path = capture_of(tmp_path, frame(), frame())

    with pytest.raises(CaptureFault, match=told):
        read_message(f"{path}#{entry}", "")


def test_a_capture_without_a_number_asks_for_one(tmp_path: Path) -> None:
    path = capture_of(tmp_path, frame())

    with pytest.raises(OperatorError, match=r"name one by its number, like day.jsonl#1"):
        read_message(str(path), ASCII.name)


@pytest.mark.parametrize("text", ["", "  ", "xyz", "@nowhere.hex", "nowhere.jsonl#1"])
def test_what_is_no_message_and_no_file_is_refused(text: str) -> None:
    with pytest.raises(OperatorError):
        read_message(text, ASCII.name)


def test_a_missing_dialect_is_asked_for_by_its_option() -> None:
    with pytest.raises(OperatorError, match="--dialect-b: which dialect"):
        read_message(frame().hex(), "", "--dialect-b")
    with pytest.raises(ConfigurationError, match="no dialect 'klingon'"):
        read_message(frame().hex(), "klingon")


def test_a_message_that_does_not_decode_is_named_without_its_bytes() -> None:
    broken = Message("HEX of 9 bytes", frame()[:-9], ASCII)

    with pytest.raises(UnreadableMessage) as caught:
        diff_messages(message(), broken)

    assert "HEX of 9 bytes: no message of iso8583-1987-ascii: " in str(caught.value)
    assert PAN not in str(caught.value)
