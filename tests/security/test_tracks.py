"""Encrypted tracks: which digits change, that they come back, and what rubbish looks like."""

from __future__ import annotations

import random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.security.ciphers import aes, des
from switch.security.tracks import encrypted_track, is_plausible_track2, opened_track

TDK: Final = des(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))
OTHER: Final = des(bytes.fromhex("23456789ABCDEF011032547698BADCFE"))
EVEN: Final = "6200000000000047D30122010000012345"
ODD: Final = "6200000000000047D301220100000123451"

tracks = st.text("0123456789ABCDEF", min_size=17, max_size=104)


# --- the block --------------------------------------------------------------------------------------------


def test_the_block_ends_before_the_last_byte_of_an_even_number_of_digits() -> None:
    block = TDK.encrypt(bytes.fromhex("D301220100000123")).hex().upper()

    assert encrypted_track(TDK, EVEN) == "6200000000000047" + block + "45"


def test_the_block_ends_before_the_last_byte_of_an_odd_number_filled_up() -> None:
    block = TDK.encrypt(bytes.fromhex("D301220100000123")).hex().upper()

    assert encrypted_track(TDK, ODD[:-2]) == "6200000000000047" + block + "4"


def test_a_captured_track_keeps_what_surrounds_its_block() -> None:
    captured_end = "0679A9A86108D14D221D00"

    opened = opened_track(TDK, "620000000000" + captured_end)

    assert opened == "6200000000000679" + TDK.decrypt(bytes.fromhex("A9A86108D14D221D")).hex().upper() + "00"


@given(tracks)
def test_only_the_block_of_the_packed_track_changes(track: str) -> None:
    filled = "0" * (len(track) % 2)
    before, after = (bytearray.fromhex(text + filled) for text in (track, encrypted_track(TDK, track)))

    before[-9:-1] = TDK.encrypt(bytes(before[-9:-1]))

    assert after == before


@given(tracks)
def test_what_was_encrypted_opens_again_in_the_same_length(track: str) -> None:
    encrypted = encrypted_track(TDK, track)

    assert len(encrypted) == len(track)
    assert encrypted != track
    assert opened_track(TDK, encrypted) == track


@pytest.mark.parametrize("size", [0, 1, 16])
def test_a_track_too_short_is_refused(size: int) -> None:
    for change in (encrypted_track, opened_track):
        with pytest.raises(ValueError, match=f"a track of {size} digits is too short to be encrypted; it takes 17"):
            change(TDK, "0" * size)


@pytest.mark.parametrize(
    "track", [EVEN.replace("D", "="), EVEN[:20] + "  " + EVEN[22:], EVEN.lower(), EVEN[:20] + "٣" + EVEN[21:]]
)
def test_what_is_not_hexadecimal_is_refused_without_showing_it(track: str) -> None:
    with pytest.raises(ValueError, match=r"^digits 17 to 32 of the track are not all hexadecimal$"):
        encrypted_track(TDK, track)


# --- rubbish ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "track",
    [
        EVEN,
        ODD,
        EVEN.replace("D", "="),
        EVEN + "F",
        "4392260009942820D131210112008439",
        "6200000000000047D0000201",
        "6200000000000047DD201000",
        "6200000000000047D3012D000",
        "62000000D3012201",
        "6200000000000000000D3012201",
    ],
)
def test_tracks_as_cards_have_them_are_plausible(track: str) -> None:
    assert is_plausible_track2(track)


@pytest.mark.parametrize(
    "track",
    [
        "",
        "6200000000000047",
        "6200000000000047D",
        "6200000000000047D3012",
        "6200000D30122010000012345",
        "62000000000000000000D3012201",
        "620000000000004AD30122010000012345",
        "6200000000000047D301220100000A2345",
        "6200000000000047D30122010000D12345",
        "6200000000000047D30122010000012345FF",
        "6200000000000047D30122010000012345\n",
        "6200000000000047D301220100000123450000",
        "٦200000000000047D30122010000012345",
    ],
)
def test_what_no_card_has_is_not_plausible(track: str) -> None:
    assert not is_plausible_track2(track)


def test_what_opens_under_another_key_is_hardly_ever_plausible() -> None:
    numbers = random.Random(8583)
    sent = [encrypted_track(TDK, f"{EVEN[:20]}{numbers.randrange(10**14):014}") for _ in range(3000)]

    assert all(is_plausible_track2(opened_track(TDK, track)) for track in sent)
    assert sum(is_plausible_track2(opened_track(OTHER, track)) for track in sent) <= 3


def test_a_cipher_of_larger_blocks_takes_no_track() -> None:
    with pytest.raises(ValueError, match="whole blocks of 16 bytes"):
        encrypted_track(aes(bytes(16)), EVEN)
