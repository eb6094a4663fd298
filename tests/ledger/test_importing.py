"""Imports: all rows or none, every mistake with its place, twice is once, and the books balance."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from switch.data_files import specs_directory
from switch.errors import ConfigurationError, ImportRefused
from switch.ledger import schema
from switch.ledger.database import Database, open_database
from switch.ledger.import_staging import Borrowed, Run
from switch.ledger.importing import Imported, import_file
from switch.rules.limits import parsed
from switch.security.ciphers import des
from switch.security.demo_keys import DEMO_CVK
from switch.security.keys import Keys
from switch.security.passwords import hashed, password_matches
from switch.security.pin_checks import pvv
from switch.security.vault import Vault
from switch.values import Pan

VAULT = Vault(Keys(1, {1: b"v" * 32}, b"l" * 32))
VISA, MASTER, AMEX, UNION = "4111111111111111", "5555555555554444", "378282246310005", "6200000000000047"
RUN = Run(1, 1_790_000_000_000_000, datetime(2026, 9, 21, 22, 13, 20, tzinfo=ZoneInfo("Asia/Shanghai")), 20260921)
BORROWED = Borrowed(parsed, hashed, password_matches)
_journal_ids = count(1)


class Books:
    """A database and the folder that import files are written to."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self._folder = folder

    def load(self, subject: str, content: str | bytes) -> Imported:
        path = self._folder / f"{subject}.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        run = replace(RUN, journal_id=next(_journal_ids))
        return import_file(self.database, subject, path, VAULT, run, borrowed=BORROWED)

    def refused(self, subject: str, content: str | bytes) -> list[tuple[int, str, str]]:
        with pytest.raises(ImportRefused) as refused:
            self.load(subject, content)
        return refused.value.problems

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.database.reading() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement))]

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        with self.database.reading() as connection:
            return {
                table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
                for table in schema.metadata.sorted_tables
            }


@pytest.fixture
def books(database: str, tmp_path: Path) -> Iterator[Books]:
    opened = open_database(database)
    yield Books(opened, tmp_path)
    opened.close()


# --- merchants and terminals -------------------------------------------------------------------------------


def test_a_merchant_gets_an_account_and_the_defaults(books: Books) -> None:
    imported = books.load("merchants", "merchant_id\nMERCHANT0000001\n")

    assert imported == Imported(1, 1, 0)
    assert books.rows(
        "SELECT m.status, m.currency, a.kind, a.name, a.currency FROM merchant m JOIN account a USING (account_id)"
    ) == [("active", "156", "merchant", "MERCHANT0000001", "156")]


def test_a_changed_merchant_is_updated_and_empty_cells_leave_what_is_there(books: Books) -> None:
    books.load("merchants", "merchant_id,name,mcc,status,currency\nM1,Tea & Söhne,5411,frozen,978\n")

    imported = books.load("merchants", "merchant_id,mcc,name\nM1,5812,\nM2,,\n")

    assert imported == Imported(2, 1, 1)
    assert books.rows("SELECT merchant_id, name, mcc, status, currency FROM merchant ORDER BY 1") == [
        ("M1", "Tea & Söhne", "5812", "frozen", "978"),
        ("M2", "", "", "active", "156"),
    ]


def test_a_merchant_keeps_its_currency(books: Books) -> None:
    books.load("merchants", "merchant_id,currency\nM1,156\n")

    assert books.refused("merchants", "merchant_id,currency\nM1,840\n") == [
        (2, "currency", "the merchant's account is in 156 already")
    ]


def test_a_terminal_defaults_to_active_with_all_kinds_and_entry_modes(books: Books) -> None:
    books.load("merchants", "merchant_id\nM1\n")

    books.load("terminals", "terminal_id,merchant_id\nTERM0001,M1\n")

    assert books.rows("SELECT terminal_id, merchant_id, status, serial, kinds, entry_modes, batch FROM terminal") == [
        ("TERM0001", "M1", "active", "", "", "", "000001")
    ]


def test_lists_are_kept_in_one_order_and_all_lifts_them(books: Books) -> None:
    books.load("merchants", "merchant_id\nM1\n")
    header = "terminal_id,merchant_id,status,serial,kinds,entry_modes\n"

    books.load("terminals", header + 'T1,M1,locked,SN-1,refund purchase,"05,02"\n')
    listed = books.rows("SELECT status, serial, kinds, entry_modes FROM terminal")
    again = books.load("terminals", header + "T1,M1,,,purchase refund,02|05\n")
    books.load("terminals", header + "T1,M1,active,,all,all\n")

    assert listed == [("locked", "SN-1", "purchase refund", "02 05")]
    assert again.unchanged == 1
    assert books.rows("SELECT status, serial, kinds, entry_modes FROM terminal") == [("active", "SN-1", "", "")]


def test_a_terminal_needs_a_merchant_of_the_books(books: Books) -> None:
    assert books.refused("terminals", "terminal_id,merchant_id\nT1,M1\n") == [
        (2, "merchant_id", "no such merchant in the books; import the merchants first")
    ]


# --- cards -------------------------------------------------------------------------------------------------


def test_a_card_is_sealed_and_found_by_its_hash(books: Books) -> None:
    books.load("cards", f"pan,expiry_yymm\n{VISA},3012\n")

    (row,) = books.rows(
        "SELECT pan_key, pan_sealed, key_version, masked_pan, expiry_yymm, status, single_limit_minor, "
        "daily_limit_minor, daily_count FROM card"
    )
    assert bytes(row[0]) == VAULT.pan_key(Pan(VISA))
    assert VAULT.open(bytes(row[1]), row[2]) == Pan(VISA)
    assert row[3:] == ("411111******1111", "3012", "active", None, None, None)


def test_opening_balances_are_transfers_from_the_funding_account_of_their_currency(books: Books) -> None:
    books.load(
        "cards",
        "pan,expiry_yymm,currency,balance_minor,credit_limit_minor\n"
        f"{VISA},3012,156,1000000,\n{AMEX},3012,392,5000,\n{MASTER},3012,156,0,\n{UNION},3012,156,-700,1000\n",
    )

    moved = books.rows(
        "SELECT d.kind, c.kind, t.amount_minor, t.currency, t.forced FROM transfer t "
        "JOIN account d ON d.account_id = t.debit_account_id JOIN account c ON c.account_id = t.credit_account_id "
        "ORDER BY t.leg"
    )
    assert moved == [
        ("funding", "cardholder", 1_000_000, "156", 0),
        ("funding", "cardholder", 5_000, "392", 0),
        ("cardholder", "funding", 700, "156", 1),
    ]
    assert books.rows("SELECT ledger_minor, held_minor, credit_limit_minor FROM balance ORDER BY account_id") == [
        (1_000_000, 0, 0),
        (5_000, 0, 0),
        (0, 0, 0),
        (-700, 0, 1_000),
    ]
    assert books.rows("SELECT kind, action, business_day, local_date, local_time FROM journal") == [
        ("import", "approved", 20260921, 20260921, "221320")
    ]


def test_cards_of_one_account_share_one_balance(books: Books) -> None:
    books.load(
        "cards",
        f"pan,expiry_yymm,account,balance_minor,class\n{VISA},3012,A1,500,\n{UNION},3012,A1,,II\n{AMEX},3012,,,\n",
    )

    shared = books.rows(
        "SELECT name, class, count(*) FROM card JOIN account USING (account_id) GROUP BY 1, 2 ORDER BY 3"
    )
    assert [(name[:1], *rest) for name, *rest in shared] == [("~", "", 1), ("A", "II", 2)]
    assert books.rows("SELECT amount_minor FROM transfer") == [(500,)]


def test_a_new_card_joins_an_account_of_the_books_and_leaves_its_balance_alone(books: Books) -> None:
    books.load("cards", f"pan,expiry_yymm,account,balance_minor\n{VISA},3012,A1,500\n")

    imported = books.load("cards", f"pan,expiry_yymm,account,balance_minor\n{VISA},3012,A1,900\n{UNION},3012,A1,900\n")

    assert imported == Imported(2, 1, 0)
    assert books.rows("SELECT ledger_minor FROM balance") == [(500,)]
    assert books.rows("SELECT count(*) FROM transfer") == [(1,)]


@pytest.mark.parametrize(
    ("subject", "content"),
    [
        ("merchants", "merchant_id,name,mcc,status,currency\nM2,A,5411,frozen,840\nM3,,,,\n"),
        ("terminals", "terminal_id,merchant_id,kinds,entry_modes\nT1,M1,purchase,05\nT2,M1,,\n"),
        (
            "cards",
            (
                "pan,expiry_yymm,account,class,balance_minor,credit_limit_minor,single_limit_minor,daily_count\n"
                f"{VISA},3012,A1,I,10,5,none,3\n{UNION},3012,A1,I,10,5,7,\n{AMEX},3012,,,-3,,,none\n"
            ),
        ),
    ],
)
def test_importing_the_same_file_twice_changes_nothing(books: Books, subject: str, content: str) -> None:
    books.load("merchants", "merchant_id\nM1\n")
    first = books.load(subject, content)
    before = books.everything()

    again = books.load(subject, content)

    assert first.added == first.rows
    assert again == Imported(first.rows, 0, 0)
    assert books.everything() == before


def test_changed_attributes_of_a_card_are_taken_over_but_never_its_balance(books: Books) -> None:
    header = "pan,expiry_yymm,status,class,balance_minor,credit_limit_minor,single_limit_minor,daily_limit_minor\n"
    books.load("cards", header + f"{VISA},3012,active,I,500,0,100,200\n")

    imported = books.load("cards", header + f"{VISA},3112,frozen,II,999,50,none,\n")

    assert imported == Imported(1, 0, 1)
    assert books.rows(
        "SELECT expiry_yymm, status, class, ledger_minor, credit_limit_minor, single_limit_minor, daily_limit_minor "
        "FROM card JOIN account USING (account_id) JOIN balance USING (account_id)"
    ) == [("3112", "frozen", "II", 500, 50, None, 200)]


def test_a_credit_limit_is_not_lowered_below_its_use(books: Books) -> None:
    header = "pan,expiry_yymm,balance_minor,credit_limit_minor\n"
    books.load("cards", header + f"{VISA},3012,-700,1000\n")

    assert books.refused("cards", header + f"{VISA},3012,,699\n") == [
        (2, "credit_limit_minor", "lower than what the account has used of it")
    ]
    assert books.load("cards", header + f"{VISA},3012,,700\n").changed == 1


@pytest.mark.parametrize(
    ("rows", "problems"),
    [
        (f"{VISA},3012,A1,156,1\n{UNION},3012,A1,840,1", [(3, "currency")]),
        (f"{VISA},3012,A1,840,1\n{UNION},3012,A1,,1", [(3, "currency")]),
        (f"{VISA},3012,A1,,1\n{UNION},3012,A1,,\n{AMEX},3012,A1,,2", [(4, "balance_minor")]),
        (f"{MASTER},3012,B1,,", [(2, "account")]),
        (f"{MASTER},3012,,840,", [(2, "currency")]),
        (f"{VISA},3012,OLD,840,", [(2, "currency")]),
        (f"{VISA},3012,,,\n{UNION},3012,,,\n{VISA},3012,,,", [(4, "pan")]),
        (f"{VISA},3012,{VISA},,", [(2, "account")]),
    ],
)
def test_cards_that_disagree_with_each_other_or_with_the_books_are_refused(
    books: Books, rows: str, problems: list[tuple[int, str]]
) -> None:
    books.load("cards", f"pan,expiry_yymm,account\n{MASTER},3012,OLD\n")
    before = books.everything()

    found = books.refused("cards", f"pan,expiry_yymm,account,currency,balance_minor\n{rows}\n")

    assert [(line, column) for line, column, _ in found] == problems
    assert books.everything() == before


# --- mistakes in the file ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("pan", "4111111111111112", "check digit"),
        ("pan", "41111111111", "12 to 19 digits"),
        ("pan", "4111 1111 1111 1111", "12 to 19 digits"),
        ("pan", "", "must not be empty"),
        ("expiry_yymm", "3013", "month"),
        ("expiry_yymm", "3000", "month"),
        ("expiry_yymm", "", "must not be empty"),
        ("status", "Active", "must be one of active, inactive, frozen, lost, stolen"),
        ("currency", "999", "ISO 4217"),
        ("currency", "CNY", "ISO 4217"),
        ("balance_minor", "10.00", "whole number"),
        ("balance_minor", "+1", "whole number"),
        ("balance_minor", "1_000", "whole number"),
        ("balance_minor", "9" * 30, "whole number"),
        ("balance_minor", "1000000000000", "must be from"),
        ("credit_limit_minor", "-1", "must be from 0"),
        ("single_limit_minor", "-1", "must be from 0"),
        ("daily_count", "1000000", "must be from 0 to 999999"),
        ("account", "~1", "must not begin with ~"),
        ("account", "A\u20291", "cannot be printed"),
        ("account", "x" * 65, "longer than 64"),
        ("class", " I", "begins or ends with a space"),
    ],
)
def test_a_wrong_cell_is_told_with_line_column_and_reason_and_not_quoted(
    books: Books, column: str, cell: str, reason: str
) -> None:
    row = {"pan": VISA, "expiry_yymm": "3012", column: cell}
    for other in ("status", "account", "class", "currency", "balance_minor"):
        row.setdefault(other, "")

    ((line, named, why),) = books.refused("cards", f"{','.join(row)}\n{','.join(row.values())}\n")

    assert (line, named) == (2, column)
    assert reason in why
    assert not cell or cell not in why


@pytest.mark.parametrize(
    ("subject", "content", "problem"),
    [
        ("terminals", "terminal_id,merchant_id\nTERM00001,M1\n", (2, "terminal_id", "longer than 8")),
        ("terminals", "terminal_id,merchant_id\nTÉRM,M1\n", (2, "terminal_id", "outside ASCII")),
        ("terminals", "terminal_id,merchant_id,kinds\nT1,M1,purchase sale\n", (2, "kinds", "must be one of purchase")),
        ("terminals", "terminal_id,merchant_id,entry_modes\nT1,M1,5\n", (2, "entry_modes", "2 digits")),
        ("terminals", "terminal_id,merchant_id\nT1,M1\nT1,M1\n", (3, "terminal_id", "line 2 already")),
        ("merchants", "merchant_id,mcc\nM2,541\n", (2, "mcc", "4 digits")),
        ("merchants", "merchant_id\nMERCHANT00000001\n", (2, "merchant_id", "longer than 15")),
        ("merchants", "merchant_id\nM2\nM3\nM2\n", (4, "merchant_id", "line 2 already")),
    ],
)
def test_merchants_and_terminals_are_held_against_their_columns(
    books: Books, subject: str, content: str, problem: tuple[int, str, str]
) -> None:
    books.load("merchants", "merchant_id\nM1\n")

    ((line, column, reason),) = books.refused(subject, content)

    assert (line, column) == problem[:2]
    assert problem[2] in reason


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", (1, "", "is not a header")),
        (b"\n\n", (1, "", "is not a header")),
        (f"{VISA},3012\n".encode(), (1, "", "is not a header")),
        (f"pan,{VISA}\n".encode(), (1, "", "column 2 is not one of")),
        (b"pan\n", (1, "expiry_yymm", "required")),
        (b"pan,expiry_yymm,pan\n", (1, "pan", "twice")),
        (b"pan,expiry_yymm,colour\n", (1, "colour", "column 3 is not one of")),
        (f"pan,expiry_yymm\n{VISA}\n".encode(), (2, "", "1 cells where the header has 2")),
        (f"pan,expiry_yymm\n{VISA},3012,\n".encode(), (2, "", "3 cells where the header has 2")),
        (f"pan,expiry_yymm\n\n{VISA},3012\n{VISA},30\0".encode(), (4, "", "NUL byte")),
        (f"pan,expiry_yymm\n{VISA},30".encode() + b"\xff\n", (2, "", "not UTF-8")),
        (f"pan,expiry_yymm\n{VISA},3012\n".encode("utf-16"), (1, "", "NUL byte")),
        (f'pan,expiry_yymm\n"{VISA},3012\n'.encode(), (2, "", "does not end")),
        (f'pan,expiry_yymm\n"{VISA}"x,3012\n'.encode(), (2, "", "is not CSV")),
        (b"pan,expiry_yymm\n" + b"1" * 70_000, (2, "", "longer than 65536 bytes")),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(
    books: Books, content: bytes, problem: tuple[int, str, str]
) -> None:
    found = books.refused("cards", content)

    line, column, reason = found[0]
    assert (line, column) == problem[:2]
    assert problem[2] in reason
    assert VISA not in str(found)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(books: Books) -> None:
    assert books.load("cards", f"\ufeffpan,expiry_yymm\r\n{VISA},3012\r\n\r\n".encode()).added == 1


def test_every_problem_is_told_and_nothing_imported(books: Books) -> None:
    found = books.refused("cards", f"pan,expiry_yymm\n{VISA},3012\n1,3012\n{UNION},9\n{VISA},3012\n")

    assert [(line, column) for line, column, _ in found] == [(3, "pan"), (4, "expiry_yymm"), (5, "pan")]
    assert books.rows("SELECT count(*) FROM card") == [(0,)]


def test_a_hopeless_file_is_not_read_to_its_end(books: Books) -> None:
    found = books.refused("merchants", "merchant_id,mcc\n" + "M,x\n" * 5_000)

    assert len(found) == 1_001
    assert "too many problems" in found[-1][2]


def test_a_missing_file_is_the_operators_to_find(books: Books, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        import_file(books.database, "cards", tmp_path / "none.csv", VAULT, RUN)


def test_progress_is_told_to_the_last_byte(books: Books, tmp_path: Path) -> None:
    path = tmp_path / "merchants.csv"
    path.write_text("merchant_id\n" + "".join(f"M{number}\n" for number in range(2_500)))
    told: list[int] = []

    import_file(
        books.database,
        "merchants",
        path,
        VAULT,
        RUN,
        told.append,
    )

    assert len(told) == 3
    assert told[-1] == path.stat().st_size


def test_a_file_is_read_without_a_lock_on_the_books(sqlite_database: str, tmp_path: Path) -> None:
    path = tmp_path / "merchants.csv"
    path.write_text("merchant_id\nM1\n")
    books, server = open_database(sqlite_database), open_database(sqlite_database)

    with server.engine.connect().execution_options(writing=True) as writer:
        writer.execute(sa.text("UPDATE meta SET value = value"))  # holds SQLite's one write lock until it is read
        imported = import_file(books, "merchants", path, VAULT, RUN, lambda _bytes_read: writer.commit())

    assert imported.added == 1
    books.close()
    server.close()


def test_readers_go_on_during_an_import(database: str, tmp_path: Path) -> None:
    path = tmp_path / "merchants.csv"
    path.write_text("merchant_id\nM1\n")
    books = open_database(database)

    with books.reading() as reader:
        before = reader.execute(sa.select(sa.func.count()).select_from(schema.merchant)).scalar_one()
        imported = import_file(books, "merchants", path, VAULT, RUN)

    assert (before, imported.added) == (0, 1)
    books.close()


# --- what checks cards, and who works at terminals ---------------------------------------------------------


def test_a_card_takes_what_its_pin_and_codes_are_held_against(books: Books) -> None:
    header = "pan,expiry_yymm,scheme,service_code,sequence,pvv,pvki,cvv_key,limits\n"

    books.load("cards", header + f"{VISA},3012,visa,201,001,1234,1,B,daily=800  qr.single=5\n{UNION},3012,,,,,,,\n")
    new = books.rows(f"SELECT {header.strip().partition('expiry_yymm,')[2]} FROM card ORDER BY card_id")
    changed = books.load("cards", header + f"{VISA},3012,,101,none,none,,none,none\n{UNION},3012,,,,,,,\n")

    assert new == [("visa", "201", "01", "1234", "1", "B", "daily=800 qr.single=5"), ("", "", "", "", "", "", "")]
    assert changed == Imported(2, 0, 1)
    assert books.rows(
        "SELECT scheme, service_code, sequence, pvv, pvki, cvv_key, limits FROM card WHERE pvki <> ''"
    ) == [("visa", "101", "", "", "1", "", "")]


@pytest.mark.parametrize("known", [False, True])
def test_a_pvv_needs_the_index_of_its_key(books: Books, *, known: bool) -> None:
    if known:
        books.load("cards", f"pan,expiry_yymm\n{VISA},3012\n")

    assert books.refused("cards", f"pan,expiry_yymm,pvv\n{VISA},3012,1234\n") == [
        (2, "pvki", "must be given with a pvv: it says under which key that was made")
    ]


PINS = "SELECT pvv, pvki FROM card"


def test_a_card_has_an_offset_or_a_verification_value_and_one_takes_the_others_place(books: Books) -> None:
    said = []
    for header, cells in (
        ("pin_offset", "123456"),
        ("scheme", "visa"),  # says nothing of it
        ("pin_offset,pvv,pvki", "00000,none,none"),
        ("pvv,pvki", "1234,1"),
        ("pin_offset", "9999"),
        ("pvv", "none"),
    ):
        books.load("cards", f"pan,expiry_yymm,{header}\n{VISA},3012,{cells}\n")
        said += books.rows(PINS)

    assert said == [("123456", ""), ("123456", ""), ("00000", ""), ("1234", "1"), ("9999", ""), ("", "")]


@pytest.mark.parametrize(
    ("before", "header", "cells", "column"),
    [
        (("", ""), "pin_offset,pvv,pvki", "1234,1234,1", "pin_offset"),
        (("", ""), "pin_offset,pvv", "1234,1234", "pin_offset"),
        (("", ""), "pin_offset,pvki", "1234,1", "pin_offset"),
        (("pvv,pvki", "1234,1"), "pin_offset,pvv", "1234,1234", "pin_offset"),
        (("pin_offset", "1234"), "pvv", "1234", "pvki"),
        (("pin_offset", "1234"), "pvki", "1", "pvv"),
        (("pvv,pvki", "1234,1"), "pvki", "none", "pvki"),
    ],
)
def test_half_of_what_a_pin_is_held_against_turns_nothing_into_the_other(
    before: tuple[str, str], header: str, cells: str, column: str, books: Books
) -> None:
    if before[0]:
        books.load("cards", f"pan,expiry_yymm,{before[0]}\n{VISA},3012,{before[1]}\n")

    problems = books.refused("cards", f"pan,expiry_yymm,{header}\n{VISA},3012,{cells}\n")

    assert [(line, where) for line, where, _ in problems] == [(2, column)]


def test_terminals_and_merchants_say_how_cards_may_be_shown(books: Books) -> None:
    books.load("merchants", "merchant_id,manual_entry,limits\nM1,with_code,monthly=9000000\nM2,,\n")
    books.load(
        "terminals",
        "terminal_id,merchant_id,manual_entry,fallback,schemes,limits,serial\n"
        "T1,M1,off,no,visa unionpay,single=100,SN-1\nT2,M1,,,,,\n",
    )
    new = books.rows("SELECT manual_entry, fallback, schemes, limits, serial FROM terminal ORDER BY terminal_id")

    books.load(
        "terminals", "terminal_id,merchant_id,manual_entry,fallback,schemes,limits,serial\nT1,M1,,yes,all,none,none\n"
    )

    assert books.rows("SELECT manual_entry, limits FROM merchant ORDER BY merchant_id") == [
        ("with_code", "monthly=9000000"),
        ("free", ""),
    ]
    assert new == [("off", 0, "unionpay visa", "single=100", "SN-1"), ("free", 1, "", "", "")]
    assert books.rows(
        "SELECT manual_entry, fallback, schemes, limits, serial FROM terminal WHERE terminal_id = 'T1'"
    ) == [("off", 1, "", "", "")]


def test_a_terminal_that_a_file_makes_active_is_not_heard_of_yet_and_locked_for_no_reason(books: Books) -> None:
    books.load("merchants", "merchant_id\nM1\n")
    books.load("terminals", "terminal_id,merchant_id,status\nT1,M1,locked\nT2,M1,active\n")
    with books.database.writing() as connection:
        connection.execute(sa.text("UPDATE terminal SET because = 'stolen', last_seen_day = 20260101"))

    books.load("terminals", "terminal_id,merchant_id,status\nT1,M1,active\nT2,M1,active\n")

    assert books.rows("SELECT because, last_seen_day FROM terminal ORDER BY terminal_id") == [
        ("", 0),
        ("stolen", 20260101),
    ]


@pytest.mark.parametrize(
    ("subject", "header", "cell", "reason"),
    [
        ("cards", "scheme", "maestro", "must be one of unionpay, visa, mastercard"),
        ("cards", "service_code", "20", "must be 3 digits"),
        ("cards", "sequence", "100", "must be 0 to 99"),
        ("cards", "pvv", "123", "must be 4 digits"),
        ("cards", "pvki", "12", "must be 1 digits"),
        ("cards", "pin_offset", "123", "must be 4 to 12 digits"),
        ("cards", "pin_offset", "none", "must be 4 to 12 digits"),
        ("cards", "cvv_key", "x" * 17, "longer than 16"),
        ("cards", "limits", "single=5,00", "limit 'single=5,00': write single=NUMBER"),
        ("cards", "limits", "weekly=5", "no such limit; there are single, daily"),
        ("cards", "limits", "web.daily=5", "no such channel; there are swipe, chip"),
        ("cards", "limits", VISA, "limit '...': no such limit"),
        ("terminals", "manual_entry", "no", "must be one of free, with_code, off"),
        ("terminals", "fallback", "1", "must be one of yes, no"),
        ("terminals", "schemes", "visa maestro", "must be one of unionpay"),
        ("terminals", "limits", "daily", "write daily=NUMBER"),
        ("merchants", "manual_entry", "never", "must be one of free, with_code, off"),
        ("merchants", "limits", "daily=1 daily=2", "given twice"),
        ("operators", "operator_id", "0001", "must be 1 to 3 digits"),
        ("operators", "operator_id", "A1", "must be 1 to 3 digits"),
        ("operators", "password", "x" * 33, "must be 1 to 32 characters"),
        ("operators", "password", "schön", "must be printable ASCII"),
        ("operators", "status", "locked", "must be one of active, closed"),
    ],
)
def test_a_wrong_cell_of_these_is_told_with_what_is_allowed(
    books: Books, subject: str, header: str, cell: str, reason: str
) -> None:
    rows = {
        "cards": {"pan": UNION, "expiry_yymm": "3012"},
        "terminals": {"terminal_id": "T1", "merchant_id": "M1"},
        "merchants": {"merchant_id": "M2"},
        "operators": {"merchant_id": "M1", "operator_id": "01"},
    }
    books.load("merchants", "merchant_id\nM1\n")
    row = rows[subject] | {header: f'"{cell}"'}

    ((line, named, why),) = books.refused(subject, f"{','.join(row)}\n{','.join(row.values())}\n")

    assert (line, named) == (2, header)
    assert reason in why
    assert VISA not in why


def test_without_what_reads_limits_and_hashes_passwords_nothing_of_them_is_taken(books: Books, tmp_path: Path) -> None:
    path = tmp_path / "merchants.csv"
    path.write_text("merchant_id,limits\nM1,daily=5\n")

    with pytest.raises(ImportRefused) as refused:
        import_file(books.database, "merchants", path, VAULT, RUN)

    assert refused.value.problems == [(2, "limits", "is not taken here")]


def test_a_password_is_kept_hashed_and_the_same_one_is_left_alone(books: Books) -> None:
    books.load("merchants", "merchant_id\nM1\n")
    file = "merchant_id,operator_id,password\nM1,01,secret\nM1,001,\n"
    first, (kept, none) = (
        books.load("operators", file),
        books.rows("SELECT password, status FROM operator ORDER BY operator_id DESC"),
    )

    again = books.load("operators", file)

    assert (first, again) == (Imported(2, 2, 0), Imported(2, 0, 0))
    assert password_matches(kept[0], "secret")
    assert none == ("", "active")
    assert books.rows("SELECT password FROM operator WHERE operator_id = '01'") == [(kept[0],)]


def test_a_new_password_makes_up_for_wrong_ones_and_none_takes_it_away(books: Books) -> None:
    books.load("merchants", "merchant_id\nM1\n")
    header = "merchant_id,operator_id,password,status\n"
    books.load("operators", header + "M1,1,secret,\nM1,2,secret,\nM1,3,secret,\n")
    with books.database.writing() as connection:
        connection.execute(sa.text("UPDATE operator SET failures = 5"))

    books.load("operators", header + "M1,1,another,\nM1,2,none,\nM1,3,,closed\n")

    found = books.rows("SELECT password, failures, status FROM operator ORDER BY operator_id")
    assert password_matches(found[0][0], "another")
    assert [row[1:] for row in found] == [(0, "active"), (0, "active"), (5, "closed")]
    assert found[1][0] == ""


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("M9,01,", (2, "merchant_id", "no such merchant in the books; import the merchants first")),
        ("M1,01,\nM1,02,\nM1,01,", (4, "operator_id", "stands on line 2 already")),
    ],
)
def test_operators_are_held_against_each_other_and_the_books(
    books: Books, rows: str, problem: tuple[int, str, str]
) -> None:
    books.load("merchants", "merchant_id\nM1\n")

    assert books.refused("operators", f"merchant_id,operator_id,password\n{rows}\n") == [problem]


# --- the demo's own ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pan", "pin"),
    [(VISA, "1234"), (UNION, "6247"), ("6200000000000013", "6213"), ("6200000000000104", "6104")],
)
def test_the_pvv_of_a_demo_card_is_that_of_its_pin(pan: str, pin: str) -> None:
    with (specs_directory() / "demo" / "cards.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["pan"] == pan)

    assert row["pvv"] == pvv(des(DEMO_CVK), pan, row["pvki"], pin)
