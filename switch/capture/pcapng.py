"""Packets of a pcapng file (draft-ietf-opsawg-pcapng): sections, interfaces, enhanced, simple and obsolete packets."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from switch.capture.faults import CaptureFault
from switch.capture.pcap import PACKET_BYTES_MAX, Opened, Packet

MAGIC: Final = b"\x0a\x0d\x0d\x0a"

_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_OBSOLETE_PACKET: Final = 2
_SIMPLE_PACKET: Final = 3
_ENHANCED_PACKET: Final = 6
_BYTE_ORDERS: Final = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_BLOCK_BYTES_MAX: Final = PACKET_BYTES_MAX + (1 << 16)
_TIME_RESOLUTION: Final = 9
_TIME_OFFSET: Final = 14


class _Interface(NamedTuple):
    link_type: int
    snap_length: int
    ticks_per_s: int
    offset_s: int


@dataclass(slots=True)
class _Section:
    """What holds for the blocks up to the next section: byte order and interfaces."""

    order: str
    interfaces: list[_Interface]


def pcapng_packets(source: Opened) -> Iterator[Packet]:
    """Yield the packets. Raises `CaptureFault` for a broken file, `CaptureCut` where it ends within a block."""
    section = _Section("<", [])
    number = 0
    last_us = 0
    while True:
        number += 1
        place = f"block {number}"
        start = source.exactly(8, place, may_end=True)
        if not start:
            return
        if start[:4] == MAGIC:
            section = _section(source, place, start)
            continue
        kind, size = struct.unpack(section.order + "II", start)
        body = _body(source, place, size)
        try:
            if kind == _INTERFACE:
                section.interfaces.append(_interface(section.order, body))
            elif kind in {_ENHANCED_PACKET, _OBSOLETE_PACKET}:
                packet = _timed_packet(section, kind, body)
                last_us = packet.at_us
                yield packet
            elif kind == _SIMPLE_PACKET:
                yield _simple_packet(section, body, last_us)
        except (struct.error, IndexError):
            raise CaptureFault(source.path, place, "does not hold what its kind says") from None


def _section(source: Opened, place: str, start: bytes) -> _Section:
    order = _BYTE_ORDERS.get(source.exactly(4, place))
    if order is None:
        raise CaptureFault(source.path, place, "the byte order of the section cannot be told")
    (size,) = struct.unpack(order + "I", start[4:])
    body = _body(source, place, size, taken=12)
    if len(body) < 4:  # noqa: PLR2004 - two numbers of 16 bits
        raise CaptureFault(source.path, place, "does not hold what its kind says")
    (major,) = struct.unpack(order + "H", body[:2])
    if major != 1:
        raise CaptureFault(source.path, place, f"version {major} of the pcapng format; this program reads 1")
    return _Section(order, [])


def _body(source: Opened, place: str, size: int, taken: int = 8) -> bytes:
    """Return what is between a block's head and its closing length, which is left out."""
    if size < taken + 4 or size % 4 or size > _BLOCK_BYTES_MAX:
        raise CaptureFault(source.path, place, f"{size} bytes announced: no length of a block")
    return source.exactly(size - taken, place)[:-4]


def _interface(order: str, body: bytes) -> _Interface:
    link_type, _, snap_length = struct.unpack_from(order + "HHI", body)
    ticks_per_s, offset_s = 1_000_000, 0
    at = 8
    while at + 4 <= len(body):
        code, size = struct.unpack_from(order + "HH", body, at)
        if code == 0:
            break
        value = body[at + 4 : at + 4 + size]
        if code == _TIME_RESOLUTION:
            ticks_per_s = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == _TIME_OFFSET:
            (offset_s,) = struct.unpack(order + "q", value)
        at += 4 + size + -size % 4
    return _Interface(link_type, snap_length, ticks_per_s, offset_s)


def _timed_packet(section: _Section, kind: int, body: bytes) -> Packet:
    form = section.order + ("IIIII" if kind == _ENHANCED_PACKET else "HHIIII")
    number, *rest = struct.unpack_from(form, body)
    high, low, captured, size = rest[-4:]
    interface = section.interfaces[number]
    ticks = high << 32 | low
    at_us = ticks * 1_000_000 // interface.ticks_per_s + interface.offset_s * 1_000_000
    return Packet(at_us, interface.link_type, _cut(body[20:], captured), max(0, size - captured))


def _simple_packet(section: _Section, body: bytes, last_us: int) -> Packet:
    """Return a packet without a time of its own: it takes that of the packet before."""
    (size,) = struct.unpack_from(section.order + "I", body)
    interface = section.interfaces[0]
    captured = min(size, interface.snap_length or size, len(body) - 4)
    return Packet(last_us, interface.link_type, _cut(body[4:], captured), max(0, size - captured))


def _cut(data: bytes, captured: int) -> bytes:
    """Return the captured bytes without what fills the block up. Raises IndexError where there are fewer."""
    if captured > len(data):
        raise IndexError
    return data[:captured]
