from __future__ import annotations

import resource
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from switch.capture.entry import Direction, Entry, Event
from switch.capture.files import read_capture
from switch.capture.notes import Kind, Note, NoteReader, written_note
from switch.capture.orders import Account, Order
from switch.capture.recording import Recording
from switch.capture.scribe import Scribe
from switch.capture.tokens import Tokens
from switch.errors import ConfigurationError, OperatorError
from switch.wire.codec import Codec
from switch.wire.dialect import load_dialect
from switch.wire.framing import Framing

ASCII = "iso8583-1987-ascii"
CARD = "4111111111111111"
KEY = bytes(range(32))
NOON = 1_772_596_800_000_000
CODEC = Codec(load_dialect(ASCII))


def frame(stan: int = 1, **fields: str) -> bytes:
    message = {0: "0200", 2: CARD, 11: f"{stan:06d}", 41: "TERM0001"} | {int(n[1:]): text for n, text in fields.items()}
    message = {number: message[number] for number in sorted(message)}
    return CODEC.dialect.framing.wrap_request(CODEC.encode(message))


def entries(path: Path | str) -> list[Entry]:
    with read_capture(Path(path)) as capture:
        return list(capture)


def talk(*notes: tuple[Kind, bytes], connection: int = 1) -> list[Note]:
    return [Note(kind, NOON + at, connection, data) for at, (kind, data) in enumerate(notes)]


def recorded(order: Order, *notes: Note) -> Account:
    scribe = Scribe(order, NOON)
    scribe.take(notes)
    return scribe.finish()


# --- the scribe ---


def test_streams_are_cut_into_frames_however_they_were_read(tmp_path: Path) -> None:
    one, two = frame(1), frame(2)
    path = tmp_path / "talk.jsonl"

    account = recorded(
        Order(path, ASCII),
        *talk((Kind.OPENED, b"10.0.0.1:999"), (Kind.TO_HOST, one[:9]), (Kind.TO_HOST, one[9:] + two[:1])),
        *talk((Kind.TO_TERMINAL, two), (Kind.TO_HOST, two[1:]), (Kind.ENDED_BY_HOST, b""), (Kind.GONE, b"")),
    )

    assert [(e.event, e.direction, e.frame) for e in entries(path)] == [
        (Event.OPEN, Direction.TO_HOST, b""),
        (Event.FRAME, Direction.TO_HOST, one),
        (Event.FRAME, Direction.TO_TERMINAL, two),
        (Event.FRAME, Direction.TO_HOST, two),
        (Event.CLOSE, Direction.TO_TERMINAL, b""),
    ]
    assert {e.connection for e in entries(path)} == {"10.0.0.1:999"}
    assert (account.files, account.frames, account.entries, account.trouble) == ([str(path)], 3, 5, "")


def test_without_a_dialect_each_read_is_kept_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"

    recorded(Order(path), *talk((Kind.OPENED, b"a"), (Kind.TO_HOST, b"\x00\x09anything"), (Kind.GONE, b"")))

    assert [e.frame for e in entries(path)] == [b"", b"\x00\x09anything"]


def test_after_a_loss_the_next_frame_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"

    account = recorded(
        Order(path, ASCII),
        *talk((Kind.OPENED, b"a"), (Kind.TO_HOST, frame(1)[:20]), (Kind.LOST, b"")),
        *talk((Kind.TO_HOST, frame(2)[50:] + frame(3)), (Kind.GONE, b"")),
    )

    assert [e.frame for e in entries(path) if e.frame] == [frame(3)]
    assert account.skipped_bytes == 20 + len(frame(2)) - 50


def test_cards_are_replaced_before_anything_reaches_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl.gz"

    account = recorded(
        Order(path, ASCII, key=KEY), *talk((Kind.OPENED, b"a"), (Kind.TO_HOST, frame()), (Kind.GONE, b""))
    )

    token = Tokens(KEY).token(CARD).encode()
    with read_capture(path) as capture:
        assert capture.head.tokenised
        assert [token in e.frame for e in capture] == [False, True]
    assert (account.cards, account.files, [p.name for p in tmp_path.iterdir()]) == (1, [str(path)], ["talk.jsonl.gz"])


def test_a_file_in_which_a_card_is_left_is_put_aside_and_told(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    hidden = frame(2, f2="5500000000000004", f43=f"{CARD[:15]}1 IN A NAME        ".ljust(40))

    account = recorded(Order(path, ASCII, key=KEY), *talk((Kind.OPENED, b"a"), (Kind.TO_HOST, hidden + frame(1))))

    assert (account.files, account.untrusted, account.forms["text"]) == ([], [f"{path}.untrusted"], 1)
    assert [p.name for p in tmp_path.iterdir()] == ["talk.jsonl.untrusted"]


def test_frames_that_cannot_be_tokenised_are_dropped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    wrong = CODEC.dialect.framing.wrap_request(b"0200" + b"4000000000000000" + b"99" + CARD.encode())

    account = recorded(Order(path, ASCII, key=KEY), *talk((Kind.OPENED, b"a"), (Kind.TO_HOST, wrong + frame())))

    assert (account.frames, account.dropped) == (1, {"does not decode": 1})
    assert CARD.encode().hex() not in path.read_text("utf-8")


def test_files_rotate_by_size_and_none_is_written_over(tmp_path: Path) -> None:
    order = Order(tmp_path / "door.jsonl", ASCII, rotate_bytes=100_000)
    notes = talk((Kind.OPENED, b"a"), *((Kind.TO_HOST, frame(stan)) for stan in range(4000)))

    first = recorded(order, *notes)
    second = recorded(order, *notes[:5])

    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == sorted(Path(name).name for name in first.files + second.files)
    assert names[0] == "door-20260304T040000Z-0001.jsonl"
    assert len(first.files) > 2
    assert sum(len(entries(name)) for name in first.files) == 4001


def test_more_cards_than_are_remembered_begin_another_file(tmp_path: Path) -> None:
    order = Order(tmp_path / "talk.jsonl", ASCII, key=KEY)
    scribe = Scribe(order, NOON)
    scribe._tokeniser._seen._cards_max = 1  # type: ignore[union-attr]

    scribe.take(talk((Kind.OPENED, b"a"), (Kind.TO_HOST, frame() + frame(2, f2="5500000000000004"))))
    account = scribe.finish()

    assert (len(account.files), account.cards, account.frames) == (2, 2, 2)


@pytest.mark.parametrize("name", ["there.jsonl", "none/talk.jsonl"])
def test_a_file_that_cannot_be_begun_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "there.jsonl").touch()

    with pytest.raises(OperatorError, match=name):
        Scribe(Order(tmp_path / name, ASCII), NOON)


# --- notes and orders ---


def test_notes_are_read_back_in_whatever_pieces_they_come() -> None:
    notes = [(Kind.OPENED, 1, 7, b"name"), (Kind.TO_HOST, 2, 7, b"x" * 1000), (Kind.GONE, 3, 7, b"")]
    data = b"".join(written_note(*note) for note in notes)

    for size in (1, 20, 21, 22, len(data)):
        reader = NoteReader()
        read = [note for at in range(0, len(data), size) for note in reader.feed(data[at : at + size])]
        assert read == notes


def test_an_order_arrives_as_it_was_and_hides_its_key() -> None:
    order = Order(Path("a.jsonl"), ASCII, Framing(length="ascii4", trailer=b"\x03"), 5, KEY)

    assert Order.unpacked(order.packed()) == order
    assert KEY.hex() not in repr(order)
    assert "key" not in repr(order)


# --- the process ---


def test_what_is_noted_is_written_by_another_process(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    ticks = count(NOON)
    recording = Recording(Order(path, ASCII, key=KEY), lambda: next(ticks))
    recording.start()
    connection = recording.opened("10.0.0.1:999")
    for stan in range(3000):
        recording.passed(Kind.TO_HOST, connection, frame(stan))
    recording.ended(Kind.ENDED_BY_TERMINAL, connection)
    recording.gone(connection)

    account = recording.finish()

    assert (account.frames, account.cards, account.lost, account.trouble) == (3000, 1, 0, "")
    assert [e.at_us for e in entries(path)] == sorted(e.at_us for e in entries(path))
    assert len(entries(path)) == 3002


def test_a_recording_that_cannot_begin_says_why(tmp_path: Path) -> None:
    recording = Recording(Order(tmp_path / "none" / "talk.jsonl", ASCII))

    with pytest.raises(ConfigurationError, match=r"none/talk.jsonl: cannot be written: No such file"):
        recording.start()


def test_what_there_is_no_room_for_is_dropped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    recording = Recording(Order(path, ASCII), buffer_bytes=70_000)
    recording.start()
    connection = recording.opened("a")
    recording.passed(Kind.TO_HOST, connection, frame(1))
    had_room = recording.has_room

    recording.passed(Kind.TO_HOST, connection, bytes(70_000))
    recording.flush()
    recording.passed(Kind.TO_HOST, connection, frame(2))
    account = recording.finish()

    assert (had_room, account.lost) == (True, 1)
    assert [e.frame for e in entries(path) if e.frame] == [frame(1), frame(2)]


@pytest.mark.usefixtures("small_files")
def test_a_disk_that_is_full_stops_the_recording_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    recording = Recording(Order(path, ASCII))
    recording.start()
    connection = recording.opened("a")
    sent = 0
    while not recording.stopped and sent < 1_000_000:
        recording.passed(Kind.TO_HOST, connection, frame())
        sent += 1
    recording.passed(Kind.TO_HOST, connection, frame())

    account = recording.finish()

    assert recording.size == 0
    assert account.trouble.startswith("recording stopped: File too large")
    assert account.trouble.endswith(f"what came before is in {path}")
    assert CARD not in account.trouble


@pytest.fixture
def small_files() -> Iterator[None]:
    """Processes started now cannot write files of more than a megabyte."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
