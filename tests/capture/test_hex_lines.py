from __future__ import annotations

from pathlib import Path

import pytest

from switch.capture.entry import Direction
from switch.capture.faults import CaptureFault
from switch.capture.hex_lines import microseconds
from switch.capture.reading import is_recording, read_any
from tests.capture.wires import echo

ASCII = "iso8583-1987-ascii"
ASK, ANSWER = echo(1).hex(), echo(1, "0810").hex()


def test_a_frame_a_line_is_a_millisecond_after_the_one_before_and_goes_where_its_type_says(tmp_path: Path) -> None:
    path = tmp_path / "talk.hex"
    path.write_text(f"# pasted from a log\n{ASK}  # asks\n\n{ANSWER.upper()}\n")

    with read_any(path, ASCII) as recording:
        entries = [(entry.at_us, entry.direction, entry.frame) for entry in recording]

    assert entries == [(0, Direction.TO_HOST, echo(1)), (1000, Direction.TO_TERMINAL, echo(1, "0810"))]


@pytest.mark.parametrize(
    ("prefix", "at_us", "direction"),
    [
        ("2026-11-21T13:00:00Z >", 1_795_266_000_000_000, Direction.TO_HOST),
        ("2026-11-21T13:00:00.250 <", 1_795_266_000_250_000, Direction.TO_TERMINAL),
        ("2026-11-21T14:00:00.250001+01:00 to_host", 1_795_266_000_250_001, Direction.TO_HOST),
        ("1795266000.5 to_terminal", 1_795_266_000_500_000, Direction.TO_TERMINAL),
        ("1795266000.123456789", 1_795_266_000_123_456, Direction.TO_HOST),
        ("<", 0, Direction.TO_TERMINAL),
    ],
)
def test_a_line_may_begin_with_a_time_and_a_direction(
    tmp_path: Path, prefix: str, at_us: int, direction: Direction
) -> None:
    path = tmp_path / "talk.hex"
    path.write_text(f"{prefix} {ASK[:4]} {ASK[4:]}\n")

    with read_any(path) as recording:
        (entry,) = recording

    assert (entry.at_us, entry.direction, entry.frame, entry.dialect) == (at_us, direction, echo(1), "")


@pytest.mark.parametrize("line", ["0", "00 0", "xy", ">", "2026-11-21T13:00:00Z", "2026-13-41T13:00:00Z 00"])
def test_a_line_that_is_none_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "talk.hex"
    path.write_text(f"{ASK}\n\n{line}\n")

    with read_any(path) as recording, pytest.raises(CaptureFault, match=r"line 3: (not whole bytes|the time)"):
        list(recording)


def test_a_time_is_read_to_the_microsecond() -> None:
    assert microseconds("1970-01-01T00:00:00.000001Z") == 1
    assert microseconds("12") == 12_000_000
    with pytest.raises(ValueError, match="noon"):
        microseconds("noon")


@pytest.mark.parametrize(("content", "reason"), [
    (b"",                        "the file is empty"),
    (b"\n# nothing\n",           "neither a capture nor"),
    (b"Hello, world\n",          "neither a capture nor"),
    (b"\x89PNG\r\n\x1a\n\0\0",   "neither a capture nor"),
    (b"\x1f\x8b\x08",            "the gzip stream ends early"),
])  # fmt: skip
def test_what_nobody_can_read_is_told(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(CaptureFault, match=reason):
        read_any(path, ASCII)


def test_recordings_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(f"{ASK}\n")

    assert is_recording(path)
    path.write_bytes(b"\x89PNG")
    assert not is_recording(path)
    path.write_bytes(b"")
    assert not is_recording(path)
