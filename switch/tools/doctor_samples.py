"""Finds in a file the bytes that a peer sent first: hex text, raw bytes, a capture, or packets of a network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from switch.capture.faults import CaptureCut
from switch.capture.files import is_capture, read_capture
from switch.capture.losses import Losses
from switch.capture.packets import segment_of
from switch.capture.pcap import Opened, Packet, is_pcap, pcap_packets
from switch.capture.pcapng import pcapng_packets
from switch.capture.tcp_streams import ByteStream
from switch.capture.unpacking import open_unpacked
from switch.errors import OperatorError
from switch.wire.diagnosis import LOOKED_AT_BYTES

STREAMS_MAX: Final = 64
"""One side of so many connections is looked at; what they speak is in most cases the same."""

PACKETS_MAX: Final = 100_000
ENTRIES_MAX: Final = 256

_TEXT_BYTES: Final = 1 << 20
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_OFFSET: Final = re.compile(r"^(?:0x)?[0-9A-Fa-f]{4,8}(?::|(?= {2}))")
"""What `xxd` and `hexdump -C` write before each line."""

_DRAWN_TEXT: Final = re.compile(r" {2,}\S.*$|\|.*$")
_PCAPNG: Final = b"\x0a\x0d\x0d\x0a"


def samples(path: Path) -> tuple[str, list[bytes]]:
    """Return what the file is, and from it the beginnings of what peers sent, the longest first.

    Raises `OperatorError` for a file that cannot be read or holds nothing.
    """
    with open_unpacked(path) as file:
        first = file.peek(LOOKED_AT_BYTES)[:LOOKED_AT_BYTES]
        source = Opened(path, file)
        if is_pcap(first):
            return "a pcap", _found(path, _streams(pcap_packets(source)))
        if first.startswith(_PCAPNG):
            return "a pcapng", _found(path, _streams(pcapng_packets(source)))
        if is_capture(first):
            return "a capture", _found(path, _captured(path))
        data = source.file.read(_TEXT_BYTES)
    texts = list(hex_readings(data))
    return ("hex text", texts) if texts else ("raw bytes", _found(path, [data]))


def hex_readings(data: bytes) -> Iterator[bytes]:
    """Yield what hex text may hold: the whole of it as one piece, then each line as one."""
    try:
        lines = [_plain(line) for line in data.decode("ascii").splitlines()]
    except UnicodeDecodeError:
        return
    lines = [line for line in lines if line]
    if not lines or any(re.fullmatch("[0-9A-Fa-f]+", line) is None for line in lines):
        return
    pieces = ["".join(lines), *(lines[:STREAMS_MAX] if len(lines) > 1 else [])]
    for piece in pieces:
        if _HEX.fullmatch(piece):
            yield bytes.fromhex(piece)


def _plain(line: str) -> str:
    """The digits of one line, without the offset before and the text behind that dumps have."""
    line = line.rstrip()
    if _OFFSET.match(line):
        line = _DRAWN_TEXT.sub("", _OFFSET.sub("", line).strip().replace("  ", " ", 1))
    return "".join(line.split())


def _found(path: Path, found: list[bytes]) -> list[bytes]:
    found = sorted((data for data in found if data), key=lambda data: -len(data))
    if not found:
        raise OperatorError(f"{path}: no bytes of a message in it")
    return found


def _captured(path: Path) -> list[bytes]:
    """The frames of a capture, each by itself: they were cut already."""
    with read_capture(path) as reader:
        return [entry.frame for entry in islice(reader, ENTRIES_MAX) if entry.frame]


def _whole(packets: Iterator[Packet]) -> Iterator[Packet]:
    """The packets before the place where the file ends too early, if it does."""
    with suppress(CaptureCut):
        yield from packets


def _streams(packets: Iterator[Packet]) -> list[bytes]:
    """The first bytes of each side of the connections in a network's packets, in the order of the stream."""
    losses = Losses()
    streams: dict[tuple[bytes, bytes], tuple[ByteStream, bytearray]] = {}
    for packet in islice(_whole(packets), PACKETS_MAX):
        segment = segment_of(packet, losses)
        if segment is None or not segment.payload:
            continue
        side = (segment.source, segment.target)
        if side not in streams:
            if len(streams) == STREAMS_MAX:
                continue
            streams[side] = (ByteStream(segment.sequence), bytearray())
        stream, begun = streams[side]
        if len(begun) < LOOKED_AT_BYTES and not stream.is_full:
            begun += stream.add(segment.sequence, segment.payload, packet.at_us)
    return [bytes(begun[:LOOKED_AT_BYTES]) for _, begun in streams.values()]
