"""A statement's items add up to what the day moved, and are kept as they were said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.decisions.closing import Movement
from switch.errors import ConfigurationError, InternalError
from switch.settlement.fees import load_fee_plans
from switch.settlement.statements import Line, Statement, made, read_statement, statement_of
from tests.settlement.movements import CALENDAR, DAY, HOUR, NOON, TERMS, movement

PLANS = load_fee_plans()


def stated(*movements: Movement) -> Statement:
    return statement_of(TERMS, DAY, movements, PLANS, CALENDAR)


def items(*movements: Movement) -> list[tuple[str, int, int]]:
    return [(item.kind, item.amount_minor, item.fee_minor) for item in stated(*movements).items]


def test_what_said_no_time_is_of_the_hosts_moment_when_it_was_answered() -> None:
    """A UnionPay sale of the last second before midnight, answered after it; one that says its time keeps that."""
    silent = movement(1, "purchase", 100, local_time="", decided_at=NOON + 12 * HOUR + 1_999_999)
    told = movement(2, "purchase", 100, local_date=DAY - 1, local_time="235959")

    assert [(item.local_date, item.local_time) for item in stated(silent, told).items] == [
        (DAY + 1, "000001"),
        (DAY - 1, "235959"),
    ]


def test_a_sale_pays_a_fee_and_a_refund_gives_none_back() -> None:
    assert items(movement(1, "purchase", 10_000), movement(2, "refund", -10_000, of=1)) == [
        ("purchase", 10_000, 50),
        ("refund", -10_000, 0),
    ]


def test_a_voided_sale_stays_among_the_debits_without_a_fee() -> None:
    assert items(movement(1, "purchase", 10_000), movement(2, "void", -10_000, of=1)) == [
        ("purchase", 10_000, 0),
        ("void", -10_000, 0),
    ]


def test_what_was_reversed_is_no_item() -> None:
    assert items(movement(1, "purchase", 10_000), movement(2, "reversal", -10_000, of=1)) == []


def test_what_was_reversed_in_part_is_an_item_of_what_is_left() -> None:
    assert items(movement(1, "purchase", 10_000), movement(2, "reversal", -4_000, of=1)) == [("purchase", 6_000, 30)]


def test_a_sale_stands_again_with_its_fee_where_its_void_was_reversed() -> None:
    movements = (
        movement(1, "purchase", 10_000),
        movement(2, "void", -10_000, of=1),
        movement(3, "reversal", 10_000, of=2),
    )

    assert items(*movements) == [("purchase", 10_000, 50)]


def test_a_tip_of_the_day_is_part_of_its_sale_and_a_later_one_stands_by_itself() -> None:
    assert items(movement(1, "purchase", 10_000), movement(2, "tip", 1_000, of=1)) == [("purchase", 11_000, 55)]
    assert items(movement(2, "tip", 1_000, of=1)) == [("tip", 1_000, 0)]


def test_a_reversal_whose_id_is_lower_than_its_originals_is_found_all_the_same() -> None:
    assert items(movement(1, "reversal", -10_000, of=2), movement(2, "purchase", 10_000)) == []


def test_a_load_and_a_correction_move_money_and_pay_no_fee() -> None:
    assert items(movement(1, "load", -5_000), movement(2, "correction", 700)) == [
        ("load", -5_000, 0),
        ("correction", 700, 0),
    ]


def test_the_fee_is_that_of_scheme_and_card_type() -> None:
    visa = movement(2, "purchase", 10_000, card_bin="411111", account_class="")

    assert stated(movement(1, "purchase", 10_000), visa, movement(3, "refund", -500)).lines == (
        Line("unionpay", "debit", 1, 10_000, 1, 500, 50),
        Line("visa", "credit", 1, 10_000, 0, 0, 200),
    )


def test_totals_and_shares_of_a_day() -> None:
    statement = stated(movement(1, "purchase", 10_000), movement(2, "purchase", 30_000), movement(3, "refund", -1_000))

    kept = made(statement)

    assert kept[:7] == (40_000, 1_000, 200, 50, 38_800, 3, (("AGENT01", 40), ("AGENT02", 10)))


def test_without_a_plan_there_are_neither_fees_nor_shares() -> None:
    statement = statement_of(TERMS._replace(fee_plan=""), DAY, [movement(1, "purchase", 10_000)], PLANS, CALENDAR)

    assert (statement.fee_minor, statement.shares, statement.net_minor) == (0, (), 10_000)


@pytest.mark.parametrize("terms", [TERMS._replace(fee_plan="none"), TERMS._replace(shares="half")])
def test_terms_that_make_no_sense_name_the_merchant(terms: object) -> None:
    with pytest.raises(ConfigurationError, match="merchant M1: "):
        statement_of(terms, DAY, [movement(1, "purchase", 10_000)], PLANS, CALENDAR)  # type: ignore[arg-type]


def test_what_was_kept_is_read_back_as_it_was() -> None:
    statement = stated(movement(1, "purchase", 10_000), movement(2, "void", -10_000, of=1, masked_pan="", rrn='",\\'))

    assert read_statement(made(statement).content) == statement


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"version": 2}', '{"version": 1, "items": [[1]]}'])
def test_a_content_that_is_no_statement_is_refused(content: str) -> None:
    with pytest.raises(InternalError):
        read_statement(content)


# --- any day -----------------------------------------------------------------------------------------------

KINDS = ("purchase", "code_purchase", "completion", "void", "refund", "reversal", "tip", "adjustment", "load", "import")


@st.composite
def days(draw: st.DrawFn) -> list[Movement]:
    size = draw(st.integers(0, 12))
    return [
        movement(
            number,
            draw(st.sampled_from(KINDS)),
            draw(st.integers(-5_000, 5_000).filter(bool)),
            of=draw(st.none() | st.integers(0, size)),
            card_bin=draw(st.sampled_from(("620000", "411111", ""))),
            account_class=draw(st.sampled_from(("I", "prepaid", ""))),
        )
        for number in range(1, size + 1)
    ]


@given(days())
def test_a_statement_adds_up_to_what_moved_whatever_it_was(movements: list[Movement]) -> None:
    statement = stated(*movements)

    assert statement.gross_minor - statement.credit_minor == sum(each.moved_minor for each in movements)
    assert statement.net_minor == sum(each.moved_minor for each in movements) - statement.fee_minor
    assert 0 <= statement.share_minor <= statement.fee_minor
    assert all(item.amount_minor for item in statement.items)


@given(days())
def test_lines_add_up_to_the_statement(movements: list[Movement]) -> None:
    statement = stated(*movements)

    assert sum(line.debit_minor for line in statement.lines) == statement.gross_minor
    assert sum(line.credit_minor for line in statement.lines) == statement.credit_minor
    assert sum(line.fee_minor for line in statement.lines) == statement.fee_minor
    assert sum(line.debits + line.credits for line in statement.lines) == len(statement.items)


@given(days())
def test_any_statement_is_read_back_as_it_was(movements: list[Movement]) -> None:
    statement = stated(*movements)

    assert read_statement(made(statement).content) == statement
