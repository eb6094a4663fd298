from __future__ import annotations

import pytest

from switch.load.matching import Matching
from switch.wire.codec import Fields
from switch.wire.dialect import load_dialect

ASKED = {0: "0200", 7: "1121120000", 11: "000042", 41: "TERM0001"}


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [("iso8583-1987-ascii", (11, 41, 7)), ("iso8583-1993-ascii", (11, 41, 7)), ("unionpay-pos", (11, 41))],
)
def test_the_key_is_made_of_what_answers_of_the_dialect_echo(dialect: str, fields: tuple[int, ...]) -> None:
    assert Matching(load_dialect(dialect)).fields == fields


@pytest.mark.parametrize(
    ("asked", "answered"), [("0200", "0210"), ("0201", "0210"), ("0421", "0430"), ("0800", "0810")]
)
def test_an_answer_has_the_key_of_its_message(asked: str, answered: str) -> None:
    matching = Matching(load_dialect("iso8583-1987-ascii"))

    assert matching.of_request({**ASKED, 0: asked}) == matching.of_answer({**ASKED, 0: answered, 39: "00"})


@pytest.mark.parametrize(
    "other",
    [{0: "0410"}, {0: "0230"}, {0: "0200"}, {11: "000043"}, {41: "TERM0002"}, {7: "1121120001"}],
    ids=["class", "function", "message itself", "stan", "terminal", "time"],
)
def test_an_answer_to_another_message_has_another_key(other: Fields) -> None:
    matching = Matching(load_dialect("iso8583-1987-ascii"))

    assert matching.of_request(ASKED) != matching.of_answer({**ASKED, 0: "0210"} | other)


@pytest.mark.parametrize("mti", ["0210", "0810", "0240"])
def test_what_asks_for_no_answer_has_no_key(mti: str) -> None:
    assert Matching(load_dialect("iso8583-1987-ascii")).of_request({**ASKED, 0: mti}) is None


def test_a_field_that_neither_has_is_no_hindrance() -> None:
    matching = Matching(load_dialect("unionpay-pos"))

    assert matching.of_request({0: "0820", 41: "T"}) == matching.of_answer({0: "0830", 41: "T", 39: "00"})
