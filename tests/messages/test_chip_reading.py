from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from switch.messages.actions import Action
from switch.messages.chip import ChipData
from switch.messages.chip_reading import read_chip
from switch.messages.model import Reject
from switch.values import Pan
from switch.wire.tlv import Tlv, build_tlv

PURCHASE = (
    "9F26085D016C91005E7CC2 9F270180 9F101307000103A04002010A010000001000D1F61152 9F37041E78EEBC 9F36020240"
    "95050080046000 9A03140701 9C0100 9F0206000000000001 5F2A020156 82027D00 9F1A020156 9F0306000000000250"
    "9F3303 60E1C8 9F3403020300 9F350122 9F1E083833323049434300 8408A000000333010101 9F09020020 9F410400000007"
)
"""A UnionPay card's request, as published with its keys (see the tests of cryptograms); the other amount is ours."""


def chip(text: str) -> ChipData:
    found = read_chip(bytes.fromhex(text))
    assert isinstance(found, ChipData), found
    return found


def because(text: str) -> str:
    found = read_chip(bytes.fromhex(text))
    assert isinstance(found, Reject)
    assert found.action is Action.FORMAT_ERROR
    return found.because


def test_a_purchase_is_said_in_words() -> None:
    found = chip(PURCHASE)

    assert found.cryptogram == bytes.fromhex("5D016C91005E7CC2")
    assert found.cryptogram_information == 0x80
    assert found.issuer_data == bytes.fromhex("07000103A04002010A010000001000D1F61152")
    assert found.unpredictable == bytes.fromhex("1E78EEBC")
    assert found.atc == 0x0240
    assert found.tvr == bytes.fromhex("0080046000")
    assert (found.amount_minor, found.currency) == (1, "156")
    assert found.aid == "A000000333010101"
    assert found.tags["82"] == bytes.fromhex("7D00")
    assert found.cvm_results == bytes.fromhex("020300")
    assert found.tags["9F41"] == bytes.fromhex("00000007")


def test_what_is_absent_is_empty_or_none() -> None:
    found = chip("")

    assert (found.cryptogram, found.issuer_data, found.tvr, found.script_results) == (b"", b"", b"", b"")
    assert (found.atc, found.amount_minor, found.pan) == (None, None, None)
    assert (found.currency, found.aid, found.pan_sequence, found.track2) == ("", "", "", "")
    assert not found.asks_online
    assert not found.is_approved_offline


def test_a_tag_with_no_value_is_absent() -> None:
    assert chip("9F3600 8400 9F0607A0000000031010") == chip("9F0607A0000000031010")


@pytest.mark.parametrize(
    ("information", "asks_online", "is_approved"),
    [("80", True, False), ("40", False, True), ("00", False, False), ("88", True, False)],
)
def test_the_kind_of_cryptogram_is_in_its_two_highest_bits(
    information: str, *, asks_online: bool, is_approved: bool
) -> None:
    found = chip(f"9F2701{information}")

    assert (found.asks_online, found.is_approved_offline) == (asks_online, is_approved)


def test_the_card_and_its_track_are_read_and_not_shown() -> None:
    found = chip("5A0A6228000010000117100F 57116228000010000117100D30122010000000 5F340101")

    assert found.pan == Pan("6228000010000117100")
    assert found.track2 == "6228000010000117100D30122010000000"
    assert found.pan_sequence == "01"
    assert "6228000010000117100" not in repr(found)
    assert "117100" not in repr(found)


@pytest.mark.parametrize(
    ("text", "aid"),
    [
        ("9F0605A000000004 4F05A000000003 8405A000000333", "A000000333"),
        ("9F0605A000000004 4F05A000000003", "A000000003"),
        ("9F0605A000000004", "A000000004"),
    ],
)
def test_the_application_is_the_chips_before_the_terminals(text: str, aid: str) -> None:
    assert chip(text).aid == aid


@pytest.mark.parametrize(("text", "results"), [("DF31052000000000", "2000000000"), ("9F5B051000000000", "1000000000")])
def test_script_results_come_under_either_tag(text: str, results: str) -> None:
    assert chip(text).script_results == bytes.fromhex(results)


def test_an_offline_terminal_says_how_it_decided() -> None:
    assert chip("8A025931").tags["8A"] == b"Y1"


@pytest.mark.parametrize(
    ("text", "field_23", "sequence"),
    [("5F340102", "001", "02"), ("", "001", "01"), ("", "7", "07"), ("", "", "00"), ("", "0x1", "00")],
)
def test_the_sequence_is_the_chips_then_the_messages_then_zero(text: str, field_23: str, sequence: str) -> None:
    assert chip(text).sequence(field_23) == sequence


def test_templates_are_opened_and_padding_skipped() -> None:
    assert chip("0000 770A 9F36020240 00 9F270180 0000").atc == 0x0240


def test_a_long_template_is_opened_too() -> None:
    assert chip("70 6F 9F36020240 9F7C67" + "01" * 103).atc == 0x0240


def test_a_tag_that_is_repeated_counts_once() -> None:
    assert chip("9F36020240 7005 9F36020240") == chip("9F36020240")


def test_a_tag_with_two_values_is_wrong() -> None:
    assert because("9F36020240 7005 9F36020241") == "DE 55: tag 9F36 is there twice with different values"


def test_of_an_unknown_tag_the_first_value_is_kept() -> None:
    assert chip("9F7C0101 9F7C0102").tags["9F7C"] == b"\x01"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("9F3601 40", "tag 9F36 has 1 bytes, not 2"),
        ("9F2607 5D016C91005E7C", "tag 9F26 has 7 bytes, not 8"),
        ("9F2609 5D016C91005E7CC2C2", "tag 9F26 has 9 bytes, not 8"),
        ("8404 A0000003", "tag 84 has 4 bytes, not 5 to 16"),
        ("9F0206 00000000001A", "tag 9F02 is not packed decimal"),
        ("5F3401 0B", "tag 5F34 is not packed decimal"),
        ("9C01 FF", "tag 9C is not packed decimal"),
        ("5A08 62280000A0000117", "tag 5A is not a card number"),
        ("5A03 622800", "tag 5A is not a card number"),
        ("8A02 0A31", "tag 8A is not two letters or digits"),
        ("9F2608 5D01", "tag 9F26: 8 bytes announced, 2 are there"),
        ("77049F260200", "tag 9F26: 2 bytes announced, 1 are there"),
        ("5A", "tag 5A: ends before its length"),
        ("9F7C09 01", "an unknown tag: 9 bytes announced, 1 are there"),
        ("9F", "the tags: ends inside a tag"),
    ],
)
def test_what_is_wrong_is_named_and_never_shown(text: str, said: str) -> None:
    assert because(text) == f"DE 55: {said}"


TAGS = ["9F26", "9F36", "5A", "57", "8A", "9F02", "5F34", "84", "9F10", "9F27", "DF31", "9F7C", "77", "9F8101", "50"]


@settings(deadline=None, max_examples=400)
@given(
    st.one_of(
        st.binary(max_size=40),
        st.lists(
            st.builds(
                lambda tag, value, stated: (
                    bytes.fromhex(tag) + bytes([len(value) if stated is None else stated]) + value
                ),
                st.sampled_from(TAGS),
                st.sampled_from(
                    [b"", b"\x01", b"\x0a", b"\x12\x34", b"\x9a\x03", bytes(5), bytes(6), bytes(8), bytes(130)]
                ),
                st.sampled_from([None, None, None, None, 0, 2, 0x80, 0x81, 0xFF]),
            ),
            max_size=6,
        ).map(b"".join),
    )
)
@example(bytes.fromhex("9F36020240 9F3600"))
@example(bytes.fromhex("9F7C0101 9F7C0102"))
def test_padding_in_front_changes_nothing(data: bytes) -> None:
    plain, padded = read_chip(data), read_chip(b"\x00" + data)

    assert plain == padded
    if isinstance(plain, ChipData) and isinstance(padded, ChipData):
        assert list(plain.tags) == list(padded.tags)


@settings(deadline=None)
@given(st.binary(max_size=255))
def test_any_bytes_are_read_or_rejected(data: bytes) -> None:
    assert isinstance(read_chip(data), ChipData | Reject)


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            Tlv,
            st.sampled_from(["9F26", "9F36", "5A", "57", "8A", "9F02", "5F34", "84", "9F10", "9F27", "DF31", "9F7C"]),
            st.binary(max_size=20),
        ),
        max_size=6,
    )
)
def test_any_values_of_known_tags_are_read_or_rejected(objects: list[Tlv]) -> None:
    found = read_chip(build_tlv(tuple(objects)))

    if isinstance(found, ChipData):
        assert found.tags.keys() <= {one.tag for one in objects}
        assert len(found.cryptogram) in {0, 8}


@settings(deadline=None)
@given(st.data())
def test_an_altered_request_is_read_or_rejected(data: st.DataObject) -> None:
    altered = bytearray(bytes.fromhex(PURCHASE))
    for place in data.draw(st.lists(st.integers(0, len(altered) - 1), min_size=1, max_size=4)):
        altered[place] = data.draw(st.integers(0, 255))

    assert isinstance(read_chip(bytes(altered)), ChipData | Reject)


# --- data laid out as the last of their length --------------------------------------------------------------

FIRST = bytes.fromhex("9F2608A1B2C3D4E5F60718 9A03261121 9F36020007 8407A0000003330101")


@given(st.binary(max_size=40))
def test_what_was_read_before_does_not_change_what_is_read(data: bytes) -> None:
    fresh = read_chip(data)

    assert read_chip(data) == fresh


@given(st.lists(st.tuples(st.integers(0, len(FIRST) - 1), st.integers(0, 255)), max_size=6))
def test_data_of_the_same_length_as_others_are_read_as_they_are(places: list[tuple[int, int]]) -> None:
    changed = bytearray(FIRST)
    for place, value in places:
        changed[place] = value
    in_a_template = bytes((0x70, len(FIRST))) + bytes(changed)
    read_chip(FIRST)

    found = [read_chip(bytes(changed)) for _ in range(2)]

    with_care = read_chip(in_a_template)
    if isinstance(with_care, ChipData):
        assert found == [with_care] * 2
    else:
        assert all(isinstance(each, Reject) for each in found)


def test_a_date_that_is_none_is_seen_in_data_laid_out_as_others() -> None:
    good = read_chip(FIRST)
    bad = read_chip(FIRST.replace(bytes.fromhex("261121"), bytes.fromhex("26112A")))

    assert isinstance(good, ChipData)
    assert bad == Reject(Action.FORMAT_ERROR, "DE 55: tag 9A is not packed decimal")
    assert read_chip(FIRST) == good
