"""The audit: sound books pass, and each kind of damage is named under its invariant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from switch.ledger.audit import audit, snapshot
from switch.ledger.audit_kinds import ROWS
from switch.ledger.audit_words import Finding
from switch.ledger.database import open_database
from switch.ledger.ports import PanVault
from switch.security.keys import Keys
from switch.security.vault import Vault
from switch.transactions.table import TABLE
from tests.ledger.sample_books import RICH, VAULT, SampleBooks, everything, fill, fill_day, send
from tests.ledger.shop import authorisation, purchase

PAN = RICH.reveal()


@pytest.fixture
def books(database: str, tmp_path: Path) -> Iterator[SampleBooks]:
    opened = open_database(database)
    yield fill(opened, tmp_path)
    opened.close()


def findings(books: SampleBooks, vault: PanVault | None = VAULT) -> dict[str, Finding]:
    with snapshot(books.database) as connection:
        return {finding.invariant: finding for finding in audit(connection, vault)}


def test_sound_books_pass_with_a_figure_for_each_invariant(books: SampleBooks) -> None:
    before = everything(books.database)

    found = findings(books)

    assert {name: finding.offenders for name, finding in found.items() if not finding.holds} == {}
    assert {name: finding.figure for name, finding in found.items()} == {
        "I1": "9 transfers in 1 currencies",
        "I2": "2 balances, 2 counters",
        "I3": "2 accounts, 0 below their floor, 2 forced entries",
        "I4": "4 holds, 2 ended",
        "I5": "8 approvals of 17 requests",
        "I6": "17 keys",
        "I7": "8 payments, 4 undone or reduced, 1 refunded",
        "I12": found["I12"].figure,
    }
    assert everything(books.database) == before


def test_every_forced_entry_is_listed(books: SampleBooks) -> None:
    listed = findings(books)["I3"].listed

    assert len(listed) == 2
    assert listed[0].startswith("forced: transfer 1/")
    assert "of 500 from account" in listed[0]


def test_empty_books_pass(database: str) -> None:
    opened = open_database(database)
    with snapshot(opened) as connection:
        found = audit(connection, None)
    opened.close()

    assert [finding.holds for finding in found] == [True] * 8


SALE_ID = "(SELECT journal_id FROM journal WHERE stan = '000001')"
HOLD_ID = "(SELECT journal_id FROM journal WHERE stan = '000003')"
RELEASED_ID = "(SELECT journal_id FROM journal WHERE stan = '000004' AND kind = 'authorisation')"
FUNDING_ACCOUNT = "(SELECT account_id FROM account WHERE kind = 'funding')"
OTHER_ACCOUNT = "(SELECT max(account_id) FROM balance)"
RICH_ACCOUNT = "(SELECT account_id FROM card WHERE masked_pan LIKE '4111%')"

DAMAGE = [
    # invariant, what the audit says, the table whose constraints stand in the way, what is done to the books
    ("I1", "one of its accounts does not exist", None, ["DELETE FROM account WHERE kind = 'merchant'"]),
    ("I1", "its accounts in 156 and 840", None, ["UPDATE account SET currency = '840' WHERE kind = 'merchant'"]),
    ("I1", "currency 840: debits", None, ["UPDATE account SET currency = '840' WHERE kind = 'merchant'"]),
    ("I1", "moves -1000", "transfer", [f"UPDATE transfer SET amount_minor = -1000 WHERE journal_id = {SALE_ID}"]),
    ("I2", "its entries sum to", None, ["UPDATE balance SET ledger_minor = ledger_minor + 1"]),
    ("I2", "its entries sum to", None, [f"DELETE FROM transfer WHERE journal_id = {SALE_ID}"]),
    ("I2", "its open holds sum to 3450", None, [f"UPDATE balance SET held_minor = 1 WHERE account_id = {RICH_ACCOUNT}"]),
    ("I2", "without a balance", None, [f"DELETE FROM balance WHERE account_id = {RICH_ACCOUNT}"]),
    (
        "I2",
        "of no cardholder's account",
        None,
        ["INSERT INTO balance SELECT account_id, 0, 0, 0 FROM account WHERE kind = 'funding'"],
    ),
    ("I2", "its payments are 4 for", None, ["UPDATE card_day SET count = 9 WHERE count = 4"]),
    ("I2", "no counters", None, ["DELETE FROM card_day"]),
    (
        "I3",
        "not forced",
        None,
        [
            f"UPDATE transfer SET amount_minor = 200000 WHERE journal_id = {SALE_ID}",
            f"UPDATE balance SET ledger_minor = ledger_minor - 199000 WHERE account_id = {RICH_ACCOUNT}",
        ],
    ),
    ("I3", "not forced", None, ["UPDATE transfer SET forced = 0", "UPDATE balance SET credit_limit_minor = 0"]),
    (
        "I4",
        "ended 2 times",
        "hold_end",
        [f"INSERT INTO hold_end SELECT hold_id, journal_id, how FROM hold_end WHERE hold_id = {RELEASED_ID}"],
    ),
    ("I4", "was never opened", None, [f"DELETE FROM hold WHERE hold_id = {RELEASED_ID}"]),
    ("I4", "opens no smaller one", None, [f"UPDATE hold_end SET how = 'replaced' WHERE hold_id = {RELEASED_ID}"]),
    ("I4", "no held payment", None, [f"DELETE FROM hold_end WHERE hold_id = {RELEASED_ID}"]),
    ("I4", "no held payment", None, [f"UPDATE hold SET amount_minor = 1 WHERE hold_id = {HOLD_ID}"]),
    ("I4", "its hold is not open", None, [f"INSERT INTO hold_end SELECT {HOLD_ID}, max(journal_id), 'released' FROM journal"]),
    ("I4", "about another authorisation", None, ["UPDATE journal SET original_id = NULL WHERE stan = '000004' AND kind = 'reversal'"]),
    ("I4", "its account in 156", None, [f"UPDATE hold SET currency = '840' WHERE hold_id = {HOLD_ID}"]),
    ("I5", "no payment of its amount", None, [f"DELETE FROM payment WHERE payment_id = {SALE_ID}"]),
    ("I5", "approved purchase, but its amount was not moved", None, [f"DELETE FROM transfer WHERE journal_id = {SALE_ID}"]),
    ("I5", "approved authorisation, but its amount was not held", None, [f"DELETE FROM hold WHERE hold_id = {HOLD_ID}"]),
    ("I5", "lacks DE 37 or 38", None, ["UPDATE journal SET approval_code = '' WHERE stan = '000001'"]),
    ("I5", "no key leads", None, [f"DELETE FROM request_key WHERE journal_id = {SALE_ID}"]),
    ("I5", "no key leads", None, ["DELETE FROM request_key WHERE message_class = '4'"]),
    ("I5", "nothing of its terminal is buried", None, ["DELETE FROM tombstone"]),
    ("I5", "not of the account of its card", None, [f"UPDATE card SET account_id = {OTHER_ACCOUNT}"]),
    ("I5", "of its card and its merchant", None, [f"UPDATE merchant SET account_id = {FUNDING_ACCOUNT}"]),
    ("I5", "to the other", None, [f"UPDATE transfer SET credit_account_id = {FUNDING_ACCOUNT} WHERE journal_id = {SALE_ID}"]),
    (
        "I5",
        "to the other",
        None,
        [f"UPDATE transfer SET debit_account_id = {FUNDING_ACCOUNT} WHERE journal_id IN (SELECT journal_id FROM journal WHERE kind = 'reversal')"],
    ),
    (
        "I5",
        "2 transfers, where one entry",
        None,
        [f"INSERT INTO transfer SELECT journal_id, 9, credit_account_id, {FUNDING_ACCOUNT}, 5, currency, 0 FROM transfer WHERE journal_id = {SALE_ID}"],
    ),
    ("I5", "payment", None, ["UPDATE journal SET action = 'insufficient_funds' WHERE stan = '000001'"]),
    ("I5", "transfer", None, ["DELETE FROM journal WHERE stan = '000001'"]),
    ("I5", "hold ", None, ["DELETE FROM journal WHERE stan = '000003'"]),
    ("I5", "hold_end", None, ["DELETE FROM journal WHERE stan = '000004' AND kind = 'reversal'"]),
    ("I6", "requests under one key", None, ["UPDATE journal SET stan = '000001' WHERE stan = '000002'"]),
    (
        "I6",
        "2 keys lead to it",
        None,
        [
            ("INSERT INTO request_key (terminal_id, merchant_id, stan, local_date, message_class, batch, journal_id) "
            f"SELECT 'T9', merchant_id, stan, local_date, message_class, batch, journal_id FROM request_key "
            f"WHERE journal_id = {SALE_ID}")
        ],
    ),
    ("I6", "is another's", None, ["UPDATE request_key SET stan = '000099' WHERE stan = '000001'"]),
    (
        "I6",
        "came first",
        None,
        [
            ("INSERT INTO tombstone (terminal_id, merchant_id, stan, local_date, message_class, batch, journal_id) "
            f"SELECT terminal_id, merchant_id, stan, local_date, '', '', journal_id - 1 FROM request_key "
            f"WHERE journal_id = {SALE_ID}")
        ],
    ),
    ("I7", "2100 would be refunded of", None, [
        "UPDATE transfer SET amount_minor = 2100 WHERE amount_minor = 700",
        "UPDATE payment SET current_minor = 1600, amount_minor = 2100 WHERE amount_minor = 700",
        "UPDATE journal SET amount_minor = 2100 WHERE amount_minor = 700",
    ]),
    ("I7", "is posted, 1499 left, 700 refunded; by its history it is posted, 1500 left", None, ["UPDATE payment SET current_minor = 1499 WHERE amount_minor = 2000"]),
    ("I7", "is posted, 1500 left, 0 refunded; by its history it is posted, 1500 left, 700", None, ["UPDATE payment SET refunded_minor = 0 WHERE amount_minor = 2000"]),
    ("I7", "is posted, 0 left", None, ["UPDATE payment SET state = 'posted' WHERE state = 'reversed' AND current_minor = 0 AND hold_id IS NULL"]),
    ("I7", "reversed, with 1000 left", None, [f"UPDATE payment SET state = 'reversed' WHERE payment_id = {SALE_ID}"]),
    ("I7", "900 of 1000 left, but nothing came about it", None, [f"UPDATE payment SET current_minor = 900 WHERE payment_id = {SALE_ID}"]),
    ("I12", "merchant.name of M1: a card number", None, [f"UPDATE merchant SET name = 'pays with {PAN}'"]),
    ("I12", "journal.trace of", None, [f"UPDATE journal SET trace = '[\"card\",\"{PAN}\"]' WHERE stan = '000001'"]),
    ("I12", "journal.because of", None, ["UPDATE journal SET because = 'of 5555555555554444' WHERE stan = '000001'"]),
    ("I12", "journal.because of", None, ["UPDATE journal SET because = '5555 5555 5555 4444' WHERE stan = '000001'"]),
    ("I12", "a track in clear", None, ["UPDATE journal SET reason = '5555555555554444=30121010000'"]),
    ("I12", "a card number in clear", None, [f"UPDATE terminal SET serial = '99{PAN}3012' WHERE terminal_id = 'T1'"]),
    ("I12", "account.name of", None, [f"UPDATE account SET name = '{PAN}' WHERE account_id = {RICH_ACCOUNT}"]),
    ("I12", "terminal.terminal_id of (the number): a card number", None, [f"UPDATE terminal SET terminal_id = '{PAN}' WHERE terminal_id = 'T2'"]),
    ("I12", "journal.merchant_id of 1", None, [f"UPDATE journal SET merchant_id = '{PAN}' WHERE stan = '000001'"]),
    ("I12", "does not open", None, ["UPDATE card SET pan_sealed = (SELECT min(pan_key) FROM card)"]),
    ("I12", "no key of version 7", None, ["UPDATE card SET key_version = 7"]),
]  # fmt: skip


@pytest.mark.parametrize(("invariant", "says", "without", "statements"), DAMAGE)
def test_damage_is_named(
    books: SampleBooks, invariant: str, says: str, without: str | None, statements: list[str]
) -> None:
    books.damage(*statements, without=without)

    finding = findings(books)[invariant]

    assert not finding.holds
    assert any(says in offender for offender in finding.offenders), finding.offenders
    assert PAN not in str(finding)


def test_a_card_number_as_bytes_is_found(books: SampleBooks) -> None:
    with books.database.writing() as connection:
        connection.execute(sa.text("UPDATE journal SET pan_key = :pan"), {"pan": PAN.encode()})

    found = findings(books)["I12"]

    assert "journal.pan_key of" in found.offenders[0]


def test_numbers_of_the_host_and_of_merchants_are_not_taken_for_cards(books: SampleBooks) -> None:
    books.damage(
        "UPDATE journal SET journal_id = 4000000000000000006 WHERE stan = '000012'",
        "UPDATE journal SET because = 'after 4000000000000000006, at 1790000000000003', merchant_id = '411111111111116'",
        "UPDATE terminal SET serial = '5500000000000004'",
    )

    assert findings(books)["I12"].holds


def test_without_keys_a_card_number_is_known_by_its_looks(books: SampleBooks) -> None:
    books.damage(f"UPDATE journal SET because = '{PAN}' WHERE stan = '000001'")

    found = findings(books, vault=None)["I12"]

    assert found.broken == 1
    assert "sealed" not in found.figure


def test_a_hash_under_another_lookup_key_is_named(books: SampleBooks) -> None:
    other = Vault(Keys(1, {1: b"v" * 32}, b"x" * 32))

    assert "is not the hash" in findings(books, other)["I12"].offenders[0]


def test_what_is_forced_explains_an_account_below_its_floor(books: SampleBooks) -> None:
    books.damage("UPDATE balance SET credit_limit_minor = 0")

    found = findings(books)["I3"]

    assert "1 below their floor" in found.figure
    assert not found.holds  # the purchase of the poor card needed the credit limit


def test_the_audit_sees_one_moment_while_the_books_go_on(books: SampleBooks) -> None:
    with snapshot(books.database) as connection:
        connection.execute(sa.text("SELECT count(*) FROM journal")).all()
        send(books.database, purchase(90), authorisation(91), first_id=5_000)
        found = audit(connection, VAULT)

    assert [finding.invariant for finding in found if not finding.holds] == []
    assert found[5].figure == "17 keys"
    assert findings(books)["I6"].figure == "19 keys"


def test_the_audit_cannot_write(postgresql_database: str, tmp_path: Path) -> None:
    opened = open_database(postgresql_database)
    fill(opened, tmp_path)

    with pytest.raises(sa.exc.InternalError, match="read-only"), snapshot(opened) as connection:
        connection.execute(sa.text("DELETE FROM transfer"))

    opened.close()


# --- a day of every kind -----------------------------------------------------------------------------------


@pytest.fixture
def day(database: str, tmp_path: Path) -> Iterator[SampleBooks]:
    opened = open_database(database)
    yield fill_day(opened, tmp_path)
    opened.close()


def test_a_day_of_every_kind_passes(day: SampleBooks) -> None:
    found = findings(day)

    assert {name: finding.offenders for name, finding in found.items() if not finding.holds} == {}
    assert found["I3"].figure == "3 accounts, 1 below their floor, 11 forced entries"
    assert found["I7"].figure == "31 payments, 14 undone or reduced, 2 refunded"


def test_the_table_of_kinds_agrees_with_that_of_transactions() -> None:
    rows = {row.kind: row for row in ROWS}

    assert set(rows) == set(TABLE)
    assert {kind for kind, row in rows.items() if row.keyed} == {kind for kind, row in TABLE.items() if row.keyed}
    assert all(TABLE[kind].original for kind, row in rows.items() if row.about)
