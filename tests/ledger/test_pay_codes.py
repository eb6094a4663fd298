"""Codes shown as QR: what they look like, and what the books keep of them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from switch.errors import NotInBooks, OperatorError
from switch.ledger.pay_codes import NEVER, check_code, code_is_kept, fresh_code, keep_code
from switch.ledger.schema import card, journal, pay_code
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Extras, Request
from switch.values import Pan, Secret
from tests.ledger.sample_books import about
from tests.ledger.shop import CARDS, NOON, POOR, RICH, Shop, code_key, pan_key, purchase, refund, reversal

CODE = "6212345678901234567"


def by_code(stan: int, amount: int) -> Request:
    return purchase(stan, amount, None, kind=Kind.CODE_PURCHASE, extras=Extras(pay_code=Secret(CODE)), entry_mode="032")


def refund_by_code(stan: int, amount: int, *, rrn: str = "", of: int = 0) -> Request:
    return refund(stan, amount, None, rrn=rrn, of=of, entry_mode="032")


def answers(shop: Shop, *requests: Request) -> list[Action | None]:
    return [outcome.reply.action if outcome.reply else None for outcome in shop.send(*requests)]


@pytest.fixture
def shown(shop: Shop) -> Shop:
    """A shop where a customer shows a code of the rich card again and again."""
    with shop.database.writing() as connection:
        keep_code(connection, code_key(CODE), pan_key(RICH), NEVER, single_use=False)
    return shop


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


# --- refunds: no card is shown ---------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [True, False], ids=["same group", "later"])
def test_a_refund_of_what_a_code_paid_finds_its_way_to_the_card_behind_it(shown: Shop, *, together: bool) -> None:
    before, _ = shown.account(RICH)
    requests = [by_code(1, 900), refund_by_code(2, 500, of=1)]
    found = answers(shown, *requests) if together else [*answers(shown, requests[0]), *answers(shown, requests[1])]

    assert found == [Action.APPROVED, Action.APPROVED]
    assert shown.account(RICH)[0] == before - 900 + 500
    assert [row.card_id for row in shown.rows(journal)] == [CARDS[RICH][0]] * 2


def test_it_is_found_by_its_rrn_and_never_comes_to_more_than_was_paid(shown: Shop) -> None:
    before, _ = shown.account(RICH)
    [sale] = shown.send(by_code(1, 900))
    assert sale.reply is not None
    rrn = sale.reply.rrn

    found = answers(shown, refund_by_code(2, 500, rrn=rrn), refund_by_code(3, 401, rrn=rrn), reversal(2, 500, None))

    assert found == [Action.APPROVED, Action.EXCEEDS_ORIGINAL, Action.APPROVED]
    assert shown.account(RICH)[0] == before - 900


def test_a_refund_without_a_card_is_of_nothing_but_a_sale_by_code(shown: Shop) -> None:
    answers(shown, purchase(1, 900))

    found = answers(shown, refund_by_code(2, 500, of=1), refund_by_code(3, 500, of=77), refund_by_code(4, 500))

    assert found == [Action.ORIGINAL_NOT_FOUND] * 3


def test_who_leaves_the_card_out_without_a_code_having_paid_is_told_that_it_is_missing(shown: Shop) -> None:
    answers(shown, purchase(1, 900))

    assert answers(shown, refund(2, 500, None, of=1)) == [Action.CARD_UNKNOWN]


def test_a_cancel_is_of_the_card_behind_the_code_as_well(shown: Shop) -> None:
    answers(shown, by_code(1, 900), about(Kind.CODE_CANCEL, 2, 1, 900, None))

    assert [row.card_id for row in shown.rows(journal)] == [CARDS[RICH][0]] * 2
