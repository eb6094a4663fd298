"""What only the keeper of the keys may see is found, costs nothing where it is not, and shows nothing."""

from __future__ import annotations

import pytest

from switch.messages.sensitive import NO_SECRETS, Secrets, SecretsReader
from switch.wire.codec import Fields
from switch.wire.dialect import load_dialect
from tests.messages.fields import DIALECTS, NETWORK, OTHER_CARD, PURCHASE_1987, SALE, TRACK, changed, entry_of, hex_of

PIN_BLOCK = "1122334455667788"


def secrets_of(fields: Fields, dialect: str = "unionpay-pos") -> Secrets:
    return SecretsReader(DIALECTS[dialect]).read(fields, entry_of(fields, dialect))


def test_everything_is_found() -> None:
    fields = {
        **SALE, 36: "9936200000000000047", 52: PIN_BLOCK, 53: "2600000000000000", 55: "9F3602031E",
        62: hex_of("91123"), 64: "ABCD0123",
    }  # fmt: skip

    secrets = secrets_of(fields)

    assert secrets == Secrets(
        bytes.fromhex(PIN_BLOCK),
        "2",
        False,
        "123",
        TRACK,
        "9936200000000000047",
        "ABCD0123",
        bytes.fromhex("9F3602031E"),
    )


def test_nothing_is_always_the_same_nothing() -> None:
    assert secrets_of(NETWORK) is NO_SECRETS
    assert secrets_of(PURCHASE_1987, "iso8583-1987-ascii") is NO_SECRETS


@pytest.mark.parametrize(
    ("control", "pin_format", "encrypted"),
    [("2610000000000000", "2", True), ("0610000000000000", "0", True), ("2600000000000000", "2", False)],
)
def test_field_53_says_how_the_pin_is_packed_and_whether_tracks_are_encrypted(
    control: str, pin_format: str, *, encrypted: bool
) -> None:
    secrets = secrets_of({**SALE, 53: control})

    assert (secrets.pin_format, secrets.is_track_encrypted) == (pin_format, encrypted)


def test_the_other_card_of_a_transfer_is_no_typed_code() -> None:
    fields = changed(SALE, {3: "400000", 25: "66", 60: "49000007", 62: hex_of("91" + OTHER_CARD[2:])})

    assert secrets_of(fields).card_code == ""


@pytest.mark.parametrize("number", [64, 128])
def test_the_mac_of_1987_ends_the_first_or_the_second_bitmap(number: int) -> None:
    assert secrets_of({**PURCHASE_1987, number: "0123456789ABCDEF"}, "iso8583-1987-ascii").mac == "0123456789ABCDEF"


def test_its_repr_shows_nothing() -> None:
    secrets = secrets_of({**SALE, 52: PIN_BLOCK, 62: hex_of("91123")})

    assert repr(secrets) == f"{secrets}" == "Secrets(********)"


@pytest.mark.parametrize(
    ("dialect", "number"), [("iso8583-1987-ascii", 125), ("iso8583-1987-binary", 125), ("iso8583-1993-ascii", 53)]
)
@pytest.mark.parametrize(
    ("text", "serial", "block"),
    [
        ("FFFF9876543210E00001", "FFFF9876543210E00001", PIN_BLOCK),
        ("123456789012345600000001", "123456789012345600000001", PIN_BLOCK),
        ("123456789012345600000001" + "5C" * 16, "123456789012345600000001", "5C" * 16),
        ("123456789012345600000001" + "5C" * 15, "123456789012345600000001" + "5C" * 15, PIN_BLOCK),
    ],
)
def test_behind_a_key_serial_number_of_aes_stands_its_pin_block(
    text: str, serial: str, block: str, dialect: str, number: int
) -> None:
    reader = SecretsReader(load_dialect(dialect))
    entry = entry_of(PURCHASE_1987, "iso8583-1987-ascii")

    secrets = reader.read({**PURCHASE_1987, 52: PIN_BLOCK, number: text}, entry)

    assert (secrets.key_serial, secrets.pin_block) == (bytes.fromhex(serial), bytes.fromhex(block))
    assert reader.read({**PURCHASE_1987, 52: PIN_BLOCK}, entry).key_serial == b""
