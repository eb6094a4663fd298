"""Fees are integers, rounded half up, within their bounds; shares never exceed what they are of."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.errors import ConfigurationError
from switch.settlement.fees import CARD_TYPES, SCHEMES, Rate, card_type_of, load_fee_plans, plan_named, scheme_of
from switch.settlement.shares import Share, divided, parsed_shares

AMOUNTS = st.integers(0, 999_999_999_999)
BASIS_POINTS = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("amount", "fee"),
    [(0, 0), (99, 0), (100, 1), (199, 1), (299, 1), (300, 2), (10_000, 50), (10_099, 50), (10_100, 51)],
)
def test_half_a_minor_unit_is_rounded_up(amount: int, fee: int) -> None:
    assert Rate(basis_points=50).fee(amount) == fee


def test_a_fixed_part_is_added_before_the_bounds_apply() -> None:
    rate = Rate(basis_points=100, fixed_minor=10, minimum_minor=15, cap_minor=60)

    assert [rate.fee(amount) for amount in (100, 1_000, 5_000, 9_000)] == [15, 20, 60, 60]


@given(AMOUNTS, BASIS_POINTS, st.integers(0, 500), st.integers(0, 500), st.integers(0, 10_000))
def test_a_fee_is_between_minimum_and_cap(amount: int, points: int, fixed: int, minimum: int, above: int) -> None:
    cap = minimum + above

    fee = Rate(basis_points=points, fixed_minor=fixed, minimum_minor=minimum, cap_minor=cap).fee(amount)

    exact = Fraction(amount * points, 10_000) + fixed
    assert minimum <= fee <= cap
    assert abs(fee - exact) <= Fraction(1, 2) or fee in (minimum, cap)


@given(AMOUNTS, AMOUNTS, BASIS_POINTS)
def test_a_larger_sale_never_costs_less(one: int, other: int, points: int) -> None:
    rate = Rate(basis_points=points, fixed_minor=3, minimum_minor=7, cap_minor=70_000)

    assert rate.fee(min(one, other)) <= rate.fee(max(one, other))


# --- plans -------------------------------------------------------------------------------------------------


def test_every_plan_of_the_program_has_a_rate_for_every_card() -> None:
    for plan in load_fee_plans().values():
        for scheme in SCHEMES:
            for card_type in CARD_TYPES:
                assert plan.rate(scheme, card_type).fee(10_000) > 0


def test_a_scheme_without_a_table_is_charged_as_any_other() -> None:
    standard = load_fee_plans()["standard"]

    assert standard.rate("visa", "credit") == standard.rate("other", "credit")
    assert standard.rate("unionpay", "credit") != standard.rate("other", "credit")


def test_a_merchant_without_a_plan_pays_nothing_and_an_unknown_plan_is_named_as_such() -> None:
    plans = load_fee_plans()

    assert plan_named(plans, "") is None
    with pytest.raises(ConfigurationError, match="no such fee plan; there are small, standard"):
        plan_named(plans, "free")


RATES = "debit = { basis_points = 1 }\ncredit = { basis_points = 1 }\nprepaid = { basis_points = 1 }\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"[p.visa]\n{RATES}", r"p: there is no table for other schemes"),
        ("[p.other]\ndebit = { basis_points = 1 }", r"p.other: there is no rate for credit, prepaid"),
        (f"[p.other]\n{RATES}[p.viza]\n{RATES}", r"p\.viza"),
        ("[p.other]\ndebit = { basis_points = 0.5 }", r"p\.other\.debit\.basis_points"),
        ("[p.other]\ndebit = { basis_points = 10001 }", r"p\.other\.debit\.basis_points"),
        ("[p.other]\ndebit = { basis_points = 1, minimum_minor = 9, cap_minor = 8 }", "the cap is below the minimum"),
        ("[p.other]\ndebit = { basis_points = 1, max_minor = 8 }", r"p\.other\.debit\.max_minor"),
        ("[p.other", "not TOML"),
    ],
)
def test_a_wrong_plan_is_refused_with_file_and_place(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "fee_plans.toml"
    file.write_text(text)

    with pytest.raises(ConfigurationError, match=reason) as refused:
        load_fee_plans(file)

    assert str(file) in str(refused.value)


@pytest.mark.parametrize(
    ("scheme", "card_bin", "known_as"),
    [
        ("visa", "620000", "visa"),
        ("amex", "378282", "other"),
        ("", "620000", "unionpay"),
        ("", "", "unionpay"),
        ("", "411111", "visa"),
        ("", "555555", "mastercard"),
        ("", "222100", "mastercard"),
        ("", "222099", "other"),
        ("", "272099", "mastercard"),
        ("", "272100", "other"),
        ("", "378282", "other"),
    ],
)
def test_a_scheme_is_what_the_card_says_or_else_its_number(scheme: str, card_bin: str, known_as: str) -> None:
    assert scheme_of(scheme, card_bin) == known_as


def test_the_type_of_a_card_is_told_by_the_class_of_its_account() -> None:
    classes = ("I", "II", "III", "prepaid", "", "gold")

    assert [card_type_of(name) for name in classes] == ["debit", "debit", "debit", "prepaid", "credit", "credit"]


# --- shares ------------------------------------------------------------------------------------------------


def test_shares_are_read_in_their_order() -> None:
    assert parsed_shares("") == ()
    assert parsed_shares(" AGENT02=5%  AGENT01=20% ") == (Share("AGENT02", 5), Share("AGENT01", 20))


@pytest.mark.parametrize("text", ["A", "A=5", "A=0%", "A=101%", "A=-5%", "A=2.5%", "A=50% B=51%", "A=1% A=2%", "A =5%"])
def test_what_are_no_shares_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parsed_shares(text)


@given(st.integers(0, 10**12), st.lists(st.integers(1, 100), max_size=8).filter(lambda parts: sum(parts) <= 100))
def test_shares_never_exceed_the_fee_nor_miss_a_minor_unit_each(fee: int, percents: list[int]) -> None:
    shares = [Share(f"A{place}", percent) for place, percent in enumerate(percents)]

    parts = dict(divided(fee, shares))

    assert sum(parts.values()) <= fee
    assert all(0 <= fee * share.percent - parts.get(share.agent, 0) * 100 < 100 for share in shares)
