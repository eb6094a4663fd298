from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.capture.cards_seen import CardsSeen
from switch.capture.leftovers import Leftovers
from switch.capture.tokens import Tokens

TOKENS = Tokens(bytes(32))
CARD = "4111111111111111"
UNEVEN = "6222021234567890128"  # 19 digits


def leftovers(*cards: str) -> Leftovers:
    seen = CardsSeen()
    for card in cards:
        seen.add(card)
    return Leftovers(seen, TOKENS)


def packed(digits: str, pad: str) -> bytes:
    return bytes.fromhex(digits + pad if len(digits) % 2 else digits)


def nibbles_swapped(data: bytes) -> bytes:
    return bytes(one >> 4 | (one & 15) << 4 for one in data)


# fmt: off
FORMS = {
    "ASCII":                           UNEVEN.encode("ascii"),
    "ASCII with a track behind":       f";{UNEVEN}=30122010000?".encode("ascii"),
    "ASCII in a longer number":        f"01007{UNEVEN}000000001000".encode("ascii"),
    "ASCII in groups":                 b"622202 1234567890 128",
    "ASCII with dashes":               b"6222-0212-3456-7890-128",
    "ASCII backwards":                 UNEVEN.encode("ascii")[::-1],
    "EBCDIC":                          UNEVEN.encode("cp037"),
    "EBCDIC backwards":                UNEVEN.encode("cp037")[::-1],
    "packed, padded on the right":     packed(UNEVEN, "F"),
    "packed, zero on the left":        packed("0" + UNEVEN, ""),
    "packed, from a half byte on":     bytes.fromhex(f"a{UNEVEN}"),
    "packed, padded with zeros":       bytes.fromhex(f"{UNEVEN:0>24}"),
    "packed, bytes backwards":         packed(UNEVEN, "F")[::-1],
    "packed, nibbles swapped":         nibbles_swapped(packed(UNEVEN, "F")),
    "packed, swapped and backwards":   nibbles_swapped(packed(UNEVEN, "F"))[::-1],
    "hex of ASCII":                    UNEVEN.encode("ascii").hex().encode("ascii"),
    "hex of EBCDIC":                   UNEVEN.encode("cp037").hex().upper().encode("ascii"),
    "hex of packed":                   packed(UNEVEN, "F").hex().encode("ascii"),
    "hex of packed, bytes backwards":  packed(UNEVEN, "F")[::-1].hex().encode("ascii"),
    "hex of packed, nibbles swapped":  nibbles_swapped(packed(UNEVEN, "F")).hex().encode("ascii"),
}
# fmt: on


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before", [b"", b"\x00", b"0210\x91", b"A"])
def test_a_card_is_found_however_it_is_written(form: str, before: bytes) -> None:
    assert leftovers(CARD, UNEVEN).look(before + FORMS[form] + b"\xff\x30\x00")


@given(st.integers(12, 19), st.binary(max_size=40), st.binary(max_size=40), st.data())
def test_every_length_is_found_among_any_bytes(size: int, before: bytes, after: bytes, data: st.DataObject) -> None:
    card = data.draw(st.text("0123456789", min_size=size, max_size=size))
    form = data.draw(st.sampled_from([card.encode("ascii"), packed(card, "F"), card.encode("cp037")]))

    assert leftovers(card).look(before + form + after)


def test_other_cards_of_the_same_issuer_are_no_leftovers() -> None:
    assert not leftovers(CARD).look(b"4111111111111129" + packed("4111110000000005", ""))


def test_a_shorter_or_cut_number_is_no_leftover() -> None:
    assert not leftovers(CARD).look(CARD[:15].encode("ascii") + b"x" + CARD[1:].encode("ascii"))


def test_nothing_is_found_where_no_card_was_seen() -> None:
    assert not leftovers().look(CARD.encode("ascii"))


def test_cards_that_are_seen_later_are_found_from_then_on() -> None:
    seen = CardsSeen()
    looking = Leftovers(seen, TOKENS)
    before = looking.look(CARD.encode("ascii"))

    seen.add(CARD)

    assert (before, len(looking.look(CARD.encode("ascii")))) == ([], 1)


def test_what_was_found_says_the_form_and_not_the_card() -> None:
    found = leftovers(CARD).look(CARD.encode("ascii"))

    assert [one.form for one in found] == ["text"]
    assert CARD not in repr(found)


def test_a_stand_in_that_is_also_a_card_of_before_is_counted_and_not_taken_for_a_leftover() -> None:
    looking = leftovers(CARD, TOKENS.token(CARD))

    found = looking.look(TOKENS.token(CARD).encode("ascii"))

    assert (found, looking.shared) == ([], 1)


def test_cards_are_remembered_not_as_numbers_and_in_bounded_memory() -> None:
    seen = CardsSeen(cards_max=20_000)
    tracemalloc.start()
    for number in range(20_000):
        seen.add(f"411111{number:010d}")
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert used < 1_000_000
    assert len(seen) == 20_000
    assert all(f"411111{number:010d}" in seen for number in range(0, 20_000, 97))
    assert not any(f"411112{number:010d}" in seen for number in range(0, 20_000, 97))


def test_one_card_too_many_is_refused_and_those_seen_before_are_not() -> None:
    seen = CardsSeen(cards_max=1)
    seen.add(CARD)

    seen.add(CARD)

    assert seen.is_full
    with pytest.raises(OverflowError, match="more than 1 different card"):
        seen.add(UNEVEN)
