from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switch.capture.entry import Direction, Entry, Event
from switch.capture.tokenising import Tokeniser
from switch.errors import ConfigurationError
from switch.messages.batch_fields import read_records, written_records
from switch.messages.settlement import UploadedRecord
from switch.values import Pan
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect

KEY = bytes(range(32))
CARD, OTHER = "4111111111111111", "6222021234567890128"
VECTORS = Path(__file__).parents[1] / "vectors" / "messages.jsonl"
ASCII, BINARY, ISO_1993, UNIONPAY = "iso8583-1987-ascii", "iso8583-1987-binary", "iso8583-1993-ascii", "unionpay-pos"
ALL = (ASCII, BINARY, ISO_1993, UNIONPAY)
CODECS = {name: Codec(load_dialect(name)) for name in ALL}
FIRST = {
    ASCII: {0: "0200", 3: "000000", 4: "000000001000", 11: "000001", 41: "TERM0001"},
    UNIONPAY: {0: "0200", 3: "000000", 4: "000000001000", 11: "000001", 41: "TERM0001", 60: "22000001000"},
}
FIRST |= {BINARY: FIRST[ASCII], ISO_1993: {**FIRST[ASCII], 0: "1200"}}


def entry(dialect: str, fields: Fields) -> Entry:
    codec = CODECS[dialect]
    message = {number: fields[number] for number in sorted(fields)}
    frame = codec.dialect.framing.wrap_request(codec.encode(message))
    return Entry(1, "1", Direction.TO_HOST, frame, dialect)


def tokenised(tokeniser: Tokeniser, dialect: str, **fields: str) -> Fields:
    """The fields of a message with these (``f35=...``) after tokenising; nothing may be left of a card."""
    before = {**FIRST[dialect], **{int(name[1:]): text for name, text in fields.items()}}
    after = tokeniser.entry(entry(dialect, before))
    assert after is not None
    assert not tokeniser.leftovers.look(after.frame)
    return decoded(dialect, after)


def decoded(dialect: str, recorded: Entry) -> Fields:
    codec = CODECS[dialect]
    (frame,) = codec.dialect.framing.framer().feed(recorded.frame)
    return codec.decode(frame.body)


@pytest.fixture
def tokeniser() -> Tokeniser:
    return Tokeniser(KEY)


@pytest.fixture
def token(tokeniser: Tokeniser) -> str:
    return tokeniser.token(CARD)


@pytest.mark.parametrize("dialect", ALL)
def test_a_card_gets_the_same_token_wherever_it_stands(dialect: str, tokeniser: Tokeniser, token: str) -> None:
    separator = "D" if CODECS[dialect].dialect.fields[35].packed else "="
    track = f"{CARD}{separator}30122010000012345678"

    fields = tokenised(tokeniser, dialect, f2=CARD, f35=track, f36=f"99{CARD}{separator}156156000")

    assert fields[2] == token
    assert fields[35] == f"{token}{separator}3012201{'0' * 13}"
    assert fields[36] == f"99{token}{separator}000000000"


def test_fields_without_a_card_stay_as_they_are(tokeniser: Tokeniser) -> None:
    merchant, rrn = "622202123456789", "622202123456"

    fields = tokenised(
        tokeniser, ASCII, f2=CARD, f37=rrn, f42=merchant, f90="020000000103040400000000000000000000000000"
    )

    assert {number: fields[number] for number in FIRST[ASCII]} == FIRST[ASCII]
    assert (fields[37], fields[42]) == (rrn, merchant)


# fmt: off
TRACKS_1 = [
    ("B{}^LI/JANE MS ^30122010000000123",  "B{}^XX/XXXX XX ^30122010000000000"),
    ("%B{}^LI/J.^^201ABC 456?",            "%B{}^XX/X.^^201000 000?"),
]
# fmt: on


@pytest.mark.parametrize(("track", "rebuilt"), TRACKS_1)
def test_track_1_keeps_expiry_and_service_code_and_nothing_of_the_person(
    track: str, rebuilt: str, tokeniser: Tokeniser, token: str
) -> None:
    fields = tokenised(tokeniser, ASCII, f45=track.format(CARD))

    assert fields[45] == rebuilt.format(token)


@pytest.mark.parametrize(("before", "kept"), [("99", "99"), ("", "")])
def test_track_3_has_its_number_with_or_without_a_format_code(
    before: str, kept: str, tokeniser: Tokeniser, token: str
) -> None:
    fields = tokenised(tokeniser, ASCII, f36=f"{before}{CARD}=123=456")

    assert fields[36] == f"{kept}{token}=000=000"


def test_an_encrypted_track_is_made_anew_where_the_number_is_known(tokeniser: Tokeniser, token: str) -> None:
    track = f"{CARD}9A7B3C1D2E4F5A6B7C8D0"[:37]

    fields = tokenised(tokeniser, UNIONPAY, f2=CARD, f14="3012", f35=track, f36="99" + track, f53="2610000000000000")

    assert fields[35] == f"{token}D3012000{'0' * (len(track) - 24)}"
    assert 36 not in fields
    assert fields[53] == "0600000000000000"
    assert tokeniser.left_out["tracks that cannot be read"] == 1


def test_an_encrypted_track_alone_is_left_out(tokeniser: Tokeniser) -> None:
    fields = tokenised(tokeniser, UNIONPAY, f35=f"{CARD}9A7B3C1D2E4F5A6B7C8D0", f53="0610000000000000")

    assert 35 not in fields


def tlv(tag: str, value: str) -> str:
    return f"{tag}{len(value) // 2:02X}{value}"


@pytest.mark.parametrize("dialect", ALL)
def test_tags_of_a_chip_that_carry_the_card_are_rebuilt_templates_included(
    dialect: str, tokeniser: Tokeniser, token: str
) -> None:
    odd, odd_token = OTHER + "F", tokeniser.token(OTHER) + "F"
    chip = tlv("9F26", "0102030405060708") + tlv("5A", odd) + tlv("57", f"{CARD}D3012201000012345F")
    chip += tlv("70", tlv("5F20", b"DOE/JANE".hex().upper()) + tlv("9F6B", f"{CARD}D3012201123456789F"))
    chip += tlv("99", "1234567890ABCDEF") + tlv("9F1F", "393837") + tlv("DF50", f"00{CARD}FF")

    fields = tokenised(tokeniser, dialect, f55=chip)

    after = tlv("9F26", "0102030405060708") + tlv("5A", odd_token) + tlv("57", f"{token}D3012201000000000F")
    after += tlv("70", tlv("5F20", "58" * 8) + tlv("9F6B", f"{token}D3012201000000000F"))
    after += tlv("9F1F", "303030") + tlv("DF50", f"00{token}FF")
    assert fields[55] == after


def test_a_chip_in_characters_stays_in_characters(tokeniser: Tokeniser, token: str) -> None:
    chip = bytes.fromhex(tlv("5A", CARD)).decode("latin-1")

    fields = tokenised(tokeniser, ASCII, f55=chip)

    assert fields[55] == bytes.fromhex(tlv("5A", token)).decode("latin-1")


def test_chip_data_that_is_no_tlv_is_left_out(tokeniser: Tokeniser) -> None:
    fields = tokenised(tokeniser, UNIONPAY, f2=CARD, f55="5A08" + CARD[:8])

    assert 55 not in fields
    assert tokeniser.left_out["chip data that cannot be read"] == 1


# fmt: off
FREE = {
    "alone":                    ("{}",                       "{}"),
    "among words":              ("card {} of Jane",          "card {} of Jane"),
    "filled up with zeros":     ("0000{}",                   "0000{}"),
    "as a track":               ("2:{}=30122011234567;",     "2:{}=30122010000000;"),
}
# fmt: on


@pytest.mark.parametrize("form", FREE)
@pytest.mark.parametrize("number", [46, 48, 62, 63, 120])
def test_numbers_that_look_like_cards_are_replaced_in_free_fields(
    form: str, number: int, tokeniser: Tokeniser, token: str
) -> None:
    before, after = FREE[form]

    fields = tokenised(tokeniser, ASCII, **{f"f{number}": before.format(CARD)})

    assert fields[number] == after.format(token)


def test_groups_of_digits_stay_groups(tokeniser: Tokeniser, token: str) -> None:
    fields = tokenised(tokeniser, ASCII, f48="pay 4111-1111 4111-1111-1111-1111 now")

    assert fields[48] == f"pay 4111-1111 {token[:4]}-{token[4:8]}-{token[8:12]}-{token[12:]} now"


def test_in_a_longer_number_a_card_of_an_issuer_that_was_seen_is_replaced(tokeniser: Tokeniser, token: str) -> None:
    fields = tokenised(tokeniser, ASCII, f2=CARD, f48=f"0100{CARD}000000001000")

    assert fields[48] == f"0100{token}000000001000"


def test_a_card_that_was_seen_is_replaced_in_fields_of_another_meaning_too(tokeniser: Tokeniser, token: str) -> None:
    fields = tokenised(tokeniser, ASCII, f2=CARD, f37="411111111111", f43=f"SHOP {CARD}".ljust(40))

    assert (fields[37], fields[43].rstrip()) == ("411111111111", f"SHOP {token}")


def test_packed_numbers_are_replaced_in_binary_fields(tokeniser: Tokeniser, token: str) -> None:
    fields = tokenised(tokeniser, UNIONPAY, f62=f"FF00{CARD}D30122011234567FFE")

    assert fields[62] == f"FF00{token}D30122010000000FFE"


def test_tlv_in_a_private_field_is_rebuilt(tokeniser: Tokeniser, token: str) -> None:
    fields = tokenised(tokeniser, UNIONPAY, f62=tlv("9F02", "000000001000") + tlv("5A", CARD))

    assert fields[62] == tlv("9F02", "000000001000") + tlv("5A", token)


def test_the_card_of_a_transfer_the_code_and_the_password_are_not_kept(tokeniser: Tokeniser) -> None:
    to_card = tokenised(tokeniser, UNIONPAY, f62=f"{OTHER}   ".encode("ascii").hex())
    code = tokenised(tokeniser, UNIONPAY, f2=CARD, f62=b"91123".hex(), f63="01 secret ")

    assert bytes.fromhex(to_card[62]) == f"{tokeniser.token(OTHER)}   ".encode("ascii")
    assert bytes.fromhex(code[62]) == b"91000"
    assert code[63] == "01 000000 "


def test_the_records_of_a_batch_upload_keep_all_but_the_card(tokeniser: Tokeniser) -> None:
    records = (UploadedRecord(True, "000001", Pan(CARD), 1000), UploadedRecord(False, "000002", Pan(OTHER), 5))

    fields = tokenised(tokeniser, UNIONPAY, f0="0320", f48=written_records(records))

    assert read_records(fields[48]) == tuple(
        one._replace(pan=Pan(tokeniser.token(one.pan.reveal()))) for one in records if one.pan
    )


def test_totals_of_a_settlement_stay(tokeniser: Tokeniser) -> None:
    totals = "000000004111001" + "000000000000000" + "0" + "000000622202002" + "000000000000000" + "0"
    tokenised(tokeniser, UNIONPAY, f2=CARD)

    fields = tokenised(tokeniser, UNIONPAY, f0="0500", f48=totals)

    assert fields[48] == totals


@pytest.mark.parametrize("dialect", [ASCII, BINARY, UNIONPAY])
def test_pin_block_and_mac_are_left_out_and_counted(dialect: str, tokeniser: Tokeniser) -> None:
    mac = "E267B6E2" if dialect == UNIONPAY else "0123456789ABCDEF"

    fields = tokenised(tokeniser, dialect, f2=CARD, f26="12", f52="0123456789ABCDEF", f53="2600000000000000", f64=mac)

    assert fields.keys().isdisjoint({26, 52, 64})
    assert fields[53] == "0600000000000000"
    assert (tokeniser.left_out["PIN blocks"], tokeniser.left_out["MACs"]) == (1, 1)


@pytest.mark.parametrize(("dialect", "number"), [(ASCII, 125), (BINARY, 125), (ISO_1993, 53)])
def test_a_key_serial_number_is_left_out_and_the_pin_block_behind_it(
    dialect: str, number: int, tokeniser: Tokeniser
) -> None:
    fields = tokenised(tokeniser, dialect, **{"f2": CARD, f"f{number}": "12345678901234560000000A" + "5C" * 16})

    assert number not in fields
    assert tokeniser.left_out["key serial numbers"] == 1


def test_headers_openings_ends_and_keep_alives_stay(tokeniser: Tokeniser) -> None:
    framing = CODECS[UNIONPAY].dialect.framing
    header = bytes.fromhex("6000870000603100311108")
    body = CODECS[UNIONPAY].encode({0: "0200", 2: CARD, 11: "000001"})
    opened = Entry(1, "7", Direction.TO_HOST, b"", UNIONPAY, Event.OPEN)
    alive = Entry(2, "7", Direction.TO_HOST, framing.keep_alive, UNIONPAY)

    after = tokeniser.entry(Entry(3, "7", Direction.TO_HOST, framing.wrap_request(body, header), UNIONPAY))

    assert after is not None
    assert after.frame[2:13] == header
    assert (tokeniser.entry(opened), tokeniser.entry(alive)) == (opened, alive)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"\x00\x05" + CARD.encode(), "not one whole frame"),
        (b"\x00\x10" + CARD.encode()[:8], "not one whole frame"),
        (b"\x00\x10" + CARD.encode(), "does not decode"),
        (b"\x00\x000200", "not one whole frame"),
        (b"\x00", "not one whole frame"),
    ],
)
def test_what_cannot_be_read_is_dropped_and_counted(frame: bytes, why: str, tokeniser: Tokeniser) -> None:
    after = tokeniser.entry(Entry(1, "1", Direction.TO_HOST, frame, ASCII))

    assert (after, tokeniser.dropped) == (None, {why: 1})


def test_an_entry_without_a_dialect_needs_one_to_be_named(tokeniser: Tokeniser) -> None:
    recorded = entry(ASCII, {**FIRST[ASCII], 2: CARD})._replace(dialect="")

    named = Tokeniser(KEY, load_dialect(ASCII)).entry(recorded)

    assert named is not None
    with pytest.raises(ConfigurationError, match="--dialect"):
        tokeniser.entry(recorded)


def test_a_listeners_own_framing_is_minded(tokeniser: Tokeniser) -> None:
    spoken = load_dialect(ASCII)
    own = replace(spoken, framing=replace(spoken.framing, length="ascii4", trailer=b"\x03"))
    body = CODECS[ASCII].encode({0: "0200", 2: CARD, 11: "000001"})

    after = Tokeniser(KEY, own).entry(Entry(1, "1", Direction.TO_HOST, own.framing.wrap_request(body), ASCII))

    assert after is not None
    assert after.frame[-17:] == tokeniser.token(CARD).encode()[-10:] + b"000001\x03"


def test_one_card_too_many_is_said_and_not_forgotten() -> None:
    tokeniser = Tokeniser(KEY, cards_max=1)
    tokenised(tokeniser, ASCII, f2=CARD)

    assert tokeniser.is_full
    with pytest.raises(OverflowError):
        tokenised(tokeniser, ASCII, f2=OTHER)


@pytest.mark.parametrize(
    "line", [line for line in VECTORS.read_text("utf-8").splitlines() if "project_dialect" in line]
)
def test_recorded_messages_are_tokenised_and_nothing_is_left(line: str, tokeniser: Tokeniser) -> None:
    vector = json.loads(line)
    dialect, data = vector["project_dialect"], bytes.fromhex(vector["hex"])
    if not vector.get("framing", "").startswith("len2"):
        data = len(data).to_bytes(2, "big") + data

    after = tokeniser.entry(Entry(1, "1", Direction.TO_HOST, data, dialect))

    assert after is not None
    before = decoded(dialect, Entry(1, "1", Direction.TO_HOST, data, dialect))
    assert set(before) - set(decoded(dialect, after)) <= {26, 35, 36, 52, 55, 64}
    assert not tokeniser.leftovers.look(after.frame)
    assert before.get(2) is None or before[2] != decoded(dialect, after)[2]


PANS = st.text("0123456789", min_size=12, max_size=19).filter(lambda pan: pan[0] in "2345689")


@settings(max_examples=60, deadline=None)
@given(PANS, st.sampled_from(ALL), st.text("0123456789", max_size=9))
def test_of_any_card_nothing_is_left_in_any_form(pan: str, dialect: str, rest: str) -> None:
    tokeniser = Tokeniser(KEY)
    separator = "D" if CODECS[dialect].dialect.fields[35].packed else "="
    padded = pan + "F" * (len(pan) % 2)

    fields = tokenised(tokeniser, dialect, f2=pan, f35=f"{pan}{separator}3012201{rest}", f55=tlv("5A", padded))

    assert fields[2] == tokeniser.token(pan)
