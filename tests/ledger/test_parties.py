"""Cards, terminals and merchants: what an operator sees, and what a change does to the next message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from switch.errors import NotInBooks, OperatorError
from switch.ledger import cards, merchants, terminals
from switch.ledger.moves import (
    CARD_MOVES,
    CARD_STATES,
    MERCHANT_MOVES,
    MERCHANT_STATES,
    TERMINAL_MOVES,
    TERMINAL_STATES,
    Move,
)
from switch.messages.actions import Action
from switch.values import Money, Pan
from tests.ledger.conftest import FilledOnce
from tests.ledger.sample_books import POOR, RICH, VAULT, SampleBooks, journal_id, send
from tests.ledger.shop import NOON, TODAY, purchase

CARD = {move.verb: move for move in CARD_MOVES}
TERMINAL = {move.verb: move for move in TERMINAL_MOVES}
MERCHANT = {move.verb: move for move in MERCHANT_MOVES}
RICH_KEY = VAULT.pan_key(RICH)


@pytest.fixture
def books(sample: FilledOnce, tmp_path: Path) -> Iterator[SampleBooks]:
    with sample.copied(tmp_path) as copy:
        yield copy


def answer(books: SampleBooks, stan: int) -> Action:
    (outcome,) = send(books.database, purchase(stan, 10, RICH), first_id=stan)
    assert outcome.reply is not None
    return outcome.reply.action


def test_a_card_is_shown_with_its_account_its_day_and_its_open_holds(books: SampleBooks) -> None:
    with books.database.reading() as connection:
        shown = cards.card_standing(connection, RICH_KEY, TODAY)

    assert (shown.masked_pan, shown.status, shown.account_class) == ("411111******1111", "active", "I")
    assert (shown.ledger_minor, shown.held_minor, shown.available_minor) == (98_200, 3_450, 94_750)
    assert (shown.spent_minor, shown.spent_count) == (5_950, 4)
    assert (shown.single_limit_minor, shown.daily_limit_minor, shown.daily_count) == (None, 80_000, None)
    assert [(hold.amount, hold.at, hold.merchant_id) for hold in shown.holds] == [
        (Money(3_000, "156"), NOON, "M1"),
        (Money(450, "156"), NOON, "M1"),
    ]
    assert shown.holds[0].hold_id == journal_id(books, 3, "authorisation")


def test_a_card_that_did_nothing_today_spent_nothing(books: SampleBooks) -> None:
    with books.database.reading() as connection:
        shown = cards.card_standing(connection, RICH_KEY, TODAY.replace(day=5))

    assert (shown.spent_minor, shown.spent_count) == (0, 0)


def test_a_card_that_is_not_in_the_books_is_told_so(books: SampleBooks) -> None:
    stranger = VAULT.pan_key(Pan("5555555555554444"))
    with books.database.writing() as connection:
        with pytest.raises(NotInBooks):
            cards.card_standing(connection, stranger, TODAY)
        with pytest.raises(NotInBooks):
            cards.move_card(connection, stranger, CARD["freeze"])
        with pytest.raises(NotInBooks):
            cards.set_card_limits(connection, stranger, {"daily_count": 1})


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        (["freeze"], Action.CARD_FROZEN),
        (["freeze", "freeze", "unfreeze"], Action.APPROVED),
        (["lost"], Action.CARD_LOST),
        (["stolen"], Action.CARD_STOLEN),
        (["deactivate"], Action.CARD_INACTIVE),
        (["stolen", "activate"], Action.APPROVED),
    ],
)
def test_the_next_message_meets_a_moved_card(books: SampleBooks, moves: list[str], expected: Action) -> None:
    for verb in moves:
        with books.database.writing() as connection:
            cards.move_card(connection, RICH_KEY, CARD[verb])

    assert answer(books, 700) is expected


def test_unfreezing_does_not_bring_a_stolen_card_back(books: SampleBooks) -> None:
    with books.database.writing() as connection:
        cards.move_card(connection, RICH_KEY, CARD["stolen"])

        with pytest.raises(OperatorError, match="the card is stolen; unfreeze takes one that is frozen"):
            cards.move_card(connection, RICH_KEY, CARD["unfreeze"])


def test_a_limit_holds_from_the_next_message_and_none_takes_it_away(books: SampleBooks) -> None:
    answers = []
    for stan, limits in (
        (700, {"single_limit_minor": 9}),
        (701, {"single_limit_minor": None}),
        (702, {"daily_count": 4}),
    ):
        with books.database.writing() as connection:
            cards.set_card_limits(connection, RICH_KEY, limits)
        answers.append(answer(books, stan))

    assert answers == [Action.EXCEEDS_AMOUNT_LIMIT, Action.APPROVED, Action.EXCEEDS_COUNT_LIMIT]


def test_a_terminal_is_shown_with_its_merchant_and_when_it_was_last_heard(books: SampleBooks) -> None:
    with books.database.reading() as connection:
        shown = terminals.terminal_standing(connection, "T1")
        silent = terminals.terminal_standing(connection, "T2")

    assert (shown.merchant_id, shown.merchant_name, shown.serial, shown.batch) == ("M1", "Tea House", "SN-1", "000001")
    assert shown.last_seen_at == NOON
    assert silent.last_seen_at is None
    assert silent.signed_on is False


@pytest.mark.parametrize("verb", ["lock", "freeze", "retire"])
def test_a_terminal_that_was_put_out_of_service_is_refused(books: SampleBooks, verb: str) -> None:
    with books.database.writing() as connection:
        before = terminals.move_terminal(connection, "T1", TERMINAL[verb])

    assert before == "active"
    assert answer(books, 700) is Action.TERMINAL_INACTIVE


def test_a_retired_terminal_stays_retired(books: SampleBooks) -> None:
    with books.database.writing() as connection:
        terminals.move_terminal(connection, "T1", TERMINAL["retire"])

        with pytest.raises(OperatorError, match="terminal T1 is retired"):
            terminals.move_terminal(connection, "T1", TERMINAL["activate"])


def test_a_merchant_is_shown_with_the_sum_of_its_entries_and_its_terminals(books: SampleBooks) -> None:
    with books.database.writing() as connection:
        terminals.move_terminal(connection, "T2", TERMINAL["lock"])
        shown = merchants.merchant_standing(connection, "M1")

    assert shown.balance == Money(1_000 + 2_000 - 500 - 700 + 100, "156")
    assert shown.terminals == {"active": 1, "locked": 1}


@pytest.mark.parametrize(
    ("verbs", "expected"), [(["freeze"], Action.MERCHANT_FROZEN), (["close", "reopen"], Action.APPROVED)]
)
def test_the_next_message_meets_a_moved_merchant(books: SampleBooks, verbs: list[str], expected: Action) -> None:
    for verb in verbs:
        with books.database.writing() as connection:
            merchants.move_merchant(connection, "M1", MERCHANT[verb])

    assert answer(books, 700) is expected


@pytest.mark.parametrize("moves", [CARD_MOVES, TERMINAL_MOVES, MERCHANT_MOVES])
def test_every_move_leads_to_a_known_state_from_known_states(moves: tuple[Move, ...]) -> None:
    states = {
        CARD_MOVES: CARD_STATES,
        TERMINAL_MOVES: TERMINAL_STATES,
        MERCHANT_MOVES: MERCHANT_STATES,
    }[moves]

    assert {state for move in moves for state in (move.to, *move.starts)} <= set(states)
    assert all(move.to not in move.starts for move in moves)


def test_what_is_not_in_the_books_is_named(books: SampleBooks) -> None:
    with books.database.writing() as connection:
        with pytest.raises(NotInBooks, match="terminal T9 is not in the books"):
            terminals.terminal_standing(connection, "T9")
        with pytest.raises(NotInBooks, match="merchant M9 is not in the books"):
            merchants.merchant_standing(connection, "M9")
        with pytest.raises(NotInBooks, match="terminal T9 is not in the books"):
            terminals.move_terminal(connection, "T9", TERMINAL["lock"])


def test_the_poor_card_shows_its_credit(books: SampleBooks) -> None:
    with books.database.reading() as connection:
        shown = cards.card_standing(connection, VAULT.pan_key(POOR), TODAY)

    assert (shown.ledger_minor, shown.credit_limit_minor, shown.available_minor) == (-600, 700, 100)


def test_wrong_pins_are_shown_and_forgotten(books: SampleBooks) -> None:
    books.damage(
        "INSERT INTO card_security (card_id, pin_tries, atc) SELECT card_id, 3, 7 FROM card WHERE masked_pan LIKE '4%'",
        "UPDATE card SET pvv = '1234', pvki = '1', scheme = 'visa', limits = 'qr.daily=5' WHERE masked_pan LIKE '4%'",
    )
    with books.database.reading() as connection:
        before = cards.card_standing(connection, RICH_KEY, TODAY)

    with books.database.writing() as connection:
        forgotten = cards.reset_pin_tries(connection, RICH_KEY), cards.reset_pin_tries(connection, RICH_KEY)

    assert (before.pin_tries, before.has_pin, before.scheme, before.limits) == (3, True, "visa", "qr.daily=5")
    assert forgotten == (3, 0)
    assert books.rows("SELECT pin_tries, atc FROM card_security") == [(0, 7)]


def test_a_card_without_a_past_has_no_wrong_pins(books: SampleBooks) -> None:
    with books.database.writing() as connection:
        assert cards.reset_pin_tries(connection, RICH_KEY) == 0
        assert cards.card_standing(connection, RICH_KEY, TODAY).pin_tries == 0
        with pytest.raises(NotInBooks):
            cards.reset_pin_tries(connection, VAULT.pan_key(Pan("5555555555554444")))


def test_a_terminal_is_locked_for_a_reason_until_it_is_unlocked(books: SampleBooks) -> None:
    reasons = []
    for verb, because in (("lock", "two cards cloned"), ("lock", ""), ("unlock", "")):
        with books.database.writing() as connection:
            terminals.move_terminal(connection, "T1", TERMINAL[verb], because)
            reasons.append(terminals.terminal_standing(connection, "T1").because)

    assert reasons == ["two cards cloned", "two cards cloned", ""]


@pytest.mark.parametrize(("status", "seen"), [("dormant", 0), ("active", 20250101)])
def test_a_terminal_that_becomes_active_counts_as_not_heard_of(books: SampleBooks, status: str, seen: int) -> None:
    books.damage(f"UPDATE terminal SET status = '{status}', last_seen_day = 20250101")

    with books.database.writing() as connection:
        terminals.move_terminal(connection, "T1", TERMINAL["activate"])
        shown = terminals.terminal_standing(connection, "T1")

    assert (shown.status, shown.last_seen_day) == ("active", seen)


def test_a_terminal_is_told_what_to_do_in_the_order_asked_and_each_once(books: SampleBooks) -> None:
    with books.database.writing() as connection:
        asked = [terminals.ask_terminal(connection, "T1", what) for what in ("aids", "ca_keys", "aids")]
        taken_back = terminals.ask_nothing(connection, "T1")

        assert terminals.terminal_standing(connection, "T1").pending == ()
        with pytest.raises(NotInBooks, match="terminal T9"):
            terminals.ask_terminal(connection, "T9", "aids")

    assert asked == [("aids",), ("aids", "ca_keys"), ("aids", "ca_keys")]
    assert taken_back == ("aids", "ca_keys")


def test_keys_of_a_terminal_are_shown_by_check_value_alone(books: SampleBooks) -> None:
    books.damage(f"INSERT INTO terminal_key VALUES ('T1', 'mac', 'AB12CD', 'D0144-block', '', {NOON})")

    with books.database.reading() as connection:
        shown = terminals.terminal_standing(connection, "T1")

    assert shown.keys == (terminals.HeldKey("mac", "AB12CD", NOON),)
    assert "block" not in repr(shown)
