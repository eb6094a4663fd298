from __future__ import annotations

import random
from ipaddress import ip_address
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.capture.conversations import CONNECTIONS_MAX, Conversations
from switch.capture.entry import Direction, Entry, Event
from switch.capture.losses import Losses
from switch.capture.packets import Segment
from tests.capture.wires import (
    ACK,
    CODEC,
    FIN,
    HOST,
    RST,
    SYN,
    TERMINAL,
    Shot,
    cup_echo,
    echo,
    handshake,
    purchase,
    talk,
)

NAME = "192.0.2.7:49152-198.51.100.1:8583"
OPEN = (Direction.TO_HOST, Event.OPEN, b"")


class Reader:
    """Conversations, fed with shots a millisecond apart."""

    def __init__(self, *, host_port: int = 0) -> None:
        self.losses = Losses()
        self._conversations = Conversations(CODEC, self.losses, host_port=host_port)
        self.now = 0
        self.entries: list[Entry] = []

    def see(self, *shots: Shot, after_us: int = 1000) -> Reader:
        for shot in shots:
            self.now += after_us
            ends = [ip_address(address).packed + port.to_bytes(2, "big") for address, port in shot[:2]]
            segment = Segment(ends[0], ends[1], shot.sequence % (1 << 32), shot.flags, shot.payload)
            self.entries += self._conversations.take(segment, self.now)
        return self

    def all(self) -> list[Entry]:
        self.entries += self._conversations.finish()
        return self.entries


def told(entries: list[Entry]) -> list[tuple[Direction, Event, bytes]]:
    return [(entry.direction, entry.event, entry.frame) for entry in entries]


def frames(entries: list[Entry]) -> list[bytes]:
    return [entry.frame for entry in entries if entry.event is Event.FRAME]


def test_a_connection_opens_says_its_frames_and_closes() -> None:
    reader = Reader().see(*talk())

    assert told(reader.all()) == [
        OPEN,
        (Direction.TO_HOST, Event.FRAME, echo(1)),
        (Direction.TO_TERMINAL, Event.FRAME, echo(1, "0810")),
        (Direction.TO_HOST, Event.CLOSE, b""),
    ]
    assert {entry.connection for entry in reader.entries} == {NAME}
    assert [entry.at_us for entry in reader.entries] == [1000, 4000, 5000, 7000]
    assert reader.losses == Losses()


def test_a_reset_closes_at_once_and_what_comes_after_is_not_read() -> None:
    ask = echo(1)
    shots = [*handshake(), Shot(TERMINAL, HOST, 1001, ACK, ask), Shot(HOST, TERMINAL, 5001, RST)]
    reader = Reader().see(*shots, Shot(TERMINAL, HOST, 1001, ACK, ask))

    assert told(reader.all())[1:] == [
        (Direction.TO_HOST, Event.FRAME, ask),
        (Direction.TO_TERMINAL, Event.CLOSE, b""),
    ]


def test_a_half_closed_connection_goes_on_until_the_other_side_ends_it() -> None:
    answer = echo(1, "0810")
    shots = [
        *handshake(),
        Shot(TERMINAL, HOST, 1001, ACK | FIN, echo(1)),
        Shot(HOST, TERMINAL, 5001, ACK, answer),
    ]
    reader = Reader().see(*shots)

    assert told(reader.all())[2:] == [
        (Direction.TO_TERMINAL, Event.FRAME, answer),
        (Direction.TO_HOST, Event.CLOSE, b""),
    ]


def test_sequence_numbers_wrap_around() -> None:
    isn = (1 << 32) - 40
    asks = [echo(number) for number in range(1, 5)]
    shots = handshake(isn)
    at = isn + 1
    for ask in asks:
        shots.append(Shot(TERMINAL, HOST, at, ACK, ask))
        at += len(ask)
    reader = Reader().see(*shots[:4], shots[5], shots[4], *shots[6:])

    assert frames(reader.all()) == asks
    assert reader.losses == Losses()


@st.composite
def segmentations(draw: st.DrawFn) -> tuple[list[bytes], list[tuple[int, bytes]]]:
    """Frames, and pieces (offset, bytes) that cover their stream: cut, overlapping, twice, in any order."""
    sizes = draw(st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=6))
    said = [[echo, purchase, lambda _: b"\0\0"][size](number) for number, size in enumerate(sizes)]
    stream = b"".join(said)
    cuts = sorted(draw(st.sets(st.integers(1, len(stream) - 1), max_size=12)))
    edges = [0, *cuts, len(stream)]
    pieces = list(pairwise(edges))
    again = draw(st.lists(st.tuples(st.integers(0, len(stream) - 1), st.integers(1, 200)), max_size=6))
    pieces += [(start, min(len(stream), start + size)) for start, size in again]
    return said, [(start, stream[start:end]) for start, end in draw(st.permutations(pieces))]


@given(segmentations(), st.integers(0, (1 << 32) - 1))
def test_any_segmentation_order_and_repetition_gives_the_same_frames(
    drawn: tuple[list[bytes], list[tuple[int, bytes]]], isn: int
) -> None:
    said, pieces = drawn
    reader = Reader().see(*handshake(isn), *(Shot(TERMINAL, HOST, isn + 1 + at, ACK, data) for at, data in pieces))

    assert frames(reader.all()) == said
    assert reader.losses == Losses()
    assert [entry.at_us for entry in reader.entries] == sorted(entry.at_us for entry in reader.entries)


def test_a_stream_whose_opening_is_missing_begins_with_its_first_whole_frame() -> None:
    middle = purchase(1)[30:]
    shots = [
        Shot(TERMINAL, HOST, 77, ACK, middle + echo(2)[:9]),
        Shot(TERMINAL, HOST, 77 + len(middle) + 9, ACK, echo(2)[9:] + echo(3)),
        Shot(HOST, TERMINAL, 99, ACK, echo(2, "0810")),
    ]
    reader = Reader().see(*shots)

    assert told(reader.all()) == [
        (Direction.TO_HOST, Event.FRAME, echo(2)),
        (Direction.TO_HOST, Event.FRAME, echo(3)),
        (Direction.TO_TERMINAL, Event.FRAME, echo(2, "0810")),
    ]
    assert reader.losses == Losses(skipped_bytes=len(middle))


@given(st.integers(1, 400), st.integers(0, 60), st.integers(1, 40))
def test_after_a_gap_the_stream_finds_back_into_step(size: int, lost_at: int, piece: int) -> None:
    asks = [purchase(number) for number in range(20)]
    stream = b"".join(asks)
    shots = [
        Shot(TERMINAL, HOST, 1001 + at, ACK, stream[at : at + piece])
        for at in range(0, len(stream), piece)
        if not (lost_at < at + piece and at < lost_at + size)
    ]
    reader = Reader().see(*handshake(), *shots)

    found = frames(reader.all())

    first = max(at for at, _ in enumerate(asks) if at * len(asks[0]) <= lost_at + size + 2 * piece) + 1
    assert found[-(20 - first) :] == asks[first:]
    assert set(found) <= set(asks)
    assert reader.losses.gaps == 1


def test_what_waits_for_a_missing_segment_is_told_in_order_of_time_once_it_is_given_up() -> None:
    other = ("192.0.2.8", 50000)
    reader = Reader().see(*handshake(), Shot(other, HOST, 1, SYN), Shot(HOST, other, 1, SYN | ACK))
    lost = len(echo(1))
    reader.see(Shot(TERMINAL, HOST, 1001 + lost, ACK, echo(2)))
    hole_at = reader.now
    reader.see(Shot(other, HOST, 2, ACK, echo(3)))

    assert [entry.event for entry in reader.entries] == [Event.OPEN, Event.OPEN]
    reader.see(Shot(other, HOST, 2 + len(echo(3)), ACK, echo(4)), after_us=11_000_000)

    assert frames(reader.entries) == [echo(2), echo(3), echo(4)]
    assert reader.entries[2].at_us == hole_at
    assert reader.losses == Losses(gaps=1, gap_bytes=lost)


def test_a_hole_is_given_up_when_too_much_waits_for_it() -> None:
    reader = Reader().see(*handshake())
    ask = purchase(7)
    reader.see(*(Shot(TERMINAL, HOST, 1001 + len(ask) * (1 + at), ACK, ask) for at in range(3000)), after_us=1)

    assert len(frames(reader.entries)) >= 1900
    assert reader.losses.gaps == 1


def test_bytes_that_are_no_frames_are_passed_over() -> None:
    noise = b"GET / HTTP/1.1\r\nHost: 0200.example\r\n\r\n"
    reader = Reader().see(*handshake(), Shot(TERMINAL, HOST, 1001, ACK, noise + echo(1)))

    assert frames(reader.all()) == [echo(1)]
    assert reader.losses == Losses(skipped_bytes=len(noise))


def test_a_stream_of_another_dialect_gives_no_frames() -> None:
    reader = Reader().see(*handshake(), Shot(TERMINAL, HOST, 1001, ACK, cup_echo(1) * 50))

    assert frames(reader.all()) == []
    assert reader.losses == Losses(skipped_bytes=50 * len(cup_echo(1)))


@pytest.mark.parametrize(
    ("one", "other", "said", "host_is"),
    [
        (49152, 8583, "0810", "other"),  # the lower port, whoever is heard first
        (8583, 49152, "0800", "one"),
        (50001, 50002, "0800", "other"),  # who asks is the terminal
        (50001, 50002, "0810", "one"),  # who answers is the host
        (50001, 50002, "0830", "one"),
        (50001, 50002, "0420", "other"),
    ],
)
def test_without_an_opening_the_host_is_told_by_ports_and_by_who_answers(
    one: int, other: int, said: str, host_is: str
) -> None:
    reader = Reader().see(Shot(("192.0.2.1", one), ("192.0.2.2", other), 1, ACK, echo(1, said)))

    (entry,) = reader.all()

    assert entry.direction is (Direction.TO_TERMINAL if host_is == "one" else Direction.TO_HOST)


def test_a_named_port_is_the_hosts_and_other_connections_are_not_read() -> None:
    shots = [
        Shot(("192.0.2.1", 9000), ("192.0.2.2", 60000), 1, SYN),  # the host calls the terminal
        Shot(("192.0.2.1", 9000), ("192.0.2.2", 60000), 2, ACK, echo(1)),
        Shot(("192.0.2.1", 9001), ("192.0.2.2", 60000), 1, SYN),
    ]
    reader = Reader(host_port=9000).see(*shots)

    assert [(entry.direction, entry.connection) for entry in reader.all()] == [
        (Direction.TO_TERMINAL, "192.0.2.2:60000-192.0.2.1:9000")
    ] * 2


def test_ports_that_are_used_again_are_another_connection() -> None:
    reader = Reader().see(*talk(), *talk(90_000, 80_000))

    names = [entry.connection for entry in reader.all()]

    assert names == [NAME] * 4 + [f"{NAME}#2"] * 4


def test_an_opening_that_is_repeated_is_one_opening() -> None:
    first, *rest = talk()
    reader = Reader().see(first, first, *rest[:3], first, *rest[3:], first)

    assert [entry.event for entry in reader.all()] == [Event.OPEN, Event.FRAME, Event.FRAME, Event.CLOSE]


def test_a_connection_that_vanished_is_closed_when_its_ports_are_used_again() -> None:
    reader = Reader().see(*handshake(), Shot(TERMINAL, HOST, 1001, ACK, echo(1)), Shot(TERMINAL, HOST, 70_000, SYN))

    assert [entry.event for entry in reader.all()] == [Event.OPEN, Event.FRAME, Event.CLOSE, Event.OPEN]


def test_version_six_addresses_are_named_in_brackets() -> None:
    reader = Reader().see(Shot(("2001:db8::7", 49152), ("2001:db8::1", 8583), 1, SYN))

    assert reader.all()[0].connection == "[2001:db8::7]:49152-[2001:db8::1]:8583"


def test_many_connections_at_once_keep_apart() -> None:
    chance = random.Random(7)
    ends = [(f"192.0.2.{number}", 49152 + number) for number in range(50)]
    sent = {end: [purchase(chance.randrange(1_000_000)) for _ in range(5)] for end in ends}
    shots = [Shot(end, HOST, 0, SYN) for end in ends]
    streams = {end: b"".join(asks) for end, asks in sent.items()}
    at = dict.fromkeys(ends, 0)
    while any(at[end] < len(streams[end]) for end in ends):
        end = chance.choice([end for end in ends if at[end] < len(streams[end])])
        size = chance.randrange(1, 300)
        shots.append(Shot(end, HOST, 1 + at[end], ACK, streams[end][at[end] : at[end] + size]))
        at[end] += size
    reader = Reader().see(*shots)

    entries = reader.all()

    for address, port in ends:
        name = f"{address}:{port}-198.51.100.1:8583"
        mine = [entry.frame for entry in entries if entry.connection == name and entry.event is Event.FRAME]
        assert mine == sent[address, port]


def test_who_was_the_host_of_one_connection_is_the_host_of_another() -> None:
    host, first, second = ("192.0.2.2", 50002), ("192.0.2.1", 60001), ("192.0.2.1", 40001)
    reader = Reader().see(Shot(first, host, 1, SYN), Shot(host, second, 7, ACK, echo(1)))

    assert [entry.direction for entry in reader.all()] == [Direction.TO_HOST, Direction.TO_TERMINAL]


def test_an_opening_that_is_captured_after_the_bytes_behind_it_is_of_the_same_connection() -> None:
    ask = echo(1)
    syn, answer, *_ = handshake()
    reader = Reader().see(
        Shot(TERMINAL, HOST, 1001, ACK, ask), syn, answer, Shot(TERMINAL, HOST, 1001 + len(ask), ACK, ask)
    )

    assert told(reader.all()) == [(Direction.TO_HOST, Event.FRAME, ask), OPEN, (Direction.TO_HOST, Event.FRAME, ask)]
    assert {entry.connection for entry in reader.entries} == {NAME}


def test_ports_used_again_long_after_the_end_are_another_connection_though_its_opening_is_missing() -> None:
    reader = Reader().see(*talk())
    reader.see(Shot(TERMINAL, HOST, 500, ACK, echo(7)), after_us=30_000_000)
    reader.see(Shot(TERMINAL, HOST, 500, ACK, echo(8)), after_us=31_000_000)

    assert [(entry.connection, entry.frame) for entry in reader.all()[4:]] == [(f"{NAME}#2", echo(8))]


def test_each_of_several_holes_is_given_up_in_its_time() -> None:
    ask = echo(1)
    pieces = [Shot(TERMINAL, HOST, 1001 + number * len(ask), ACK, ask) for number in range(6)]
    reader = Reader().see(*handshake(), pieces[1], pieces[3])

    reader.see(Shot(HOST, TERMINAL, 5001, ACK), after_us=10_000_001)
    assert len(frames(reader.entries)) == 1
    reader.see(Shot(HOST, TERMINAL, 5001, ACK), after_us=10_000_001)

    assert len(frames(reader.entries)) == 2
    assert reader.losses == Losses(gaps=2, gap_bytes=2 * len(ask))


def test_a_connection_forgotten_for_many_others_gives_what_waited_in_it() -> None:
    ask = echo(1)
    reader = Reader().see(*handshake(), Shot(TERMINAL, HOST, 1001 + len(ask), ACK, ask), after_us=1)
    others = ((f"10.0.{number >> 8}.{number & 255}", 40_000) for number in range(CONNECTIONS_MAX))

    reader.see(*(Shot(other, HOST, 1, SYN) for other in others), after_us=1)

    assert frames(reader.entries) == [ask]
    assert reader.losses.gaps == 1
