"""A closed day is settled to the cent, once, wherever it was broken off and whoever else does it too."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from hashlib import sha256
from itertools import count
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from switch.decisions.closing import Booked, Difference, MadeFile, MadeStatement, Movement, Terms, Uploaded
from switch.errors import ConfigurationError, DatabaseError, NotInBooks, OperatorError
from switch.ledger import schema
from switch.ledger.audit_days import BATCHES, DAYS
from switch.ledger.behind import stepping_back
from switch.ledger.clearing import clearing_content, keep_clearing_file
from switch.ledger.movements import Packed, spooled_movements, unsettled_movements
from switch.ledger.settling import settle_day
from switch.settlement.clearing import problems_of
from switch.settlement.statements import read_statement
from tests.ledger.closed_days import (
    BATCH,
    MAKER,
    SETTLED_AT,
    TOMORROW,
    close,
    everything,
    of,
    offenders,
    second_merchant,
    settle,
    trade,
)
from tests.ledger.shop import LIMITED, MERCHANT_ACCOUNT, TODAY, Shop

DAY = 20260304
TOTALS = "merchant_id, gross_minor, credit_minor, fee_minor, share_minor, net_minor, items"


@pytest.fixture
def day(shop: Shop) -> Shop:
    """A day of two merchants that is closed, and not settled."""
    second_merchant(shop)
    trade(shop)
    close(shop)
    return shop


def rows(shop: Shop, statement: str) -> list[tuple[Any, ...]]:
    with shop.database.reading() as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement))]


def moved(shop: Shop, account_id: int, day: int) -> int:
    """What a day changed on an account, by its transfers alone."""
    [(minor,)] = rows(
        shop,
        f"""
        SELECT coalesce(sum(CASE WHEN credit_account_id = {account_id} THEN t.amount_minor ELSE -t.amount_minor END), 0)
          FROM transfer AS t JOIN journal USING (journal_id)
         WHERE business_day = {day} AND {account_id} IN (debit_account_id, credit_account_id)""",
    )
    return int(minor)


# --- what is made ------------------------------------------------------------------------------------------


def test_a_statement_is_the_ledgers_movement_to_the_cent(day: Shop) -> None:
    report = settle(day)

    visa, unionpay = 202 + 50 + 10, 36
    fee = visa + unionpay
    shares = fee * 20 // 100 + fee * 5 // 100
    gross, returned = 10_100 + 6_000 + 2_000 + 400 + 2_500, 2_000 + 1_000
    assert rows(day, f"SELECT {TOTALS} FROM statement ORDER BY merchant_id") == [
        ("M1", gross, returned, fee, shares, gross - returned - fee, 7),
        ("M2", 8_000, 50, 146, 0, 7_804, 3),
    ]
    assert moved(day, MERCHANT_ACCOUNT, DAY) == gross - returned - fee
    assert moved(day, 2, DAY) == 7_804
    assert report.statements == 2


def test_fees_go_to_the_acquirer_and_shares_to_the_agents(day: Shop) -> None:
    settle(day)

    assert rows(
        day,
        """
        SELECT a.kind, a.name, j.merchant_id, t.amount_minor
          FROM transfer t JOIN journal j USING (journal_id) JOIN account a ON a.account_id = t.credit_account_id
         WHERE j.kind = 'statement' ORDER BY j.merchant_id, t.leg""",
    ) == [
        ("fee", "acquirer", "M1", 298 - 59 - 14),
        ("agent", "AGENT01", "M1", 59),
        ("agent", "AGENT02", "M1", 14),
        ("fee", "acquirer", "M2", 146),
    ]


def test_the_clearing_file_has_every_item_and_its_hash_is_kept(day: Shop) -> None:
    kept = settle(day).clearing

    content = clearing_content(day.database, DAY)
    assert problems_of(content) == []
    assert (kept.items, kept.debit_minor, kept.credit_minor) == (10, 29_000, 3_050)
    assert kept.sha256 == sha256(content.encode()).hexdigest()
    assert [line.split(",")[1:8:3] for line in content.splitlines()[1:3]] == [
        ["M1", "000001", "20260304"],
        ["M1", "000002", "20260304"],
    ]


def test_a_day_is_settled_behind_a_switch(day: Shop) -> None:
    with stepping_back() as behind:
        report = settle_day(day.database, TODAY, MAKER, lambda: next(day.ids), lambda: SETTLED_AT, behind)

    assert report.statements == 2
    assert settle(day).statements == 0
    assert problems_of(clearing_content(day.database, DAY)) == []
    assert offenders(day.database, DAYS) == []


def test_a_statement_lists_its_items_with_masked_cards(day: Shop) -> None:
    settle(day)

    with day.database.reading() as connection:
        its = schema.statement.c
        content = connection.execute(sa.select(its.content).where(its.merchant_id == "M1")).scalar_one()
    assert [
        (item.kind, item.stan, item.masked_pan, item.amount_minor, item.fee_minor)
        for item in read_statement(content).items
    ] == [
        ("purchase", "000001", "411111******1111", 10_100, 202),
        ("purchase", "000002", "620000******0047", 6_000, 36),
        ("purchase", "000003", "411111******1111", 2_000, 0),
        ("void", "000004", "411111******1111", -2_000, 0),
        ("refund", "000005", "411111******1111", -1_000, 0),
        ("purchase", "000007", "411111******1111", 400, 10),
        ("completion", "000009", "411111******1111", 2_500, 50),
    ]


def test_the_next_day_is_settled_by_itself(day: Shop) -> None:
    settle(day)
    close(day, TOMORROW)

    settle(day, TOMORROW)

    assert rows(day, f"SELECT {TOTALS} FROM statement WHERE business_day = 20260305") == [
        ("M1", 5_000, 0, 100, 25, 4_900, 1)
    ]


def test_a_day_on_which_nothing_moved_has_an_empty_file(shop: Shop) -> None:
    close(shop)

    assert settle(shop).clearing[:3] == (0, 0, 0)
    assert rows(shop, "SELECT 1 FROM statement") == []


def test_a_merchant_without_a_plan_gets_a_statement_and_pays_nothing(shop: Shop) -> None:
    shop.send(of(1, 1_000))
    close(shop)

    settle(shop)

    assert rows(shop, f"SELECT {TOTALS}, journal_id FROM statement") == [("M1", 1_000, 0, 0, 0, 1_000, 1, None)]
    assert rows(shop, "SELECT 1 FROM journal WHERE kind = 'statement'") == []


@pytest.mark.parametrize(("which", "why"), [(TODAY, "still open"), (date(2026, 1, 1), "is no business day")])
def test_only_a_closed_day_is_settled(shop: Shop, which: date, why: str) -> None:
    shop.send(of(1, 1_000))

    with pytest.raises(OperatorError, match=why):
        settle(shop, which)


def test_a_day_that_is_not_settled_has_no_clearing_file(day: Shop) -> None:
    with pytest.raises(NotInBooks, match="not settled"):
        clearing_content(day.database, DAY)


# --- once --------------------------------------------------------------------------------------------------


class Breaking:
    """A maker that fails at a merchant, as if the power had gone."""

    def __init__(self, at: str) -> None:
        self._at = at

    def statement(self, terms: Terms, day: int, movements: Sequence[Movement]) -> MadeStatement:
        if terms.merchant_id == self._at:
            raise RuntimeError("the power has gone")
        return MAKER.statement(terms, day, movements)

    def clearing(self, day: int, contents: Iterable[str]) -> MadeFile:
        if self._at == "clearing":
            raise RuntimeError("the power has gone")
        return MAKER.clearing(day, contents)

    def compared(self, booked: Sequence[Booked], uploaded: Iterable[Uploaded]) -> Sequence[Difference]:
        return MAKER.compared(booked, uploaded)


def test_a_second_run_changes_nothing(day: Shop) -> None:
    first = settle(day)
    before = everything(day.database)

    second = settle(day)

    assert everything(day.database) == before
    assert (second.statements, second.clearing) == (0, first.clearing)


@pytest.mark.parametrize(("at", "left"), [("M1", 2), ("M2", 1), ("clearing", 0)])
def test_what_was_broken_off_is_gone_on_with(day: Shop, at: str, left: int) -> None:
    with pytest.raises(RuntimeError):
        settle(day, maker=Breaking(at))

    report = settle(day)

    assert report.statements == left
    assert report.clearing[:3] == (10, 29_000, 3_050)
    assert offenders(day.database, DAYS) == []


def test_two_at_once_make_everything_once(day: Shop) -> None:
    both_there = Barrier(2, timeout=30)

    class Meeting(Breaking):
        """Neither writes a merchant's statement before both have made it."""

        def statement(self, terms: Terms, day: int, movements: Sequence[Movement]) -> MadeStatement:
            made = super().statement(terms, day, movements)
            if terms.merchant_id == "M1":
                both_there.wait()
            return made

    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(settle, day, TODAY, Meeting(""), count(place * 10**10)) for place in (1, 2)]
        reports = [run.result() for run in runs]

    assert sum(report.statements for report in reports) == 2
    assert reports[0].clearing == reports[1].clearing
    assert len(rows(day, "SELECT 1 FROM journal WHERE kind = 'statement'")) == 2
    assert rows(day, "SELECT kind, name FROM account WHERE kind IN ('fee', 'agent') ORDER BY account_id") == [
        ("fee", "acquirer"),
        ("agent", "AGENT01"),
        ("agent", "AGENT02"),
    ]
    assert offenders(day.database, DAYS) == []


KILLED = """
import os, signal, sys
from datetime import date
from itertools import count
from switch.ledger.database import open_database
from zoneinfo import ZoneInfo
from switch.ledger.settling import settle_day
from switch.messages.dates import HostCalendar
from switch.settlement.closing import Closing
from switch.settlement.fees import load_fee_plans

class Dying(Closing):
    def {method}(self, *given):
        {condition}
            os.kill(os.getpid(), signal.SIGKILL)
        return super().{method}(*given)

ids = count(5_000_000_000)
maker = Dying(load_fee_plans(), HostCalendar(ZoneInfo("UTC")))
settle_day(open_database(sys.argv[1]), date(2026, 3, 4), maker, lambda: next(ids), lambda: 1)
"""


@pytest.mark.parametrize(
    ("method", "condition", "left"),
    [("statement", "if given[0].merchant_id == 'M2':", 1), ("clearing", "if True:", 0)],
    ids=["between two statements", "before the clearing file"],
)
def test_a_settlement_that_was_killed_is_gone_on_with(day: Shop, method: str, condition: str, left: int) -> None:
    code = KILLED.format(method=method, condition=condition)
    killed = subprocess.run([sys.executable, "-c", code, day.database.url], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL

    report = settle(day)

    assert report.statements == left
    assert report.clearing[:3] == (10, 29_000, 3_050)
    assert offenders(day.database, DAYS) == []


KILLED_BETWEEN_PARTS = """
import os, signal, sys
from switch.decisions.closing import MadeFile
from switch.ledger.clearing import keep_clearing_file
from switch.ledger.database import open_database

keep_clearing_file(
    open_database(sys.argv[1]),
    20260304,
    lambda day, contents: MadeFile(1, 2, 3, sys.argv[2] * 300_000),
    lambda: 1,
    lambda _: os.kill(os.getpid(), signal.SIGKILL),
)
"""


def keep(shop: Shop, content: str) -> None:
    keep_clearing_file(shop.database, DAY, lambda _, __: MadeFile(1, 2, 3, content), lambda: 1, lambda _: None)


@pytest.mark.parametrize("first", ["x\n", "y\n"], ids=["the same bytes", "those of another program"])
def test_a_clearing_file_that_was_broken_off_between_two_parts_is_completed(shop: Shop, first: str) -> None:
    command = [sys.executable, "-c", KILLED_BETWEEN_PARTS, shop.database.url, first]
    killed = subprocess.run(command, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert rows(shop, "SELECT count(*) FROM clearing_part") == [(1,)]
    with pytest.raises(NotInBooks):
        clearing_content(shop.database, DAY)

    keep(shop, "x\n" * 300_000)

    assert clearing_content(shop.database, DAY) == "x\n" * 300_000
    with shop.database.reading() as connection:
        parts = connection.scalars(sa.select(schema.clearing_part.c.content)).all()
    assert max(map(len, parts)) == 512 * 1024


def test_parts_that_another_version_cut_otherwise_are_put_right(shop: Shop) -> None:
    content = "".join(f"{number}\n" for number in range(50_000))
    digest = sha256(content.encode()).hexdigest()
    cut = [content[start : start + 1_000] for start in range(0, len(content), 1_000)]
    with shop.database.writing() as connection:
        left = [{"sha256": digest, "part": part, "content": text} for part, text in enumerate(cut)]
        connection.execute(sa.insert(schema.clearing_part), left)

    keep(shop, content)

    assert clearing_content(shop.database, DAY) == content


def test_who_writes_a_clearing_file_stands_back_for_longer_than_each_part_took(shop: Shop) -> None:
    pauses: list[float] = []

    keep_clearing_file(shop.database, DAY, lambda _, __: MadeFile(1, 2, 3, "x" * 2_500_000), lambda: 1, pauses.append)

    assert len(pauses) == 5
    assert min(pauses) >= 0.002


def test_a_clearing_file_of_which_a_part_is_gone_is_not_given_out(shop: Shop) -> None:
    keep(shop, "x" * 600_000)
    with shop.database.writing() as connection:
        connection.execute(sa.delete(schema.clearing_part).where(schema.clearing_part.c.part == 1))

    with pytest.raises(DatabaseError, match="its hash is another"):
        clearing_content(shop.database, DAY)


def test_settling_a_day_does_not_keep_the_books_log_from_being_emptied(sqlite_shop: Shop) -> None:
    second_merchant(sqlite_shop)
    trade(sqlite_shop)
    close(sqlite_shop)
    moved = spooled_movements(sqlite_shop.database, DAY)
    first, _ = next(moved)

    with sqlite_shop.database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        blocked, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()

    assert (first, blocked) == ("M1", 0)
    assert [merchant_id for merchant_id, _ in moved] == ["M2"]


def test_movements_are_the_same_put_aside_or_not_and_may_be_left_in_the_middle(day: Shop) -> None:
    with closing(spooled_movements(day.database, DAY)) as left:
        next(left)

    with day.database.reading() as connection:
        assert list(spooled_movements(day.database, DAY)) == list(unsettled_movements(connection, DAY))


@pytest.mark.parametrize("at_once", [1, 2, 3, 1_000])
def test_movements_put_aside_in_parts_are_all_there_once_and_in_order(sqlite_shop: Shop, at_once: int) -> None:
    second_merchant(sqlite_shop)
    trade(sqlite_shop)
    close(sqlite_shop)

    aside = list(spooled_movements(sqlite_shop.database, DAY, at_once))

    with sqlite_shop.database.reading() as connection:
        assert aside == list(unsettled_movements(connection, DAY))


def test_many_movements_of_one_merchant_are_put_aside_in_packed_parts_and_come_back() -> None:
    first = Movement(1, "purchase", None, 10_100, "T1", BATCH, "000001", "R1", DAY, "", "411111******1111", "visa",
                     "411111", "", 1)  # fmt: skip
    movements = [first._replace(journal_id=number, original_id=number or None) for number in range(2_000)]
    packed = Packed()

    packed.add(movements[:1_500])
    packed.add(movements[1_500:])

    assert packed.unpacked() == movements


def test_terms_that_make_no_sense_stop_only_their_merchant(day: Shop) -> None:
    set_plan(day, "M1", "forgotten")

    with pytest.raises(ConfigurationError, match="merchant M1: there is no such fee plan"):
        settle(day)

    assert rows(day, "SELECT merchant_id FROM statement") == [("M2",)]
    assert rows(day, "SELECT 1 FROM clearing_file") == []
    set_plan(day, "M1", "standard")
    assert settle(day).clearing.items == 10


def set_plan(shop: Shop, merchant_id: str, plan: str) -> None:
    its = schema.merchant.c
    with shop.database.writing() as connection:
        connection.execute(sa.update(schema.merchant).where(its.merchant_id == merchant_id).values(fee_plan=plan))


def test_a_statement_says_what_it_said_whatever_plans_become(day: Shop) -> None:
    with pytest.raises(RuntimeError):
        settle(day, maker=Breaking("clearing"))
    set_plan(day, "M1", "small")

    settle(day)

    assert "purchase,20260304,120000,411111******1111,visa,credit,156,D,10100,202" in clearing_content(
        day.database, DAY
    )


# --- audited -----------------------------------------------------------------------------------------------


def test_settled_days_pass_the_audit(day: Shop) -> None:
    settle(day)
    close(day, TOMORROW)
    settle(day, TOMORROW)

    assert offenders(day.database, DAYS) == []
    assert offenders(day.database, BATCHES) == []


DAMAGE = {
    "a net": ("UPDATE statement SET net_minor = net_minor + 1", "moved on its account"),
    "a gross": ("UPDATE statement SET gross_minor = gross_minor + 1", "that does not add up"),
    "a share": ("UPDATE statement SET share_minor = share_minor + 1", "moved were"),
    "a content": ("UPDATE statement SET content = 'x'", "cannot be read"),
    "a missing statement": ("DELETE FROM statement WHERE merchant_id = 'M2'", "there is no statement of it"),
    "a transfer of fees": (
        "UPDATE transfer SET amount_minor = 1 WHERE journal_id IN (SELECT journal_id FROM journal WHERE kind = 'statement')",
        "moved were",
    ),
    "a sum": ("UPDATE clearing_file SET debit_minor = debit_minor + 1", "the statements have"),
    "a file": ("UPDATE clearing_part SET content = 'x'", "its hash is another"),
}


@pytest.mark.parametrize(("damage", "said"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_to_a_settled_day_is_named(day: Shop, damage: str, said: str) -> None:
    settle(day)
    with day.database.writing() as connection:
        connection.execute(sa.text(damage))

    assert any(said in offender for offender in offenders(day.database, DAYS))


@pytest.mark.parametrize(
    ("table", "said"),
    [(schema.statement, "its items do not add up"), (schema.clearing_part, "its hash is another")],
    ids=["statement", "clearing file"],
)
def test_an_amount_changed_within_is_named(day: Shop, table: sa.Table, said: str) -> None:
    settle(day)
    with day.database.writing() as connection:
        for content in connection.scalars(sa.select(table.c.content)).all():
            changed = {"content": content.replace("10100", "10101")}
            connection.execute(sa.update(table).where(table.c.content == content).values(changed))

    assert any(said in offender for offender in offenders(day.database, DAYS))


def test_no_card_number_leaves_the_books(day: Shop) -> None:
    settle(day)

    with day.database.reading() as connection:
        statements = connection.scalars(sa.select(schema.statement.c.content)).all()
    kept = clearing_content(day.database, DAY) + "".join(statements)
    assert "4111111111111111" not in kept
    assert LIMITED.reveal() not in kept
    assert BATCH in kept
