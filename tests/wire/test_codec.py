from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switch.errors import DecodeError, EncodeError
from switch.wire.codec import LAYOUTS_MAX, WORTH_COMPILING, Codec, Fields, bitmap_bytes
from switch.wire.decoder import compile_decoder
from switch.wire.encoder import compile_encoder
from tests.wire.messages import DIALECTS, fields_of, spoilt, written

ASCII = DIALECTS["iso8583-1987-ascii"]
BINARY = DIALECTS["iso8583-1987-binary"]
CUP = DIALECTS["unionpay-pos"]
names = st.sampled_from(sorted(DIALECTS))


def message(text: str) -> bytes:
    """MTI and bitmap in hex characters, fields as they are; blanks are left out."""
    return text.replace(" ", "").encode("latin-1")


def outcome(codec: Codec, raw: bytes) -> tuple[Fields, DecodeError | None]:
    """The fields, or what is wrong with the message."""
    try:
        return codec.decode(raw), None
    except DecodeError as error:
        return {}, error


# --- good messages ----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(data=st.data(), name=names)
def test_what_was_encoded_is_decoded_again(data: st.DataObject, name: str) -> None:
    fields = data.draw(fields_of(DIALECTS[name]))

    codec = Codec(DIALECTS[name])
    assert codec.encode(fields) == written(DIALECTS[name], fields)
    assert codec.decode(codec.encode(fields)) == fields


@settings(max_examples=60, deadline=None)
@given(data=st.data(), name=names)
def test_a_compiled_layout_reads_and_writes_what_the_careful_way_does(data: st.DataObject, name: str) -> None:
    dialect = DIALECTS[name]
    fields = data.draw(fields_of(dialect))
    numbers = sorted(number for number in fields if number)
    whole = written(dialect, fields)

    ordinary = all(value.isascii() and value for value in fields.values())
    decoded = compile_decoder(dialect, numbers)(whole)
    encoded = compile_encoder(dialect, numbers, bitmap_bytes(dialect, numbers))(fields)
    assert decoded == fields if ordinary else decoded in (None, fields)
    assert encoded == whole if ordinary else encoded in (None, whole)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), name=names)
def test_a_compiled_layout_accepts_nothing_that_the_careful_way_refuses(data: st.DataObject, name: str) -> None:
    dialect = DIALECTS[name]
    fields = data.draw(fields_of(dialect))
    numbers = sorted(number for number in fields if number)
    whole = written(dialect, fields)
    bitmap = bitmap_bytes(dialect, numbers)
    mti_bytes = 4 if dialect.mti_encoding == "ascii" else 2
    body = bytearray(whole)
    for at, byte in data.draw(
        st.lists(st.tuples(st.integers(mti_bytes + len(bitmap), len(whole)), st.integers(0, 255)), max_size=3)
    ):
        body[at : at + 1] = bytes((byte,))

    decoded = compile_decoder(dialect, numbers)(bytes(body))
    if decoded is not None:
        assert decoded == Codec(dialect).decode(bytes(body))


@settings(max_examples=100, deadline=None)
@given(data=st.data(), name=names)
def test_a_compiled_layout_writes_nothing_that_the_careful_way_refuses(data: st.DataObject, name: str) -> None:
    dialect = DIALECTS[name]
    fields = data.draw(fields_of(dialect))
    numbers = sorted(number for number in fields if number)
    for number in data.draw(st.lists(st.sampled_from(list(fields)), max_size=2)):
        fields[number] = data.draw(st.text(max_size=9) | st.text("0123456789ABCDEF =\n", max_size=20))

    encoded = compile_encoder(dialect, numbers, bitmap_bytes(dialect, numbers))(fields)
    if encoded is not None:
        assert encoded == written(dialect, fields)


def test_layouts_that_come_often_are_compiled_and_change_nothing() -> None:
    codec = Codec(ASCII)
    data = message("0800 8220000000000000 0400000000000000 1121000001 000007 301")

    decoded = [codec.decode(data) for _ in range(3 * WORTH_COMPILING)]
    encoded = [codec.encode(fields) for fields in decoded]
    assert len(codec._decoders) == len(codec._encoders) == 1
    assert all(fields == decoded[0] for fields in decoded)
    assert set(encoded) == {data}


def test_a_stranger_cycling_through_bitmaps_does_not_make_the_codec_grow() -> None:
    codec = Codec(ASCII)
    numbers = [number for number in ASCII.fields if ASCII.fields[number].prefix][:12]

    for mask in range(LAYOUTS_MAX * 3):
        fields = {0: "0200"} | {number: "" for place, number in enumerate(numbers) if mask >> place & 1}
        for _ in range(WORTH_COMPILING):
            assert codec.decode(codec.encode(fields)) == fields
    assert len(codec._decoders) <= LAYOUTS_MAX
    assert len(codec._encoders) <= LAYOUTS_MAX
    assert len(codec._seen) <= LAYOUTS_MAX


def test_layouts_that_come_once_are_forgotten_again() -> None:
    codec = Codec(ASCII)
    numbers = [number for number in ASCII.fields if ASCII.fields[number].prefix][:10]

    for mask in range(2 * LAYOUTS_MAX + 2):
        codec.encode({0: "0200"} | {number: "" for place, number in enumerate(numbers) if mask >> place & 1})
    assert not codec._encoders
    assert len(codec._seen) <= LAYOUTS_MAX


def test_digits_that_their_length_cannot_count_are_refused() -> None:
    with pytest.raises(EncodeError, match="odd number"):
        Codec(DIALECTS["variants"]).encode({0: "0200", 4: "123"})


def test_one_bad_message_of_a_compiled_layout_is_refused_and_the_next_good_one_is_not() -> None:
    codec = Codec(ASCII)
    good = message("0200 4000000000000000 10 1234567890")
    for _ in range(WORTH_COMPILING + 1):
        codec.decode(good)

    with pytest.raises(DecodeError):
        codec.decode(good.replace(b"9", b"x"))
    assert codec.decode(good) == {0: "0200", 2: "1234567890"}


def test_text_keeps_every_byte_and_counts_bytes() -> None:
    name = "张颖".encode("gbk").decode("latin-1")

    data = Codec(CUP).encode({0: "0210", 63: name})
    assert data.endswith(bytes.fromhex("0004") + "张颖".encode("gbk"))
    assert Codec(CUP).decode(data)[63] == name


def test_odd_digits_are_placed_as_each_field_says() -> None:
    packed = Codec(CUP).encode({0: "0200", 2: "123", 22: "021", 23: "001", 60: "00000001003"})
    padded_left = Codec(BINARY).encode({0: "0200", 2: "123", 22: "021"})

    assert packed[10:].hex() == "031230" + "0210" + "0001" + "0011000000010030"
    assert padded_left[10:].hex() == "031230" + "0021"


def test_an_encrypted_track_may_hold_any_hex_digit() -> None:
    track = "6222020679A9A86108D14D221D0000000000F"

    assert Codec(CUP).decode(Codec(CUP).encode({0: "0200", 35: track}))[35] == track


def test_a_signed_amount_has_its_digits_packed_behind_a_letter() -> None:
    assert Codec(BINARY).encode({0: "0200", 28: "D00000123"})[10:] == b"D\x00\x00\x01\x23"
    assert Codec(ASCII).encode({0: "0200", 28: "D00000123"})[20:] == b"D00000123"


# --- bad messages -----------------------------------------------------------------------------------------


# fmt: off
BAD_MESSAGES = [
    (ASCII, message("02"),                                          "mti",     0),
    (ASCII, message("02x0 4000000000000000 10 1234567890"),         "mti",     0),
    (ASCII, message("0200 40000000"),                               "bitmap",  4),
    (ASCII, message("0200 4000000000g00000 10 1234567890"),         "bitmap",  14),
    (ASCII, message("0200 C000000000000000 10 1234567890"),         "bitmap",  20),
    (ASCII, message("0200 C000000000000000 8000000000000000 00"),   "65",      20),
    (ASCII, message("0200 4000000000000000 1x 1234567890"),         "2",       20),
    (ASCII, message("0200 4000000000000000 +9 123456789"),          "2",       20),
    (ASCII, message("0200 4000000000000000 20 12345678901234567890"), "2",     20),
    (ASCII, message("0200 4000000000000000 1"),                     "2",       20),
    (ASCII, message("0200 4000000000000000 10 12345678"),           "2",       22),
    (ASCII, message("0200 4000000000000000 10 12345678\xb20"),      "2",       30),
    (ASCII, message("0200 4000000000000000 10 1234567890 1"),       "message", 32),
    (ASCII, message("0200 0000001000000000 X00000000"),             "28",      20),
    (ASCII, message("0200 0000001000000000 C0000000x"),             "28",      28),
    (ASCII, message("0200 0000000000001000 00112233445566G7"),      "52",      34),
    (ASCII, b"02000000000000800000TERM\x0001 ",             "41",      24),
    (CUP,   bytes.fromhex("0200 8000000000000000"),                 "bitmap",  2),
    (CUP,   bytes.fromhex("0200 0800000000000000"),                 "5",       2),
    (CUP,   bytes.fromhex("0200 4000000000000000 1A"),              "2",       10),
    (CUP,   bytes.fromhex("0200 4000000000000000 20"),              "2",       10),
    (CUP,   bytes.fromhex("0200 4000000000000000 04 12A4"),         "2",       12),
    (CUP,   bytes.fromhex("0200 4000000000000000 03 1234"),         "2",       12),
    (CUP,   bytes.fromhex("0200 0000020000000000 1001"),            "23",      10),
    (BINARY, bytes.fromhex("0200 0000001000000000 4400000A00"),     "28",      13),
]
# fmt: on


@pytest.mark.parametrize(("dialect", "data", "field", "position"), BAD_MESSAGES)
def test_an_error_names_field_and_position(dialect: object, data: bytes, field: str, position: int) -> None:
    with pytest.raises(DecodeError) as caught:
        Codec(dialect).decode(data)  # type: ignore[arg-type]

    assert (caught.value.field, caught.value.position) == (field, position)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), name=names)
def test_no_bytes_raise_anything_but_a_decode_error(data: st.DataObject, name: str) -> None:
    raw = data.draw(st.binary(max_size=80) | spoilt(DIALECTS[name]))
    codec = Codec(DIALECTS[name])

    fields, fault = outcome(codec, raw)
    if fault is None:
        assert codec.decode(codec.encode(fields)) == fields
    else:
        assert 0 <= fault.position <= len(raw)
        assert fault.dialect == name
        assert codec.salvage(raw) == codec.examine(raw).fields


def test_errors_do_not_quote_the_message() -> None:
    with pytest.raises(DecodeError) as caught:
        Codec(ASCII).decode(message("0200 4000000000000000 16 411111111111111X"))

    assert "4111" not in str(caught.value)


def test_what_stands_before_the_fault_can_be_salvaged() -> None:
    codec = Codec(ASCII)

    assert codec.salvage(message("0200 6000000000000000 10 1234567890 00x000")) == {0: "0200", 2: "1234567890"}
    assert codec.salvage(message("0200 60")) == {0: "0200"}
    assert codec.salvage(b"GET / HTTP/1.1") == {}


# --- what cannot be encoded -------------------------------------------------------------------------------


# fmt: off
UNENCODABLE = [
    ({2: "1"},                    "mti"),
    ({0: "02x0"},                 "mti"),
    ({0: "0200", 1: ""},          "1"),
    ({0: "0200", 65: "00"},       "65"),
    ({0: "0200", 3: "00000"},     "3"),
    ({0: "0200", 3: "00000x"},    "3"),
    ({0: "0200", 2: "1" * 20},    "2"),
    ({0: "0200", 28: "000000123"}, "28"),
    ({0: "0200", 41: "TERM\n001"}, "41"),
    ({0: "0200", 48: "张颖"},      "48"),
    ({0: "0200", 52: "00112233445566"}, "52"),
    ({0: "0200", 52: "00112233 445566 "}, "52"),
    ({0: "0200", 52: "001122334455667"}, "52"),
    ({0: "0200", 3: 0},            "3"),
]
# fmt: on


@pytest.mark.parametrize(("fields", "field"), UNENCODABLE)
def test_what_a_field_cannot_hold_is_not_encoded(fields: dict[int, Any], field: str) -> None:
    codec = Codec(ASCII)

    for _ in range(2):
        with pytest.raises(EncodeError) as caught:
            codec.encode(fields)
        assert caught.value.field == field


def test_a_bad_value_is_refused_by_a_compiled_layout_too() -> None:
    codec = Codec(ASCII)
    for _ in range(WORTH_COMPILING + 1):
        codec.encode({0: "0210", 39: "00"})

    with pytest.raises(EncodeError):
        codec.encode({0: "0210", 39: "000"})
