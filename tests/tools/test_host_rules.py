from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.messages.mapping import answer_mti
from switch.tools.host_delays import at_percentile, draw_of
from switch.tools.host_rules import DEFAULT_RULE, WRONG_MAC, HostRules, Plan
from switch.tools.host_script import Delay, Script, load_script
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect
from tests.terminals.door import NOON, PURCHASES

ASCII = PURCHASES["iso8583-1987-ascii"]


def rules(*rows: dict[str, Any], dialect: str = "iso8583-1987-ascii", **script: Any) -> HostRules:
    named = [{"name": f"rule {at}", **row} for at, row in enumerate(rows)]
    return HostRules(Script.model_validate({"rules": named, **script}), load_dialect(dialect), lambda: NOON)


def planned(host: HostRules, fields: Fields | None = None, mac: str = "absent") -> Plan:
    plan = host.plan(fields or ASCII, mac)
    assert plan is not None
    return plan


def answer(plan: Plan) -> Fields:
    assert plan.answer is not None
    return plan.answer


# --- which rule -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "fits"),
    [
        ({"mti": "0200"}, True),
        ({"mti": "0100"}, False),
        ({"kind": "purchase"}, True),
        ({"kind": {"in": ["refund", "void"]}}, False),
        ({"2": {"prefix": "4111"}}, True),
        ({"2": {"prefix": "62"}}, False),
        ({"4": {"from": 1000, "to": 1000}}, True),
        ({"4": {"from": 1001}}, False),
        ({"4": {"to": 999}}, False),
        ({"41": {"from": 0}}, False),
        ({"41": {"in": ["TERM0001", "TERM0002"]}}, True),
        ({"55": {"present": False}, "2": {"present": True}}, True),
        ({"55": {"present": True}}, False),
        ({"3.1": "00"}, True),
        ({"mac": "wrong"}, False),
    ],
)
def test_a_rule_fits_where_all_its_conditions_hold(when: dict[str, Any], fits: bool) -> None:  # noqa: FBT001 - a table
    assert (planned(rules({"when": when})).rule == "rule 0") is fits


def test_the_first_rule_that_fits_is_taken_and_the_default_where_none_does() -> None:
    host = rules({"when": {"4": {"from": 5000}}}, {"when": {"mti": "0200"}}, {})

    assert planned(host).rule == "rule 1"
    assert planned(host, {**ASCII, 0: "0100"}).rule == "rule 2"
    assert planned(rules()).rule == DEFAULT_RULE


def test_every_third_message_that_fits_is_taken() -> None:
    host = rules({"when": {"mti": "0200"}, "every": 3})

    taken = [planned(host).rule == "rule 0" for _ in range(9)]

    assert taken == [False, False, True] * 3


def test_a_share_is_drawn_from_the_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        host = rules({"share": 0.25}, seed=seed)
        return [planned(host).rule == "rule 0" for _ in range(400)]

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert 60 < sum(drawn(7)) < 140


def test_an_answer_is_never_answered() -> None:
    assert rules().plan({**ASCII, 0: "0210"}) is None


# --- what is answered -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(PURCHASES))
def test_an_answer_echoes_what_the_dialect_says_and_can_be_written(name: str) -> None:
    dialect = load_dialect(name)
    _, script = load_script("approve-all")

    given_back = answer(planned(HostRules(script, dialect, lambda: NOON), PURCHASES[name]))

    assert given_back[0] == answer_mti(PURCHASES[name][0])
    assert all(given_back[n] == PURCHASES[name][n] for n in map(int, dialect.answers.echo) if n in PURCHASES[name])
    assert given_back[39] == dialect.actions["approved"]
    assert len(given_back[37]) == 12
    assert len(given_back[38]) == 6
    assert Codec(dialect).decode(Codec(dialect).encode(given_back)) == dict(sorted(given_back.items()))


def test_an_action_is_written_as_the_dialect_writes_it() -> None:
    declined = {"action": "insufficient_funds"}

    assert answer(planned(rules(declined)))[39] == "51"
    assert answer(planned(rules(declined, dialect="iso8583-1993-ascii"), PURCHASES["iso8583-1993-ascii"]))[39] == "116"


def test_values_are_literal_copied_counted_made_or_left_out() -> None:
    host = rules(
        {
            "answer": {
                "39": "05",
                "44": {"copy": "4"},
                "38": {"counter": 999_999},
                "37": {"generate": "rrn"},
                "4": "",
            }
        }
    )

    first, second = answer(planned(host)), answer(planned(host))

    assert (first[39], first[44], first[38], first[37], 4 in first) == (
        "05",
        "000000001000",
        "999999",
        "000000000001",
        False,
    )
    assert (second[38], second[37]) == ("000000", "000000000002")


def test_a_part_of_a_field_can_be_changed_alone() -> None:
    host = rules({"answer": {"60.2": "000519"}}, dialect="unionpay-pos")

    assert answer(planned(host, PURCHASES["unionpay-pos"]))[60] == "22000519000"


def test_a_wrong_mac_is_refused_unless_a_rule_asks_for_it() -> None:
    assert planned(rules({"when": {"mti": "0100"}}), mac="wrong").rule == WRONG_MAC
    assert answer(planned(rules({"when": {"mti": "0100"}}), mac="wrong"))[39] == "63"
    assert planned(rules({"when": {"mac": "wrong"}}), mac="wrong").rule == "rule 0"


def test_what_is_done_besides_answering_stands_in_the_plan() -> None:
    dropped = planned(rules({"do": "drop", "close": True}))
    garbage = planned(rules({"do": "garbage", "garbage_bytes": 10}))

    assert (dropped.do, dropped.answer, dropped.close) == ("drop", None, True)
    assert (garbage.do, garbage.answer, garbage.garbage_bytes) == ("garbage", None, 10)
    assert len(rules().garbage(10)) == 10
    assert len(rules().garbage(1)) == 1


# --- delays -----------------------------------------------------------------------------------------------

delays = st.one_of(
    st.builds(lambda ms: Delay(constant_ms=ms), st.floats(0, 1000)),
    st.builds(lambda a, b: Delay(uniform_ms=(min(a, b), max(a, b))), st.floats(0, 1000), st.floats(0, 1000)),
    st.builds(lambda a, b: Delay(normal_ms=(a, b)), st.floats(0, 1000), st.floats(0, 1000)),
    st.builds(lambda ms: Delay(exponential_ms=ms), st.floats(0.1, 600_000)),
    st.just(Delay(percentiles_ms=((50, 8), (99, 200), (100, 1500)))),
)


@given(delay=delays, seed=st.integers())
def test_no_delay_is_below_zero_or_beyond_ten_minutes(delay: Delay, seed: int) -> None:
    draw = draw_of(delay)

    assert draw is not None
    assert 0 <= draw(random.Random(seed)) <= 600


def test_a_table_of_percentiles_is_read_in_straight_lines() -> None:
    table = ((50.0, 10.0), (90.0, 50.0), (100.0, 1000.0))

    assert [at_percentile(table, percent) for percent in (0, 25, 50, 70, 90, 95, 100)] == [0, 5, 10, 30, 50, 525, 1000]


def test_the_shapes_have_the_means_that_they_are_named_by() -> None:
    def mean(delay: Delay) -> float:
        draw, chance = draw_of(delay), random.Random(1)
        assert draw is not None
        return sum(draw(chance) for _ in range(4000)) / 4000

    assert mean(Delay(constant_ms=20)) == pytest.approx(0.020)
    assert mean(Delay(uniform_ms=(10, 30))) == pytest.approx(0.020, rel=0.05)
    assert mean(Delay(normal_ms=(20, 2))) == pytest.approx(0.020, rel=0.05)
    assert mean(Delay(exponential_ms=20)) == pytest.approx(0.020, rel=0.05)
