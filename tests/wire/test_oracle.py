"""An independent implementation reads the same dialects: what both accept is equal, what it refuses we refuse."""

from __future__ import annotations

import iso8583
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switch.errors import DecodeError
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect
from switch.wire.oracle import LENIENT, pyiso8583_fields, pyiso8583_spec
from tests.wire.messages import DIALECTS, fields_of, spoilt, written

SPECS = {name: pyiso8583_spec(dialect) for name, dialect in DIALECTS.items()}
names = st.sampled_from(sorted(DIALECTS))


def theirs(name: str, data: bytes) -> dict[str, str] | None:
    """What pyiso8583 reads, None where it refuses (a field that it was not told about is a KeyError there)."""
    try:
        fields, _ = iso8583.decode(data, SPECS[name])
    except (iso8583.DecodeError, KeyError):
        return None
    return {key: value for key, value in fields.items() if key not in {"h", "p", "1"}}


def comparable(dialect: Dialect, fields: Fields) -> dict[str, str]:
    return pyiso8583_fields(dialect, fields)


def same_case(dialect: Dialect, fields: dict[str, str]) -> dict[str, str]:
    """Hex characters may be of either case on the wire; we give them in upper case."""
    hex_ = {str(number) for number, field in dialect.fields.items() if field.encoding == "hex"}
    return {key: value.upper() if key in hex_ else value for key, value in fields.items()}


@settings(max_examples=150, deadline=None)
@given(data=st.data(), name=names)
def test_both_read_and_write_good_messages_alike(data: st.DataObject, name: str) -> None:
    dialect = DIALECTS[name]
    fields = data.draw(fields_of(dialect))

    wire = Codec(dialect).encode(fields)
    assert theirs(name, wire) == comparable(dialect, fields)
    assert iso8583.encode(comparable(dialect, fields), SPECS[name])[0] == wire


@settings(max_examples=600, deadline=None)
@given(data=st.data(), name=names)
def test_we_refuse_all_that_it_refuses_and_beyond_that_only_what_is_listed(data: st.DataObject, name: str) -> None:
    dialect = DIALECTS[name]
    wire = data.draw(spoilt(dialect) | st.binary(max_size=60))

    accepted = theirs(name, wire)
    ours = Codec(dialect).examine(wire)
    if ours.fault is not None:
        assert accepted is None or ours.fault.reason.startswith(LENIENT), ours.fault.reason
    else:
        assert accepted is not None
        assert same_case(dialect, accepted) == comparable(dialect, ours.fields)


# fmt: off
LENIENCES = [
    ("iso8583-1987-ascii",  b"02004000000000000000+512345"),
    ("iso8583-1987-ascii",  b"020000000000000000021_0ABCDEFGHIJ"),
    ("iso8583-1987-ascii",  b"02000000000000000002 10ABCDEFGHIJ"),
    ("iso8583-1987-ascii",  b"02002000000000000000ABCDEF"),
    ("iso8583-1987-ascii",  b"020020 00 00 00 00  000000"),
    ("iso8583-1987-ascii",  b"02xx2000000000000000000000"),
    ("iso8583-1987-ascii",  b"02000000001000000000X00000000"),
    ("iso8583-1987-ascii",  b"02000000000000800000TERM\x00\x00\x00\x00"),
    ("iso8583-1987-ascii",  b"0200000000002000000002zz"),
    ("iso8583-1987-ascii",  b"02000000000000001000zz11223344556677"),
    ("unionpay-pos",        bytes.fromhex("0200 2000000000000000 00000A")),
    ("unionpay-pos",        bytes.fromhex("02A0 2000000000000000 000000")),
    ("unionpay-pos",        bytes.fromhex("0200 8000000000000000 0000000000000000")),
]
# fmt: on


@pytest.mark.parametrize(("name", "wire"), LENIENCES)
def test_where_it_is_lenient_we_are_not(name: str, wire: bytes) -> None:
    assert theirs(name, wire) is not None

    with pytest.raises(DecodeError) as caught:
        Codec(DIALECTS[name]).decode(wire)
    assert caught.value.reason.startswith(LENIENT)


def test_a_signed_amount_with_packed_digits_is_bytes_there() -> None:
    dialect = DIALECTS["iso8583-1987-binary"]
    fields = {0: "0200", 28: "C00000123"}

    assert theirs(dialect.name, written(dialect, fields)) == {"t": "0200", "28": "4300000123"}
    assert pyiso8583_fields(dialect, fields)["28"] == "4300000123"
