from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest

from switch.capture.entry import Entry, Event
from switch.capture.faults import CaptureCut, CaptureFault
from switch.capture.reading import read_any
from switch.errors import OperatorError
from tests.capture.wires import (
    ACK,
    HOST,
    SYN,
    TERMINAL,
    Shot,
    block,
    echo,
    enhanced,
    ethernet,
    interface,
    ip,
    pcap,
    section,
    talk,
)

ASCII = "iso8583-1987-ascii"
START_US = 1_763_731_200_123_456
SIX_TERMINAL = ("2001:db8::7", 49152)
SIX_HOST = ("2001:db8::1", 8583)
TALK = [(START_US + number * 1000, shot) for number, shot in enumerate(talk())]
SAID = [(START_US + 3000, echo(1)), (START_US + 4000, echo(1, "0810"))]


def read(path: Path, content: bytes, **options: int) -> tuple[list[Entry], str]:
    """What a file gives, and what is said at its end."""
    path.write_bytes(content)
    entries: list[Entry] = []
    with read_any(path, ASCII, **options) as recording:
        try:
            for entry in recording:
                entries.append(entry)  # noqa: PERF402 - those before a fault count
        except CaptureFault as fault:
            return entries, str(fault)
        return entries, " ".join(recording.losses.told())


def frames(entries: list[Entry]) -> list[tuple[int, bytes]]:
    return [(entry.at_us, entry.frame) for entry in entries if entry.event is Event.FRAME]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [0, 1])
def test_a_pcap_is_read_in_both_byte_orders_and_resolutions(tmp_path: Path, order: str, nano: int) -> None:
    content = pcap([(at, ethernet(ip(shot))) for at, shot in TALK], order=order, nano=bool(nano))

    entries, told = read(tmp_path / "talk.pcap", content)

    assert frames(entries) == SAID
    assert [entry.event for entry in entries] == [Event.OPEN, Event.FRAME, Event.FRAME, Event.CLOSE]
    assert told == ""


def six(shot: Shot) -> Shot:
    return shot._replace(
        source=SIX_TERMINAL if shot.source == TERMINAL else SIX_HOST,
        target=SIX_TERMINAL if shot.target == TERMINAL else SIX_HOST,
    )


def hop_by_hop(packet: bytes) -> bytes:
    """The IPv6 packet with an extension header of eight bytes, and a destination options one of sixteen."""
    extensions = bytes([60, 0]) + bytes(6) + bytes([6, 1]) + bytes(14)
    size = struct.unpack(">H", packet[4:6])[0] + len(extensions)
    return packet[:4] + struct.pack(">HB", size, 0) + packet[7:40] + extensions + packet[40:]


def fragment(packet: bytes, offset_and_more: int) -> bytes:
    """The IPv6 packet with a fragment header (RFC 8200 clause 4.5)."""
    size = struct.unpack(">H", packet[4:6])[0] + 8
    head = struct.pack(">BBHI", 6, 0, offset_and_more, 7)
    return packet[:4] + struct.pack(">HB", size, 44) + packet[7:40] + head + packet[40:]


LINKS = [
    pytest.param(1, lambda shot: ethernet(ip(shot)), id="ethernet"),
    pytest.param(1, lambda shot: ethernet(ip(shot), vlans=1), id="vlan"),
    pytest.param(1, lambda shot: ethernet(ip(shot), vlans=2), id="vlan within vlan"),
    pytest.param(1, lambda shot: ethernet(ip(six(shot))), id="version 6"),
    pytest.param(1, lambda shot: ethernet(hop_by_hop(ip(six(shot)))), id="version 6 with extensions"),
    pytest.param(1, lambda shot: ethernet(fragment(ip(six(shot)), 0)), id="version 6, the only fragment"),
    pytest.param(101, ip, id="raw"),
    pytest.param(228, ip, id="raw version 4"),
    pytest.param(229, lambda shot: ip(six(shot)), id="raw version 6"),
    pytest.param(0, lambda shot: struct.pack("<I", 2) + ip(shot), id="loopback"),
    pytest.param(108, lambda shot: struct.pack(">I", 2) + ip(shot), id="loopback of OpenBSD"),
    pytest.param(113, lambda shot: bytes(14) + b"\x08\x00" + ip(shot), id="cooked"),
    pytest.param(276, lambda shot: b"\x08\x00" + bytes(18) + ip(shot), id="cooked, second version"),
]


@pytest.mark.parametrize(("link", "packed"), LINKS)
def test_every_link_type_that_is_documented_is_read(tmp_path: Path, link: int, packed: type) -> None:
    content = pcap([(at, packed(shot)) for at, shot in TALK], link=link)

    entries, told = read(tmp_path / "talk.pcap", content)

    assert (frames(entries), told) == (SAID, "")


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_pcapng_is_read_in_both_byte_orders(tmp_path: Path, order: str) -> None:
    packets = [enhanced(at, ethernet(ip(shot)), order) for at, shot in TALK]
    names = block(4, bytes(8), order)  # a kind of block that says nothing about packets

    entries, told = read(tmp_path / "talk.pcapng", b"".join([section(order), interface(order), names, *packets]))

    assert (frames(entries), told) == (SAID, "")


def option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value.ljust(len(value) + -len(value) % 4, b"\0")


@pytest.mark.parametrize(
    ("options", "ticks_per_us"),
    [(option(9, b"\x09"), 1000), (option(9, b"\x06") + option(0, b""), 1), (option(2, b"eth0"), 1)],
)
def test_a_pcapng_keeps_time_as_its_interface_says(tmp_path: Path, options: bytes, ticks_per_us: int) -> None:
    packets = [enhanced(at * ticks_per_us, ethernet(ip(shot))) for at, shot in TALK]

    entries, _ = read(tmp_path / "talk.pcapng", b"".join([section(), interface(options=options), *packets]))

    assert frames(entries) == SAID


def test_a_pcapng_keeps_time_in_powers_of_two_from_an_offset(tmp_path: Path) -> None:
    options = option(9, b"\x94") + option(14, struct.pack("<q", 1_763_731_200))  # 2**20 ticks a second
    packets = [enhanced((number << 20) // 2, ethernet(ip(shot))) for number, (_, shot) in enumerate(TALK)]

    entries, _ = read(tmp_path / "talk.pcapng", b"".join([section(), interface(options=options), *packets]))

    assert [at for at, _ in frames(entries)] == [1_763_731_201_500_000, 1_763_731_202_000_000]


def test_a_pcapng_may_have_several_sections_and_interfaces_and_old_packets(tmp_path: Path) -> None:
    first, second = TALK[:4], TALK[4:]
    old = [
        block(
            2,
            struct.pack(">HHIIII", 0, 0, at >> 32, at & 0xFFFFFFFF, len(ip(shot)), len(ip(shot))) + ip(shot),
            ">",
        )
        for at, shot in second
    ]
    parts = [section(), interface(), interface(link=101)]
    parts += [enhanced(at, ip(shot), number=1) for at, shot in first]

    entries, told = read(tmp_path / "talk.pcapng", b"".join([*parts, section(">"), interface(">", link=101), *old]))

    assert (frames(entries), told) == (SAID, "")


def test_simple_packets_of_a_pcapng_have_no_time(tmp_path: Path) -> None:
    packets = [block(3, struct.pack("<I", len(ethernet(ip(shot)))) + ethernet(ip(shot))) for _, shot in TALK]

    entries, _ = read(tmp_path / "talk.pcapng", b"".join([section(), interface(), *packets]))

    assert frames(entries) == [(0, echo(1)), (0, echo(1, "0810"))]


def test_what_is_no_tcp_is_passed_over(tmp_path: Path) -> None:
    noise = [
        b"",
        b"\x45",
        ethernet(b"\x45" + bytes(8) + b"\x11" + bytes(30)),  # UDP
        bytes(12) + b"\x08\x06" + bytes(46),  # ARP
        ethernet(b"\x60" + bytes(5) + b"\x3a" + bytes(60)),  # ICMP for version 6
        ethernet(b"\x75" + bytes(60)),
        bytes(12) + b"\x81\x00",
    ]
    packets = [(START_US, one) for one in noise] + [(at, ethernet(ip(shot))) for at, shot in TALK]

    entries, told = read(tmp_path / "talk.pcap", pcap(packets))

    assert (frames(entries), told) == (SAID, "")


def test_fragments_are_counted_and_left_out(tmp_path: Path) -> None:
    packets = [(at, ethernet(ip(shot))) for at, shot in TALK]
    packets.insert(3, (START_US, ethernet(ip(Shot(TERMINAL, HOST, 1, ACK, echo(9)), fragment=0x2000))))
    packets.insert(5, (START_US, ethernet(fragment(ip(six(Shot(TERMINAL, HOST, 1, ACK, echo(9)))), 1))))

    entries, told = read(tmp_path / "talk.pcap", pcap(packets))

    assert frames(entries) == SAID
    assert told == "2 fragment(s) of IP packets left out"


def test_packets_captured_in_part_are_told(tmp_path: Path) -> None:
    content = pcap([(at, ethernet(ip(shot))) for at, shot in TALK[:4]])
    packet = ethernet(ip(TALK[4][1]))
    content += struct.pack("<IIII", TALK[4][0] // 1_000_000, 127_456, 70, len(packet)) + packet[:70]

    entries, told = read(tmp_path / "talk.pcap", content)

    assert frames(entries) == SAID[:1]
    assert told.startswith("12 bytes passed over")
    assert told.endswith("1 packet(s) captured only in part: capture with the full length (tcpdump -s 0)")


@pytest.mark.parametrize("lost", [1, 10, 60, 75])
def test_a_truncated_pcap_gives_what_is_whole_and_says_where_it_ends(tmp_path: Path, lost: int) -> None:
    content = pcap([(at, ethernet(ip(shot))) for at, shot in TALK])

    entries, told = read(tmp_path / "talk.pcap", content[:-lost])

    assert frames(entries) == SAID
    assert told.endswith("talk.pcap: packet 7: the file ends in the middle of it")


def test_a_truncated_pcapng_gives_what_is_whole_and_says_where_it_ends(tmp_path: Path) -> None:
    content = b"".join([section(), interface(), *(enhanced(at, ethernet(ip(shot))) for at, shot in TALK)])

    entries, told = read(tmp_path / "talk.pcapng", content[:-5])

    assert frames(entries) == SAID
    assert told.endswith("talk.pcapng: block 9: the file ends in the middle of it")


HEAD = pcap([])
BROKEN = [
    (HEAD[:20], "the head: the file ends in the middle of it"),
    (HEAD[:4] + b"\x07" + HEAD[5:], "the head: version 7 of the pcap format; this program reads 2"),
    (HEAD, "no packets in it"),
    (HEAD + struct.pack("<IIII", 0, 0, 1 << 30, 1 << 30), "packet 1: 1073741824 bytes announced, at most 1048576 allowed"),
    (pcap([(0, b"\0" * 60)], link=195), "packets of link type 195 cannot be read"),
    (pcap([(0, b"\0" * 60)]), "no TCP segments in its 1 packets"),
    (pcap([(0, ip(Shot(TERMINAL, HOST, 1, SYN)))], link=101), "no message of iso8583-1987-ascii in its 1 TCP segments"),
    (section()[:9], "block 1: the file ends in the middle of it"),
    (section()[:8] + b"what" + section()[12:], "block 1: the byte order of the section cannot be told"),
    (block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 2, 0, -1)), "block 1: version 2 of the pcapng format"),
    (section() + struct.pack("<II", 1, 5), "block 2: 5 bytes announced: no length of a block"),
    (section() + enhanced(0, b"packet"), "block 2: does not hold what its kind says"),
    (section() + block(1, b"\0\0"), "block 2: does not hold what its kind says"),
    (section() + interface() + block(6, struct.pack("<IIIII", 0, 0, 0, 99, 99)), "block 3: does not hold"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "reason"), BROKEN)
def test_a_broken_file_is_told_by_place_and_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "broken"

    entries, told = read(path, content)

    assert [entry for entry in entries if entry.event is Event.FRAME] == []
    assert told.startswith(f"{path}: {reason}")


def test_a_pcap_of_another_dialect_says_so(tmp_path: Path) -> None:
    path = tmp_path / "talk.pcap"
    path.write_bytes(pcap([(at, ethernet(ip(shot))) for at, shot in TALK]))

    with (
        read_any(path, "unionpay-pos") as recording,
        pytest.raises(CaptureFault, match="no message of unionpay-pos in its 7 TCP segments: another dialect, or"),
    ):
        list(recording)


def test_a_pcap_without_a_dialect_asks_for_it(tmp_path: Path) -> None:
    path = tmp_path / "talk.pcap"
    path.write_bytes(pcap([]))

    with pytest.raises(OperatorError, match="name it with --dialect"):
        read_any(path)


def test_only_connections_to_a_port_are_read_where_one_is_named(tmp_path: Path) -> None:
    content = pcap([(at, ethernet(ip(shot))) for at, shot in TALK])

    assert frames(read(tmp_path / "one.pcap", content, host_port=8583)[0]) == SAID
    assert read(tmp_path / "two.pcap", content, host_port=8584)[1].endswith(
        "no message of iso8583-1987-ascii in its 7 TCP segments to port 8584: another dialect, or another port?"
    )


def test_a_packed_pcap_cut_off_gives_what_is_whole(tmp_path: Path) -> None:
    many = [(START_US + number, ethernet(ip(shot))) for number, shot in enumerate([*talk(), *talk(9000, 8000)])]
    content = gzip.compress(pcap(many))

    entries, told = read(tmp_path / "talk.pcap.gz", content[:-9])

    assert len(frames(entries)) >= 2
    assert "the gzip stream ends early here" in told


def test_a_cut_is_a_fault_that_callers_may_pass_over() -> None:
    assert issubclass(CaptureCut, CaptureFault)
    assert issubclass(CaptureFault, OperatorError)
