from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switch.wire.codec import Codec, Fields
from switch.wire.diagnosis import LOOKED_AT_BYTES, RECOGNISED, diagnose, one_line, stranger
from switch.wire.dialect import Dialect, dialect_names, load_dialect
from switch.wire.framing import Framing, LengthEncoding

SAMPLES = {
    sample["id"]: bytes.fromhex(sample["hex"])
    for sample in map(
        json.loads, (Path(__file__).resolve().parents[1] / "vectors/messages.jsonl").read_text("utf-8").splitlines()
    )
}
DIALECTS = {name: load_dialect(name) for name in dialect_names()}
CODECS = {name: Codec(dialect) for name, dialect in DIALECTS.items()}
ALL = tuple(CODECS.values())
BINARY2 = Framing()
LENGTHS: tuple[LengthEncoding, ...] = ("binary2", "bcd2", "ascii4", "hex4")
PAN = "4111111111111111"

_NEEDED_VALUES = {
    "2": PAN, "3": "000000", "4": "000000001000", "7": "0304040000", "11": "000017", "12": "120000", "13": "0304",
    "22": "021", "24": "831", "25": "00", "35": "4111111111111111D30121010000012345", "37": "532400000001", "41": "TERM0001",
    "42": "MERCHANT0000001", "49": "156", "60": "22000001000", "70": "301",
}  # fmt: skip
_FEATURES = {
    "iso8583-1993-ascii": {"12": "260304120000", "22": "A00101A00101", "25": "1000", "35": "4111111111111111=3012"},
    "iso8583-1987-ascii": {"35": "4111111111111111=30121010000012345"},
}


def value(dialect: Dialect, number: str) -> str:
    return _FEATURES.get(dialect.name, {}).get(number) or _NEEDED_VALUES[number]


@st.composite
def messages(draw: st.DrawFn, dialect: Dialect) -> Fields:
    """A request of one of the dialect's kinds: what it needs, and some of what is common."""
    rows = [row for row in dialect.transactions if set(row.required) <= _NEEDED_VALUES.keys()]
    row = draw(st.sampled_from(rows))
    common = [number for number in _NEEDED_VALUES if int(number) in dialect.fields and number not in row.forbidden]
    numbers = {*row.required, *draw(st.sets(st.sampled_from(common), min_size=2))}
    fields: Fields = {0: row.mti}
    for number in sorted(map(int, numbers)):
        fields[number] = value(dialect, str(number))
    return fields


framings = st.builds(
    lambda length, includes, ending, tpdu, header: Framing(length, includes, ending[0], ending[1], tpdu, header),
    st.sampled_from(LENGTHS),
    st.booleans(),
    st.sampled_from([(b"", False), (b"\x03", False), (b"\x03", True)]),
    st.booleans(),
    st.sampled_from([0, 6, 12]),
)


def framed(framing: Framing, body: bytes) -> bytes:
    header = bytes.fromhex("6000030000") * framing.tpdu + b"\x60\x32\x00\x31" + bytes(8)
    return framing.wrap_request(body, header[: framing.all_header_bytes])


# --- what is recognised -----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=300)
@given(data=st.data(), name=st.sampled_from(sorted(DIALECTS)), framing=framings)
def test_a_message_of_any_dialect_is_recognised_in_any_framing(
    data: st.DataObject, name: str, framing: Framing
) -> None:
    fields = data.draw(messages(DIALECTS[name]))
    wire = framed(framing, CODECS[name].encode(fields))

    best = diagnose(wire, ALL)[0]

    assert best.is_whole
    assert best.confidence >= RECOGNISED
    assert best.framing is not None
    assert best.framing.framer().feed(wire) == framing.framer().feed(wire)
    assert best.dialect is not None
    assert CODECS[best.dialect.name].decode(best.framing.framer().feed(wire)[0].body) == fields


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_the_plainest_reading_of_a_purchase_is_the_right_one(name: str, length: LengthEncoding) -> None:
    dialect = DIALECTS[name]
    framing = replace(dialect.framing, length=length)
    row = next(row for row in dialect.transactions if row.kind == "purchase")
    fields = {0: row.mti, 2: PAN} | {int(number): value(dialect, number) for number in row.required}
    wire = framed(framing, CODECS[name].encode(fields))

    best = diagnose(wire, ALL)[0]

    assert (best.framing, best.dialect) == (framing, dialect)
    assert best.confidence >= 95


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ("S18b", "2-byte binary length + TPDU + 6-byte header + BCD with binary bitmap"),
        ("S19d", "no length + TPDU + 6-byte header + BCD with binary bitmap"),
        ("A-mastercard-1", "no length + EBCDIC with binary bitmap"),
        ("A-jcb-1", "no length + EBCDIC with binary bitmap"),
        ("A-cups-2", "no length + ASCII with binary bitmap"),
        ("M-network_management_message", "no length + ASCII with hex bitmap"),
        ("B1", "2-byte binary length (03 at the end, counted) + 12-byte header + ASCII with hex bitmap"),
    ],
)
def test_what_others_speak_is_named(sample: str, words: str) -> None:
    best = diagnose(SAMPLES[sample], ALL)[0]

    assert best.words == words
    assert best.confidence >= RECOGNISED


def test_a_length_that_no_listener_reads_is_named_all_the_same() -> None:
    body = SAMPLES["M-network_management_message"]
    wire = len(body).to_bytes(2, "big") + b"\0\0" + body

    best = diagnose(wire, ALL)[0]

    assert best.cut.words == "2-byte binary length + 2 reserved bytes (VML)"
    assert best.framing is None


def test_two_frames_speak_for_a_length_more_than_bytes_left_over_speak_against_it() -> None:
    body = SAMPLES["M-network_management_message"]
    wire = 2 * Framing("bcd2").wrap_request(body) + b"\x00\x69\x30"

    best = diagnose(wire, ALL)[0]

    assert best.cut.words == "2-byte BCD length"
    assert best.evidence[0].says == "2-byte BCD length: 2 frames, then 3 bytes that are no whole frame"


def test_frames_before_a_break_far_behind_still_speak_for_their_length() -> None:
    body = SAMPLES["M-network_management_message"]
    wire = 9 * Framing("bcd2").wrap_request(body) + b"\xff\xff and what is no frame"

    best = diagnose(wire, ALL)[0]

    assert (best.cut.words, best.cut.frames) == ("2-byte BCD length", 9)


@pytest.mark.parametrize("filler", [b"\0", b"0", b"\0\1\x30", b"0001x"])
def test_a_length_that_cuts_bytes_into_crumbs_is_none(filler: bytes) -> None:
    assert [finding for finding in diagnose(filler * 1000, ALL) if finding.confidence >= RECOGNISED] == []


def test_the_evidence_names_the_bytes_in_order() -> None:
    best = diagnose(SAMPLES["S18b"], ALL)[0]

    assert [(one.begin, one.end, one.part) for one in best.evidence] == [
        (0, 2, "length"),
        (2, 7, "TPDU"),
        (7, 13, "header"),
        (13, 15, "MTI"),
        (15, 23, "bitmap"),
    ]


# --- what is not ------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(data=st.binary(max_size=600))
def test_any_bytes_are_looked_at_without_a_fault(data: bytes) -> None:
    findings = diagnose(data, ALL)

    assert [finding.confidence for finding in findings] == sorted(
        (finding.confidence for finding in findings), reverse=True
    )


def test_noise_is_not_recognised() -> None:
    noise = bytes((7 * at * at + 31 * at + 5) % 251 for at in range(400))

    assert all(finding.confidence < RECOGNISED for finding in diagnose(noise, ALL))


def test_only_the_first_bytes_are_looked_at() -> None:
    message = framed(BINARY2, SAMPLES["M-network_management_message"])

    assert diagnose(message * 200, ALL)[0].evidence == diagnose((message * 200)[:LOOKED_AT_BYTES], ALL)[0].evidence


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x16\x03\x01\x02\x00\x01", "a TLS handshake: the peer encrypts, and this port does not"),
        (b"GET / HTTP/1.1\r\n", "an HTTP request"),
        (b"0800", ""),
    ],
)
def test_what_connects_by_mistake_is_named(data: bytes, words: str) -> None:
    assert stranger(data) == words


# --- in one line ------------------------------------------------------------------------------------------


def test_a_listener_is_told_what_comes_and_what_it_expects() -> None:
    framing = Framing("bcd2", tpdu=True)
    wire = framed(framing, SAMPLES["M-network_management_message"])

    said = one_line(wire, CODECS["iso8583-1987-binary"], Framing("ascii4"))

    assert said == (
        "looks like 2-byte BCD length + TPDU + ASCII with hex bitmap; "
        "this listener expects 4 ASCII digits + BCD with binary bitmap"
    )


def test_nothing_is_said_where_the_form_is_the_expected_one() -> None:
    wire = framed(BINARY2, SAMPLES["M-network_management_message"])

    assert one_line(wire, CODECS["iso8583-1987-ascii"], BINARY2) == ""
    assert one_line(wire[:50], CODECS["iso8583-1987-ascii"], BINARY2) == ""
    assert one_line(b"\0", CODECS["iso8583-1987-ascii"], BINARY2) == ""


@settings(deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(DIALECTS)), framing=framings)
def test_no_line_and_no_evidence_holds_a_card_number(data: st.DataObject, name: str, framing: Framing) -> None:
    fields = data.draw(messages(DIALECTS[name]))
    wire = framed(framing, CODECS[name].encode({**fields, 2: PAN}))

    said = one_line(wire, CODECS["iso8583-1993-ascii"], Framing("ascii4", header_bytes=3))
    shown = [evidence.says for finding in diagnose(wire, ALL) for evidence in finding.evidence]

    assert not any(PAN[:8] in text or PAN[8:] in text for text in [said, *shown])
