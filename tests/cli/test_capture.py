"""Recordings on the command line: converted, told, cut, merged, described; how each command ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from switch.capture.entry import Direction, Entry, Event
from switch.capture.faults import CaptureFault
from switch.capture.files import CaptureWriter, Head, read_capture
from switch.capture.reading import read_any
from switch.cli import capture
from switch.cli.describe import describe
from switch.errors import ConfigurationError, OperatorError
from tests.capture.wires import (
    ACK,
    CODEC,
    HOST,
    TERMINAL,
    Shot,
    cup_echo,
    echo,
    ethernet,
    handshake,
    ip,
    pcap,
    purchase,
)

ASCII = "iso8583-1987-ascii"
PAN = "4111111111111111"
START_US = 1_763_731_200_000_000

root = typer.Typer()
root.add_typer(capture.capture_app, name="capture")
root.command("describe")(describe)


def run(*words: str | Path) -> Result:
    """A command; what an operator has to change raises."""
    result = CliRunner().invoke(root, [str(word) for word in words])
    if isinstance(result.exception, OperatorError):
        raise result.exception
    return result


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """A pcap of two sales on one connection, and one that is left open."""
    asks, answers = [purchase(1), purchase(2, "5555555555554444")], [echo(1, "0810"), echo(2, "0810")]
    shots = handshake()
    at, back = 1001, 5001
    for ask, answer in zip(asks, answers, strict=True):
        shots += [Shot(TERMINAL, HOST, at, ACK, ask), Shot(HOST, TERMINAL, back, ACK, answer)]
        at, back = at + len(ask), back + len(answer)
    path = tmp_path / "sales.pcap"
    path.write_bytes(pcap([(START_US + number * 400_000, ethernet(ip(shot))) for number, shot in enumerate(shots)]))
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "token.key"
    path.write_text("0123456789abcdef" * 4 + "\n")
    path.chmod(0o600)
    return path


def entries(path: Path) -> list[Entry]:
    with read_capture(path) as recording:
        return list(recording)


def fields(entry: Entry) -> dict[int, str]:
    return CODEC.decode(CODEC.dialect.framing.framer().feed(entry.frame)[0].body)


# --- convert -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sales.capture", "sales.capture.gz"])
def test_a_pcap_is_converted_to_a_capture(sales: Path, tmp_path: Path, name: str) -> None:
    result = run("capture", "convert", sales, tmp_path / name, "--dialect", ASCII)

    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path / name}: 4 messages, 1 openings and ends\n"
    assert result.stderr == ""
    with read_any(sales, ASCII) as recording:
        assert entries(tmp_path / name) == list(recording)
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_a_tokenised_capture_has_other_cards_and_says_so(sales: Path, tmp_path: Path, key: Path) -> None:
    target = tmp_path / "sales.capture"

    result = run("capture", "convert", sales, target, "--dialect", ASCII, "--tokenise", "--key-file", key)

    assert result.exit_code == 0
    assert "2 cards replaced; none of them is left in 4 messages" in result.stdout
    with read_capture(target) as recording:
        assert recording.head.tokenised
    said = [fields(entry) for entry in entries(target) if entry.event is Event.FRAME]
    pans = [message[2] for message in said if message[0] == "0200"]
    assert len(pans) == 2
    assert {PAN, "5555555555554444"}.isdisjoint(pans)
    assert PAN.encode().hex() not in target.read_text()


def test_what_is_tokenised_is_not_tokenised_twice(sales: Path, tmp_path: Path, key: Path) -> None:
    once = tmp_path / "once.capture"
    run("capture", "convert", sales, once, "--dialect", ASCII, "--tokenise", "--key-file", key)

    with pytest.raises(OperatorError, match="is tokenised already"):
        run("capture", "convert", once, tmp_path / "twice.capture", "--tokenise", "--key-file", key)
    run("capture", "convert", once, tmp_path / "copy.capture.gz")
    with read_capture(tmp_path / "copy.capture.gz") as recording:
        assert recording.head.tokenised


def test_tokenising_and_its_key_go_together(sales: Path, tmp_path: Path, key: Path) -> None:
    target = tmp_path / "sales.capture"

    with pytest.raises(OperatorError, match="go together"):
        run("capture", "convert", sales, target, "--tokenise")
    with pytest.raises(OperatorError, match="go together"):
        run("capture", "convert", sales, target, "--key-file", key)
    key.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        run("capture", "convert", sales, target, "--tokenise", "--key-file", key)


def test_a_recording_none_of_which_can_be_tokenised_writes_nothing(tmp_path: Path, key: Path) -> None:
    source = tmp_path / "talk.hex"
    source.write_text(cup_echo(1).hex())

    with pytest.raises(OperatorError, match="none of its 1 messages can be read: another dialect"):
        run("capture", "convert", source, tmp_path / "o.capture", "--dialect", ASCII, "--tokenise", "--key-file", key)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["talk.hex", "token.key"]


def test_a_message_that_does_not_decode_is_left_out_of_a_tokenised_capture(tmp_path: Path, key: Path) -> None:
    source = tmp_path / "talk.hex"
    source.write_text(f"{purchase(1).hex()}\n{cup_echo(1).hex()}\n")
    target = tmp_path / "talk.capture"

    result = run("capture", "convert", source, target, "--dialect", ASCII, "--tokenise", "--key-file", key)

    assert "switch: 1 message(s) left out: does not decode" in result.stderr
    assert len(entries(target)) == 1


def test_a_truncated_pcap_is_converted_as_far_as_it_goes_with_exit_status_two(sales: Path, tmp_path: Path) -> None:
    sales.write_bytes(sales.read_bytes()[:-7])
    target = tmp_path / "sales.capture"

    result = run("capture", "convert", sales, target, "--dialect", ASCII)

    assert result.exit_code == 2
    assert result.stdout == f"{target}: 3 messages, 1 openings and ends\n"
    assert f"packet 7: the file ends in the middle of it; all before it is in {target}" in result.stderr
    assert len(entries(target)) == 4


def test_a_broken_capture_writes_nothing(tmp_path: Path) -> None:
    source = tmp_path / "bad.capture"
    source.write_text('{"switch_capture":1,"dialect":"iso8583-1987-ascii"}\n[]\n{}\n')

    with pytest.raises(CaptureFault, match="line 2: not a JSON object"):
        run("capture", "convert", source, tmp_path / "out.capture")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.capture"]


def test_captures_are_not_written_over(sales: Path, tmp_path: Path) -> None:
    target = tmp_path / "sales.capture"
    target.write_text("mine")

    with pytest.raises(CaptureFault, match=r"sales\.capture: exists"):
        run("capture", "convert", sales, target, "--dialect", ASCII)
    assert target.read_text() == "mine"


def test_what_cannot_be_written_ends_with_exit_status_three(sales: Path, tmp_path: Path) -> None:
    result = run("capture", "convert", sales, tmp_path / "nowhere" / "sales.capture", "--dialect", ASCII)

    assert result.exit_code == 3
    assert result.stderr.endswith("sales.capture: cannot be written: No such file or directory\n")


def test_a_capture_of_another_dialect_is_refused(sales: Path, tmp_path: Path) -> None:
    run("capture", "convert", sales, tmp_path / "sales.capture", "--dialect", ASCII)

    with pytest.raises(CaptureFault, match="a capture of iso8583-1987-ascii, not of unionpay-pos"):
        run("capture", "info", tmp_path / "sales.capture", "--dialect", "unionpay-pos")


# --- info ----------------------------------------------------------------------------------------------------


def test_info_tells_who_said_what_when_and_how_fast(sales: Path, tmp_path: Path) -> None:
    run("capture", "convert", sales, tmp_path / "sales.capture", "--dialect", ASCII)

    result = run("capture", "info", tmp_path / "sales.capture")

    assert result.exit_code == 0
    told = result.stdout.splitlines()
    assert told[1].startswith("made by     switch ")
    assert told[2:] == [
        "dialect     iso8583-1987-ascii",
        "tokenised   no: it may hold real cards",
        "messages    4 (282 bytes), 0 keep-alives",
        "connected   1 connection, 1 openings and 0 ends seen",
        "from        2025-11-21T13:20:00.000000Z",
        "to          2025-11-21T13:20:02.400000Z (2.400 s)",
        "rate        1.7 a second; at most 2 in one second, at 2025-11-21T13:20:01Z",
        "",
        "type           to host   to terminal",
        "------------------------------------",
        "0200                 2             -",
        "0810                 -             2",
    ]


def test_info_reads_other_recordings_too_and_tells_their_losses(tmp_path: Path) -> None:
    shots = [
        *handshake(),
        Shot(TERMINAL, HOST, 1051, ACK, purchase(1)),
        Shot(TERMINAL, HOST, 1051 + 82, ACK, purchase(2)),
    ]
    path = tmp_path / "gap.pcap"
    path.write_bytes(pcap([(START_US, ethernet(ip(shot))) for shot in shots]))

    result = run("capture", "info", path, "--dialect", ASCII)

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "1 gap(s) in TCP streams: 50 bytes are not in the file"


def test_info_of_a_file_cut_off_tells_what_is_whole_first(sales: Path, tmp_path: Path) -> None:
    path = tmp_path / "sales.capture"
    run("capture", "convert", sales, path, "--dialect", ASCII)
    path.write_bytes(path.read_bytes()[:-9])

    ended = switch("capture", "info", path)

    assert ended.returncode == 2
    assert "messages    3 (" in ended.stdout
    assert ended.stderr == f"switch: {path}: line 6: the file ends in the middle of this line\n"


def test_info_of_a_capture_with_a_wrong_line_tells_what_is_before_it(tmp_path: Path) -> None:
    path = written(tmp_path / "bad.capture", 1, 2)
    with path.open("a") as file:
        file.write("[]\n")

    ended = switch("capture", "info", path)

    assert ended.returncode == 2
    assert "messages    2 (" in ended.stdout
    assert ended.stderr == f"switch: {path}: line 4: not a JSON object\n"


def test_info_of_messages_in_another_dialect_says_so(tmp_path: Path) -> None:
    path = tmp_path / "talk.hex"
    path.write_text("\n".join(cup_echo(number).hex() for number in range(5)))

    with pytest.raises(OperatorError, match="none of its messages is one of iso8583-1987-ascii: another dialect"):
        run("capture", "info", path, "--dialect", ASCII)
    result = run("capture", "info", path)
    assert "dialect     unknown (--dialect D names it)" in result.stdout


def test_neither_info_nor_errors_show_card_data(sales: Path, tmp_path: Path) -> None:
    run("capture", "convert", sales, tmp_path / "sales.capture", "--dialect", ASCII)

    shown = (
        run("capture", "info", tmp_path / "sales.capture").output + run("describe", tmp_path / "sales.capture").output
    )

    assert PAN not in shown
    assert "411111******1111" in shown


# --- cut and merge -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "kept"), [
    (["--mti", "0810"],                                                                      [4, 6]),
    (["--mti", "0200", "--mti", "0810", "--first", "3"],                                      [3, 4, 5]),
    (["--first", "1"],                                                                        [0, 3]),
    (["--since", "2025-11-21T13:20:01.2Z"],                                                   [3, 4, 5, 6]),
    (["--until", "1763731202.000000"],                                                        [0, 3, 4]),
    (["--since", "2025-11-21T13:20:01.6Z", "--until", "2025-11-21T13:20:02.4Z"],              [4, 5]),
    (["--connection", "192.0.2.7:49152-198.51.100.1:8583"],                                   [0, 3, 4, 5, 6]),
    (["--connection", "another"],                                                             []),
])  # fmt: skip
def test_a_part_is_cut_out(sales: Path, tmp_path: Path, options: list[str], kept: list[int]) -> None:
    result = run("capture", "cut", sales, tmp_path / "part.capture", "--dialect", ASCII, *options)

    assert result.exit_code == 0
    assert [(entry.at_us - START_US) // 400_000 for entry in entries(tmp_path / "part.capture")] == kept


def test_cutting_asks_for_sensible_options(sales: Path, tmp_path: Path) -> None:
    target = tmp_path / "part.capture"

    with pytest.raises(OperatorError, match="--mti takes four digits"):
        run("capture", "cut", sales, target, "--dialect", ASCII, "--mti", "200")
    with pytest.raises(OperatorError, match="--since: a time is"):
        run("capture", "cut", sales, target, "--dialect", ASCII, "--since", "noon")
    lines = tmp_path / "lines.hex"
    lines.write_text("00")
    with pytest.raises(OperatorError, match="name it with --dialect"):
        run("capture", "cut", lines, target, "--mti", "0200")
    assert not target.exists()


def written(path: Path, *at_us: int, head: Head | None = None) -> Path:
    with CaptureWriter(path, head or Head(dialect=ASCII)) as capture:
        for at in at_us:
            capture.write(Entry(at, "1", Direction.TO_HOST, echo(at), ASCII))
    return path


def test_recordings_are_merged_by_time_and_their_connections_stay_apart(tmp_path: Path) -> None:
    one = written(tmp_path / "one.capture", 1, 4, 5)
    two = written(tmp_path / "two.capture.gz", 2, 4, 9)

    result = run("capture", "merge", one, two, tmp_path / "both.capture")

    assert result.exit_code == 0
    assert [(entry.at_us, entry.connection) for entry in entries(tmp_path / "both.capture")] == [
        (1, "1/1"),
        (2, "2/1"),
        (4, "1/1"),
        (4, "2/1"),
        (5, "1/1"),
        (9, "2/1"),
    ]


def test_what_is_merged_is_tokenised_only_if_all_of_it_is(tmp_path: Path) -> None:
    one = written(tmp_path / "one.capture", 1, head=Head(dialect=ASCII, tokenised=True))
    two = written(tmp_path / "two.capture", 2, head=Head(dialect="", tokenised=False))

    run("capture", "merge", one, two, tmp_path / "both.capture")

    with read_capture(tmp_path / "both.capture") as recording:
        assert (recording.head.tokenised, recording.head.dialect) == (False, "")
        assert [entry.dialect for entry in recording] == [ASCII, ASCII]


def test_one_file_cut_off_does_not_end_the_merger_of_the_others(tmp_path: Path) -> None:
    one = written(tmp_path / "one.capture", 1, 2)
    one.write_bytes(one.read_bytes()[:-9])
    two = written(tmp_path / "two.capture", 3, 4)

    result = run("capture", "merge", one, two, tmp_path / "both.capture")

    assert result.exit_code == 2
    assert "one.capture: line 3: the file ends in the middle of this line" in result.stderr
    assert [entry.at_us for entry in entries(tmp_path / "both.capture")] == [1, 3, 4]


def test_one_recording_is_no_merger(sales: Path, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="two recordings or more"):
        run("capture", "merge", sales, tmp_path / "out.capture")


# --- describe ------------------------------------------------------------------------------------------------


def test_describe_explains_each_message_of_a_recording(sales: Path) -> None:
    result = run("describe", sales, "--dialect", ASCII, "--first", "2")

    assert result.exit_code == 0
    heads = [line for line in result.stdout.splitlines() if line.startswith("#")]
    assert heads == [
        "#1  2025-11-21T13:20:01.200000Z  to host  192.0.2.7:49152-198.51.100.1:8583",
        "#2  2025-11-21T13:20:01.600000Z  to terminal  192.0.2.7:49152-198.51.100.1:8583",
    ]
    assert "411111******1111" in result.stdout
    assert PAN in run("describe", sales, "--dialect", ASCII, "--unmask").stdout


def test_describe_ends_with_exit_status_one_where_a_message_does_not_decode(tmp_path: Path) -> None:
    path = tmp_path / "talk.hex"
    path.write_text(f"{echo(1).hex()}\n{cup_echo(1).hex()}\n")

    result = run("describe", path, "--dialect", ASCII)

    assert result.exit_code == 1
    assert "This is no message of iso8583-1987-ascii" in result.stdout


def test_describe_says_what_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "talk.hex"
    path.write_text(echo(1).hex())

    with pytest.raises(OperatorError, match="does not say which dialect was spoken"):
        run("describe", path)
    with pytest.raises(OperatorError, match="HEX does not say which dialect"):
        run("describe", echo(1).hex())
    with pytest.raises(OperatorError, match="--bare is for HEX"):
        run("describe", path, "--bare")
    with pytest.raises(CaptureFault, match="No such file"):
        run("describe", "nothing.pcap")


# --- as a program --------------------------------------------------------------------------------------------


def switch(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "switch", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ})


@pytest.mark.parametrize(("content", "reason"), [
    (b"",                                "the file is empty"),
    (b"no recording",                    "neither a capture nor a pcap, pcapng, jPOS log or lines of hexadecimal digits"),
    (b'{"switch_capture":9}\n',          "line 1: version 9 of the format; this program reads 1"),
])  # fmt: skip
def test_what_is_no_recording_ends_with_exit_status_two(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    ended = switch("capture", "info", path)

    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"switch: {path}: {reason}\n")
