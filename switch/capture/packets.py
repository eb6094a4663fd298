"""Finds the TCP segment in a captured packet: Ethernet, VLAN, raw IP, Linux cooked, loopback; IPv4 and IPv6."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from switch.capture.losses import Losses
from switch.capture.pcap import Packet

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
ACK: Final = 0x10

_IPV4: Final = 0x0800
_IPV6: Final = 0x86DD
_VLANS: Final = {0x8100, 0x88A8, 0x9100}
_TCP: Final = 6
_FRAGMENT: Final = 44
_AUTHENTICATION: Final = 51
_EXTENSIONS: Final = {0, 43, 60, 135, _AUTHENTICATION}
"""IPv6: hop-by-hop, routing, destination options, mobility, authentication (RFC 8200 clause 4)."""

_TCP_HEAD: Final = struct.Struct(">HHIIBB")
_SHORT: Final = struct.Struct(">H")


class Segment(NamedTuple):
    """One TCP segment. ``source`` and ``target`` are an address (4 or 16 bytes) and a port (2 bytes) each."""

    source: bytes
    target: bytes
    sequence: int
    flags: int
    payload: bytes


def segment_of(packet: Packet, losses: Losses) -> Segment | None:
    """Return the TCP segment, None where the packet has none or is broken. Counts fragments and cut packets."""
    place = _LINKS.get(packet.link_type)
    start = place(packet.data) if place else -1
    if not 0 <= start < len(packet.data):
        return None
    try:
        found = _ip(packet.data, start, losses)
    except (struct.error, IndexError):
        losses.short_packets += packet.missing > 0
        return None
    if found is not None and packet.missing:
        losses.short_packets += 1
    return found


def knows_link(link_type: int) -> bool:
    """Whether packets of this link type can be read."""
    return link_type in _LINKS


# --- links: where does the IP packet begin, -1 if there is none -----------------------------------------------


def _ethernet(data: bytes) -> int:
    return _after_type(data, 12)


def _cooked(data: bytes) -> int:
    return _after_type(data, 14)


def _cooked2(data: bytes) -> int:
    return 20 if len(data) > 20 and _short(data, 0) in {_IPV4, _IPV6} else -1  # noqa: PLR2004 - SLL2's head


def _after_type(data: bytes, at: int) -> int:
    """Return what follows the Ethernet type at ``at``, VLAN tags passed over."""
    while at + 2 <= len(data):
        kind = _short(data, at)
        if kind not in _VLANS:
            return at + 2 if kind in {_IPV4, _IPV6} else -1
        at += 4
    return -1


def _short(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


# LINKTYPE_ numbers: www.tcpdump.org/linktypes.html. IP tells its version itself, so loopback's family is not read.
_LINKS: Final[dict[int, Callable[[bytes], int]]] = {
    0: lambda data: 4,  # noqa: ARG005 - BSD loopback
    1: _ethernet,
    12: lambda data: 0,  # noqa: ARG005 - raw IP, as some systems number it
    14: lambda data: 0,  # noqa: ARG005 - the same on OpenBSD
    101: lambda data: 0,  # noqa: ARG005 - raw IP
    108: lambda data: 4,  # noqa: ARG005 - OpenBSD loopback
    113: _cooked,
    228: lambda data: 0,  # noqa: ARG005 - raw IPv4
    229: lambda data: 0,  # noqa: ARG005 - raw IPv6
    276: _cooked2,
}


# --- IP and TCP -----------------------------------------------------------------------------------------------


def _ip(data: bytes, at: int, losses: Losses) -> Segment | None:
    version = data[at] >> 4
    if version == 4:  # noqa: PLR2004 - RFC 791
        return _ipv4(data, at, losses)
    return _ipv6(data, at, losses) if version == 6 else None  # noqa: PLR2004 - RFC 8200


def _ipv4(data: bytes, at: int, losses: Losses) -> Segment | None:
    if data[at + 9] != _TCP:
        return None
    if _short(data, at + 6) & 0x3FFF:  # more fragments, or an offset
        losses.fragments += 1
        return None
    total = _short(data, at + 2)
    end = at + total if total else len(data)  # 0: the network card was to cut it up
    return _tcp(data, at + (data[at] & 0x0F) * 4, end, data[at + 12 : at + 16], data[at + 16 : at + 20])


def _ipv6(data: bytes, at: int, losses: Losses) -> Segment | None:
    kind = data[at + 6]
    size = _short(data, at + 4)
    end = at + 40 + size if size else len(data)
    start = at + 40
    while kind != _TCP:
        if kind == _FRAGMENT:
            if _short(data, start + 2) & 0xFFF9:
                losses.fragments += data[start] == _TCP
                return None
            kind, start = data[start], start + 8
        elif kind in _EXTENSIONS:
            size = (data[start + 1] + 2) * 4 if kind == _AUTHENTICATION else (data[start + 1] + 1) * 8
            kind, start = data[start], start + size
        else:
            return None
    return _tcp(data, start, end, data[at + 8 : at + 24], data[at + 24 : at + 40])


def _tcp(data: bytes, at: int, end: int, source: bytes, target: bytes) -> Segment:
    _, _, sequence, _, offset, flags = _TCP_HEAD.unpack_from(data, at)
    payload = data[at + (offset >> 4) * 4 : end]
    return Segment(source + data[at : at + 2], target + data[at + 2 : at + 4], sequence, flags, payload)
