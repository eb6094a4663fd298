"""Another hand reads our captures: Wireshark's dissector of ISO 8583."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from switch.capture.entry import Event
from switch.capture.reading import read_any
from tests.capture.wires import ACK, CODEC, FIN, HOST, PSH, TERMINAL, Shot, ethernet, handshake, ip, pcap

TSHARK = shutil.which("tshark")
OPTIONS = ("iso8583.len_endian:bigendian", "iso8583.charset:ascii", "iso8583.binencode:ascii")
# fmt: off
SALE = {
    2: "4111111111111111", 3: "000000", 4: "000000001234", 7: "1121132439", 11: "000042", 12: "132439", 13: "1121",
    14: "3012", 18: "5411", 22: "021", 25: "00", 32: "123456", 35: "4111111111111111=30121010000012345",
    37: "532400000042", 41: "TERM0001", 42: "MERCHANT0000001", 49: "156", 52: "0123456789ABCDEF",
    64: "FEDCBA9876543210",
}
# fmt: on
ANSWER = {number: SALE[number] for number in (3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49)} | {38: "A1B2C3", 39: "00"}
MESSAGES = [
    {0: "0800", 7: "1121132438", 11: "000041", 70: "301"},
    {0: "0810", 7: "1121132438", 11: "000041", 39: "00", 70: "301"},
    {0: "0200", **SALE},
    {0: "0210", **ANSWER},
    {0: "0420", **{number: SALE[number] for number in SALE if number not in {35, 52}}, 90: "0200000042" + "0" * 32},
    {0: "0430", **ANSWER},
]


def recording(path: Path) -> Path:
    """A terminal's conversation of three requests and answers, the second request in three segments out of order."""
    shots = handshake()
    at = {TERMINAL: 1001, HOST: 5001}
    for fields in MESSAGES:
        frame = CODEC.dialect.framing.wrap_request(CODEC.encode(fields))
        source, target = (TERMINAL, HOST) if fields[0][2] in "02" else (HOST, TERMINAL)
        pieces = [(0, frame)] if fields[0] != "0200" else [(0, frame[:70]), (150, frame[150:]), (70, frame[70:150])]
        shots += [Shot(source, target, at[source] + start, ACK | PSH, piece) for start, piece in pieces]
        at[source] += len(frame)
    shots += [Shot(TERMINAL, HOST, at[TERMINAL], ACK | FIN), Shot(HOST, TERMINAL, at[HOST], ACK | FIN)]
    packets = [(1_763_731_200_000_000 + number * 1000, ethernet(ip(shot))) for number, shot in enumerate(shots)]
    path.write_bytes(pcap(packets))
    return path


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed (Debian: apt-get install tshark)")
def test_wireshark_reads_the_same_fields_from_our_capture(tmp_path: Path) -> None:
    path = recording(tmp_path / "talk.pcap")

    theirs = dissected(path)

    with read_any(path, "iso8583-1987-ascii") as ours:
        frames = [entry.frame for entry in ours if entry.event is Event.FRAME]
    decoded = [CODEC.decode(CODEC.dialect.framing.framer().feed(frame)[0].body) for frame in frames]
    assert decoded == MESSAGES
    assert theirs == decoded


def dissected(path: Path) -> list[dict[int, str]]:
    """What tshark finds, in the order of the streams' bytes."""
    assert TSHARK is not None
    command = [TSHARK, "-r", str(path), "-d", f"tcp.port=={HOST[1]},iso8583", "-Y", "iso8583", "-T", "json"]
    for option in ("tcp.desegment_tcp_streams:TRUE", "tcp.reassemble_out_of_order:TRUE", *OPTIONS):
        command += ["-o", option]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    found = []
    for packet in json.loads(told):
        layer = packet["_source"]["layers"]["iso8583"]
        for one in layer if isinstance(layer, list) else [layer]:
            fields = {0: one["iso8583.mti"]}
            for key, value in values(one):
                if key.startswith("iso8583.bit"):
                    fields[int(key.removeprefix("iso8583.bit"))] = value
            found.append(fields)
    return found


def values(tree: dict[str, object]) -> list[tuple[str, str]]:
    """All named values in a tree of objects."""
    found: list[tuple[str, str]] = []
    for key, value in tree.items():
        if isinstance(value, dict):
            found += values(value)
        elif isinstance(value, str):
            found.append((key, value))
    return found
