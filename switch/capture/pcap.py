"""Packets of a pcap file, as tcpdump and Wireshark write it (draft-ietf-opsawg-pcap): all four magics."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from switch.capture.faults import CaptureCut, CaptureFault
from switch.capture.unpacking import PackedFault

PACKET_BYTES_MAX: Final = 1 << 20
"""A packet is refused beyond: Linux's largest coalesced one has 64 KiB, the largest snap length 256 KiB."""

_HEAD_BYTES: Final = 24
_RECORD_BYTES: Final = 16
# fmt: off
_MAGICS: Final = {  # byte order, parts of a second per microsecond
    b"\xa1\xb2\xc3\xd4": (">", 1),
    b"\xd4\xc3\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1000),
}
# fmt: on


class Packet(NamedTuple):
    """One captured packet; ``missing`` bytes at its end were not captured. ``link_type`` is a LINKTYPE_ number."""

    at_us: int
    link_type: int
    data: bytes
    missing: int


class Opened(NamedTuple):
    """An opened file and its name for messages."""

    path: Path
    file: io.BufferedReader

    def exactly(self, size: int, place: str, *, may_end: bool = False) -> bytes:
        """Return the next ``size`` bytes; b"" at the end of the file where that is allowed. Raises `CaptureCut`."""
        try:
            data = self.file.read(size)
        except PackedFault as fault:
            raise CaptureCut(self.path, place, f"{fault} here") from None
        except OSError as error:
            raise CaptureFault(self.path, place, f"cannot be read: {error.strerror}") from None
        if len(data) == size or (may_end and not data):
            return data
        raise CaptureCut(self.path, place, "the file ends in the middle of it")


def is_pcap(first_bytes: bytes) -> bool:
    """Whether a file that begins so is a pcap."""
    return first_bytes[:4] in _MAGICS


def pcap_packets(source: Opened) -> Iterator[Packet]:
    """Yield the packets. Raises `CaptureFault` for a broken file, `CaptureCut` where it ends within a packet."""
    head = source.exactly(_HEAD_BYTES, "the head")
    order, per_us = _MAGICS[head[:4]]
    major, link_type = struct.unpack(order + "H", head[4:6])[0], struct.unpack(order + "I", head[20:24])[0]
    if major != 2:  # noqa: PLR2004 - the only one since 1998
        raise CaptureFault(source.path, "the head", f"version {major} of the pcap format; this program reads 2")
    link_type &= 0xFFFF  # the upper bits tell the length of a frame check sequence
    record = struct.Struct(order + "IIII")
    number = 0
    while True:
        number += 1
        place = f"packet {number}"
        start = source.exactly(_RECORD_BYTES, place, may_end=True)
        if not start:
            return
        seconds, parts, captured, size = record.unpack(start)
        if captured > PACKET_BYTES_MAX:
            raise CaptureFault(source.path, place, f"{captured} bytes announced, at most {PACKET_BYTES_MAX} allowed")
        data = source.exactly(captured, place)
        yield Packet(seconds * 1_000_000 + parts // per_us, link_type, data, max(0, size - captured))
