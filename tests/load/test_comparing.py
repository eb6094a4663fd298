from __future__ import annotations

import pytest

from switch.errors import OperatorError
from switch.load.comparing import KEPT, Comparison, Recorded, ignored_in
from switch.reports.results import Difference
from switch.wire.codec import Fields
from switch.wire.dialect import load_dialect
from tests.load.hosts import ISO, a_sale, an_answer

SALE = a_sale(45)


def compared(before: Fields, after: Fields, **more: frozenset[int]) -> Comparison:
    comparison = Comparison(ISO, **more)
    comparison.recorded(Recorded(123, "0200", "000045"), before)
    comparison.answered(Recorded(123, "0200", "000045"), after)
    return comparison


def test_a_difference_names_message_field_before_and_after() -> None:
    comparison = compared(an_answer(SALE), an_answer(SALE, "51"))

    assert comparison.differences == [Difference(message="#123 0200 STAN 000045", field="39", before="00", after="51")]
    assert comparison.found == comparison.compared == 1


def test_it_does_not_matter_which_side_comes_first() -> None:
    comparison = Comparison(ISO)

    assert comparison.answered(Recorded(1, "0200", "000045"), an_answer(SALE)) is None
    assert comparison.recorded(Recorded(1, "0200", "000045"), an_answer(SALE, "51")) == an_answer(SALE)
    assert comparison.found == 1


def test_of_the_fields_that_a_host_makes_only_those_that_differ_from_run_to_run_are_passed_over() -> None:
    before = an_answer(SALE, f15="1121", f64="0011223344556677")
    changed = {number: f"{value[:-1]}X" for number, value in before.items() if number}

    found = {int(one.field) for one in compared(before, before | changed).differences}

    assert found == {*changed} - {12, 13, 37, 38, 64, 128}


def test_times_references_and_macs_are_not_compared() -> None:
    after = an_answer(SALE, f12="235959", f13="1231", f37="999999999999", f38="ZZZZZZ", f64="F" * 16)

    assert compared(an_answer(SALE), after).found == 0


def test_what_else_is_ignored_is_up_to_the_caller() -> None:
    after = an_answer(SALE, f44="CALL BANK", f38="ZZZZZZ")

    assert [one.field for one in compared(an_answer(SALE), after, ignored=frozenset({38})).differences] == ["44"]
    assert [one.field for one in compared(an_answer(SALE), after, ignored=frozenset({44})).differences] == ["38"]


def test_a_field_that_only_one_side_has_is_a_difference() -> None:
    comparison = compared(an_answer(SALE, f44="CALL BANK"), an_answer(SALE, f54="0002156C000000001000"))

    assert [(one.field, one.before, one.after) for one in comparison.differences] == [
        ("44", "CALL BANK", "absent"),
        ("54", "absent", "0002156C000000001000"),
    ]


def test_another_message_type_is_a_difference() -> None:
    (difference,) = compared(an_answer(SALE), {**an_answer(SALE), 0: "0230"}).differences

    assert (difference.field, difference.before, difference.after) == ("mti", "0210", "0230")


def test_card_numbers_are_masked() -> None:
    comparison = compared(
        an_answer(SALE, f2="6200000000000047", f48="PAN 6200000000000047"),
        an_answer(SALE, f2="6200000000000054", f48="PAN 6200000000000054", f55="5A086200000000000047"),
    )

    told = repr(comparison.differences)
    assert "620000******0047" in told
    assert "6200000000000" not in told


def test_of_a_secret_only_its_presence_is_compared() -> None:
    cup = load_dialect("unionpay-pos")
    comparison = Comparison(cup)

    for number, after in enumerate(({62: "BB"}, {}), 1):
        comparison.recorded(Recorded(number, "0800", "000001"), {0: "0810", 62: "AA"})
        comparison.answered(Recorded(number, "0800", "000001"), {0: "0810", **after})

    assert [(one.message[:2], one.before, one.after) for one in comparison.differences] == [("#2", "**", "absent")]


def test_all_are_counted_and_the_first_ones_kept() -> None:
    comparison = Comparison(ISO)

    for number in range(KEPT + 5):
        comparison.recorded(Recorded(number, "0200", "000045"), an_answer(SALE))
        comparison.answered(Recorded(number, "0200", "000045"), an_answer(SALE, "96"))

    assert (comparison.found, len(comparison.differences)) == (KEPT + 5, KEPT)


def test_a_message_without_a_number_is_called_by_its_place_and_type() -> None:
    assert str(Recorded(7, "0820", "")) == "#7 0820"


def test_ignored_fields_are_numbers() -> None:
    assert ignored_in("15, 63,") == {15, 63}
    assert ignored_in("") == frozenset()


@pytest.mark.parametrize("text", ["a", "15;63", "-1", "1000", "\N{SUPERSCRIPT TWO}"])
def test_anything_else_is_no_field(text: str) -> None:
    with pytest.raises(OperatorError, match="--ignore wants the numbers of fields"):
        ignored_in(text)
