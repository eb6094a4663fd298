from __future__ import annotations

import gzip
import io
import stat
from pathlib import Path

import pytest

from switch.capture.entry import Direction, Entry, Event
from switch.capture.faults import CaptureCut, CaptureFault
from switch.capture.files import CaptureWriter, Head, is_capture, read_capture

HEAD = Head(dialect="iso8583-1987-ascii", made_by="a test")
TALK = [
    Entry(1_000_000, "1", Direction.TO_HOST, b"", "iso8583-1987-ascii", Event.OPEN),
    Entry(1_000_001, "1", Direction.TO_HOST, b"\x00\x040800", "iso8583-1987-ascii"),
    Entry(1_200_000, "1", Direction.TO_TERMINAL, b"\x00\x040810", "iso8583-1987-ascii"),
    Entry(1_300_000, "2 \u00e9", Direction.TO_HOST, b"\x00\x01\xff", "unionpay-pos"),
    Entry(2_000_000, "1", Direction.TO_TERMINAL, b"", "iso8583-1987-ascii", Event.CLOSE),
]


def written(path: Path, entries: list[Entry] = TALK, head: Head = HEAD) -> Path:
    with CaptureWriter(path, head) as capture:
        for entry in entries:
            capture.write(entry)
    return path


def lines(*texts: str) -> bytes:
    head = '{"switch_capture":1,"dialect":"iso8583-1987-ascii","tokenised":false,"made_by":"a test"}'
    return "".join(f"{text}\n" for text in (head, *texts)).encode()


@pytest.mark.parametrize("name", ["talk.capture", "talk.capture.gz"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name)

    with read_capture(path) as capture:
        entries = list(capture)

    assert capture.head == HEAD
    assert entries == TALK


def test_the_format_is_lines_that_people_can_read(tmp_path: Path) -> None:
    path = written(tmp_path / "talk.capture", TALK[2:])

    assert path.read_text("utf-8").splitlines() == [
        '{"switch_capture":1,"dialect":"iso8583-1987-ascii","tokenised":false,"made_by":"a test"}',
        '{"at_us":1200000,"connection":"1","direction":"to_terminal","frame":"000430383130"}',
        '{"at_us":1300000,"connection":"2 é","direction":"to_host","frame":"0001ff","dialect":"unionpay-pos"}',
        '{"at_us":2000000,"connection":"1","direction":"to_terminal","event":"close"}',
    ]


def test_a_capture_is_for_its_owner_only_and_never_written_over_another(tmp_path: Path) -> None:
    path = written(tmp_path / "talk.capture")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(CaptureFault, match=r"talk\.capture: exists"):
        CaptureWriter(path, HEAD)


def test_a_stream_is_written_to_and_stays_open() -> None:
    stream = io.BytesIO()

    with CaptureWriter(stream, HEAD) as capture:
        capture.write(TALK[1])

    assert is_capture(stream.getvalue())
    assert stream.getvalue().count(b"\n") == 2


def test_a_packed_capture_is_known_by_its_first_bytes_whatever_its_name(tmp_path: Path) -> None:
    packed = written(tmp_path / "talk.gz")
    plain = packed.rename(tmp_path / "talk.txt")

    with read_capture(plain) as capture:
        assert len(list(capture)) == len(TALK)


@pytest.mark.parametrize(("line", "reason"), [
    ("{",                                                                            "not JSON"),
    ("[1]",                                                                          "not a JSON object"),
    ('{"connection":"1","direction":"to_host","frame":"00"}',                        "not an entry"),
    ('{"at_us":-1,"connection":"1","direction":"to_host","frame":"00"}',             "not an entry"),
    ('{"at_us":"1","connection":"1","direction":"to_host","frame":"00"}',            "not an entry"),
    ('{"at_us":1,"connection":1,"direction":"to_host","frame":"00"}',                "not an entry"),
    ('{"at_us":1,"connection":"1","direction":"up","frame":"00"}',                   "not an entry"),
    ('{"at_us":1,"connection":"1","direction":"to_host","frame":"0"}',               "not an entry"),
    ('{"at_us":1,"connection":"1","direction":"to_host","frame":""}',                "not an entry"),
    ('{"at_us":1,"connection":"1","direction":"to_host"}',                           "not an entry"),
    ('{"at_us":1,"connection":"1","direction":"to_host","event":"sleep"}',           "not an entry"),
    ('{"at_us":1,"connection":"1","direction":"to_host","frame":"00","dialect":1}',  "not an entry"),
])  # fmt: skip
def test_a_wrong_line_is_named_by_its_number_and_ends_the_reading(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "bad.capture"
    good = '{"at_us":1,"connection":"1","direction":"to_host","frame":"00"}'
    path.write_bytes(lines(good, line, good))

    with read_capture(path) as capture, pytest.raises(CaptureFault, match=f"line 3: {reason}") as told:
        list(capture)

    assert not isinstance(told.value, CaptureCut)


def test_empty_lines_are_no_entries(tmp_path: Path) -> None:
    path = tmp_path / "some.capture"
    path.write_bytes(lines("", '{"at_us":1,"connection":"1","direction":"to_host","frame":"00"}', " "))

    with read_capture(path) as capture:
        assert len(list(capture)) == 1


@pytest.mark.parametrize(("content", "reason"), [
    (b"",                                                  "the file is empty"),
    (b"hello\n",                                           "line 1: not the head of a capture"),
    (b'{"at_us":1}\n',                                     "line 1: not the head of a capture"),
    (b'{"switch_capture":2}\n',                            "line 1: version 2 of the format; this program reads 1"),
    (b'{"switch_capture":"1"}\n',                          r"line 1: version \? of the format"),
    (b'{"switch_capture":true}\n',                         "line 1: version True of the format"),
    (b'{"switch_capture":1,"dialect":7}\n',                "line 1: dialect and made_by are texts"),
])  # fmt: skip
def test_what_is_no_capture_is_refused_at_once(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(CaptureFault, match=reason):
        read_capture(path)


def test_a_missing_file_and_a_folder_are_told_apart_from_captures(tmp_path: Path) -> None:
    with pytest.raises(CaptureFault, match="No such file"):
        read_capture(tmp_path / "nothing")
    with pytest.raises(CaptureFault, match="Is a directory"):
        read_capture(tmp_path)


def read_until_fault(path: Path) -> tuple[list[Entry], str]:
    entries: list[Entry] = []
    with read_capture(path) as capture:
        try:
            for entry in capture:
                entries.append(entry)  # noqa: PERF402 - those before the fault count
        except CaptureCut as cut:
            return entries, str(cut)
    return entries, ""


@pytest.mark.parametrize("lost", [2, 30])
def test_a_file_cut_off_in_its_last_line_hands_out_what_is_whole_and_then_says_so(tmp_path: Path, lost: int) -> None:
    path = written(tmp_path / "talk.capture", TALK[:3])
    path.write_bytes(path.read_bytes()[:-lost])

    entries, told = read_until_fault(path)

    assert entries == TALK[:2]
    assert told.endswith("line 4: the file ends in the middle of this line")


def test_a_last_line_that_only_lacks_its_end_is_whole(tmp_path: Path) -> None:
    path = written(tmp_path / "talk.capture", TALK[:3])
    path.write_bytes(path.read_bytes()[:-1])

    assert read_until_fault(path) == (TALK[:3], "")


def test_a_gzip_stream_cut_off_hands_out_what_is_whole_and_then_says_so(tmp_path: Path) -> None:
    path = written(tmp_path / "talk.capture.gz", TALK * 200)
    path.write_bytes(path.read_bytes()[:-20])

    entries, told = read_until_fault(path)

    assert 900 < len(entries) <= 1000
    assert entries == (TALK * 200)[: len(entries)]
    assert told.endswith("the gzip stream ends early here")


def test_packed_files_put_behind_each_other_are_one(tmp_path: Path) -> None:
    path = tmp_path / "talk.capture.gz"
    entry = '{"at_us":1,"connection":"1","direction":"to_host","frame":"00"}\n'
    path.write_bytes(gzip.compress(lines(entry)) + gzip.compress(entry.encode()) + bytes(512))

    entries, told = read_until_fault(path)

    assert (len(entries), told) == (2, "")


def test_a_damaged_gzip_stream_says_so(tmp_path: Path) -> None:
    path = tmp_path / "talk.capture.gz"
    content = gzip.compress(lines('{"at_us":1,"connection":"1","direction":"to_host","frame":"00"}'))
    path.write_bytes(content[:-8] + bytes(8))

    with pytest.raises(CaptureCut, match="the gzip stream is damaged here"):
        read_capture(path)


def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.capture"
    path.write_bytes(lines() + b"[" * (3 << 20))

    with read_capture(path) as capture, pytest.raises(CaptureFault, match="line 2: longer than 1048576 bytes"):
        list(capture)


def test_neither_an_entry_nor_an_error_shows_what_was_on_the_wire(tmp_path: Path) -> None:
    path = tmp_path / "bad.capture"
    path.write_bytes(lines('{"at_us":1,"connection":"1","direction":"x","frame":"34313131313131313131313131313131"}'))

    with read_capture(path) as capture, pytest.raises(CaptureFault) as told:
        list(capture)

    assert "3431" not in str(told.value)
    assert "30383030" not in repr(TALK[1])
