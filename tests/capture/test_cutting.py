from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.capture.cutting import FrameCutter, function_digit, message_type
from switch.capture.losses import Losses
from switch.wire.codec import Codec
from switch.wire.framing import Framing
from tests.capture.wires import CODEC, CUP, cup_echo, echo, purchase

SALE = CODEC.encode({0: "0200", 3: "000000", 4: "000000001234", 11: "000001", 41: "TERM0001"})
FRAMINGS = [
    Framing("bcd2"),
    Framing("ascii4", length_includes_itself=True),
    Framing("hex4"),
    Framing("binary2", trailer=b"\x03"),
    Framing("binary2", trailer=b"\r\n", trailer_counted=True, tpdu=True, header_bytes=3),
]


def spoken_over(framing: Framing) -> Codec:
    return Codec(replace(CODEC.dialect, framing=framing))


@pytest.mark.parametrize("framing", FRAMINGS)
@given(st.lists(st.integers(1, 30), max_size=20))
def test_frames_are_cut_as_they_were_on_the_wire(framing: Framing, sizes: list[int]) -> None:
    codec, losses = spoken_over(framing), Losses()
    said = [framing.wrap_request(SALE), framing.keep_alive, framing.wrap_request(SALE)]
    stream, found = b"".join(said), []
    cutter = FrameCutter(codec, losses)
    for size in sizes:
        found += cutter.feed(stream[:size])
        stream = stream[size:]

    assert found + cutter.feed(stream) == said
    assert losses == Losses()


@pytest.mark.parametrize("framing", FRAMINGS)
@given(st.integers(1, len(SALE)))
def test_who_begins_in_the_middle_finds_the_next_frame(framing: Framing, lost: int) -> None:
    losses = Losses()
    frame = framing.wrap_request(SALE)
    cutter = FrameCutter(spoken_over(framing), losses, in_step=False)

    found = cutter.feed(frame[lost:] + frame + frame)

    assert found + cutter.finish() == [frame, frame]
    assert losses == Losses(skipped_bytes=len(frame) - lost)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_packed_dialects_find_back_into_step_after_anything(noise: bytes, size: int) -> None:
    losses = Losses()
    said = [cup_echo(number) for number in range(60)]
    stream = noise + b"".join(said)
    cutter = FrameCutter(CUP, losses)

    found = [frame for at in range(0, len(stream), size) for frame in cutter.feed(stream[at : at + size])]
    found += cutter.finish()

    assert found[-1] == said[-1]
    assert sum(map(len, found)) + losses.skipped_bytes == len(stream)


def test_frames_whose_fields_do_not_decode_are_found_by_those_behind_them() -> None:
    unknown = CODEC.dialect.framing.wrap_request(b"0200" + b"0" * 15 + b"1" + b"not a MAC")
    losses = Losses()
    cutter = FrameCutter(CODEC, losses, in_step=False)

    assert cutter.feed(b"xyz" + unknown * 3) == [unknown] * 3
    assert losses == Losses(skipped_bytes=3)


def test_frames_whose_fields_do_not_decode_are_found_though_they_come_one_by_one() -> None:
    unknown = CODEC.dialect.framing.wrap_request(b"0200" + b"0" * 15 + b"1" + b"not a MAC")
    losses = Losses()
    cutter = FrameCutter(CODEC, losses, in_step=False)

    assert [cutter.feed(unknown) for _ in range(4)] == [[], [], [unknown] * 3, [unknown]]
    assert losses == Losses()


def test_a_beginning_whose_fields_cannot_be_is_not_waited_for() -> None:
    losses = Losses()
    cutter = FrameCutter(CODEC, losses, in_step=False)

    found = cutter.feed(b"\x1f\x40" + b"0200" + b"8000000000000000" + b"XXXX" + echo(1))

    assert found == [echo(1)]
    assert losses == Losses(skipped_bytes=26)


def test_what_looks_like_a_frame_but_never_ends_is_passed_over_at_the_end() -> None:
    losses = Losses()
    cutter = FrameCutter(CODEC, losses, in_step=False)

    begun = b"\x1f\x40" + b"0200" + b"0000000000010000" + b"999"  # 48, of 999 bytes

    assert cutter.feed(begun + echo(1) + echo(2)) == []
    assert cutter.finish() == [echo(1), echo(2)]
    assert losses == Losses(skipped_bytes=len(begun))


def test_a_lost_step_drops_what_was_begun() -> None:
    losses = Losses()
    cutter = FrameCutter(CODEC, losses)
    cutter.feed(purchase(1)[:50])

    cutter.lose_step()

    assert cutter.feed(purchase(2)[20:] + purchase(3)) == [purchase(3)]
    assert losses == Losses(skipped_bytes=50 + len(purchase(2)) - 20)


@pytest.mark.parametrize(("codec", "frame", "kind", "digit"), [
    (CODEC, echo(1),                  "0800",  0),
    (CODEC, echo(1, "0810"),          "0810",  1),
    (CUP,   cup_echo(1),              "0820",  2),
    (CODEC, b"\0\0",                  "",     -1),
    (CODEC, b"\0\x04\xb2\xb3\xb9\xb9", "",    -1),
    (CUP,   b"\0\x0d" + bytes(11) + b"\x0a\xaa", "", -1),
])  # fmt: skip
def test_the_type_of_a_message_is_read_without_decoding_it(codec: Codec, frame: bytes, kind: str, digit: int) -> None:
    assert message_type(codec, frame) == kind
    assert function_digit(codec, frame) == digit
