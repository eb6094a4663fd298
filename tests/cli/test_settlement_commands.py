"""``switch settlement``, as an operator types it: batches, what differs, a day closed, and what was made of it."""

from __future__ import annotations

import csv
import re
from html import unescape
from io import StringIO
from itertools import count
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from switch.cli import audit, closing_day, imports, journal, settlement
from switch.cli.books import open_books
from switch.cli.setup import install, settings_text
from switch.errors import NotInBooks, OperatorError
from switch.ledger.group import Rules
from switch.ledger.sessions import connector
from switch.ledger.store import Store
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Extras, Request
from switch.messages.settlement import BatchTotals, Totals, UploadedRecord
from switch.transactions.decide import decide
from switch.transactions.table import NEEDS
from switch.values import Pan
from tests.ledger import sample_books
from tests.ledger.sample_books import CARDS, RICH, TERMINALS
from tests.ledger.shop import NOON, TODAY, business_day, purchase, refund, reversal

DAY = "2026-03-04"
UNION = Pan("6200000000000047")
MERCHANTS = 'merchant_id,name,fee_plan,shares\nM1,"Tea & <b>House</b>",standard,AGENT01=20%\nM2,Rice,,\n'
UNION_CARD = f"pan,expiry_yymm,balance_minor,class,scheme\n{UNION.reveal()},3012,500000,I,unionpay\n"

root = typer.Typer()
root.add_typer(imports.import_app, name="import")
root.add_typer(journal.journal_app, name="journal")
root.add_typer(settlement.settlement_app, name="settlement")
root.command("audit")(audit.audit)


class Office:
    """An installation with a merchant whose terminal T1 has a batch, and the commands run there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "switch.toml"
        self._ids = count(1_000_000)
        install(folder, settings_text("sqlite:///switch.sqlite3"))
        imported = {"merchants": MERCHANTS, "terminals": TERMINALS, "cards": CARDS}
        for subject, content in (*imported.items(), ("cards", UNION_CARD)):
            (folder / f"{subject}.csv").write_text(content)
            self.ok("import", subject, str(folder / f"{subject}.csv"))

    def run(self, *arguments: str) -> Result:
        environment = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
        result = CliRunner(env=environment).invoke(root, [*arguments, "--config", str(self.config)])
        assert not any(pan.reveal() in result.output for pan in (RICH, UNION))
        return result

    def ok(self, *arguments: str, status: int = 0) -> str:
        result = self.run(*arguments)
        assert result.exit_code == status, result.exception or result.output
        return result.output

    def fails(self, *arguments: str) -> OperatorError:
        """Run a command that ends in an operator's error: the console script makes it exit status 2."""
        error = self.run(*arguments).exception
        assert isinstance(error, OperatorError), error
        return error

    def send(self, *requests: Request) -> list[Action]:
        """Decide requests at noon of the day, each alone."""
        with open_books(self.config) as books:
            vault = books.vault()
            rules = Rules(decide, NEEDS, business_day, pan_key=vault.pan_key)
            store = Store(connector(books.database), rules, vault.pan_key, lambda: NOON, lambda: next(self._ids))
            outcomes = [outcome for request in requests for outcome in store.run([request]).outcomes]
            store.close()
        return [outcome.reply.action for outcome in outcomes if outcome.reply is not None]

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with open_books(self.config) as books:
            return list(sample_books.SampleBooks(books.database, []).rows(statement))

    def differences(self) -> dict[str, str]:
        """The numbers of the discrepancies, by STAN."""
        said = self.run("settlement", "discrepancies", "--all").output
        return {
            stan: number for number, stan in re.findall(r"^(\d+)  T1  batch 000001  STAN (\d+)", said, re.MULTILINE)
        }


def sale(stan: int, amount: int, pan: Pan = UNION, **others: object) -> Request:
    return purchase(stan, amount, pan, batch="000001", **others)


def settling(stan: int, domestic: Totals = Totals(), foreign: Totals = Totals()) -> Request:  # noqa: B008 - immutable
    totals = BatchTotals(domestic, foreign)
    return purchase(stan, None, None, kind=Kind.SETTLEMENT, mti="0500", batch="000001", extras=Extras(totals=totals))


def upload(stan: int, *records: UploadedRecord) -> tuple[Request, Request]:
    records_of = purchase(stan, None, None, kind=Kind.BATCH_UPLOAD, mti="0320", batch="000001")
    end = purchase(stan + 1, None, None, kind=Kind.BATCH_END, mti="0320", batch="000001")
    return (
        records_of._replace(extras=Extras(records=records)),
        end._replace(extras=Extras(record_count=len(records))),
    )


@pytest.fixture
def office(migrated_folder: Path) -> Office:
    return Office(migrated_folder)


@pytest.fixture
def settled(office: Office) -> Office:
    """A batch that did not balance: one sale the terminal lost, one it has beyond the books, one of another amount."""
    answers = office.send(
        sale(1, 10_000),
        sale(2, 2_500, RICH),
        sale(3, 700),
        settling(10, Totals(10_050, 2)),
        *upload(
            11,
            UploadedRecord(True, "000001", UNION, 10_050),
            UploadedRecord(True, "000009", UNION, 300),
            UploadedRecord(False, "000002", RICH, 2_500),
        ),
    )
    assert answers == [Action.APPROVED] * 6
    return office


# --- batches -----------------------------------------------------------------------------------------------


def test_an_open_batch_is_listed_with_what_the_books_have_in_it_now(office: Office) -> None:
    office.send(sale(1, 10_000), sale(2, 2_500, RICH), refund(3, 500, RICH, of=2, batch="000001"))

    assert office.ok("settlement", "batches", "--open", "--terminal", "T1").splitlines() == [
        "T1  batch 000001  open, not settled",
        "  domestic  books       1 debits       100.00 CNY    0 credits       0.00 CNY",
        "  foreign   books       1 debits        25.00 CNY    1 credits       5.00 CNY",
    ]


def test_a_settled_batch_is_listed_with_both_sides_totals(settled: Office) -> None:
    said = settled.ok("settlement", "batches")

    assert said.splitlines() == [
        "T1  batch 000001  closed, settled 2026-03-04 20:00:00, 3 records uploaded",
        "  domestic  books       2 debits       107.00 CNY    0 credits       0.00 CNY",
        "            terminal    2 debits       100.50 CNY    0 credits       0.00 CNY  differs",
        "  foreign   books       1 debits        25.00 CNY    0 credits       0.00 CNY",
        "            terminal    0 debits         0.00 CNY    0 credits       0.00 CNY  differs",
    ]
    assert settled.ok("settlement", "batches", "--unbalanced") == "no such batches\n"
    assert settled.ok("settlement", "batches", "--terminal", "T2") == "no such batches\n"


def test_a_batch_is_not_open_and_unbalanced(office: Office) -> None:
    assert "choose one" in str(office.fails("settlement", "batches", "--open", "--unbalanced"))


# --- what does not agree -----------------------------------------------------------------------------------


def test_each_difference_is_named_with_what_it_means(settled: Office) -> None:
    said = settled.ok("settlement", "discrepancies", status=1)
    numbers = settled.differences()

    assert sorted(numbers) == ["000001", "000003", "000009"]
    assert "1 batches compared now, 3 differences found" in said
    assert (
        f"{numbers['000003']}  T1  batch 000001  STAN 000003  open\n"
        "  missing: the books have it, the terminal does not\n"
        "  books purchase 7.00 CNY, terminal nothing\n"
        "  card 620000******0047, RRN "
    ) in said
    assert "extra: the terminal has it, the books do not\n  books nothing, terminal 3.00 CNY\n" in said
    assert "different: both have it, with different amounts\n  books purchase 100.00 CNY, terminal 100.50 CNY\n" in said
    assert max(map(len, said.splitlines())) <= 80


def test_an_upload_of_which_not_all_came_is_named_with_its_differences(office: Office) -> None:
    records, end = upload(11, UploadedRecord(True, "000001", UNION, 10_000))
    office.send(sale(1, 10_000), sale(2, 700), settling(10), records, end._replace(extras=Extras(record_count=2)))

    said = office.ok("settlement", "discrepancies", status=1)

    assert (
        "T1  batch 000001  1 of the 2 records came that its end announced\n"
        "  what is missing may have been lost on the way: ask for the receipts first\n"
    ) in said
    assert max(map(len, said.splitlines())) <= 80
    assert "  the end of the upload announced 2 records, 1 came\n" in office.ok("settlement", "batches")


def test_a_batch_whose_terminal_is_gone_is_closed_compared_and_written_down(office: Office) -> None:
    records, _end = upload(11, UploadedRecord(True, "000001", UNION, 10_000))
    office.send(sale(1, 10_000), sale(2, 700), sale(3, 50), settling(10), records)

    first = office.ok("settlement", "close-batch", "T1", "--because", "stolen")
    again = office.ok("settlement", "close-batch", "T1", "--batch", "1", "--because", "stolen")
    differences = office.ok("settlement", "discrepancies", status=1)

    assert first == (
        "batch 000001 of terminal T1 is closed; 1 records of it had been uploaded\n"
        "  2 differences: switch settlement discrepancies --terminal T1\n"
    )
    assert re.fullmatch(
        r"batch 000001 of terminal T1 was closed by an operator before, [0-9: -]+: nothing has changed\n", again
    )
    assert differences.count("  missing: the books have it, the terminal does not\n") == 2
    assert "T1  batch 000001  closed, settled " in office.ok("settlement", "batches")
    assert office.rows("SELECT DISTINCT target, because FROM change_log WHERE what LIKE 'settlement.close_batch%'") == [
        ("batch:T1/000001", "stolen")
    ]
    assert "all invariants hold" in office.ok("audit")


def test_only_a_batch_that_waits_for_its_upload_is_closed_by_hand(settled: Office) -> None:
    def fails(*arguments: str) -> str:
        return str(settled.fails("settlement", "close-batch", *arguments, "--because", "gone"))

    assert "batch 000001 of terminal T1 is closed: its terminal ended the upload" in fails("T1")
    assert "batch 000001 of terminal T2 is open: it was never settled" in fails("T2")
    assert "terminal T9 is not in the books" in fails("T9")
    assert "terminal T1 has no batch 000009" in fails("T1", "--batch", "9")
    assert "at most six digits" in fails("T1", "--batch", "1234567")
    assert settled.run("settlement", "close-batch", "T1").exit_code == 2  # nobody says why
    settled.fails("settlement", "close-batch", "T1", "--because", f"card {UNION.reveal()}")


def test_where_nothing_differs_nothing_waits(office: Office) -> None:
    assert office.ok("settlement", "discrepancies") == "nothing waits for an operator\n"


def test_differences_are_settled_one_by_one_and_once(settled: Office) -> None:
    settled.ok("settlement", "discrepancies", status=1)
    numbers = settled.differences()

    lost = settled.ok("settlement", "adjust", numbers["000003"], "--accept", "terminal", "--because", "no receipt")
    again = settled.ok("settlement", "adjust", numbers["000003"], "--accept", "host")
    beyond = settled.ok("settlement", "adjust", numbers["000009"], "--accept", "terminal")
    other = settled.ok("settlement", "adjust", numbers["000001"], "--accept", "host")

    assert lost.startswith("returned 7.00 CNY to card 620000******0047: correction ")
    assert again.endswith(": nothing has changed\n")
    assert beyond.startswith("charged 3.00 CNY to card 620000******0047: correction ")
    assert other == f"discrepancy {numbers['000001']} is settled as the books have it\n"
    assert settled.rows("SELECT reason, amount_minor FROM journal WHERE kind = 'correction' ORDER BY journal_id") == [
        ("return", 700),
        ("charge", 300),
    ]
    everything = settled.ok("settlement", "discrepancies", "--all")
    assert everything.count("settled by correction") == 2
    assert ": no receipt\n" in everything
    assert everything.endswith("nothing waits for an operator\n")
    assert "all invariants hold" in settled.ok("audit")


def test_a_reason_is_short_and_holds_no_card_number(settled: Office) -> None:
    settled.ok("settlement", "discrepancies", status=1)
    number = settled.differences()["000009"]

    for because in (f"card {UNION.reveal()}", "card 6200 0000 0000 0047", "x" * 201):
        settled.fails("settlement", "adjust", number, "--accept", "host", "--because", because)
    assert len(settled.rows("SELECT 1 FROM discrepancy WHERE state = 'open'")) == 3


def test_a_number_that_is_none_and_a_word_that_is_none_are_told(office: Office) -> None:
    assert isinstance(office.fails("settlement", "adjust", "4711", "--accept", "host"), NotInBooks)
    assert isinstance(office.fails("settlement", "settle", "4711", "--accept", "host"), NotInBooks)
    assert office.run("settlement", "adjust", "4711", "--accept", "both").exit_code == 2


def test_a_reversal_that_came_too_late_is_settled(office: Office) -> None:
    office.send(sale(1, 10_000))
    office.ok("settlement", "cutover", "--day", DAY)
    assert office.send(reversal(1, 10_000, UNION, batch="000001")) == [Action.ORIGINAL_CLOSED]
    (number,) = re.findall(r"journal (\d+) of payment", office.ok("journal", "adjustments"))

    first = office.ok("settlement", "settle", number, "--accept", "terminal")
    second = office.ok("settlement", "settle", number, "--accept", "terminal")

    assert first.startswith("returned 100.00 CNY to card 620000******0047: correction ")
    assert second == f"adjustment {number} was settled before: nothing has changed\n"
    assert office.ok("journal", "adjustments") == "nothing waits for an operator\n"


# --- days --------------------------------------------------------------------------------------------------


def test_a_day_is_closed_and_settled_once(settled: Office) -> None:
    first = settled.ok("settlement", "cutover", "--day", DAY)
    everything = settled.rows("SELECT * FROM journal"), settled.rows("SELECT * FROM clearing_file")
    second = settled.ok("settlement", "cutover", "--day", DAY)

    assert first.splitlines()[:4] == [
        "2026-03-04 closed; 2026-03-05 is open",
        "  1 uploaded batches compared, 3 differences found",
        "  1 statements made",
        "  clearing file: 3 items, debits 13,200 and credits 0 in minor units",
    ]
    assert re.fullmatch(r"2026-03-04 was closed .* and is settled: nothing was left to do\n", second)
    assert (settled.rows("SELECT * FROM journal"), settled.rows("SELECT * FROM clearing_file")) == everything


def test_days_that_are_over_come_first_and_the_running_one_stays_open(office: Office) -> None:
    office.send(sale(1, 10_000))

    said = office.ok("settlement", "cutover")

    assert said.startswith("2026-03-04 is over, and was not settled\n")
    assert "1 statements made" in said
    assert office.rows("SELECT state FROM business_day ORDER BY day") == [("closed",), ("open",)]


def test_the_running_day_is_closed_once_those_before_it_are_settled(office: Office) -> None:
    first = office.ok("settlement", "cutover")
    closed_day = first.partition(" ")[0]
    second, third = (office.ok("settlement", "cutover", "--day", closed_day) for _ in range(2))

    assert first.startswith(f"{closed_day} closed; ")
    assert "nothing was left to do" in second
    assert second == third


def test_a_day_ends_at_the_configured_time(office: Office) -> None:
    text = office.config.read_text()
    office.config.write_text(f'cut_over = "23:00"\n{text}')
    before, after = (NOON + minutes * 60_000_000 for minutes in (179, 180))  # 22:59 and 23:00 in Shanghai

    with open_books(office.config) as books:
        days = [str(closing_day.business_day_at(books, at)) for at in (before, after)]

    assert days == ["2026-03-04", "2026-03-05"]


@pytest.mark.parametrize("day", ["2026-03-09", "2026-02-30", "yesterday", "20260304"])
def test_only_a_day_that_is_open_is_closed(office: Office, day: str) -> None:
    office.send(sale(1, 10_000))

    office.fails("settlement", "cutover", "--day", day)

    assert office.rows("SELECT day, state FROM business_day") == [(20260304, "open")]


def test_days_are_listed_with_what_was_made_of_them(office: Office) -> None:
    assert office.ok("settlement", "days") == "no business days yet\n"
    office.send(sale(1, 10_000))
    office.ok("settlement", "cutover", "--day", DAY)

    first, sha, second = office.ok("settlement", "days").splitlines()

    assert re.fullmatch(r"2026-03-04  closed [0-9: -]+, 1 statements, 1 items", first)
    assert re.fullmatch(r"  SHA-256 [0-9a-f]{64}", sha)
    assert second == "2026-03-05  open"


# --- statements and clearing -------------------------------------------------------------------------------


@pytest.fixture
def closed(office: Office) -> Office:
    office.send(
        sale(1, 100_000),
        sale(2, 2_500, RICH),
        refund(3, 500, RICH, of=2, batch="000001"),
        sale(4, 1_000, UNION, terminal_id="T2"),
    )
    office.ok("settlement", "cutover", "--day", DAY)
    return office


def test_a_statement_is_a_table_of_eighty_columns(closed: Office) -> None:
    said = closed.ok("settlement", "statement", "M1", DAY)

    assert "Statement of merchant M1  Tea & <b>House</b>\nbusiness day 2026-03-04, in CNY, fee plan standard\n" in said
    assert [line.split() for line in said.splitlines()[4:8]] == [
        ["Gross", "1,035.00"],
        ["Credits", "-5.00"],
        ["Fees", "-5.43"],
        ["Net", "1,024.57"],
    ]
    assert re.search(r"^  AGENT01 +1\.08$", said, re.MULTILINE)
    assert "unionpay   debit          2        1,010.00        0            0.00        5.05\n" in said
    assert "12:00:00 T1       000003 refund     411111******1111            -5.00      0.00\n" in said
    assert max(map(len, said.splitlines())) <= 80


def test_a_statement_as_csv_has_a_line_for_each_item_and_the_totals(closed: Office) -> None:
    rows = list(csv.DictReader(StringIO(closed.ok("settlement", "statement", "M1", DAY, "--format", "csv"))))

    items = [row for row in rows if row["line"] == "item"]
    others = {row["line"]: row["amount"] for row in rows if row["line"] != "item"}
    assert [(row["stan"], row["kind"], row["amount"], row["fee"]) for row in items] == [
        ("000001", "purchase", "1000.00", "5.00"),
        ("000002", "purchase", "25.00", "0.38"),
        ("000003", "refund", "-5.00", "0.00"),
        ("000004", "purchase", "10.00", "0.05"),
    ]
    assert others == {"share": "1.08", "gross": "1035.00", "credits": "5.00", "fees": "5.43", "net": "1024.57"}


def test_a_statement_as_a_page_stands_alone_and_escapes_what_others_wrote(closed: Office) -> None:
    file = closed.folder / "statement.html"

    assert (
        closed.ok("settlement", "statement", "M1", DAY, "--format", "html", "--out", str(file)) == f"{file} written\n"
    )

    page = file.read_text("utf-8")
    assert "Tea &amp; &lt;b&gt;House&lt;/b&gt;" in page
    assert "<b>House" not in page
    assert re.search(r"<script|<link|<img|<iframe|@import|url\(|https?:|src=|\son\w+=", page) is None
    assert "商户对账单" in page
    assert "@page { size: A4" in page
    text = unescape(re.sub(r"<[^>]+>", " ", page))
    for seen in ("1,035.00", "5.00", "5.43", "1,024.57", "411111******1111", "AGENT01", "退货 refund", "-5.00"):
        assert seen in text
    assert page.count("<tr>") == (1 + 2) + (1 + 1) + (1 + 4)


def test_what_said_no_time_stands_everywhere_with_the_time_of_its_answer(office: Office) -> None:
    """It is noon in Greenwich, eight in the evening in Shanghai."""
    office.send(sale(1, 700, local_time="", has_local_date=False))
    office.ok("settlement", "cutover", "--day", DAY)

    table, page, text = (
        office.ok("settlement", "statement", "M1", DAY, "--format", form) for form in ("table", "html", "csv")
    )
    row = next(csv.DictReader(StringIO(text)))
    _header, item, _trailer = csv.reader(StringIO(office.ok("settlement", "clearing", DAY)))

    assert "\n20:00:00 T1       000001 sale " in table
    assert "<td>20:00:00</td>" in page
    assert (row["date"], row["time"]) == ("2026-03-04", "20:00:00")
    assert item[7:9] == ["20260304", "200000"]


def test_a_statement_that_is_not_there_is_told(closed: Office) -> None:
    assert "nothing moved" in str(closed.fails("settlement", "statement", "M2", DAY))
    assert "not settled yet" in str(closed.fails("settlement", "statement", "M1", "2026-03-05"))
    assert "not in the books" in str(closed.fails("settlement", "statement", "M9", DAY))
    assert "written like" in str(closed.fails("settlement", "statement", "M1", "today"))


def test_a_clearing_file_that_was_written_is_found_sound(closed: Office) -> None:
    file = closed.folder / "clearing.csv"
    closed.ok("settlement", "clearing", DAY, "--out", str(file))

    assert file.read_bytes().decode() == closed.ok("settlement", "clearing", DAY)
    assert closed.ok("settlement", "clearing", "--verify", str(file)) == f"{file}: sound\n"
    assert closed.ok("settlement", "clearing", DAY, "--verify", str(file)).endswith(f"the clearing file of {DAY}\n")


def test_a_clearing_file_that_was_touched_is_found_out(closed: Office) -> None:
    file = closed.folder / "clearing.csv"
    closed.ok("settlement", "clearing", DAY, "--out", str(file))
    sound = file.read_bytes()

    file.write_bytes(sound.replace(b"100000", b"100001"))
    assert "sum of debits" in closed.ok("settlement", "clearing", "--verify", str(file), status=1)
    file.write_bytes(b"\xff\xfe")
    assert "not text" in closed.ok("settlement", "clearing", "--verify", str(file), status=1)
    file.unlink()
    assert "cannot be read" in str(closed.fails("settlement", "clearing", "--verify", str(file)))


def test_another_days_clearing_file_is_told_from_the_right_one(closed: Office) -> None:
    file = closed.folder / "clearing.csv"
    closed.ok("settlement", "clearing", DAY, "--out", str(file))
    closed.ok("settlement", "cutover", "--day", "2026-03-05")

    said = closed.ok("settlement", "clearing", "2026-03-05", "--verify", str(file), status=1)

    assert "not the clearing file of 2026-03-05" in said


def test_a_clearing_file_needs_a_day_that_is_settled(office: Office) -> None:
    assert "name the day" in str(office.fails("settlement", "clearing"))
    assert isinstance(office.fails("settlement", "clearing", DAY), NotInBooks)
    assert str(TODAY) == DAY
