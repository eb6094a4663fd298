"""The people at terminals, as whoever runs the switch registers them."""

from __future__ import annotations

import pytest

from switch.errors import NotInBooks, OperatorError
from switch.ledger.operators import (
    OperatorStanding,
    add_operator,
    check_operator_id,
    check_password,
    close_operator,
    list_operators,
    reset_operator,
    unlock_operator,
)
from switch.ledger.schema import operator
from tests.ledger.shop import Shop


def listed(shop: Shop) -> list[OperatorStanding]:
    with shop.database.reading() as connection:
        return list_operators(connection, "M1")


def fail(shop: Shop, times: int) -> None:
    with shop.database.writing() as connection:
        connection.execute(operator.update().values(failures=times))


def test_operators_are_listed_by_number_without_their_passwords(shop: Shop) -> None:
    with shop.database.writing() as connection:
        added = add_operator(connection, "M1", "02", "a hash"), add_operator(connection, "M1", "01", "")

    assert added == (True, True)
    assert listed(shop) == [
        OperatorStanding("01", "active", has_password=False, failures=0),
        OperatorStanding("02", "active", has_password=True, failures=0),
    ]


def test_a_number_that_is_taken_is_not_added_again_unless_it_was_closed(shop: Shop) -> None:
    with shop.database.writing() as connection:
        add_operator(connection, "M1", "01", "a hash")
        with pytest.raises(OperatorError, match="operator 01 of M1 is there already"):
            add_operator(connection, "M1", "01", "another")
        closed = close_operator(connection, "M1", "01"), close_operator(connection, "M1", "01")

        is_new = add_operator(connection, "M1", "01", "another")

    assert closed == ("active", "closed")
    assert is_new is False
    assert [(row.password, row.status) for row in shop.rows(operator)] == [("another", "active")]


def test_a_reset_and_an_unlock_forget_wrong_passwords(shop: Shop) -> None:
    with shop.database.writing() as connection:
        add_operator(connection, "M1", "01", "a hash")
        add_operator(connection, "M1", "02", "a hash")
    fail(shop, 5)

    with shop.database.writing() as connection:
        reset_operator(connection, "M1", "01", "another")
        before = unlock_operator(connection, "M1", "02")

    assert before == 5
    assert [(row.password, row.failures) for row in shop.rows(operator)] == [("another", 0), ("a hash", 0)]


def test_a_closed_operator_is_neither_reset_nor_unlocked(shop: Shop) -> None:
    with shop.database.writing() as connection:
        add_operator(connection, "M1", "01", "a hash")
        close_operator(connection, "M1", "01")

        with pytest.raises(OperatorError, match="is closed; add opens it again"):
            reset_operator(connection, "M1", "01", "another")
        with pytest.raises(OperatorError, match="is closed"):
            unlock_operator(connection, "M1", "01")


def test_who_is_not_in_the_books_is_named(shop: Shop) -> None:
    with shop.database.writing() as connection:
        with pytest.raises(NotInBooks, match="merchant M9 is not in the books"):
            add_operator(connection, "M9", "01", "")
        with pytest.raises(NotInBooks, match="merchant M9 is not in the books"):
            list_operators(connection, "M9")
        with pytest.raises(NotInBooks, match="operator 09 of M1 is not in the books"):
            close_operator(connection, "M1", "09")


@pytest.mark.parametrize("text", ["", "0001", "1a", "٣", " 1"])
def test_a_number_that_no_terminal_can_send_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="1 to 3 digits"):
        check_operator_id(text)


@pytest.mark.parametrize("text", ["", " secret", "secret ", "gehéim", "a\tb", "x" * 33])
def test_a_password_that_no_terminal_can_send_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="must be") as refused:
        check_password(text)

    assert not text or text not in str(refused.value)
