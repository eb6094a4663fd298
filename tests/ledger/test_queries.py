"""The journal for people: lists that can be narrowed, and one request with its reasons and effects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from switch.errors import NotInBooks
from switch.ledger.database import open_database
from switch.ledger.queries import Wanted, balance_of, list_adjustments, list_journal, show_journal
from switch.values import Money, Pan
from tests.ledger.sample_books import RICH, VAULT, SampleBooks, fill, journal_id
from tests.ledger.shop import NOON


@pytest.fixture
def books(database: str, tmp_path: Path) -> Iterator[SampleBooks]:
    opened = open_database(database)
    yield fill(opened, tmp_path)
    opened.close()


def stans(books: SampleBooks, wanted: Wanted) -> list[str]:
    with books.database.reading() as connection:
        return [line.stan for line in list_journal(connection, wanted)]


def test_the_newest_requests_are_listed_last(books: SampleBooks) -> None:
    assert stans(books, Wanted(limit=3)) == ["000011", "000012", "000013"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(terminal_id="T2"), []),
        (Wanted(merchant_id="M1", limit=1), ["000013"]),
        (Wanted(kind="refund"), ["000008", "000009"]),
        (Wanted(action="insufficient_funds"), ["000006"]),
        (Wanted(pan_key=VAULT.pan_key(RICH), kind="balance"), ["000011"]),
        (Wanted(since_at=NOON + 1), []),
    ],
)
def test_a_list_can_be_narrowed(books: SampleBooks, wanted: Wanted, expected: list[str]) -> None:
    assert stans(books, wanted) == expected


def test_a_request_is_shown_with_trace_and_effects(books: SampleBooks) -> None:
    with books.database.reading() as connection:
        (entry,) = show_journal(connection, str(journal_id(books, 2, "purchase")))

    account = entry.effects[0].split(" to ")[0].removeprefix("moved 20.00 CNY from cardholder ")
    assert account.startswith("~")
    assert entry.effects == (
        f"moved 20.00 CNY from cardholder {account} to merchant M1",
        "payment of 20.00 CNY: posted, 15.00 CNY left, 7.00 CNY refunded",
    )
    assert entry.trace
    assert all(check.passed for check in entry.trace)
    assert entry.line.amount == Money(2_000, "156")
    assert "pan_key" not in entry.columns


def test_a_refusal_shows_the_rung_that_failed(books: SampleBooks) -> None:
    with books.database.reading() as connection:
        (entry,) = show_journal(connection, str(journal_id(books, 6, "purchase")))

    assert [check.passed for check in entry.trace].count(False) == 1
    assert not entry.trace[-1].passed
    assert entry.line.because
    assert entry.effects == ()


def test_holds_and_forced_entries_are_told(books: SampleBooks) -> None:
    with books.database.reading() as connection:
        (opened,) = show_journal(connection, str(journal_id(books, 5, "authorisation")))
        (replaced,) = show_journal(connection, str(journal_id(books, 5, "reversal")))
        (forced,) = show_journal(connection, str(journal_id(books, 9, "reversal")))

    assert opened.effects[0].endswith("replaced")
    assert replaced.effects[0].endswith("still open")
    assert f"ended the hold of 9.00 CNY of journal {opened.line.journal_id}: replaced" in replaced.effects
    assert forced.effects[0].endswith(", forced")


def test_a_request_is_found_by_its_rrn(books: SampleBooks) -> None:
    with books.database.reading() as connection:
        rrn = list_journal(connection, Wanted(limit=1))[0].rrn
        found = show_journal(connection, rrn)

    assert [entry.line.rrn for entry in found] == [rrn]


@pytest.mark.parametrize("named", ["7", "nothing here", "9" * 30])
def test_what_is_not_in_the_journal_is_told_so(books: SampleBooks, named: str) -> None:
    with books.database.reading() as connection, pytest.raises(NotInBooks):
        show_journal(connection, named)


def test_a_card_number_typed_for_an_id_is_not_repeated(books: SampleBooks) -> None:
    with books.database.reading() as connection, pytest.raises(NotInBooks) as refused:
        show_journal(connection, RICH.reveal())

    assert RICH.reveal() not in str(refused.value)


def test_the_balance_of_a_card(books: SampleBooks) -> None:
    with books.database.reading() as connection:
        assert balance_of(connection, VAULT.pan_key(RICH)) == (98_200, 3_450, 94_750, "156")
        with pytest.raises(NotInBooks):
            balance_of(connection, VAULT.pan_key(Pan("5555555555554444")))


def test_adjustments_wait_until_they_are_settled(books: SampleBooks) -> None:
    sale, late = journal_id(books, 1, "purchase"), journal_id(books, 11, "balance")
    books.damage(f"INSERT INTO adjustment VALUES ({late}, {sale}, 1000, 'a day already closed', 'open')")
    with books.database.reading() as connection:
        waiting = list_adjustments(connection)
    books.damage("UPDATE adjustment SET state = 'settled'")
    with books.database.reading() as connection:
        settled = list_adjustments(connection), list_adjustments(connection, also_settled=True)

    assert [(entry.payment_id, entry.amount, entry.why) for entry in waiting] == [
        (sale, Money(1_000, "156"), "a day already closed")
    ]
    assert [len(found) for found in settled] == [0, 1]


def test_what_a_chip_said_and_what_a_terminal_sent_are_shown(books: SampleBooks) -> None:
    sale, told = journal_id(books, 1, "purchase"), journal_id(books, 11, "balance")
    blob = "x'616263'" if books.database.dialect == "sqlite" else "'abc'"
    books.damage(
        f"""INSERT INTO chip_record VALUES ({sale}, '{{"tvr": "0000008000", "atc": 7}}')""",
        f"INSERT INTO upload VALUES ({told}, 'script_result', {sale}, {blob})",
    )

    with books.database.reading() as connection:
        (with_chip,) = show_journal(connection, str(sale))
        (with_upload,) = show_journal(connection, str(told))

    assert with_chip.chip == {"tvr": "0000008000", "atc": 7}
    assert with_upload.chip == {}
    assert with_upload.effects == (f"kept a script result of 3 bytes about journal {sale}",)
