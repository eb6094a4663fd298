"""What a glance at the books tells, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from switch.errors import DatabaseError
from switch.ledger import schema
from switch.ledger.audit_kept import keep_audit, read_kept_audit
from switch.ledger.audit_words import Finding
from switch.ledger.database import open_database, read_meta
from switch.ledger.glance import Glance, Mark, can_commit, glance
from switch.ledger.ids import EPOCH, TAG_BITS
from tests.ledger.sample_books import HALVED, PRE_AUTH, RELEASED, RICH, SALE, SampleBooks, fill, send
from tests.ledger.shop import NOON, purchase, reversal

SECOND = 1_000_000


@pytest.fixture
def books(database: str, tmp_path: Path) -> Iterator[SampleBooks]:
    with closing(open_database(database)) as opened:
        yield fill(opened, tmp_path)


def id_at(moment: int) -> int:
    return (moment - EPOCH) << TAG_BITS


def look(books: SampleBooks, after_s: int = 0, mark: Mark | None = None, unanswered: tuple[int, ...] = ()) -> Glance:
    return glance(books.database, NOON + after_s * SECOND, mark, unanswered)


def journal_id(books: SampleBooks, stan: int) -> int:
    ids = [its.journal_id for its in books.outcomes if int(its.request.stan) == stan]
    assert ids[0] is not None
    return ids[0]


# --- balances and entries ----------------------------------------------------------------------------------


def test_sound_books_are_in_balance_at_every_glance(books: SampleBooks) -> None:
    marks: list[Mark | None] = [None]
    differences = []
    for turn in range(4):
        send(books.database, purchase(500 + turn, 100 + turn), first_id=id_at(NOON + turn * 50 * SECOND))
        found = look(books, turn * 50 + 1, marks[-1])
        differences.append(found.imbalance_minor)
        marks.append(found.mark)

    assert differences == [0, 0, 0, 0]
    assert len(set(marks)) == 5


def test_a_balance_that_nothing_moved_is_found_and_stays_found_until_it_is_put_right(books: SampleBooks) -> None:
    before = look(books)

    books.damage("UPDATE balance SET ledger_minor = ledger_minor + 7")
    broken = look(books, 30, before.mark)
    still = look(books, 60, broken.mark)
    books.damage("UPDATE balance SET ledger_minor = ledger_minor - 7")
    mended = look(books, 90, still.mark)

    assert [each.imbalance_minor for each in (before, broken, still, mended)] == [0, 14, 14, 0]


def test_an_entry_that_no_balance_followed_is_found(books: SampleBooks) -> None:
    before = look(books)
    send(books.database, purchase(500, 100), first_id=id_at(NOON + SECOND))

    books.damage(f"UPDATE transfer SET amount_minor = 90 WHERE journal_id = {id_at(NOON + SECOND)}")

    assert look(books, 30, before.mark).imbalance_minor == -10


def test_a_request_that_commits_very_late_alarms_nobody(books: SampleBooks) -> None:
    mark = look(books).mark

    send(books.database, purchase(500, 100), first_id=id_at(NOON - 600 * SECOND))
    found = look(books, 30, mark)
    after = look(books, 60, found.mark)

    assert (found.imbalance_minor, after.imbalance_minor) == (0, 0)


def test_a_clock_that_was_set_back_begins_anew(books: SampleBooks) -> None:
    mark = look(books, 3_600).mark

    found = look(books, 0, mark)

    assert found.imbalance_minor == 0
    assert found.mark.floor < mark.floor


# --- money at risk -----------------------------------------------------------------------------------------


def test_only_what_nobody_undid_is_at_risk(books: SampleBooks) -> None:
    asked = [journal_id(books, stan) for stan in (SALE, PRE_AUTH, RELEASED, HALVED)]

    found = look(books, unanswered=tuple(asked))

    assert found.at_risk == {asked[0]: ("156", 1_000), asked[1]: ("156", 3_000), asked[3]: ("156", 450)}
    assert found.currencies == ["156"]


def test_more_payments_than_one_query_takes_are_looked_after(books: SampleBooks) -> None:
    sale = journal_id(books, SALE)

    found = look(books, unanswered=(*range(10**12, 10**12 + 1_234), sale))

    assert list(found.at_risk) == [sale]


# --- counts ------------------------------------------------------------------------------------------------


def test_reversals_without_an_original_count_for_a_day(books: SampleBooks) -> None:
    send(books.database, reversal(700, 5, RICH), first_id=id_at(NOON - 3_600 * SECOND))

    assert look(books).reversals_unmatched == 1
    assert look(books, 23 * 3_600 + 1).reversals_unmatched == 0


def test_terminals_are_counted_by_status_and_by_unbalanced_batch(books: SampleBooks) -> None:
    books.damage("UPDATE terminal SET status = 'locked', batch_state = 'unbalanced' WHERE terminal_id = 'T2'")

    found = look(books)

    assert sum(found.terminals.values()) == 2
    assert found.terminals["locked"] == 1
    assert found.terminals["retired"] == 0
    assert found.batches_unbalanced == 1


def test_what_waits_for_an_operator_is_counted_while_it_is_open(books: SampleBooks) -> None:
    sale, account = journal_id(books, SALE), "terminal_id, merchant_id, batch, stan"
    books.damage(
        f"INSERT INTO adjustment (journal_id, payment_id, amount_minor, why) VALUES ({sale}, {sale}, 5, 'late')",
        f"INSERT INTO discrepancy (id, {account}, what) VALUES (1, 'T1', 'M1', '000001', '000001', 'missing')",
        f"INSERT INTO discrepancy (id, {account}, what, state) VALUES (2, 'T1', 'M1', '000001', '000002', 'extra', 'settled')",
        "INSERT INTO business_day (day, opened_at, closed_at, state) VALUES (20260101, 1, 2, 'closed')",
        "INSERT INTO business_day (day, opened_at, closed_at, state) VALUES (20260102, 2, 3, 'closed')",
        "INSERT INTO clearing_file (business_day, items, debit_minor, credit_minor, sha256, made_at) VALUES (20260101, 0, 0, 0, '', 3)",
    )

    found = look(books)

    assert (found.adjustments_open, found.differences_open, found.settlements_due) == (1, 1, 1)


def test_maintenance_and_room_are_told(books: SampleBooks) -> None:
    before = look(books)

    with books.database.writing() as connection:
        connection.execute(sa.update(schema.maintenance).values(is_on=1))

    assert (before.in_maintenance, look(books).in_maintenance) == (False, True)
    assert before.database_bytes > 100_000
    is_file = books.database.dialect == "sqlite"
    assert (before.disk_free_bytes is not None) is is_file


# --- the audit's result ------------------------------------------------------------------------------------


def test_the_last_audit_is_kept_and_takes_the_place_of_the_one_before(books: SampleBooks) -> None:
    never = look(books).audit
    bad = [Finding("I1", "", "", 0, (), ()), Finding("I2", "", "", 3, ("x",), ()), Finding("I7", "", "", 1, ("y",), ())]

    keep_audit(books.database, NOON, bad)
    first = look(books).audit
    keep_audit(books.database, NOON + SECOND, bad[:1])
    second = look(books).audit

    assert never is None
    assert first == (NOON, 4, ("I2", "I7"))
    assert second == (NOON + SECOND, 0, ())
    with books.database.reading() as connection:
        assert read_kept_audit(read_meta(connection)) == second


# --- storing -----------------------------------------------------------------------------------------------


def test_a_commit_is_tried_with_a_change_each_time_that_means_nothing(books: SampleBooks) -> None:
    before = books.rows("SELECT name, value FROM meta ORDER BY name")

    found = []
    for _ in range(3):
        can_commit(books.database)
        found.append(books.rows("SELECT value FROM meta WHERE name = 'probe'"))

    assert found == [[("0",)], [("1",)], [("0",)]]
    assert books.rows("SELECT name, value FROM meta WHERE name <> 'probe' ORDER BY name") == before


def test_books_that_take_no_commit_are_told(sqlite_database: str) -> None:
    with closing(open_database(sqlite_database)) as database:
        sa.event.listen(database.engine, "connect", lambda driver, _: driver.execute("PRAGMA query_only = ON"))

        with pytest.raises(DatabaseError, match="readonly"):
            can_commit(database)
