"""What is looked at now and then reaches /metrics, and a database that hangs or is gone changes nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography import x509

from switch.admin.gauging import Gauging, certificate_ends_at
from switch.ledger.audit_kept import keep_audit
from switch.ledger.audit_words import Finding
from switch.ledger.database import open_database
from switch.telemetry import EventLog, Metrics, configure_logging
from tests.admin.certificates import Authority
from tests.ledger.sample_books import HALVED, RELEASED, SALE, SampleBooks, fill
from tests.ledger.shop import NOON

_T = TypeVar("_T")
SECOND = 1_000_000


async def in_place(function: Callable[[], _T], /) -> _T:
    return function()


class Looked:
    """A gauging with a clock that is set by hand, and the metrics that it keeps."""

    def __init__(self, books: SampleBooks) -> None:
        self.now = NOON
        self.log = StringIO()
        self.metrics = Metrics()
        events = EventLog(configure_logging("json", "info", self.log))
        self.gauging = Gauging(books.database, in_place, lambda: self.now, self.metrics, events)

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"switch_{name}", labels)


@pytest.fixture
def books(sqlite_database: str, tmp_path: Path) -> Iterator[SampleBooks]:
    with closing(open_database(sqlite_database)) as opened:
        yield fill(opened, tmp_path)


@pytest.fixture
def looked(books: SampleBooks) -> Looked:
    return Looked(books)


def journal_id(books: SampleBooks, stan: int) -> int:
    found = next(its.journal_id for its in books.outcomes if int(its.request.stan) == stan)
    assert found is not None
    return found


async def test_figures_are_absent_before_the_first_look(looked: Looked) -> None:
    before = looked.value("adjustments_open")

    await looked.gauging.look()

    assert (before, looked.value("adjustments_open")) == (None, 0)
    assert (looked.metrics.registry.get_sample_value("process_open_fds") or 0) > 0
    assert looked.value("books_looked_at_timestamp_seconds") == NOON / SECOND


async def test_money_at_risk_is_what_was_not_answered_and_not_undone(looked: Looked, books: SampleBooks) -> None:
    for stan in (SALE, RELEASED, HALVED):
        looked.metrics.unanswered.add(journal_id(books, stan), NOON)

    await looked.gauging.look()

    assert looked.value("money_at_risk_minor", currency="156") == 1_450
    assert looked.value("money_at_risk_payments") == 2
    assert len(looked.metrics.unanswered) == 2  # nobody asks again about the one that is undone


async def test_the_age_of_an_audit_grows_between_two_looks(looked: Looked, books: SampleBooks) -> None:
    await looked.gauging.look()
    never = (looked.value("audit_age_seconds"), looked.value("audit_findings"))
    keep_audit(books.database, NOON, [Finding("I2", "", "", 3, ("x",), ())])

    await looked.gauging.look()
    looked.now += 90 * SECOND

    assert never == (None, None)
    assert (looked.value("audit_age_seconds"), looked.value("audit_findings")) == (90, 3)


async def test_a_balance_that_is_wrong_is_shown_at_the_next_look(looked: Looked, books: SampleBooks) -> None:
    await looked.gauging.look()
    before = looked.value("ledger_imbalance_minor")
    books.damage("UPDATE balance SET ledger_minor = ledger_minor - 4")

    await looked.gauging.look()

    assert (before, looked.value("ledger_imbalance_minor")) == (0, -8)


async def test_books_that_are_gone_leave_the_figures_as_they_are_and_one_line_in_the_log(
    looked: Looked, books: SampleBooks
) -> None:
    await looked.gauging.look()
    books.damage("ALTER TABLE tombstone RENAME TO lost")
    looked.now += SECOND

    for _ in range(3):
        await looked.gauging.look()
    lines = looked.log.getvalue().splitlines()
    books.damage("ALTER TABLE lost RENAME TO tombstone")
    await looked.gauging.look()

    assert len([line for line in lines if "looking at the books" in line]) == 1
    assert looked.value("books_looked_at_timestamp_seconds") == NOON / SECOND + 1


def test_a_certificate_ends_when_it_says(tmp_path: Path) -> None:
    file = Authority(tmp_path).settings().certificate

    ends_at = certificate_ends_at(file)

    assert ends_at == x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc.timestamp()
