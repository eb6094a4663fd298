"""The card of a message comes from its field, the track or the chip, and is the same in all."""

from __future__ import annotations

import pytest

from switch.messages.actions import Action
from switch.messages.cards import read_track
from switch.values import Pan
from tests.messages.fields import CARD, OTHER_CARD, PURCHASE_1987, SALE, TRACK, changed, reject_of, request_of

IMAGE = f"5711{CARD}D3012220000001234F"  # 17 bytes
NUMBER = f"5A08{CARD}"
SEQUENCE = "5F340101"

# fmt: off
TRACKS = [
    (f"{CARD}=30122010000",  (CARD, "3012", "201")),
    (f"{CARD}D30122010000",  (CARD, "3012", "201")),
    (f"{CARD}==2010000",     (CARD, "",     "201")),  # no expiry: a separator stands for it
    (f"{CARD}D3012D0000",    (CARD, "3012", "")),
    (f"{CARD}D3012",         (CARD, "3012", "")),
    (f"{CARD}D30",           (CARD, "",     "")),
    (f"{CARD}D",             (CARD, "",     "")),
    (CARD,                   (None, "",     "")),
    ("12345D3012",           (None, "",     "")),
    ("679A9A86108D14D221D0", (None, "",     "")),  # still encrypted
]
# fmt: on


@pytest.mark.parametrize(("track", "parts"), TRACKS)
def test_a_track_is_parted_as_the_standard_says(track: str, parts: tuple[str | None, str, str]) -> None:
    assert read_track(track) == parts


@pytest.mark.parametrize("chip", [IMAGE, NUMBER, IMAGE + NUMBER])
def test_the_chip_alone_can_name_the_card(chip: str) -> None:
    request = request_of(changed(SALE, {22: "051", 23: "001", 35: None, 55: chip + SEQUENCE}))

    assert request.pan == Pan(CARD)
    assert request.card_sequence == "001"
    assert request.chip is not None


def test_the_chips_image_of_the_track_has_expiry_and_service_code() -> None:
    request = request_of(changed(SALE, {22: "071", 35: None, 55: IMAGE}))

    assert (request.expiry_yymm, request.service_code) == ("3012", "220")


def test_a_stripes_service_code_is_read() -> None:
    assert request_of(SALE).service_code == "201"


@pytest.mark.parametrize(
    ("changes", "has_track", "is_number_alone"),
    [
        ({}, True, False),
        ({2: CARD}, True, False),
        ({2: CARD, 35: None}, False, True),
        ({35: f"{CARD}D"}, False, True),
        ({35: f"{CARD}D3012"}, False, True),
        ({35: None, 55: IMAGE}, False, True),
        ({2: CARD, 35: None, 55: "9F2608" + "00" * 8}, False, False),
        ({55: IMAGE}, True, False),
    ],
)
def test_a_number_is_alone_without_a_whole_track_or_a_cryptogram(
    changes: dict[int, str | None],
    has_track: bool,  # noqa: FBT001 - a table cell
    is_number_alone: bool,  # noqa: FBT001 - a table cell
) -> None:
    request = request_of(changed(SALE, {22: "051", **changes}))

    assert (request.has_track, request.is_number_alone) == (has_track, is_number_alone)


@pytest.mark.parametrize("own", [{2: OTHER_CARD}, {2: None, 35: TRACK.replace(CARD, OTHER_CARD)}])
def test_a_chip_of_another_card_is_a_format_error(own: dict[int, str | None]) -> None:
    reject = reject_of(changed(SALE, {2: None, 35: None, 55: IMAGE, **own}))

    assert (reject.action, reject.because) == (Action.FORMAT_ERROR, "the card number differs from the chip's")


def test_two_cards_in_one_chip_are_a_format_error() -> None:
    assert reject_of(changed(SALE, {35: None, 55: IMAGE + f"5A08{OTHER_CARD}"})).action is Action.FORMAT_ERROR


def test_a_chip_without_a_card_does_not_make_a_purchase() -> None:
    reject = reject_of(changed(SALE, {35: None, 55: SEQUENCE}))

    assert reject.because == "no field, track or chip of the purchase holds a card number"


@pytest.mark.parametrize("chip", ["9F36", "57FF00", "9F3601", "5F", "9F3602"])
def test_a_malformed_chip_is_a_format_error(chip: str) -> None:
    reject = reject_of(changed(SALE, {55: chip}))

    assert reject.action is Action.FORMAT_ERROR
    assert reject.because.startswith("DE 55: ")


@pytest.mark.parametrize("text", ["9F3602031E", bytes.fromhex("9F3602031E").decode("latin-1")])
def test_1987_may_write_chip_data_in_hex_or_as_bytes(text: str) -> None:
    request = request_of({**PURCHASE_1987, 55: text}, "iso8583-1987-binary")

    assert request.chip is not None
    assert request.chip.atc == 0x031E


# fmt: off
READERS = [
    ("22000007",      "021", None,  False),
    ("22000007000",   "021", None,  False),
    ("220000070000",  "021", None,  False),
    ("220000070002",  "021", False, False),
    ("2200000700050", "021", True,  False),
    ("2200000700060", "021", True,  False),
    ("2200000700062", "021", True,  True),
    ("2200000700061", "021", True,  False),
    ("2200000700050", "801", True,  True),
    ("2200000700050", "951", True,  True),
]
# fmt: on


@pytest.mark.parametrize(("field_60", "entry_mode", "can_read_chip", "is_fallback"), READERS)
def test_a_terminal_tells_whether_it_reads_chips_and_could_not(
    field_60: str, entry_mode: str, *, can_read_chip: bool | None, is_fallback: bool
) -> None:
    request = request_of({**SALE, 22: entry_mode, 60: field_60})

    assert (request.can_read_chip, request.is_fallback) == (can_read_chip, is_fallback)


def test_in_1987_only_the_entry_mode_tells_a_fallback() -> None:
    modes = {mode: request_of({**PURCHASE_1987, 22: mode}, "iso8583-1987-ascii") for mode in ("801", "951", "021")}

    assert {mode: request.is_fallback for mode, request in modes.items()} == {"801": True, "951": False, "021": False}
    assert all(request.can_read_chip is None for request in modes.values())
