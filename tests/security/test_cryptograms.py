"""Cryptograms against published examples, against pyemv for what it knows, and against altered requests."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyemv import cvn

from switch.messages.chip import ChipData
from switch.messages.chip_reading import read_chip
from switch.messages.issuer_data import Scheme
from switch.messages.verdicts import Finding
from switch.security.chip_keys import CardKey, KeyOption, SessionKey
from switch.security.cryptogram_methods import Answer, CryptogramMethod, Padding, read_method
from switch.security.cryptograms import (
    STATUS_APPROVED,
    STATUS_DECLINED,
    arpc,
    card_key_for,
    key_option,
    make_cryptogram,
    verify_cryptogram,
)
from switch.values import Pan
from switch.wire.tlv import Tlv, build_tlv

pytestmark = pytest.mark.filterwarnings("ignore:.*TripleDES")  # pyemv's way to its cipher

# fmt: off
PUBLISHED = {
    "9F02": "000000000001", "9F03": "000000000000", "9F1A": "0156", "95":   "0080046000",
    "5F2A": "0156",         "9A":   "140701",       "9C":   "00",   "9F37": "1E78EEBC",
    "82":   "7D00",         "9F36": "0240",         "9F26": "5D016C91005E7CC2",
    "9F10": "07000103A04002010A010000001000D1F61152",
}
# fmt: on
"""Request of a PBOC 3.0 card, published in worked examples together with its issuer's key, its ARQC and its ARPC."""

PUBLISHED_KEY = bytes.fromhex("F0C34A8124CEE0A91A0B034AA97D6EAC")
PUBLISHED_PAN = Pan("6228000100001")
UNIONPAY = CryptogramMethod(Scheme.UNIONPAY)
VISA = CryptogramMethod(Scheme.VISA)
MASTERCARD = CryptogramMethod(Scheme.MASTERCARD)

ISSUER_KEY = bytes.fromhex("9E15204313F7318ACB79B90BD986AD29")
PAN = Pan("4111111111111111")
MINIMUM = ("9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36")


def chip(tags: dict[str, str]) -> ChipData:
    found = read_chip(build_tlv(tuple(Tlv(tag, bytes.fromhex(value)) for tag, value in tags.items())))
    assert isinstance(found, ChipData), found
    return found


def published(**other: str) -> ChipData:
    """The published request with other values; "" leaves a tag out."""
    tags = PUBLISHED | {tag.removeprefix("t"): value for tag, value in other.items()}
    return chip({tag: value for tag, value in tags.items() if value})


def published_card() -> CardKey:
    return card_key_for(UNIONPAY, PUBLISHED_KEY, published(), PUBLISHED_PAN, "001")


def card_of(method: CryptogramMethod, request: ChipData, pan: Pan = PAN) -> CardKey:
    return card_key_for(method, ISSUER_KEY, request, pan)


def signed(method: CryptogramMethod, request: ChipData, pan: Pan = PAN) -> ChipData:
    return request._replace(cryptogram=make_cryptogram(method, card_of(method, request, pan), request))


# --- published examples ------------------------------------------------------------------------------------


def test_the_published_unionpay_request_is_right() -> None:
    assert verify_cryptogram(UNIONPAY, published_card(), published()) == (Finding.RIGHT, "")


def test_the_published_unionpay_card_makes_that_cryptogram() -> None:
    request = published(t9F26="")

    assert make_cryptogram(UNIONPAY, published_card(), request) == bytes.fromhex("5D016C91005E7CC2")


def test_the_published_unionpay_answer_is_made() -> None:
    answer = arpc(UNIONPAY, published_card(), published(), b"01")

    assert answer == bytes.fromhex("21415243527CE78F") + b"01"


def test_another_published_unionpay_card_makes_its_cryptogram() -> None:
    card = CardKey(bytes.fromhex("0D2E3CB0BC1F9E03AED58F663A2F9679"))
    tags = ("000000001234", "000000000034", "0156", "D86004A800", "0156", "120516", "01", "01010101", "7C00", "000E")
    issuer_data = {"9F10": "07020103A4B904010A0100000000001BFC423C"}

    made = make_cryptogram(UNIONPAY, card, chip(dict(zip(MINIMUM, tags, strict=True)) | issuer_data))

    assert made == bytes.fromhex("F294D7022FA9B058")


def test_pyemvs_documented_visa_example_is_right_and_answered() -> None:
    # fmt: off
    request = chip({
        "9F02": "000000009999", "9F03": "000000000000", "9F1A": "0840", "95": "8000048000", "5F2A": "0840",
        "9A": "991231", "9C": "01", "9F37": "52BF4585", "82": "1800", "9F36": "0FFF",
        "9F10": "06011203A0B800", "9F26": "769577B5ABE9FE62",
    })
    # fmt: on
    card = card_key_for(VISA, b"\xaa" * 16, request, Pan("1234567890123456"))

    assert verify_cryptogram(VISA, card, request)
    assert arpc(VISA, card, request, b"05", bytes(4)) == bytes.fromhex("76503F48 00000000")


# --- against pyemv -----------------------------------------------------------------------------------------

requests = st.fixed_dictionaries(
    {
        "9F02": st.integers(0, 10**12 - 1).map("{:012d}".format),
        "9F03": st.integers(0, 10**12 - 1).map("{:012d}".format),
        "9F1A": st.just("0156"),
        "95": st.binary(min_size=5, max_size=5).map(bytes.hex),
        "5F2A": st.just("0156"),
        "9A": st.just("260131"),
        "9C": st.sampled_from(["00", "20", "30"]),
        "9F37": st.binary(min_size=4, max_size=4).map(bytes.hex),
        "82": st.binary(min_size=2, max_size=2).map(bytes.hex),
        "9F36": st.binary(min_size=2, max_size=2).map(bytes.hex),
    }
)
pans = st.text("0123456789", min_size=12, max_size=19).map(Pan)
sequences = st.sampled_from(["00", "01", "37"])

VISA_10 = bytes.fromhex("06010A03A02000")
VISA_18 = bytes.fromhex("06011203A0B800")
VISA_22 = bytes.fromhex("1F2201A0") + bytes(28)


def minimum(request: ChipData) -> dict[str, bytes]:
    """The minimum set as pyemv wants it."""
    return {f"tag_{tag.lower()}": request.tags[tag] for tag in MINIMUM}


@settings(deadline=None, max_examples=40)
@given(requests, pans, sequences)
def test_visa_10_is_as_pyemv_has_it(tags: dict[str, str], pan: Pan, sequence: str) -> None:
    request = chip(tags | {"9F10": VISA_10.hex(), "5F34": sequence})
    oracle = cvn.VisaCVN10(ISSUER_KEY, ISSUER_KEY, ISSUER_KEY, pan.reveal(), sequence)

    ours = signed(VISA, request, pan)

    assert ours.cryptogram == oracle.generate_ac(**minimum(request), cvr=VISA_10[3:7])
    assert arpc(VISA, card_of(VISA, ours, pan), ours, b"00") == oracle.generate_arpc(ours.cryptogram, b"00") + b"00"


@settings(deadline=None, max_examples=40)
@given(requests, pans, sequences, st.sampled_from([VISA_18, VISA_22]), st.binary(min_size=4, max_size=4))
def test_visa_18_and_22_are_as_pyemv_has_them(
    tags: dict[str, str], pan: Pan, sequence: str, issuer_data: bytes, status: bytes
) -> None:
    request = chip(tags | {"9F10": issuer_data.hex(), "5F34": sequence})
    model = cvn.VisaCVN18 if issuer_data == VISA_18 else cvn.VisaCVN22
    oracle = model(ISSUER_KEY, ISSUER_KEY, ISSUER_KEY, pan.reveal(), sequence)

    ours = signed(VISA, request, pan)
    answer = arpc(VISA, card_of(VISA, ours, pan), ours, b"00", status)

    assert ours.cryptogram == oracle.generate_ac(**minimum(request), tag_9f10=issuer_data)
    assert answer == oracle.generate_arpc(ours.cryptogram, request.tags["9F36"], status, None) + status


@settings(deadline=None, max_examples=60)
@given(
    requests,
    pans,
    sequences,
    st.sampled_from([0x10, 0x11, 0x14, 0x15]),
    st.binary(min_size=6, max_size=6),
    st.sampled_from([8, 10, 16, 18]).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
)
def test_mastercards_versions_are_as_pyemv_has_them(
    tags: dict[str, str], pan: Pan, sequence: str, version: int, results: bytes, counters: bytes
) -> None:
    issuer_data = bytes((1, version)) + results + b"\xda\xc0" + counters
    request = chip(tags | {"9F10": issuer_data.hex(), "5F34": sequence})
    keys = (ISSUER_KEY, ISSUER_KEY, ISSUER_KEY, pan.reveal(), sequence)

    ours = signed(MASTERCARD, request, pan)
    answer = arpc(MASTERCARD, card_of(MASTERCARD, ours, pan), ours, b"00")

    data, arqc, atc = minimum(request), ours.cryptogram, request.tags["9F36"]
    expected = {
        0x10: lambda: (
            cvn.MasterCardCVN16(*keys).generate_ac(**data, cvr=results),
            cvn.MasterCardCVN16(*keys).generate_arpc(arqc, b"00"),
        ),
        0x11: lambda: (
            cvn.MasterCardCVN17(*keys).generate_ac(**data, cvr=results, counters=counters),
            cvn.MasterCardCVN17(*keys).generate_arpc(arqc, b"00"),
        ),
        0x14: lambda: (
            cvn.MasterCardCVN20(*keys).generate_ac(**data, cvr=results),
            cvn.MasterCardCVN20(*keys).generate_arpc(arqc, atc, b"00"),
        ),
        0x15: lambda: (
            cvn.MasterCardCVN21(*keys).generate_ac(**data, cvr=results, counters=counters),
            cvn.MasterCardCVN21(*keys).generate_arpc(arqc, atc, b"00"),
        ),
    }[version]()
    assert (arqc, answer) == (expected[0], expected[1] + b"00")


# --- what is not right -------------------------------------------------------------------------------------

# method, issuer data, first and last byte of it that is covered
VERSIONS = [
    (UNIONPAY, "07000103A04002010A010000001000D1F61152", 3, 7),
    (VISA, VISA_10.hex(), 4, 7),
    (VISA, VISA_18.hex(), 4, 7),
    (VISA, VISA_22.hex(), 2, 32),
    (MASTERCARD, "0110A00003220000DAC00000000000000000", 2, 8),
    (MASTERCARD, "0111A00003220000DAC00000000000000000", 10, 18),
    (MASTERCARD, "0114A00003220000DAC00000000000000000", 2, 8),
    (MASTERCARD, "0115A00003220000DAC00000000000000000", 10, 18),
]


def request_with(issuer_data: str) -> ChipData:
    return published(t9F10=issuer_data, t9F26="")


@pytest.mark.parametrize(("method", "issuer_data", "first", "end"), VERSIONS)
@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_no_altered_element_keeps_a_cryptogram_right(
    method: CryptogramMethod, issuer_data: str, first: int, end: int, data: st.DataObject
) -> None:
    request = signed(method, request_with(issuer_data))
    card = card_of(method, request)
    tag = data.draw(st.sampled_from([*MINIMUM, "9F26", "9F10"]))
    value = bytearray(request.cryptogram if tag == "9F26" else request.tags[tag])
    place = data.draw(st.integers(first, end - 1) if tag == "9F10" else st.integers(0, len(value) - 1))
    if tag == "9F10" and value[0] in {0x06, 0x07}:
        place = max(place, 4)  # the byte before says how long the results are
    value[place] ^= 1 << data.draw(st.integers(0, 3 if tag in {"9F02", "9F03"} else 7))

    altered = {one: raw.hex() for one, raw in request.tags.items()} | {"9F26": request.cryptogram.hex()}
    found = read_chip(build_tlv(tuple(Tlv(t, bytes.fromhex(v)) for t, v in (altered | {tag: value.hex()}).items())))

    assert verify_cryptogram(method, card, request)
    if isinstance(found, ChipData):  # else its digits are no digits any more
        assert not verify_cryptogram(method, card, found)


@pytest.mark.parametrize(("method", "issuer_data"), [row[:2] for row in VERSIONS])
@pytest.mark.parametrize("other", ["issuer", "card", "sequence"])
def test_another_key_makes_another_cryptogram(method: CryptogramMethod, issuer_data: str, other: str) -> None:
    request = signed(method, request_with(issuer_data))
    issuer_key = PUBLISHED_KEY if other == "issuer" else ISSUER_KEY
    pan = Pan("4111111111111129") if other == "card" else PAN
    card = card_key_for(method, issuer_key, request, pan, "001" if other == "sequence" else "")

    verdict = verify_cryptogram(method, card, request)

    assert verdict == (Finding.WRONG, "the cryptogram differs")
    assert not verdict.is_right


@pytest.mark.parametrize("tag", ["9F02", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36", "9F10", "9F26"])
def test_a_missing_element_is_named(tag: str) -> None:
    verdict = verify_cryptogram(UNIONPAY, published_card(), published(**{f"t{tag}": ""}))

    assert verdict == (Finding.MALFORMED, f"tag {tag} is missing")


def test_an_absent_other_amount_counts_as_zero() -> None:
    assert verify_cryptogram(UNIONPAY, published_card(), published(t9F03=""))


@pytest.mark.parametrize(
    ("method", "issuer_data", "finding", "reason"),
    [
        (UNIONPAY, "07001F03A0400201", Finding.UNCHECKED, "cryptogram version 1F is not supported"),
        (UNIONPAY, "07000103A0400204", Finding.UNCHECKED, "cryptogram algorithm 04 is not supported"),
        (VISA, "06011103A04002", Finding.UNCHECKED, "cryptogram version 11 is not supported"),
        (VISA, "07000103A0400201", Finding.MALFORMED, "tag 9F10 is not laid out as visa does it"),
        (MASTERCARD, "0110A0", Finding.MALFORMED, "tag 9F10 is not laid out as mastercard does it"),
    ],
)
def test_what_we_cannot_check_is_never_right(
    method: CryptogramMethod, issuer_data: str, finding: Finding, reason: str
) -> None:
    request = published(t9F10=issuer_data)

    assert verify_cryptogram(method, card_of(method, request), request) == (finding, reason)
    with pytest.raises(ValueError, match=reason):
        make_cryptogram(method, card_of(method, request), request)


# --- methods of one range ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "issuer_data"), [row[:2] for row in VERSIONS])
@pytest.mark.parametrize("padding", [Padding.ZEROS, Padding.BIT])
def test_either_padding_is_right_where_both_are_allowed(
    method: CryptogramMethod, issuer_data: str, padding: Padding
) -> None:
    request = signed(CryptogramMethod(method.scheme, padding=padding), request_with(issuer_data))
    lenient = CryptogramMethod(method.scheme, padding=Padding.EITHER)

    assert verify_cryptogram(lenient, card_of(method, request), request)


def test_only_the_versions_own_padding_is_right_otherwise() -> None:
    request = signed(CryptogramMethod(Scheme.UNIONPAY, padding=Padding.ZEROS), request_with(PUBLISHED["9F10"]))

    assert not verify_cryptogram(UNIONPAY, card_of(UNIONPAY, request), request)


def test_a_range_with_its_own_elements_covers_those() -> None:
    method = CryptogramMethod(Scheme.UNIONPAY, elements=("9F02", "9F37", "9F36", "CVR"))
    request = signed(method, request_with(PUBLISHED["9F10"]))
    card = card_of(method, request)

    assert verify_cryptogram(method, card, request)
    assert verify_cryptogram(method, card, request._replace(tags=dict(request.tags) | {"9C": b"\x20"}))
    assert not verify_cryptogram(method, card, request._replace(tags=dict(request.tags) | {"9F02": bytes(6)}))


def test_an_unknown_version_needs_its_key_and_elements() -> None:
    request = request_with("07001703A0400201")
    elements = ("9F02", "9F36", "CVR")
    whole = CryptogramMethod(Scheme.UNIONPAY, SessionKey.COMMON, elements)
    paid = signed(whole, request)

    assert verify_cryptogram(whole, card_of(whole, paid), paid)
    assert arpc(whole, card_of(whole, paid), paid, b"00")[8:] == b"00"
    for half in (
        CryptogramMethod(Scheme.UNIONPAY, SessionKey.COMMON),
        CryptogramMethod(Scheme.UNIONPAY, elements=elements),
    ):
        assert verify_cryptogram(half, card_of(half, paid), paid).finding is Finding.UNCHECKED


def test_a_range_that_says_its_key_needs_no_issuer_data() -> None:
    method = CryptogramMethod(Scheme.VISA, SessionKey.COMMON, MINIMUM)
    request = signed(method, published(t9F10="", t9F26=""))

    assert verify_cryptogram(method, card_of(method, request), request)


def test_a_key_made_of_the_counter_needs_the_counter() -> None:
    method = CryptogramMethod(Scheme.VISA, SessionKey.MASTERCARD, ("9F02",))
    request = published(t9F10="", t9F36="")

    assert verify_cryptogram(method, card_of(method, request), request).reason == "tag 9F36 is missing"
    unpredictable = published(t9F10="", t9F37="")
    assert verify_cryptogram(method, card_of(method, request), unpredictable).reason == "tag 9F37 is missing"


def test_elements_of_issuer_data_that_is_not_there_are_missing() -> None:
    method = CryptogramMethod(Scheme.VISA, SessionKey.COMMON, ("9F02", "COUNTERS"))
    request = published(t9F10=VISA_10.hex())

    assert verify_cryptogram(method, card_of(method, request), request).reason == "COUNTERS of tag 9F10 is missing"


def test_long_card_numbers_are_hashed_for_visas_newer_versions_only() -> None:
    assert key_option(VISA, request_with(VISA_18.hex())) is KeyOption.B
    assert key_option(VISA, request_with(VISA_10.hex())) is KeyOption.A
    assert key_option(UNIONPAY, published()) is KeyOption.A
    assert key_option(CryptogramMethod(Scheme.UNIONPAY, option=KeyOption.B), published()) is KeyOption.B
    assert key_option(VISA, published()) is KeyOption.A


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("", VISA),
        ("session=common", CryptogramMethod(Scheme.VISA, SessionKey.COMMON)),
        ("padding=either option=B", CryptogramMethod(Scheme.VISA, padding=Padding.EITHER, option=KeyOption.B)),
        ("answer=method-1", CryptogramMethod(Scheme.VISA, answer=Answer.RESPONSE_CODE)),
        ("elements=9F02,95,CVR", CryptogramMethod(Scheme.VISA, elements=("9F02", "95", "CVR"))),
    ],
)
def test_a_method_is_read_as_it_is_configured(text: str, method: CryptogramMethod) -> None:
    assert read_method(Scheme.VISA, text) == method


@pytest.mark.parametrize(
    "text", ["padding", "padding=none", "key=1", "elements=9f02", "elements=9F0", "option=C", "session="]
)
def test_a_method_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"none of|no element|not a valid"):
        read_method(Scheme.VISA, text)


# --- answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"), [(b"00", STATUS_APPROVED), (b"10", STATUS_APPROVED), (b"51", STATUS_DECLINED)]
)
def test_a_card_that_takes_a_status_is_told_yes_or_no(code: bytes, status: bytes) -> None:
    request = signed(VISA, request_with(VISA_18.hex()))

    answer = arpc(VISA, card_of(VISA, request), request, code)

    assert (len(answer), answer[4:]) == (8, status)


def test_an_answer_depends_on_its_code() -> None:
    yes, no = (arpc(UNIONPAY, published_card(), published(), code) for code in (b"00", b"05"))

    assert yes[:8] != no[:8]


@pytest.mark.parametrize(
    ("method", "issuer_data", "code", "status", "said"),
    [
        (UNIONPAY, PUBLISHED["9F10"], b"0", None, "2 bytes"),
        (VISA, VISA_18.hex(), b"00", bytes(3), "4 bytes"),
        (VISA, "06011103A04002", b"00", None, "not supported"),
    ],
)
def test_an_answer_that_no_card_takes_is_not_made(
    method: CryptogramMethod, issuer_data: str, code: bytes, status: bytes | None, said: str
) -> None:
    request = published(t9F10=issuer_data)

    with pytest.raises(ValueError, match=said):
        arpc(method, card_of(method, request), request, code, status)


def test_no_cryptogram_no_answer() -> None:
    with pytest.raises(ValueError, match="9F26 is missing"):
        arpc(UNIONPAY, published_card(), published(t9F26=""), b"00")
