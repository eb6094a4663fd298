from __future__ import annotations

from datetime import UTC, datetime

import pytest

from switch.capture.entry import Direction, Entry
from switch.load.sign_ons import needs_sign_on, sign_on, sign_on_message, terminals_in
from switch.messages.catalogue import Catalogue
from switch.messages.kinds import Kind
from switch.wire.codec import Codec
from switch.wire.dialect import dialect_names, load_dialect
from tests.load.hosts import ISO, a_host, a_sale, an_answer, framed

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("name", dialect_names())
def test_every_dialect_takes_its_sign_on_for_one(name: str) -> None:
    dialect = load_dialect(name)

    fields = sign_on_message(dialect, "TERM0001", "MERCHANT0000001", 42, NOON)

    entry = Catalogue(dialect).find(fields, fields[0])
    assert entry is not None
    assert entry.kind is Kind.SIGN_ON
    assert entry.fault(fields) is None
    assert Codec(dialect).decode(Codec(dialect).encode(fields)) == fields


def test_a_unionpay_sign_on_asks_for_keys_of_double_length() -> None:
    fields = sign_on_message(load_dialect("unionpay-pos"), "TERM0001", "MERCHANT0000001", 42, NOON)

    assert fields == {0: "0800", 11: "000042", 41: "TERM0001", 42: "MERCHANT0000001", 60: "00000000003"}


def test_only_where_keys_and_batches_are_given_out_terminals_sign_on_first() -> None:
    assert {name for name in dialect_names() if needs_sign_on(load_dialect(name))} == {"unionpay-pos"}


def test_the_terminals_of_a_capture_are_those_that_send_in_it() -> None:
    entries = [
        Entry(0, "1", Direction.TO_HOST, framed(a_sale(1, "TERM0002"))),
        Entry(0, "1", Direction.TO_TERMINAL, framed(an_answer(a_sale(1, "TERM0003")))),
        Entry(0, "1", Direction.TO_HOST, b"\x00\x05hello"),
        Entry(0, "1", Direction.TO_HOST, framed(a_sale(2, "TERM0001"))),
        Entry(0, "1", Direction.TO_HOST, framed(a_sale(3, "TERM0002"))),
    ]

    assert terminals_in(lambda: entries, ISO) == {"TERM0002": "MERCHANT0000001", "TERM0001": "MERCHANT0000001"}


async def test_every_terminal_is_signed_on_once_and_what_came_of_it_is_kept() -> None:
    terminals = {f"TERM{number:04d}": "MERCHANT0000001" for number in range(100)}

    async with a_host(lambda fields: [framed(an_answer(fields, "58" if fields[41] == "TERM0007" else "00"))]) as target:
        signed_on = await sign_on(ISO, terminals, target, 1, NOON)

    assert signed_on.codes == {"00": 99, "58": 1}
    assert {answer[41] for answer in signed_on.answers} == set(terminals)
