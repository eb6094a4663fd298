"""What waits for an operator is settled once: by a correction, or because the books were right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa

from switch.decisions.closing import Right
from switch.errors import DatabaseError, NotInBooks, OperatorError
from switch.ledger import corrections, schema
from switch.ledger.audit import audit, snapshot
from switch.ledger.corrections import Desk, settle_adjustment, settle_discrepancy
from switch.ledger.group import Rules
from switch.ledger.sessions import connector
from switch.ledger.statements import Fault, Session
from switch.messages.model import Request
from switch.transactions import settling
from switch.transactions.decide import decide
from switch.transactions.table import NEEDS
from switch.values import Pan
from tests.ledger.conftest import FilledOnce
from tests.ledger.sample_books import POOR, RICH, SALE, VAULT, SampleBooks, journal_id, send
from tests.ledger.shop import HOUR, NOON, TODAY, authorisation, business_day, purchase, reversal

DAY = 24 * HOUR
STRANGER = Pan("5555555555554444")
_ids = count(2_000_000)


@pytest.fixture
def books(sample: FilledOnce, tmp_path: Path) -> Iterator[SampleBooks]:
    with sample.copied(tmp_path) as copy:
        yield copy


def desk(books: SampleBooks, connect: Callable[[], Session] | None = None, now: int = NOON) -> Desk:
    rules = Rules(decide, NEEDS, business_day)
    return Desk(connect or connector(books.database), rules, VAULT, lambda: now, lambda: next(_ids))


def waits(books: SampleBooks, what: str, **others: Any) -> int:
    """Write a discrepancy of batch 000001 of T1 into the books; return its number."""
    number = next(_ids)
    of = {"terminal_id": "T1", "merchant_id": "M1", "batch": "000001"}
    row = {"id": number, **of, "stan": f"{number % 1_000_000:06d}", "what": what, **others}
    pan = row.pop("pan", None)
    row |= {"pan_key": VAULT.pan_key(pan), "masked_pan": pan.masked} if pan else {}
    with books.database.writing() as connection:
        if not connection.execute(sa.select(schema.batch)).first():
            totals = {column.name: 0 for column in schema.batch.c if column.name.startswith(("host_", "terminal_d"))}
            totals |= {column.name: 0 for column in schema.batch.c if column.name.startswith("terminal_f")}
            settled = {"state": "closed", "business_day": 20260304, "journal_id": journal_id(books, SALE, "purchase")}
            connection.execute(sa.insert(schema.batch), [{**of, **totals, **settled, "settled_at": NOON}])
        connection.execute(sa.insert(schema.discrepancy), [row])
    return number


def balance(books: SampleBooks, pan: Pan) -> int:
    query = sa.text("SELECT b.ledger_minor FROM balance AS b JOIN card AS c USING (account_id) WHERE c.pan_key = :key")
    with books.database.reading() as connection:
        return int(connection.execute(query, {"key": VAULT.pan_key(pan)}).scalar_one())


def sold(books: SampleBooks) -> int:
    """What is on the merchant's account."""
    ((minor,),) = books.rows(
        "SELECT sum(CASE WHEN t.credit_account_id = m.account_id THEN t.amount_minor ELSE -t.amount_minor END)"
        " FROM merchant AS m JOIN transfer AS t ON m.account_id IN (t.credit_account_id, t.debit_account_id)"
    )
    return int(minor)


def made(books: SampleBooks) -> list[tuple[Any, ...]]:
    return books.rows("SELECT journal_id, reason, amount_minor FROM journal WHERE kind = 'correction' ORDER BY 1")


def test_the_words_of_a_correction_are_those_of_its_posting() -> None:
    assert (corrections.CHARGE, corrections.RETURN) == (settling.CHARGE, settling.RETURN)


@pytest.mark.parametrize(
    ("what", "host", "terminal", "reason", "change"),
    [
        ("missing", 1_000, None, "return", +1_000),
        ("different", 1_000, 1_250, "charge", -250),
        ("different", 1_000, 900, "return", +100),
        ("extra", 0, 1_000, "charge", -1_000),  # the books have it, reversed
    ],
)
def test_the_terminals_word_is_made_true_by_one_posting(
    books: SampleBooks, what: str, host: int, terminal: int | None, reason: str, change: int
) -> None:
    sale = journal_id(books, SALE, "purchase")
    number = waits(books, what, journal_id=sale, host_minor=host, terminal_minor=terminal, pan=RICH)
    before, sold_before = balance(books, RICH), sold(books)

    done = settle_discrepancy(desk(books), number, Right.TERMINAL, "receipt seen")

    assert balance(books, RICH) - before == change
    assert sold(books) - sold_before == -change
    assert [(posted.does, posted.amount.minor, posted.masked_pan) for posted in done.posted] == [
        (reason, abs(change), RICH.masked)
    ]
    assert made(books) == [(done.settled_by, reason, abs(change))]
    assert books.rows("SELECT state, settled_by, because FROM discrepancy") == [
        ("settled", done.settled_by, "receipt seen")
    ]


def test_what_only_the_terminal_has_is_taken_for_a_sale_unless_it_is_said_to_be_a_refund(books: SampleBooks) -> None:
    sale, refund = (waits(books, "extra", terminal_minor=minor, pan=RICH) for minor in (300, 40))
    before = balance(books, RICH)

    settle_discrepancy(desk(books), sale, Right.TERMINAL)
    settle_discrepancy(desk(books), refund, Right.TERMINAL, is_credit=True)

    assert balance(books, RICH) - before == -300 + 40


def test_a_refund_that_the_terminal_does_not_have_is_charged_again(books: SampleBooks) -> None:
    refund = journal_id(books, 8, "refund")
    number = waits(books, "missing", journal_id=refund, host_minor=700, pan=RICH)
    before = balance(books, RICH)

    settle_discrepancy(desk(books), number, Right.TERMINAL)

    assert balance(books, RICH) - before == -700


def test_another_card_is_charged_what_the_first_gets_back(books: SampleBooks) -> None:
    sale = journal_id(books, SALE, "purchase")
    number = waits(books, "different", journal_id=sale, host_minor=1_000, terminal_minor=1_100, pan=POOR)
    rich, poor = balance(books, RICH), balance(books, POOR)

    done = settle_discrepancy(desk(books), number, Right.TERMINAL)

    assert balance(books, RICH) - rich == 1_000
    assert balance(books, POOR) - poor == -1_100  # forced: more than it may spend
    assert [posted.does for posted in done.posted] == ["return", "charge"]


def test_where_the_books_are_right_nothing_is_posted(books: SampleBooks) -> None:
    number = waits(books, "extra", terminal_minor=1_000, pan=RICH)
    before = balance(books, RICH)

    done = settle_discrepancy(desk(books), number, Right.HOST, "a training sale")

    assert done == (True, None, ())
    assert (balance(books, RICH), made(books)) == (before, [])
    assert books.rows("SELECT state, settled_by, because FROM discrepancy") == [("settled", None, "a training sale")]


@pytest.mark.parametrize("then", list(Right))
def test_a_second_time_changes_nothing(books: SampleBooks, then: Right) -> None:
    number = waits(books, "extra", terminal_minor=1_000, pan=RICH)
    first = settle_discrepancy(desk(books), number, Right.TERMINAL, "so it was")
    before = balance(books, RICH)

    again = settle_discrepancy(desk(books), number, then, "no")

    assert again == (False, first.settled_by, ())
    assert (balance(books, RICH), len(made(books))) == (before, 1)
    assert books.rows("SELECT because FROM discrepancy") == [("so it was",)]


def test_a_correction_that_is_there_is_found_by_its_key_and_not_made_again(books: SampleBooks) -> None:
    number = waits(books, "extra", terminal_minor=1_000, pan=RICH)
    first = settle_discrepancy(desk(books), number, Right.TERMINAL)
    books.damage("UPDATE discrepancy SET state = 'open', settled_by = NULL")

    again = settle_discrepancy(desk(books), number, Right.TERMINAL)

    assert again.settled_by == first.settled_by
    assert len(made(books)) == 1


class BrokenSession:
    """A session of the database that loses its connection in COMMIT: before it, or after."""

    def __init__(self, session: Session, *, committed: bool) -> None:
        self._session = session
        self._committed = committed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def commit(self) -> None:
        if self._committed:
            self._session.commit()
        raise BrokenPipeError

    def fault(self, _: Exception) -> Fault:
        return Fault.DOWN


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_of_unknown_fate_neither_loses_nor_doubles(books: SampleBooks, *, committed: bool) -> None:
    number = waits(books, "extra", terminal_minor=1_000, pan=RICH)
    before, sound = balance(books, RICH), connector(books.database)
    broken: Iterator[Any] = iter([BrokenSession(sound(), committed=committed)])

    done = settle_discrepancy(desk(books, lambda: next(broken, None) or sound()), number, Right.TERMINAL)

    assert balance(books, RICH) - before == -1_000
    assert [row[0] for row in made(books)] == [done.settled_by]
    assert books.rows("SELECT state, settled_by FROM discrepancy") == [("settled", done.settled_by)]


def test_a_database_that_stays_away_is_told_and_nothing_is_half_done(books: SampleBooks) -> None:
    number = waits(books, "extra", terminal_minor=1_000, pan=RICH)
    sound = connector(books.database)

    def broken() -> Any:
        return BrokenSession(sound(), committed=False)

    with pytest.raises(DatabaseError, match="run the command again"):
        settle_discrepancy(desk(books, broken), number, Right.TERMINAL)

    assert made(books) == []
    assert books.rows("SELECT state FROM discrepancy") == [("open",)]


def test_two_operators_at_once_make_one_correction(books: SampleBooks) -> None:
    number = waits(books, "extra", terminal_minor=1_000, pan=RICH)
    before = balance(books, RICH)
    results: list[corrections.Resolved] = []
    desks = [desk(books) for _ in range(4)]

    threads = [
        Thread(target=lambda own=own: results.append(settle_discrepancy(own, number, Right.TERMINAL))) for own in desks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(result.is_new for result in results) == [False, False, False, True]
    assert balance(books, RICH) - before == -1_000


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"terminal_minor": 500}, "nobody named its card"),
        ({"terminal_minor": 500, "pan": STRANGER}, "its card is not in the books"),
    ],
)
def test_what_cannot_be_posted_stays_open(books: SampleBooks, row: dict[str, Any], why: str) -> None:
    number = waits(books, "extra", **row)

    with pytest.raises(OperatorError, match=why):
        settle_discrepancy(desk(books), number, Right.TERMINAL)

    assert books.rows("SELECT state FROM discrepancy") == [("open",)]
    assert made(books) == []


def test_a_correction_that_is_refused_leaves_no_trace_and_can_be_made_later(books: SampleBooks) -> None:
    number = waits(books, "extra", terminal_minor=500, pan=RICH)
    books.damage("UPDATE account SET currency = '840' WHERE kind = 'cardholder'")

    with pytest.raises(OperatorError, match="no correction can be posted: the card's account is in currency 840"):
        settle_discrepancy(desk(books), number, Right.TERMINAL)
    assert made(books) == []

    books.damage("UPDATE account SET currency = '156' WHERE kind = 'cardholder'")
    assert settle_discrepancy(desk(books), number, Right.TERMINAL).is_new


def test_a_number_that_is_none_is_told(books: SampleBooks) -> None:
    with pytest.raises(NotInBooks):
        settle_discrepancy(desk(books), 4711, Right.HOST)
    with pytest.raises(NotInBooks):
        settle_adjustment(desk(books), 4711, Right.HOST)


# --- reversals that came too late --------------------------------------------------------------------------


def late_reversal(books: SampleBooks, original: Request) -> int:
    """Queue the reversal of yesterday's request; return the journal id under which it waits."""
    yesterday = TODAY.replace(day=3)
    send(books.database, original._replace(local_date=yesterday, received_at=NOON - DAY), first_id=next(_ids))
    books.damage(f"UPDATE journal SET business_day = 20260303 WHERE stan = '{original.stan}'")
    late = reversal(int(original.stan), original.amount_minor)._replace(local_date=yesterday)
    send(books.database, late, first_id=next(_ids))
    ((waiting,),) = books.rows("SELECT journal_id FROM adjustment WHERE state = 'open'")
    return int(waiting)


def test_a_late_reversal_is_made_good_once(books: SampleBooks) -> None:
    waiting = late_reversal(books, purchase(900, 1_234))
    before = balance(books, RICH)

    done = settle_adjustment(desk(books), waiting, Right.TERMINAL, "the customer left without goods")
    again = settle_adjustment(desk(books), waiting, Right.TERMINAL)

    assert balance(books, RICH) - before == 1_234
    assert [(posted.does, posted.amount.minor) for posted in done.posted] == [("return", 1_234)]
    assert not again.is_new
    ((state, why),) = books.rows("SELECT state, why FROM adjustment")
    assert state == "settled"
    assert why.endswith("; the terminal was right: the customer left without goods")


def test_a_late_reversal_that_was_wrong_is_only_closed(books: SampleBooks) -> None:
    waiting = late_reversal(books, purchase(900, 1_234))
    before = balance(books, RICH)

    settle_adjustment(desk(books), waiting, Right.HOST)

    assert balance(books, RICH) == before
    assert books.rows("SELECT state FROM adjustment") == [("settled",)]


def test_a_hold_is_not_corrected_by_money(books: SampleBooks) -> None:
    waiting = late_reversal(books, authorisation(900, 1_234))

    with pytest.raises(OperatorError, match="which authorisation does not"):
        settle_adjustment(desk(books), waiting, Right.TERMINAL)

    assert settle_adjustment(desk(books), waiting, Right.HOST).is_new


def test_the_books_hold_together_afterwards(books: SampleBooks) -> None:
    sale = journal_id(books, SALE, "purchase")
    one = waits(books, "different", journal_id=sale, host_minor=1_000, terminal_minor=1_100, pan=POOR)
    other = waits(books, "extra", terminal_minor=1_000, pan=RICH)
    settle_discrepancy(desk(books), one, Right.TERMINAL)
    settle_discrepancy(desk(books), other, Right.TERMINAL)

    with snapshot(books.database) as connection:
        broken = [finding.offenders for finding in audit(connection, VAULT) if not finding.holds]

    assert broken == []
