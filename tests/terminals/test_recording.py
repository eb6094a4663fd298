"""A listener that records: what is in its files, and that nothing of it ever costs a terminal its answer."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from switch.capture.entry import Direction, Entry, Event
from switch.capture.files import read_capture
from switch.capture.orders import Order
from switch.capture.recording import BUFFER_BYTES, Recording
from switch.capture.tokens import Tokens
from switch.config import load_settings
from switch.errors import ConfigurationError
from switch.wire.framing import Framing
from tests.terminals.door import Door, Peer, open_door

ASCII = "iso8583-1987-ascii"
CARD = "4111111111111111"
KEY = bytes(range(32))
TOKEN = Tokens(KEY).token(CARD)


def recording(
    folder: Path, dialect: str = ASCII, framing: Framing | None = None, buffer_bytes: int = BUFFER_BYTES
) -> Recording:
    return Recording(Order(folder / "door.jsonl", dialect, framing, 64_000_000, KEY), buffer_bytes=buffer_bytes)


def recorded(folder: Path) -> list[Entry]:
    (path,) = folder.glob("door-*-0001.jsonl")
    with read_capture(path) as capture:
        assert capture.head.tokenised
        return list(capture)


def events(door: Door) -> list[dict[str, object]]:
    return [line for line in map(json.loads, door.log.getvalue().splitlines()) if "record" in line["event"]]


async def bought(peer: Peer, stan: int) -> str:
    await peer.send(peer.door.purchase(stan))
    return (await peer.receive())[39]


@pytest.mark.parametrize("dialect", [ASCII, "unionpay-pos"])
async def test_requests_and_answers_are_recorded_with_other_cards(dialect: str, tmp_path: Path) -> None:
    async with open_door(dialect, recording=recording(tmp_path, dialect)) as door, door.connect() as peer:
        answered = [await bought(peer, stan) for stan in (1, 2)]

    entries = recorded(tmp_path)
    asked = [e for e in entries if e.event is Event.FRAME and e.direction is Direction.TO_HOST]
    fields = [door.codec.decode(door.framing.framer().feed(e.frame)[0].body) for e in asked]
    assert answered == ["00", "00"]
    assert [(one[2], one[11]) for one in fields] == [(TOKEN, "000001"), (TOKEN, "000002")]
    assert [e.event for e in entries] == [Event.OPEN, *[Event.FRAME] * 4, Event.CLOSE]
    assert len({e.connection for e in entries}) == 1
    assert entries[0].connection.startswith("127.0.0.1:")


async def test_the_listeners_own_framing_is_recorded_as_it_is(tmp_path: Path) -> None:
    framing = Framing(length="ascii4", trailer=b"\x03")
    its = recording(tmp_path, ASCII, framing)

    async with open_door(recording=its, length="ascii4", trailer=b"\x03") as door, door.connect() as peer:
        await bought(peer, 1)

    assert [e.frame[-1:] for e in recorded(tmp_path) if e.frame] == [b"\x03", b"\x03"]


async def test_the_end_of_a_recording_is_logged_without_a_card(tmp_path: Path) -> None:
    async with open_door(recording=recording(tmp_path)) as door, door.connect() as peer:
        await bought(peer, 1)

    (line,) = events(door)
    assert (line["event"], line["messages"], line["lost"]) == ("recorded", 2, 0)
    assert CARD not in door.log.getvalue()


async def test_what_there_is_no_room_for_is_counted_and_answered_all_the_same(tmp_path: Path) -> None:
    its = recording(tmp_path, buffer_bytes=100)

    async with open_door(recording=its) as door, door.connect() as peer:
        answered = [await bought(peer, stan) for stan in range(5)]

    assert answered == ["00"] * 5
    assert its.lost == 10


@pytest.mark.usefixtures("small_files")
async def test_a_full_disk_ends_the_recording_and_not_the_listener(tmp_path: Path) -> None:
    its = recording(tmp_path)
    stan = 0

    async with open_door(recording=its) as door, door.connect() as peer:
        while not its.is_finished:
            stan += 1
            assert await bought(peer, stan) == "00"
        after = await bought(peer, stan + 1)

    assert after == "00"
    (because,) = [str(line["because"]) for line in events(door) if line["event"] == "recording"]
    assert because.startswith(f"recording stopped: File too large; what came before is in {tmp_path}/unproven-door-")


@pytest.fixture
def small_files() -> Iterator[None]:
    """Processes started now cannot write files of more than a few hundred kilobytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_path_that_cannot_be_written_stops_the_switch_and_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"listener door: record: .*/none/door-.*: cannot be written: No such"):
        async with open_door(recording=recording(tmp_path / "none")):
            pass


# --- the settings ---


def settings_file(folder: Path, *lines: str) -> Path:
    path = folder / "switch.toml"
    listener = ["[[listeners]]", 'name = "door"', f'dialect = "{ASCII}"', 'bind = "127.0.0.1:0"', *lines]
    path.write_text("\n".join(["[ledger]", 'database = "sqlite:///switch.db"', *listener]), "utf-8")
    return path


def test_nothing_is_recorded_unless_it_is_asked_for(tmp_path: Path) -> None:
    (listener,) = load_settings(settings_file(tmp_path)).listeners

    assert (listener.record, listener.record_key_file) == (None, None)


def test_paths_are_relative_to_the_settings(tmp_path: Path) -> None:
    path = settings_file(tmp_path, 'record = "talk/door.jsonl.gz"', 'record_key_file = "token.key"')

    (listener,) = load_settings(path).listeners

    assert (listener.record, listener.record_key_file) == (tmp_path / "talk/door.jsonl.gz", tmp_path / "token.key")


def test_a_recording_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="record needs record_key_file"):
        load_settings(settings_file(tmp_path, 'record = "door.jsonl"'))
