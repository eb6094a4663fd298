"""The audit: sound books pass, and each kind of damage is named under its invariant."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from switch.ledger import schema
from switch.ledger.audit import audit, snapshot
from switch.ledger.audit_kinds import ROWS
from switch.ledger.audit_words import SKEW, Finding
from switch.ledger.database import open_database
from switch.ledger.packed_text import packed
from switch.ledger.ports import PanVault
from switch.messages.kinds import Kind
from switch.security.keys import Keys
from switch.security.vault import Vault
from switch.transactions.table import TABLE
from tests.ledger.conftest import FilledOnce
from tests.ledger.sample_books import (
    FIRST_OF_DAY,
    POOR,
    RICH,
    VAULT,
    SampleBooks,
    everything,
    fill,
    send,
)
from tests.ledger.shop import purchase, refund

PAN = RICH.reveal()


@pytest.fixture
def books(sample: FilledOnce, tmp_path: Path) -> Iterator[SampleBooks]:
    with sample.copied(tmp_path) as copy:
        yield copy


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
        "I10": "0 settled batches, 0 of them not closed yet",
        "days": "0 days settled, 0 statements",
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

    assert [finding.holds for finding in found] == [True] * 10


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
            f"SELECT terminal_id, merchant_id, stan, local_date, '', '', journal_id - 4096 FROM request_key "
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


def test_the_audit_holds_while_the_books_go_on_and_sees_each_invariant_at_one_moment(books: SampleBooks) -> None:
    """Between two invariants requests come in; each is judged by what there is when it is its turn."""
    stans = count(90)

    def go_on(_invariant: str) -> None:
        stan = next(stans)
        send(books.database, purchase(stan, 1), first_id=stan * 1_000)

    with snapshot(books.database) as connection:
        found = audit(connection, VAULT, go_on)

    assert [finding.invariant for finding in found if not finding.holds] == []
    assert found[5].figure == "23 keys"  # six came before it
    assert findings(books)["I6"].figure == f"{17 + len(found)} keys"


def test_a_snapshot_sees_one_moment(books: SampleBooks) -> None:
    rows = sa.text("SELECT count(*) FROM journal")
    with snapshot(books.database) as connection:
        before = connection.execute(rows).scalar()
        send(books.database, purchase(90, 1), first_id=90_000)

        assert connection.execute(rows).scalar() == before


def test_the_audit_cannot_write(postgresql_database: str, tmp_path: Path) -> None:
    opened = open_database(postgresql_database)
    fill(opened, tmp_path)

    with pytest.raises(sa.exc.InternalError, match="read-only"), snapshot(opened) as connection:
        connection.execute(sa.text("DELETE FROM transfer"))

    opened.close()


# --- a day of every kind -----------------------------------------------------------------------------------


@pytest.fixture
def day(sample_day: FilledOnce, tmp_path: Path) -> Iterator[SampleBooks]:
    with sample_day.copied(tmp_path) as copy:
        yield copy


def test_a_day_of_every_kind_passes(day: SampleBooks) -> None:
    found = findings(day)

    assert {name: finding.offenders for name, finding in found.items() if not finding.holds} == {}
    assert found["I3"].figure == "3 accounts, 1 below their floor, 13 forced entries"
    assert found["I7"].figure == "31 payments, 14 undone or reduced, 2 refunded"


def test_the_table_of_kinds_agrees_with_that_of_transactions() -> None:
    rows = {row.kind: row for row in ROWS}

    assert set(rows) == set(TABLE)
    assert {kind for kind, row in rows.items() if row.keyed} == {kind for kind, row in TABLE.items() if row.keyed}
    assert all(TABLE[kind].original for kind, row in rows.items() if row.about)


def of(stan: int, kind: str = "") -> str:
    """The journal id of a request of the day, as SQL."""
    one = f" AND kind = '{kind}'" if kind else " AND kind <> 'reversal'"
    return f"(SELECT journal_id FROM journal WHERE stan = '{stan:06d}'{one})"


PREPAID_ID = "(SELECT card_id FROM card WHERE masked_pan LIKE '6200%')"
CLEAR_KEY = "0123456789ABCDEFFEDCBA9876543210"
BLOCK = "D0144K0TB00E0000" + 64 * "0F"
RECORD = '{"tvr":"0000008000","aid":"A000000333010101","atc":7,"cryptogram":"right"}'


def chip_record(stan: int, content: str) -> str:
    return f"INSERT INTO chip_record (journal_id, content) VALUES ({of(stan)}, '{content.replace(':', chr(92) + ':')}')"


DAY_DAMAGE = [
    # invariant, what the audit says, what is done to the books
    ("I2", "its payments are", [f"UPDATE card_day SET amount_minor = amount_minor + 1 WHERE card_id = {PREPAID_ID}"]),
    ("I2", "no more than", ["INSERT INTO spending (owner, period, stripe, amount_minor, count) VALUES ('terminal:T1', 20260304, 0, 1, 99)"]),
    ("I2", "no more than", ["INSERT INTO spending (owner, period, stripe, amount_minor, count) VALUES ('terminal:T1/swipe', 202603, 0, 999999999, 1)"]),
    ("I2", "no more than 0 were", ["INSERT INTO spending (owner, period, stripe, amount_minor, count) VALUES ('merchant:M1', 20260101, 0, 1, 0)"]),
    ("I2", "journal has only 0 of that batch", ["INSERT INTO spending (owner, period, stripe, amount_minor, count) VALUES ('batch:T1/000001', 0, 0, 1, 1)"]),
    ("I3", "not forced", [f"UPDATE transfer SET forced = 0 WHERE journal_id = {of(124)}"]),
    ("I4", "captured by journal", [f"UPDATE hold_end SET how = 'captured' WHERE journal_id = {of(114)}"]),
    ("I4", "which is an authorisation_void: that does not end it so", [f"UPDATE hold_end SET how = 'expired' WHERE journal_id = {of(114)}"]),
    ("I4", "but what that reverses is a purchase", [f"UPDATE journal SET original_id = {of(120)} WHERE journal_id = {of(102, 'reversal')}"]),
    ("I4", "opens no larger one", [f"UPDATE hold SET amount_minor = 10 WHERE hold_id = {of(101)}"]),
    ("I4", "which opens another at once", [f"INSERT INTO hold VALUES ({of(114)}, (SELECT min(account_id) FROM balance), 1, '156', 0)"]),
    ("I4", "about another authorisation", [f"UPDATE journal SET original_id = {of(110)} WHERE journal_id = {of(101)}"]),
    ("I5", "approved load, but its amount was not moved", [f"DELETE FROM transfer WHERE journal_id = {of(141)}"]),
    ("I5", "approved completion, but it ended no hold", [f"DELETE FROM hold_end WHERE journal_id = {of(103)}"]),
    ("I5", "approved increment, but its amount was not held", [f"DELETE FROM hold WHERE hold_id = {of(101)}"]),
    ("I5", "no approved request that it could be about", [f"UPDATE journal SET original_id = {of(110)} WHERE journal_id = {of(121)}"]),
    ("I5", "no approved request that it could be about", [f"UPDATE journal SET original_id = NULL WHERE journal_id = {of(105)}"]),
    ("I5", "but not from one cardholder's account", [f"UPDATE payment SET merchant_account_id = 1 WHERE payment_id = {of(144)}"]),
    ("I5", "not of the account of its card", [f"UPDATE payment SET account_id = {OTHER_ACCOUNT} WHERE payment_id = {of(121)}"]),
    ("I5", "not from the one account", [f"UPDATE transfer SET debit_account_id = credit_account_id, credit_account_id = debit_account_id WHERE journal_id = {of(121)}"]),
    ("I5", "not from the one account", ["UPDATE journal SET reason = 'return' WHERE reason = 'charge'"]),
    ("I5", "approved correction, but its amount was not moved", [f"DELETE FROM transfer WHERE journal_id = {of(160)}"]),
    ("I5", "would not find by its approval code", ["DELETE FROM authorisation"]),
    ("I5", "that is no approved authorisation", ["UPDATE authorisation SET approval_code = 'XXXXXX'"]),
    ("I5", "no approved purchase by pay code", [f"UPDATE pay_code SET used_by = {of(120)}"]),
    ("I5", "when it had expired", ["UPDATE pay_code SET expires_at = 1"]),
    ("I5", "no approved request brought it", ["UPDATE upload SET what = 'script_result'"]),
    ("I5", "is not what its message is about", [f"UPDATE upload SET original_id = {of(130)}"]),
    ("I5", "chip record of journal 7", ["INSERT INTO chip_record VALUES (7, '{}')"]),
    ("I5", "its message is not about", [f"INSERT INTO adjustment VALUES ({of(121)}, {of(130)}, 1, '', 'open')"]),
    ("I5", "is kept as 3, but journal", [chip_record(120, RECORD), f"INSERT INTO card_security SELECT card_id, 0, 3 FROM journal WHERE journal_id = {of(120)}"]),
    ("I5", "is kept as 9, the highest", [chip_record(120, RECORD), f"INSERT INTO card_security SELECT card_id, 0, 9 FROM journal WHERE journal_id = {of(120)}"]),
    ("I5", "has the chip's counter of", [chip_record(120, RECORD), chip_record(122, RECORD)]),
    ("I5", "no cryptogram of it was ever verified", ["INSERT INTO card_security VALUES (1, 0, 5)"]),
    ("I7", "is posted, 1690 left", [f"UPDATE payment SET current_minor = 1690 WHERE payment_id = {of(103)}"]),
    ("I7", "its original is reversed, not posted", [f"UPDATE journal SET original_id = {of(122)} WHERE journal_id = {of(126)}"]),
    ("I7", "% of the 1500 authorised", [
        f"UPDATE journal SET amount_minor = 1726 WHERE journal_id IN ({of(103)}, {of(104)})",
        f"UPDATE transfer SET amount_minor = 1726 WHERE journal_id IN ({of(103)}, {of(104)}, {of(104, 'reversal')})",
    ]),
    ("I7", "its original is of another card", [f"UPDATE journal SET card_id = {PREPAID_ID} WHERE journal_id = {of(121)}"]),
    ("I7", "the original is of another terminal or day", [f"UPDATE journal SET business_day = 20260305 WHERE journal_id = {of(123)}"]),
    ("I7", "the original is of another batch", [f"UPDATE journal SET batch = '000009' WHERE journal_id = {of(123)}"]),
    ("I7", "it is of 399, of the original 400 is left", [f"UPDATE journal SET amount_minor = 399 WHERE journal_id = {of(123)}"]),
    ("I7", "the sale is older than 30 days", [f"UPDATE journal SET business_day = 20260501 WHERE journal_id = {of(105)}"]),
    ("I7", "an operator had to adjust it", [f"UPDATE journal SET business_day = 20260305 WHERE journal_id = {of(104, 'reversal')}"]),
    ("I7", "a business day of its history is no date", [f"UPDATE journal SET business_day = 0 WHERE journal_id = {of(105)}"]),
    ("I7", "it should have moved 900 to the card, but it has changed nothing", [f"DELETE FROM transfer WHERE journal_id = {of(121)}"]),
    ("I7", "by its history it is posted, 800 left", [f"DELETE FROM transfer WHERE journal_id = {of(143, 'reversal')}", f"UPDATE payment SET state = 'voided' WHERE payment_id = {of(142)}"]),
    ("I12", "terminal_key.block of T1/pin: is no key block", [f"INSERT INTO terminal_key VALUES ('T1', 'pin', '000000', '{CLEAR_KEY}', '', 1)"]),
    ("I12", "terminal_key.previous_block of T1/pin: is no key block", [f"INSERT INTO terminal_key VALUES ('T1', 'pin', '000000', '{BLOCK}', '{CLEAR_KEY}', 1)"]),
    ("I12", "is no check value", [f"INSERT INTO terminal_key VALUES ('T1', 'pin', '{CLEAR_KEY}', '{BLOCK}', '', 1)"]),
    ("I12", "issuer_key.block of 6200/pvk/1: is no key block", [f"INSERT INTO issuer_key VALUES ('6200', 'pvk', '1', '000000', '{BLOCK[:-1]}', '', 1)"]),
    ("I12", "base_key.block of FFFF987654: is no key block", [f"INSERT INTO base_key VALUES ('FFFF987654', '000000', '{CLEAR_KEY}', 1)"]),
    ("I12", "operator.password of M1/01: is no Argon2id hash", ["INSERT INTO operator VALUES ('M1', '01', '1234', 0, 'active')"]),
    ("I12", "pay_code.code_key of", ["UPDATE pay_code SET code_key = substr(code_key, 1, 8)"]),
    ("I12", "holds more of a chip than may be kept", [chip_record(120, '{"57":"1234"}')]),
    ("I12", "holds more of a chip than may be kept", [chip_record(120, '{"tvr":"' + 80 * "0" + '"}')]),
    ("I12", "holds more of a chip than may be kept", [chip_record(120, "no json")]),
    ("I12", "journal.because of", [f"UPDATE journal SET because = 'under {CLEAR_KEY}' WHERE stan = '000001'"]),
    ("I12", "a PIN or a password in clear", ["UPDATE journal SET trace = '[[\"pin\",\"1234\",\"right\",true]]' WHERE stan = '000001'"]),
]  # fmt: skip


@pytest.mark.parametrize(("invariant", "says", "statements"), DAY_DAMAGE)
def test_damage_to_a_day_of_every_kind_is_named(
    day: SampleBooks, invariant: str, says: str, statements: list[str]
) -> None:
    day.damage(*statements)

    finding = findings(day)[invariant]

    assert not finding.holds
    assert any(says in offender for offender in finding.offenders), finding.offenders
    assert PAN not in str(finding)
    assert CLEAR_KEY not in str(finding)


def test_key_blocks_and_chip_records_as_they_should_be_pass(day: SampleBooks) -> None:
    day.damage(
        f"INSERT INTO terminal_key VALUES ('T1', 'terminal_master', '0123AB', '{BLOCK}', '', 1)",
        chip_record(120, RECORD),
        "INSERT INTO card_security SELECT card_id, 1, 7 FROM journal WHERE stan = '000120' AND kind = 'purchase'",
    )

    found = findings(day)

    assert {name: finding.offenders for name, finding in found.items() if not finding.holds} == {}


@pytest.mark.parametrize("content", [PAN.encode(), bytes.fromhex("00" + PAN + "ff"), bytes.fromhex("1" + PAN + "2ff")])
def test_a_card_number_in_an_upload_is_found(day: SampleBooks, content: bytes) -> None:
    with day.database.writing() as connection:
        connection.execute(sa.text("UPDATE upload SET content = :content"), {"content": content})

    assert "upload.content of" in findings(day)["I12"].offenders[0]


@pytest.mark.parametrize("behind", [b"", PAN.encode()])
def test_a_card_number_within_or_behind_a_packed_text_is_found(day: SampleBooks, behind: bytes) -> None:
    within = "" if behind else PAN
    part = {"sha256": "ab" * 32, "part": 0, "content": f"1,{within}\n" * 3}
    with day.database.writing() as connection:
        connection.execute(sa.insert(schema.clearing_part), [part])
        if behind and day.database.dialect == "sqlite":  # PostgreSQL's own packing keeps nothing but the text
            kept = packed("1,2\n") + behind
            connection.execute(sa.text("UPDATE clearing_part SET content = :kept"), {"kept": kept})
        elif behind:
            connection.execute(sa.text("UPDATE clearing_part SET content = :kept"), {"kept": behind.decode()})

    assert findings(day)["I12"].offenders == (f"clearing_part.content of {'ab' * 32}/0: a card number in clear",)


def test_a_backup_made_while_somebody_writes_is_sound_and_has_what_was_there(
    sqlite_database: str, tmp_path: Path
) -> None:
    """`docs/operators.md` tells how: one snapshot, which nobody's writing makes begin anew."""
    copy = tmp_path / "backup.db"
    with closing(open_database(sqlite_database)) as database:
        books = fill(database, tmp_path)
        before = everything(database)
        with database.writing() as writer, closing(sqlite3.connect(str(database.engine.url.database))) as reader:
            writer.execute(sa.update(schema.terminal).values(serial="LATER"))
            reader.execute("VACUUM INTO ?", [str(copy)])
        vault_findings = findings(books)

    with closing(open_database(f"sqlite:///{copy}")) as restored:
        assert everything(restored) == before
        found = findings(replace(books, database=restored))
        assert {name: finding.figure for name, finding in found.items()} == {
            name: finding.figure for name, finding in vault_findings.items()
        }


def test_what_was_reversed_without_effect_is_listed(day: SampleBooks) -> None:
    day.damage(f"DELETE FROM transfer WHERE journal_id = {of(145, 'reversal')}")

    found = findings(day)["I7"]

    assert "payment" in found.offenders[0]
    day.damage(f"UPDATE payment SET state = 'posted', current_minor = 200 WHERE payment_id = {of(145)}")
    assert "left payment" in findings(day)["I7"].listed[0]


# --- clocks that differ ------------------------------------------------------------------------------------


def test_what_two_hosts_did_at_once_is_explained_in_any_order(day: SampleBooks) -> None:
    skew = f"{SKEW - 1}"
    later = of(121)
    day.damage(  # the void's id is below that of its sale, its reversal's just above
        *(
            f"UPDATE {table} SET {column} = {of(120)} - {skew} WHERE {column} = {later}"
            for table, column in (
                ("payment", "payment_id"),
                ("transfer", "journal_id"),
                ("request_key", "journal_id"),
            )
        ),
        f"UPDATE journal SET original_id = {of(120)} - {skew} WHERE original_id = {later}",
        f"UPDATE journal SET journal_id = {of(120)} - {skew} WHERE journal_id = {later}",
    )

    found = findings(day)

    assert found["I7"].offenders == ()


@pytest.mark.parametrize(("apart", "holds"), [(SKEW // 2, True), (3 * SKEW, False)])
def test_a_spend_is_explained_by_a_credit_within_the_skew_only(books: SampleBooks, apart: int, *, holds: bool) -> None:
    """The poor card has 100 left, and spends it; again, for what a refund has brought; a forced entry comes too."""
    spend = FIRST_OF_DAY + 10 * SKEW
    for at, request in (
        (FIRST_OF_DAY, purchase(300, 100, POOR)),
        (spend, purchase(301, 100, POOR, kind=Kind.OFFLINE_SALE)),
        (spend + 1, purchase(302, 50, POOR, kind=Kind.OFFLINE_SALE)),
        (spend + apart, refund(303, 100, POOR, of=300)),
    ):
        send(books.database, request, first_id=at)
    books.damage(f"UPDATE transfer SET forced = 0 WHERE journal_id = {spend}")

    found = findings(books)["I3"]

    assert "1 below their floor" in found.figure
    assert found.holds == holds


def test_two_spends_at_once_of_what_is_there_once_are_found(books: SampleBooks) -> None:
    send(books.database, purchase(300, 100, POOR), first_id=FIRST_OF_DAY)
    send(books.database, purchase(301, 100, POOR, kind=Kind.OFFLINE_SALE), first_id=FIRST_OF_DAY + 1)
    books.damage(f"UPDATE transfer SET forced = 0 WHERE journal_id = {FIRST_OF_DAY + 1}")

    found = findings(books)["I3"]

    assert "not forced, whatever came just before or after it" in found.offenders[0]
