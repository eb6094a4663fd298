from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switch.errors import DecodeError
from switch.wire.tlv import DEPTH_MAX, Tlv, build_tlv, parse_tlv

PRIMITIVE = ["5A", "82", "95", "9A", "9F26", "9F36", "DF31", "DF8101", "C0", "5F2A"]
TEMPLATES = ["70", "77", "E1", "BF0C", "FF8101"]

primitives = st.builds(Tlv, st.sampled_from(PRIMITIVE), st.binary(max_size=300))
objects = st.recursive(
    primitives,
    lambda inner: st.builds(Tlv, st.sampled_from(TEMPLATES), st.just(b""), st.lists(inner, max_size=3).map(tuple)),
    max_leaves=8,
)


def parse(text: str) -> tuple[Tlv, ...]:
    return parse_tlv(bytes.fromhex(text))


def outcome(data: bytes) -> tuple[tuple[Tlv, ...], DecodeError | None]:
    """The objects, or what is wrong with them, in bytes that begin at the seventh of a frame."""
    try:
        return parse_tlv(data, position=7), None
    except DecodeError as error:
        return (), error


@settings(deadline=None)
@given(st.lists(objects, max_size=4).map(tuple))
def test_what_was_built_is_parsed_again(tree: tuple[Tlv, ...]) -> None:
    assert parse_tlv(build_tlv(tree)) == tree


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_a_decode_error(data: bytes) -> None:
    tree, fault = outcome(data)
    if fault is None:
        assert parse_tlv(build_tlv(tree)) == tree
    else:
        assert fault.field.startswith("55")
        assert 7 <= fault.position <= 7 + len(data)


def test_the_answer_of_an_issuer_is_parsed() -> None:
    assert parse("9F3602031E 910A42FE066E2918B0883030") == (
        Tlv("9F36", b"\x03\x1e"),
        Tlv("91", bytes.fromhex("42FE066E2918B0883030")),
    )


def test_templates_are_opened_and_unknown_tags_kept() -> None:
    (script, unknown) = parse("7209 9F180400000001 8600 DF7F01AA")

    assert script.parts == (Tlv("9F18", bytes.fromhex("00000001")), Tlv("86"))
    assert unknown == Tlv("DF7F", b"\xaa")


def test_zero_bytes_between_objects_are_padding() -> None:
    assert parse("0000 8200 0000") == (Tlv("82"),)


def test_long_lengths_are_read_and_written() -> None:
    for size in (127, 128, 255, 256, 70_000):
        tree = (Tlv("C0", bytes(size)),)

        assert parse_tlv(build_tlv(tree)) == tree
    assert parse("82 81 01 AA") == (Tlv("82", b"\xaa"),)


# fmt: off
FAULTS = [
    ("9F",                    "55",         0),   # a tag that does not end
    ("82 00 9F81",            "55",         2),
    ("DF81828301 00",         "55",         0),   # a tag too long
    ("82",                    "55.82",      1),   # no length
    ("82 81",                 "55.82",      1),
    ("82 80 0000",            "55.82",      1),   # indefinite
    ("82 84 00000001 AA",     "55.82",      1),
    ("82 03 AABB",            "55.82",      2),   # truncated
    ("9F2608 01020304050607", "55.9F26",    3),
    ("70 04 9F2603 AA BB CC", "55.70.9F26", 5),   # longer than its template
]
# fmt: on


@pytest.mark.parametrize(("text", "field", "position"), FAULTS)
def test_a_fault_names_the_tag_and_the_byte(text: str, field: str, position: int) -> None:
    with pytest.raises(DecodeError) as caught:
        parse(text)

    assert (caught.value.field, caught.value.position) == (field, position)


def test_templates_cannot_be_nested_without_end() -> None:
    deep = Tlv("82")
    for _ in range(DEPTH_MAX):
        deep = Tlv("70", b"", (deep,))

    with pytest.raises(DecodeError, match="deep"):
        parse_tlv(build_tlv((deep,)))


def test_a_value_does_not_show_in_a_log() -> None:
    assert "41" not in repr(Tlv("5A", bytes.fromhex("4111111111111111")))
