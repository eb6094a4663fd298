from __future__ import annotations

import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switch.errors import EncodeError, FrameError
from switch.wire.framing import KEEP_ALIVE, Frame, Framer, Framing

# fmt: off
FRAMINGS = [
    Framing("binary2"),
    Framing("binary2", length_includes_itself=True),
    Framing("binary2", tpdu=True, header_bytes=6),
    Framing("binary2", trailer=b"\x03", trailer_counted=True),
    Framing("bcd2",    trailer=b"\x03"),
    Framing("bcd2",    length_includes_itself=True, tpdu=True),
    Framing("ascii4",  header_bytes=12),
    Framing("ascii4",  length_includes_itself=True, trailer=b"\r\n", trailer_counted=True),
    Framing("hex4",    tpdu=True),
]
# fmt: on
framings = st.sampled_from(FRAMINGS)


@st.composite
def frames_of(draw: st.DrawFn, framing: Framing) -> list[Frame]:
    headers = st.binary(min_size=framing.all_header_bytes, max_size=framing.all_header_bytes)
    messages = st.builds(Frame, headers, st.binary(min_size=1, max_size=40))
    return draw(st.lists(messages | st.just(KEEP_ALIVE), max_size=5))


def on_the_wire(framing: Framing, frame: Frame) -> bytes:
    return framing.wrap_request(frame.body, frame.header) if frame.body else framing.keep_alive


def fed(framer: Framer, pieces: list[bytes]) -> tuple[list[Frame], str | None]:
    """All frames, and the reason why the stream broke, if it did."""
    frames: list[Frame] = []
    try:
        for piece in [*pieces, b""]:
            frames += framer.feed(piece)
    except FrameError as error:
        return frames, error.reason
    return frames, None


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@settings(deadline=None)
@given(data=st.data(), framing=framings, cuts=st.lists(st.integers(0, 400), max_size=12))
def test_any_split_of_the_bytes_gives_the_same_frames(data: st.DataObject, framing: Framing, cuts: list[int]) -> None:
    frames = data.draw(frames_of(framing))
    stream = b"".join(on_the_wire(framing, frame) for frame in frames)

    framer = framing.framer()
    assert fed(framer, split(stream, cuts)) == (frames, None)
    assert not framer.has_partial


@settings(deadline=None)
@given(framing=framings, stream=st.binary(max_size=60), cuts=st.lists(st.integers(0, 60), max_size=8))
def test_any_bytes_break_at_the_same_place_however_they_are_split(
    framing: Framing, stream: bytes, cuts: list[int]
) -> None:
    assert fed(framing.framer(), split(stream, cuts)) == fed(framing.framer(), [stream])


def test_a_frame_that_has_begun_is_pending_until_it_ends() -> None:
    framer = Framing().framer()

    assert framer.feed(b"\x00") == []
    assert framer.has_partial
    assert framer.feed(b"\x02a") == []
    assert framer.has_partial
    assert framer.feed(b"b") == [Frame(b"", b"ab")]
    assert not framer.has_partial


def test_the_answer_goes_back_with_swapped_addresses_and_the_same_header() -> None:
    framing = Framing(tpdu=True, header_bytes=6)
    (request,) = framing.framer().feed(bytes.fromhex("000D 6000870000 613100311108 0800"))

    assert framing.wrap(b"\x08\x10", request.header) == bytes.fromhex("000D 6000000087 613100311108 0810")


def test_an_opaque_header_without_tpdu_is_mirrored_as_it_is() -> None:
    framing = Framing("ascii4", header_bytes=12)
    (request,) = framing.framer().feed(b"0016ISO0060000000800")

    assert request == Frame(b"ISO006000000", b"0800")
    assert framing.wrap(b"0810", request.header) == b"0016ISO0060000000810"


# fmt: off
COUNTED = [
    (Framing("binary2"),                                            b"\x00\x030800"[:2] + b"080"),
    (Framing("binary2", length_includes_itself=True),               b"\x00\x05080"),
    (Framing("bcd2"),                                               b"\x00\x03080"),
    (Framing("ascii4"),                                             b"0003080"),
    (Framing("hex4"),                                               b"0003080"),
    (Framing("ascii4", length_includes_itself=True),                b"0007080"),
    (Framing("binary2", trailer=b"\x03", trailer_counted=True),     b"\x00\x04080\x03"),
    (Framing("binary2", trailer=b"\x03"),                           b"\x00\x03080\x03"),
]
# fmt: on


@pytest.mark.parametrize(("framing", "wire"), COUNTED)
def test_the_length_counts_what_the_framing_says(framing: Framing, wire: bytes) -> None:
    assert framing.wrap_request(b"080") == wire
    assert framing.framer().feed(wire) == [Frame(b"", b"080")]


def test_hex_and_packed_lengths_read_tens_as_they_are_written() -> None:
    body = bytes(26)

    assert Framing("hex4").wrap_request(body)[:4] == b"001A"
    assert Framing("hex4").framer().feed(b"001a" + body) == [Frame(b"", body)]
    assert Framing("bcd2").wrap_request(body)[:2] == b"\x00\x26"


def test_a_keep_alive_is_delivered_and_can_be_echoed() -> None:
    # fmt: off
    for framing, wire in [
        (Framing(), b"\0\0"), (Framing("ascii4"), b"0000"), (Framing(length_includes_itself=True), b"\0\2"),
        (Framing(tpdu=True, header_bytes=6), b"\0\0"), (Framing(trailer=b"\3", trailer_counted=True), b"\0\0"),
    ]:
        # fmt: on
        assert framing.framer().feed(wire + wire) == [KEEP_ALIVE, KEEP_ALIVE]
        assert framing.keep_alive == wire


# fmt: off
BROKEN = [
    (Framing(max_frame_bytes=100),                      b"\x00\x65",         "too_long"),
    (Framing(),                                         b"\xff\xff",         "too_long"),
    (Framing(max_frame_bytes=100, trailer=b"\x03"),     b"\x00\x64",         "too_long"),
    (Framing("bcd2"),                                   b"\x00\x1a",         "bad_length"),
    (Framing("ascii4"),                                 b"+012",             "bad_length"),
    (Framing("ascii4"),                                 b"GET ",             "bad_length"),
    (Framing("ascii4"),                                 b"1\xb2\xb2\xb2",    "bad_length"),
    (Framing("hex4"),                                   b"00 1",             "bad_length"),
    (Framing("hex4"),                                   b"\xff\xff\xff\xff", "bad_length"),
    (Framing(length_includes_itself=True),              b"\x00\x01",         "bad_length"),
    (Framing(trailer=b"\x03"),                          b"\x00\x01a\x04",    "bad_trailer"),
    (Framing(tpdu=True),                                b"\x00\x05",         "bad_header"),
    (Framing(tpdu=True, header_bytes=6),                b"\x00\x0b",         "bad_header"),
    (Framing(trailer=b"\x03", trailer_counted=True),    b"\x00\x01\x03",     "bad_header"),
]
# fmt: on


@pytest.mark.parametrize(("framing", "wire", "reason"), BROKEN)
def test_a_broken_stream_is_refused_by_reason(framing: Framing, wire: bytes, reason: str) -> None:
    framer = framing.framer()

    for _ in range(2):
        with pytest.raises(FrameError) as caught:
            framer.feed(wire)
        assert caught.value.reason == reason
    assert not framer.has_partial


def test_frames_before_the_break_are_not_lost() -> None:
    framer = Framing(max_frame_bytes=100).framer()

    assert framer.feed(b"\x00\x02ab\xff\xffxx") == [Frame(b"", b"ab")]
    assert framer.error is not None
    assert framer.error.reason == "too_long"
    with pytest.raises(FrameError):
        framer.feed(b"")


def test_the_longest_frame_is_taken_and_one_byte_more_is_not() -> None:
    framing = Framing(max_frame_bytes=100, tpdu=True)
    fits = framing.wrap_request(bytes(95))

    assert len(framing.framer().feed(fits)) == 1
    with pytest.raises(FrameError):
        framing.framer().feed(framing.wrap_request(bytes(96)))


def test_an_idle_connection_holds_no_buffer() -> None:
    framer = Framing().framer()
    framer.feed(b"\x00\x02ab")

    assert framer._pending == b""
    assert sys.getsizeof(framer) <= 80


def test_a_message_longer_than_the_length_can_say_is_not_written() -> None:
    with pytest.raises(EncodeError):
        Framing("bcd2").wrap_request(bytes(10_000))


# fmt: off
NONSENSE = [
    {"length": "binary3"}, {"header_bytes": -1}, {"trailer_counted": True}, {"max_frame_bytes": 11, "tpdu": True, "header_bytes": 6},
]
# fmt: on


@pytest.mark.parametrize("settings", NONSENSE)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Framing(**settings)  # type: ignore[arg-type]


def test_a_header_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="11 bytes"):
        Framing(tpdu=True, header_bytes=6).wrap(b"\x08\x10", b"\x60")
