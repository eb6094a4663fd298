"""Codes shown as QR: what they look like, and what the books keep of them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from switch.errors import NotInBooks, OperatorError
from switch.ledger.pay_codes import NEVER, check_code, code_is_kept, fresh_code, keep_code
from switch.ledger.schema import card, pay_code
from switch.values import Pan, Secret
from tests.ledger.shop import NOON, POOR, RICH, Shop, pan_key


def test_a_fresh_code_is_another_each_time_and_never_a_card_number() -> None:
    codes = {fresh_code().reveal() for _ in range(50)}

    assert len(codes) == 50
    assert {(len(code), code[:2]) for code in codes} == {(19, "62")}
    assert not any(Pan(code).has_valid_check_digit() for code in codes)


def test_a_fresh_code_is_one() -> None:
    check_code(fresh_code())


@pytest.mark.parametrize("code", ["", "6" * 19, "62" + "1" * 16, "62" + "1" * 19, "62" + "1" * 16 + "x"])
def test_what_is_no_code_is_refused_and_not_quoted(code: str) -> None:
    with pytest.raises(OperatorError, match="19 or 20 digits that begin with 62") as refused:
        check_code(Secret(code))

    assert not code or code not in str(refused.value)


def test_a_code_stands_for_a_card_until_its_time(shop: Shop) -> None:
    with shop.database.writing() as connection:
        before = code_is_kept(connection, b"k" * 32)
        masked = keep_code(connection, b"k" * 32, pan_key(RICH), NOON)
        after = code_is_kept(connection, b"k" * 32)

    assert (masked, before, after) == (RICH.masked, False, True)
    (row,) = shop.rows(pay_code)
    assert (bytes(row.code_key), row.card_id, row.expires_at, row.single_use, row.used_by) == (
        b"k" * 32,
        101,
        NOON,
        1,
        None,
    )


def test_a_code_that_is_there_is_brought_to_the_new_card_and_time(shop: Shop) -> None:
    with shop.database.writing() as connection:
        keep_code(connection, b"k" * 32, pan_key(RICH), NOON)
        connection.execute(sa.update(pay_code).values(used_by=7))
        keep_code(connection, b"k" * 32, pan_key(POOR), NEVER, single_use=False)

    assert [(row.card_id, row.expires_at, row.single_use, row.used_by) for row in shop.rows(pay_code)] == [
        (102, NEVER, 0, None)
    ]


def test_a_card_that_cannot_pay_gets_no_code(shop: Shop) -> None:
    with shop.database.writing() as connection:
        connection.execute(sa.update(card).where(card.c.pan_key == pan_key(RICH)).values(status="lost"))

        with pytest.raises(OperatorError, match="the card is lost"):
            keep_code(connection, b"k" * 32, pan_key(RICH), NOON)
        with pytest.raises(NotInBooks):
            keep_code(connection, b"k" * 32, b"nobody's", NOON)
    assert shop.rows(pay_code) == []
