from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.messages.issuer_data import IssuerData, Scheme, cvn_of, cvr_of, read_issuer_data

VISA = "06010A03A02000"
VISA_LONG = "06010A03A020000F04000000000000000000006232E4F9"
VISA_2 = "1F2201A0" + "00" * 28
MASTERCARD = "0114A00003220000" + "DAC1" + "00000000000000FF"
UNIONPAY = "07000103A04002010A010000001000D1F61152"


def parts(text: str, scheme: Scheme | None = None) -> IssuerData | None:
    return read_issuer_data(bytes.fromhex(text), scheme)


@pytest.mark.parametrize(
    ("text", "scheme", "expected"),
    [
        (VISA, Scheme.VISA, IssuerData(0x01, 0x0A, bytes.fromhex("03A02000"))),
        (VISA_LONG, Scheme.VISA, IssuerData(0x01, 0x0A, bytes.fromhex("03A02000"))),
        (VISA_2, Scheme.VISA, IssuerData(0x01, 0x22, bytes.fromhex("A000000000"))),
        (UNIONPAY, Scheme.UNIONPAY, IssuerData(0x00, 0x01, bytes.fromhex("03A04002"), algorithm=0x01)),
        (UNIONPAY[:14], Scheme.UNIONPAY, IssuerData(0x00, 0x01, bytes.fromhex("03A04002"))),
        (MASTERCARD, Scheme.MASTERCARD, IssuerData(0x01, 0x14, bytes.fromhex("A00003220000"), bytes(7) + b"\xff")),
    ],
)
def test_each_scheme_writes_its_own_order_and_is_recognised(text: str, scheme: Scheme, expected: IssuerData) -> None:
    assert parts(text, scheme) == expected
    assert parts(text) == expected


@pytest.mark.parametrize("size", [18, 20, 26, 28])
def test_all_that_follows_mastercards_authentication_code_are_counters(size: int) -> None:
    found = read_issuer_data(bytes.fromhex("0111") + bytes(size - 2), Scheme.MASTERCARD)

    assert found is not None
    assert found.counters == bytes(size - 10)


def test_a_mastercard_key_index_can_look_like_another_scheme() -> None:
    issuer_data = bytes.fromhex("0611 1003") + bytes(14)

    assert cvn_of(issuer_data, Scheme.MASTERCARD) == 0x11
    assert cvn_of(issuer_data) == 0x10


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("", None),
        ("06", Scheme.VISA),
        (VISA[:12], Scheme.VISA),
        ("06010A04A02000", Scheme.VISA),
        (VISA_2[:62], Scheme.VISA),
        (UNIONPAY, Scheme.VISA),
        (VISA, Scheme.UNIONPAY),
        (UNIONPAY[:12], Scheme.UNIONPAY),
        (MASTERCARD[:34], Scheme.MASTERCARD),
        ("0154" + "00" * 16, Scheme.MASTERCARD),
    ],
)
def test_what_is_laid_out_otherwise_has_no_parts(text: str, scheme: Scheme | None) -> None:
    assert parts(text, scheme) is None
    assert cvn_of(bytes.fromhex(text), scheme) is None
    assert cvr_of(bytes.fromhex(text), scheme) == b""


def test_version_and_results_can_be_asked_for_alone() -> None:
    assert cvn_of(bytes.fromhex(UNIONPAY)) == 0x01
    assert cvr_of(bytes.fromhex(UNIONPAY)) == bytes.fromhex("03A04002")


@given(st.binary(max_size=40), st.sampled_from([None, *Scheme]))
def test_any_bytes_have_parts_or_none(data: bytes, scheme: Scheme | None) -> None:
    found = read_issuer_data(data, scheme)

    assert found is None or found.results in data
