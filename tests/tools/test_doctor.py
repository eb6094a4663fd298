from __future__ import annotations

import json
import struct
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from switch.capture.entry import Direction, Entry
from switch.capture.files import CaptureWriter, Head
from switch.config import Settings
from switch.errors import OperatorError
from switch.tools.doctor import Seen, all_codecs, fault_rows, head_rows, listener_toml, look_at
from switch.tools.doctor_calls import call, echo_message, sent_words
from switch.tools.doctor_samples import hex_readings, samples
from switch.wire.codec import Codec
from switch.wire.dialect import dialect_names, load_dialect
from switch.wire.framing import Framing, LengthEncoding
from tests.terminals.door import PURCHASES, open_door

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = {
    sample["id"]: bytes.fromhex(sample["hex"])
    for sample in map(json.loads, (ROOT / "tests/vectors/messages.jsonl").read_text("utf-8").splitlines())
}
CODECS = all_codecs()
PAN = "4111111111111111"
NOON = datetime(2026, 3, 4, 4, tzinfo=UTC)


def wire(name: str, framing: Framing) -> bytes:
    return framing.wrap_request(Codec(load_dialect(name)).encode(PURCHASES[name]))


# --- what is drawn ----------------------------------------------------------------------------------------


def test_the_head_is_drawn_with_what_each_byte_is_and_without_the_fields() -> None:
    data = SAMPLES["S18b"]

    assert head_rows(data, look_at([data], CODECS).findings[0]) == [
        "0000  00 A3 60 00 00 05 10 60 31 00 00 00 00 02 10 70",
        "      LL LL TT TT TT TT TT HH HH HH HH HH HH MM MM BB",
        "0016  3E 02 81 0A D0 82 13 .. .. .. .. .. .. .. .. ..",
        "      BB BB BB BB BB BB BB",
    ]


def test_a_fault_gets_its_caret_and_hides_the_card_number() -> None:
    data = wire("iso8583-1987-ascii", Framing()).replace(b"000000001000", b"00000000100x")
    finding = look_at([data], CODECS).findings[0]

    reason, row, caret = fault_rows(data, finding)

    assert reason == "field 4 at byte 57: not a decimal digit"
    assert row[caret.index("^") :][:2] == "78"
    assert PAN.encode().hex(" ").upper() not in row


def test_an_unknown_header_is_hidden_while_the_message_does_not_decode() -> None:
    body = wire("iso8583-1987-ascii", Framing())[2:].replace(b"000000001000", b"00000000100x")
    data = Framing(header_bytes=8).wrap_request(body, b"41111111")

    rows = head_rows(data, look_at([data], CODECS).findings[0])

    assert rows[0].startswith("0000  00 79 .. .. .. .. .. .. .. ..")


@settings(deadline=None, max_examples=60)
@given(
    name=st.sampled_from(sorted(PURCHASES)),
    framing=st.builds(Framing, st.sampled_from(["binary2", "bcd2", "ascii4", "hex4"]), tpdu=st.booleans()),
    spoilt=st.lists(st.tuples(st.integers(0, 200), st.binary(min_size=1, max_size=1)), max_size=3),
    size=st.integers(20, 400),
)
def test_nothing_that_is_drawn_shows_a_card_number(
    name: str, framing: Framing, spoilt: list[tuple[int, bytes]], size: int
) -> None:
    data = bytearray(wire(name, framing))
    for at, byte in spoilt:
        data[at % len(data)] = byte[0]
    seen = look_at([bytes(data[:size])], CODECS)

    rows = [
        row for finding in seen.findings for row in (*head_rows(seen.data, finding), *fault_rows(seen.data, finding))
    ]

    drawn = "".join("".join(row.split()[1:]) for row in rows)
    assert PAN[3:12] not in drawn
    assert PAN[3:12].encode().hex() not in drawn


def test_what_was_seen_does_not_show_its_bytes() -> None:
    assert repr(Seen(PAN.encode(), [])) == "<Seen 16 bytes, 0 readings>"


# --- the listener -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tpdu", [False, True])
@pytest.mark.parametrize("header_bytes", [0, 6])
@pytest.mark.parametrize("length", ["binary2", "bcd2", "ascii4", "hex4"])
@pytest.mark.parametrize("name", sorted(PURCHASES))
async def test_a_listener_set_up_as_proposed_takes_the_bytes(
    name: str, length: LengthEncoding, header_bytes: int, *, tpdu: bool
) -> None:
    data = wire(name, Framing(length, False, b"\x03", True, tpdu, header_bytes))

    proposed = tomllib.loads(listener_toml(look_at([data], CODECS).findings[0]))

    (listener,) = Settings.model_validate({"ledger": {"database": "sqlite:///books.sqlite3"}, **proposed}).listeners
    framing = listener.framing.model_dump(exclude_none=True)
    framing |= {key: bytes.fromhex(value) for key, value in framing.items() if key == "trailer"}
    async with open_door(listener.dialect, **framing) as door, door.connect() as peer:
        await peer.stream.send_all(data)
        assert (await peer.receive())[39] == ("000" if "1993" in name else "00")
        assert door.handler.stans == ["000001"]


def test_the_preset_framing_needs_no_lines() -> None:
    dialect = load_dialect("unionpay-pos")

    toml = listener_toml(look_at([wire("unionpay-pos", dialect.framing)], CODECS).findings[0])

    assert toml.splitlines() == [
        "[[listeners]]",
        'name    = "unionpay-pos"',
        'dialect = "unionpay-pos"',
        'bind    = "127.0.0.1:8583"',
    ]


def test_no_listener_is_proposed_where_none_can_cut_the_bytes() -> None:
    assert listener_toml(look_at([SAMPLES["S16"]], CODECS).findings[0]) == ""


# --- files ------------------------------------------------------------------------------------------------


def test_hex_text_is_read_with_its_offsets_and_drawings_left_out(tmp_path: Path) -> None:
    path = tmp_path / "dump.txt"
    path.write_text(
        "00000000  00 17 30 38 30 30 38 32  32 30 30 30 30 30 30 30  |..08008220000000|\n00000010  41\n", "ascii"
    )

    kind, (whole, *_) = samples(path)

    assert (kind, whole) == ("hex text", b"\0\x17" + b"08008220000000" + b"A")


def test_hex_on_several_lines_is_one_message_or_one_on_each() -> None:
    assert list(hex_readings(b"0102\n0304\n")) == [b"\1\2\3\4", b"\1\2", b"\3\4"]
    assert list(hex_readings(b"no hex\n")) == []


def test_raw_bytes_are_taken_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "frame.bin"
    path.write_bytes(SAMPLES["S18b"])

    assert samples(path) == ("raw bytes", [SAMPLES["S18b"]])


def test_a_capture_gives_its_frames(tmp_path: Path) -> None:
    path = tmp_path / "day.cap"
    with CaptureWriter(path, Head()) as writer:
        writer.write(Entry(1, "1", Direction.TO_HOST, SAMPLES["S3"]))
        writer.write(Entry(2, "1", Direction.TO_TERMINAL, SAMPLES["S18b"]))

    assert samples(path) == ("a capture", [SAMPLES["S18b"], SAMPLES["S3"]])


def pcap(payloads: list[tuple[int, bytes]]) -> bytes:
    """A pcap of one direction of a connection: (sequence, payload) over raw IPv4."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)]
    for at, (sequence, payload) in enumerate(payloads):
        tcp = struct.pack(">HHIIBBHHH", 40000, 5000, sequence, 0, 5 << 4, 0x18, 1024, 0, 0) + payload
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, b"\x0a\0\0\1", b"\x0a\0\0\2") + tcp
        out.append(struct.pack("<IIII", at, 0, len(ip), len(ip)) + ip)
    return b"".join(out)


def test_a_pcap_gives_each_sides_bytes_in_order_though_no_dialect_is_known(tmp_path: Path) -> None:
    frame = SAMPLES["S18b"]
    path = tmp_path / "net.pcap"
    path.write_bytes(pcap([(1000, frame[:50]), (1090, frame[90:]), (1050, frame[50:90])]))

    assert samples(path) == ("a pcap", [frame])


def test_a_pcap_cut_short_is_looked_at_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "net.pcap"
    path.write_bytes(pcap([(1000, SAMPLES["S18b"]), (2000, b"more")])[:-2])

    assert samples(path) == ("a pcap", [SAMPLES["S18b"]])


def test_lines_with_times_and_directions_give_their_frames(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text(f"> {SAMPLES['S3'].hex()}\n< {SAMPLES['S18b'].hex()}  # the answer\n", "ascii")

    assert samples(path) == ("lines of hex", [SAMPLES["S18b"], SAMPLES["S3"]])


def test_what_has_no_bytes_is_refused_with_the_reason(tmp_path: Path) -> None:
    log = tmp_path / "q2.log"
    log.write_text("<log><send><isomsg><field id='0' value='0800'/></isomsg></send></log>", "ascii")

    with pytest.raises(OperatorError, match="fields and no bytes"):
        samples(log)
    with pytest.raises(OperatorError, match="not a file"):
        samples(tmp_path)


def test_a_damaged_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "day.cap.gz"
    path.write_bytes(b"\x1f\x8b and no more of it")

    with pytest.raises(OperatorError, match="gzip"):
        samples(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nothing"
    path.write_bytes(b"")

    with pytest.raises(OperatorError, match="no bytes of a message"):
        samples(path)


def test_of_several_samples_the_one_that_reads_best_is_told() -> None:
    seen = look_at([b"\x99" * 300, SAMPLES["S18b"]], CODECS)

    assert seen.data == SAMPLES["S18b"]


# --- calls ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", dialect_names())
async def test_every_dialects_echo_is_answered_by_its_own_listener(name: str) -> None:
    codec = Codec(load_dialect(name))
    fields = echo_message(codec.dialect, "TERM0001", "MERCHANT0000001", NOON)
    assert fields is not None

    async with open_door(name) as door:
        made = await call(door.address, codec, fields)

    assert made.answered
    assert made.outcome.startswith(f"answered {fields[0][:2]}{int(fields[0][2]) + 1}0")
    assert made.sent == sent_words(fields)
    assert door.handler.requests == []


async def test_a_host_that_speaks_otherwise_closes_or_is_named() -> None:
    codec = Codec(load_dialect("iso8583-1987-ascii"))
    fields = echo_message(codec.dialect, "TERM0001", "MERCHANT0000001", NOON)
    assert fields is not None

    async with open_door("unionpay-pos") as door:
        made = await call(door.address, codec, fields)

    assert (made.answered, made.outcome) == (False, "closed the connection")


async def test_an_answer_in_another_form_is_named() -> None:
    codec = Codec(load_dialect("iso8583-1987-ascii"))
    fields = echo_message(codec.dialect, "TERM0001", "MERCHANT0000001", NOON)
    assert fields is not None

    async def host(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(
            replace(codec.dialect.framing, length="ascii4").wrap_request(codec.encode({**fields, 0: "0810"}))
        )

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, host, [listener])
        made = await call(listener.socket.getsockname(), codec, fields)
        nursery.cancel_scope.cancel()

    assert not made.answered
    assert made.outcome.endswith("bytes that do not parse; they look like 4 ASCII digits + ASCII with hex bitmap")


async def test_nobody_listening_is_the_callers_to_tell() -> None:
    codec = Codec(load_dialect("iso8583-1987-ascii"))
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = listener.socket.getsockname()
    await listener.aclose()

    with pytest.raises(OSError, match="onnect"):
        await call(address, codec, {0: "0800"})
