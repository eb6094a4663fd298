"""Merchants' fee plans and their agents' shares come with the import of merchants."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from switch.errors import ImportRefused
from switch.ledger import schema
from switch.ledger.database import Database, open_database
from switch.ledger.import_staging import NOTHING_BORROWED, Borrowed, Run
from switch.ledger.importing import import_file
from switch.security.keys import Keys
from switch.security.vault import Vault
from switch.settlement.fees import load_fee_plans, plan_named
from switch.settlement.shares import parsed_shares

VAULT = Vault(Keys(1, {1: b"v" * 32}, b"l" * 32))
RUN = Run(1, 1_790_000_000_000_000, datetime(2026, 9, 21, tzinfo=UTC), 20260921)
BORROWED = Borrowed(fee_plan=partial(plan_named, load_fee_plans()), shares=parsed_shares)


class Desk:
    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self._file = folder / "merchants.csv"

    def load(self, content: str, borrowed: Borrowed = BORROWED) -> None:
        self._file.write_text(content)
        import_file(self.database, "merchants", self._file, VAULT, RUN, borrowed=borrowed)

    def refused(self, content: str, borrowed: Borrowed = BORROWED) -> list[tuple[int, str, str]]:
        with pytest.raises(ImportRefused) as refused:
            self.load(content, borrowed)
        return refused.value.problems

    def terms(self) -> list[tuple[str, str]]:
        its = schema.merchant.c
        with self.database.reading() as connection:
            return [tuple(row) for row in connection.execute(sa.select(its.fee_plan, its.shares))]


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[Desk]:
    opened = open_database(database)
    yield Desk(opened, tmp_path)
    opened.close()


def test_a_merchant_without_terms_pays_no_fees(desk: Desk) -> None:
    desk.load("merchant_id\nM1\n")

    assert desk.terms() == [("", "")]


def test_terms_are_kept_changed_by_filled_cells_and_taken_away_by_none(desk: Desk) -> None:
    desk.load("merchant_id,fee_plan,shares\nM1,standard,AGENT01=20%  AGENT02=5%\n")
    assert desk.terms() == [("standard", "AGENT01=20% AGENT02=5%")]

    desk.load("merchant_id,fee_plan,shares\nM1,small,\n")
    assert desk.terms() == [("small", "AGENT01=20% AGENT02=5%")]

    desk.load("merchant_id,fee_plan,shares\nM1,,none\n")
    assert desk.terms() == [("small", "")]


def test_a_plan_that_there_is_not_and_shares_that_are_none_are_refused_with_their_place(desk: Desk) -> None:
    problems = desk.refused("merchant_id,fee_plan,shares\nM1,standrad,AGENT01=20\nM2,small,A=60% B=50%\n")

    assert problems == [
        (2, "fee_plan", "there is no such fee plan; there are small, standard"),
        (2, "shares", "share 1: write AGENT=20%, in whole per cent from 1 to 100"),
        (3, "shares", "the shares are more than 100 % together"),
    ]


def test_terms_are_not_taken_unread(desk: Desk) -> None:
    assert desk.refused("merchant_id,fee_plan\nM1,small\n", NOTHING_BORROWED) == [
        (2, "fee_plan", "is not taken here"),
    ]
