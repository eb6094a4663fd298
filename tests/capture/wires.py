"""Builds what a network card sees: segments, packets and files of them, by hand from the standards."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple

from switch.wire.codec import Codec
from switch.wire.dialect import load_dialect

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TERMINAL = ("192.0.2.7", 49152)
HOST = ("198.51.100.1", 8583)
CODEC = Codec(load_dialect("iso8583-1987-ascii"))
CUP = Codec(load_dialect("unionpay-pos"))


class Shot(NamedTuple):
    """A TCP segment to be put on a wire."""

    source: tuple[str, int]
    target: tuple[str, int]
    sequence: int
    flags: int = ACK
    payload: bytes = b""


def echo(stan: int, mti: str = "0800") -> bytes:
    """A frame of network management in iso8583-1987-ascii."""
    fields = {0: mti, 7: "1121000001", 11: f"{stan:06d}", 70: "301"}
    if mti == "0810":
        fields[39] = "00"
    return CODEC.dialect.framing.wrap_request(CODEC.encode(fields))


def purchase(stan: int, pan: str = "4111111111111111") -> bytes:
    """A frame of a sale in iso8583-1987-ascii."""
    fields = {0: "0200", 2: pan, 3: "000000", 4: "000000001234", 7: "1121000001", 11: f"{stan:06d}", 41: "TERM0001"}
    return CODEC.dialect.framing.wrap_request(CODEC.encode(fields))


def cup_echo(stan: int) -> bytes:
    """A frame of network management in unionpay-pos."""
    return CUP.dialect.framing.wrap_request(
        CUP.encode({0: "0820", 11: f"{stan:06d}", 41: "TERM0001", 60: "00000001301"})
    )


def tcp(shot: Shot) -> bytes:
    """The segment (RFC 9293 clause 3.1), four bytes of options included, checksum left zero."""
    return (
        struct.pack(
            ">HHIIBBHHH", shot.source[1], shot.target[1], shot.sequence % (1 << 32), 0, 6 << 4, shot.flags, 65535, 0, 0
        )
        + b"\x01\x01\x01\x00"
        + shot.payload
    )


def ip(shot: Shot, *, fragment: int = 0) -> bytes:
    """The packet: IPv4 (RFC 791) or IPv6 (RFC 8200) by the address."""
    segment = tcp(shot)
    source, target = ip_address(shot.source[0]), ip_address(shot.target[0])
    if source.version == 4:
        return (
            struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 1, fragment, 64, 6, 0)
            + source.packed
            + target.packed
            + segment
        )
    return struct.pack(">IHBB", 6 << 28, len(segment), 6, 64) + source.packed + target.packed + segment


def ethernet(packet: bytes, *, vlans: int = 0) -> bytes:
    """The frame, padded to the 60 bytes that the least one has."""
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    return (bytes(12) + b"\x81\x00\x00\x07" * vlans + kind + packet).ljust(60, b"\0")


def pcap(packets: Iterable[tuple[int, bytes]], *, link: int = 1, order: str = "<", nano: bool = False) -> bytes:
    """A file of (microseconds, packet)."""
    out = [struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)]
    for at_us, packet in packets:
        seconds, micros = divmod(at_us, 1_000_000)
        out += struct.pack(order + "IIII", seconds, micros * (1000 if nano else 1), len(packet), len(packet)), packet
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A block of pcapng."""
    body = body.ljust(len(body) + -len(body) % 4, b"\0")
    size = len(body) + 12
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)


def section(order: str = "<") -> bytes:
    """The block that begins a pcapng."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(order: str = "<", link: int = 1, options: bytes = b"") -> bytes:
    """The block that describes an interface."""
    return block(1, struct.pack(order + "HHI", link, 0, 0) + options, order)


def enhanced(ticks: int, packet: bytes, order: str = "<", number: int = 0) -> bytes:
    """The block that holds a packet."""
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(packet), len(packet))
    return block(6, head + packet, order)


def handshake(isn: int = 1000, host_isn: int = 5000) -> list[Shot]:
    """SYN, SYN and ACK, ACK: the terminal's next byte is ``isn + 1``."""
    return [
        Shot(TERMINAL, HOST, isn, SYN),
        Shot(HOST, TERMINAL, host_isn, SYN | ACK),
        Shot(TERMINAL, HOST, isn + 1),
    ]


def talk(isn: int = 1000, host_isn: int = 5000) -> list[Shot]:
    """A connection that opens, asks, is answered, and closes."""
    ask, answer = echo(1), echo(1, "0810")
    return [
        *handshake(isn, host_isn),
        Shot(TERMINAL, HOST, isn + 1, ACK | PSH, ask),
        Shot(HOST, TERMINAL, host_isn + 1, ACK | PSH, answer),
        Shot(TERMINAL, HOST, isn + 1 + len(ask), ACK | FIN),
        Shot(HOST, TERMINAL, host_isn + 1 + len(answer), ACK | FIN),
    ]
