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
from switch.capture.hex_lines import HexLines, is_hex_lines
from switch.capture.losses import Losses
from switch.capture.packets import segment_of
from switch.capture.pcap import Opened, Packet, is_pcap, pcap_packets
from switch.capture.pcapng import pcapng_packets
from switch.capture.q2_log import is_q2_log
from switch.capture.source import Source
from switch.capture.tcp_streams import ByteStream
from switch.capture.unpacking import PackedFault, open_unpacked
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
    if not path.is_file():
        raise OperatorError(f"{path}: not a file")
    with open_unpacked(path) as file:
        try:
            first = file.peek(LOOKED_AT_BYTES)[:LOOKED_AT_BYTES]
        except (PackedFault, OSError) as fault:
            raise OperatorError(f"{path}: cannot be read: {fault}") from None
        source = Opened(path, file)
        if is_pcap(first):
            return "a pcap", _found(path, _streams(pcap_packets(source)))
        if first.startswith(_PCAPNG):
            return "a pcapng", _found(path, _streams(pcapng_packets(source)))
        if is_capture(first):
            return "a capture", _found(path, _frames(read_capture(path)))
        if is_q2_log(first):
            raise OperatorError(f"{path}: a jPOS log has fields and no bytes, so nothing can be said of their form")
        data = b""
        with suppress(PackedFault):
            data = file.read(_TEXT_BYTES)
    texts = list(hex_readings(data))
    if not texts and is_hex_lines(first):
        return "lines of hex", _found(path, _frames(HexLines(path, None)))
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


def _frames(source: Source) -> list[bytes]:
    """The first frames of a recording, each by itself: they were cut already."""
    frames: list[bytes] = []
    with source as entries, suppress(CaptureCut):
        frames.extend(entry.frame for entry in islice(entries, ENTRIES_MAX) if entry.frame)
    return frames


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
