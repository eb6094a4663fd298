"""What the store does when a request, a connection or a commit fails, and when two writers meet."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import count

import psycopg
import pytest
import sqlalchemy as sa

from switch.decisions import Decision, Facts, Outcome, Standing, Transfer
from switch.ledger import schema
from switch.ledger.postgresql_session import PostgresqlSession
from switch.ledger.rows import Claim, Row
from switch.ledger.sessions import connector
from switch.ledger.sqlite_session import SqliteSession
from switch.ledger.statements import BALANCES, Change, Fault, Query, Session
from switch.ledger.store import ATTEMPTS, SEARCH_PAUSES_S
from switch.messages.actions import Action
from switch.messages.model import Request
from switch.transactions.decide import decide
from tests.ledger.shop import CARDS, MERCHANT_ACCOUNT, POOR, RICH, Shop, purchase, reversal


class Flaky:
    """A session that fails where a test tells it to, before or after the real one has done the act."""

    def __init__(self, real: Session, plan: list[str]) -> None:
        self._real = real
        self._plan = plan

    @property
    def stripes(self) -> int:
        return self._real.stripes

    def _may_fail(self, moment: str) -> None:
        if self._plan and self._plan[0] == moment:
            del self._plan[0]
            raise ConnectionResetError(moment)

    def begin(self) -> None:
        self._may_fail("begin")
        self._real.begin()

    def begin_at_once(self) -> bool:
        return False

    def commit(self) -> None:
        self._may_fail("before commit")
        self._real.commit()
        self._may_fail("after commit")

    def rollback(self) -> None:
        self._real.rollback()

    def close(self) -> None:
        self._real.close()

    def fault(self, error: Exception) -> Fault:
        if str(error) == "in the way":
            return Fault.RETRY
        return Fault.DOWN if isinstance(error, ConnectionResetError) else self._real.fault(error)

    def claim(self, claims: Iterable[Claim]) -> None:
        if self._plan and self._plan[0] == "in the way":
            raise ConnectionResetError(self._plan.pop(0))
        self._real.claim(claims)

    def read(self, *asked: tuple[Query, Sequence[Row]]) -> list[list[Row]]:
        return self._real.read(*asked)

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        self._real.insert(table, rows)

    def change(self, change: Change, rows: Sequence[Row]) -> None:
        self._real.change(change, rows)

    def flush(self) -> None:
        self._real.flush()


def flaky(shop: Shop, *plan: str) -> Callable[[], Session]:
    """Connect to the shop's books with sessions that fail as planned; "connect" is a connection refused."""
    real, left = connector(shop.database), list(plan)

    def connect() -> Session:
        if left and left[0] == "connect":
            del left[0]
            raise ConnectionRefusedError
        return Flaky(real(), left)

    return connect


def settle(shop: Shop, connect: Callable[[], Session], *requests: Request) -> tuple[list[Outcome], list[str]]:
    store = shop.store(connect=connect)
    try:
        report = store.run(requests)
    finally:
        store.close()
    return report.outcomes, report.faults


def action(outcome: Outcome) -> Action | None:
    return outcome.reply.action if outcome.reply else None


# --- requests that cannot be stored ------------------------------------------------------------------------


def refusing(stan: str) -> Callable[[Request, Facts], Decision]:
    def decide_or_break(request: Request, facts: Facts) -> Decision:
        if request.stan == stan:
            raise ZeroDivisionError
        return decide(request, facts)

    return decide_or_break


def misposting(stan: str) -> Callable[[Request, Facts], Decision]:
    """A decision whose transfer the database refuses: it moves nothing."""

    def decide_wrongly(request: Request, facts: Facts) -> Decision:
        decision = decide(request, facts)
        if request.stan == stan:
            return decision._replace(effects=(Transfer(CARDS[RICH][1], MERCHANT_ACCOUNT, 0, "156"),))
        return decision

    return decide_wrongly


@pytest.mark.parametrize("breaking", [refusing, misposting])
def test_one_bad_request_does_not_cost_its_neighbours(
    shop: Shop, breaking: Callable[[str], Callable[[Request, Facts], Decision]]
) -> None:
    store = shop.store(decide=breaking("000002"))

    report = store.run([purchase(1), purchase(2), purchase(3)])

    store.close()
    assert [action(outcome) for outcome in report.outcomes] == [
        Action.APPROVED,
        Action.SYSTEM_ERROR,
        Action.APPROVED,
    ]
    assert report.outcomes[1].journal_id is None
    assert len(report.faults) == 2  # the group's, then the one request's own
    assert shop.account(RICH) == (98_000, 0)
    assert [row.stan for row in shop.rows(schema.journal)] == ["000001", "000003"]


def test_an_id_that_another_writer_has_used_is_given_up_for_a_new_one(shop: Shop) -> None:
    shop.send(purchase(1))
    twin = replace(shop, ids=count(1_000_000))

    [outcome] = twin.send(purchase(2))

    assert action(outcome) is Action.APPROVED
    assert [row.stan for row in shop.rows(schema.journal)] == ["000001", "000002"]


def test_a_repeat_of_what_could_not_be_stored_is_decided_anew(shop: Shop) -> None:
    broken = shop.store(decide=refusing("000001"))
    broken.run([purchase(1)])
    broken.close()

    [outcome] = shop.send(purchase(1, mti="0201"))

    assert (outcome.standing, action(outcome)) == (Standing.FIRST, Action.APPROVED)


# --- connections -------------------------------------------------------------------------------------------


def test_a_lost_connection_is_opened_again(shop: Shop) -> None:
    outcomes, faults = settle(shop, flaky(shop, "begin", "connect"), purchase(1))

    assert action(outcomes[0]) is Action.APPROVED
    assert faults == ["down: ConnectionResetError", "down: ConnectionRefusedError"]
    assert shop.account(RICH) == (99_000, 0)


def test_another_writer_in_the_way_is_waited_for(shop: Shop) -> None:
    outcomes, faults = settle(shop, flaky(shop, "in the way"), purchase(1))

    assert action(outcomes[0]) is Action.APPROVED
    assert faults == ["retry: ConnectionResetError"]


def test_without_a_database_every_request_gets_a_system_error(shop: Shop) -> None:
    outcomes, faults = settle(shop, flaky(shop, *["connect"] * ATTEMPTS), purchase(1), purchase(2))

    assert [action(outcome) for outcome in outcomes] == [Action.SYSTEM_ERROR, Action.SYSTEM_ERROR]
    assert len(faults) == ATTEMPTS
    assert shop.rows(schema.journal) == []


def test_a_store_recovers_when_its_database_is_back(shop: Shop) -> None:
    store = shop.store(connect=flaky(shop, *["connect"] * ATTEMPTS))
    store.run([purchase(1)])

    report = store.run([purchase(1)])

    store.close()
    assert action(report.outcomes[0]) is Action.APPROVED


# --- commits of unknown fate -------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["before commit", "after commit"])
def test_a_broken_commit_is_looked_up_and_has_one_effect(shop: Shop, moment: str) -> None:
    outcomes, faults = settle(shop, flaky(shop, moment), purchase(1), reversal(2, None))

    assert [action(outcome) for outcome in outcomes] == [Action.APPROVED, Action.APPROVED]
    assert [outcome.standing for outcome in outcomes] == [Standing.FIRST, Standing.FIRST]
    assert faults[0] == "commit broken"
    assert shop.account(RICH) == (99_000, 0)
    assert [row.journal_id for row in shop.rows(schema.journal)] == [outcome.journal_id for outcome in outcomes]


def test_where_the_fate_of_a_commit_cannot_be_found_out_the_answer_is_silence(shop: Shop) -> None:
    plan = ["after commit", *["connect"] * len(SEARCH_PAUSES_S)]

    outcomes, faults = settle(shop, flaky(shop, *plan), purchase(1))

    assert (outcomes[0].standing, outcomes[0].reply) == (Standing.UNKNOWN, None)
    assert faults == ["commit broken", "unknown"]
    [repeat] = shop.send(purchase(1, mti="0201"))
    assert (repeat.standing, action(repeat)) == (Standing.REPEAT, Action.APPROVED)


def test_commits_that_break_every_time_without_effect_end_in_system_errors(shop: Shop) -> None:
    outcomes, _ = settle(shop, flaky(shop, *["before commit"] * ATTEMPTS), purchase(1))

    assert action(outcomes[0]) is Action.SYSTEM_ERROR
    assert shop.rows(schema.journal) == []


# --- what the databases say --------------------------------------------------------------------------------


def test_sqlite_held_by_another_process_is_in_the_way_not_down(sqlite_database: str) -> None:
    path = sqlite_database.removeprefix("sqlite:///")
    seconds = count()
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        session = SqliteSession(
            sqlite3.connect(path, isolation_level=None), lambda: float(next(seconds)), lambda _: None
        )
        with pytest.raises(sqlite3.OperationalError) as caught:
            session.begin()
        holder.execute("ROLLBACK")

    assert session.fault(caught.value) is Fault.RETRY
    session.close()


def test_sqlite_is_asked_again_at_once_while_another_process_has_the_lock(sqlite_database: str) -> None:
    """Time stands still here: whoever lets go of the lock for a moment is not missed."""
    path = sqlite_database.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                holder.execute("COMMIT")

        session = SqliteSession(sqlite3.connect(path, isolation_level=None), lambda: 0.0, pause)
        session.begin()

    assert len(pauses) == 3
    assert max(pauses) <= 0.001
    session.rollback()
    session.close()


def test_a_writer_of_group_after_group_on_sqlite_leaves_a_gap_for_others(sqlite_database: str) -> None:
    """An operator who looks for the lock every millisecond would miss the moment between two groups for ever."""
    now, gaps = 0.0, []

    def pause(_: float) -> None:
        gaps.append(now)

    path = sqlite_database.removeprefix("sqlite:///")
    with closing(SqliteSession(sqlite3.connect(path, isolation_level=None), lambda: now, pause)) as session:
        for _ in range(55):  # five milliseconds each, one after the other
            if not session.begin_at_once():
                session.begin()
            now += 0.005
            session.commit()
        for _ in range(55):  # and with time between them
            session.begin()
            session.rollback()
            now += 0.005

    assert gaps == [pytest.approx(0.1), pytest.approx(0.2)]


def test_a_postgresql_backend_that_is_ended_is_replaced(postgresql_shop: Shop) -> None:
    store = postgresql_shop.store()
    store.run([purchase(1)])
    with postgresql_shop.database.writing() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )

    report = store.run([purchase(2)])

    store.close()
    assert action(report.outcomes[0]) is Action.APPROVED
    assert len(report.faults) == 1
    assert postgresql_shop.account(RICH) == (98_000, 0)


def test_a_switch_that_stands_still_in_mid_group_loses_its_locks(postgresql_shop: Shop) -> None:
    store = postgresql_shop.store()
    stuck = connector(postgresql_shop.database)()
    stuck.begin()
    stuck.read((BALANCES, [(CARDS[RICH][1],)]))  # and then nothing: its process was stopped

    report = store.run([purchase(1)])

    store.close()
    stuck.close()
    assert action(report.outcomes[0]) is Action.APPROVED
    assert set(report.faults) == {"retry: LockNotAvailable"}


def test_postgresql_commits_are_durable_whatever_its_default_is(postgresql_shop: Shop) -> None:
    with postgresql_shop.database.writing() as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET synchronous_commit = off')

    session = connector(postgresql_shop.database)()

    assert isinstance(session, PostgresqlSession)
    assert session._connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
    session.close()


def test_a_deadlock_of_postgresql_is_tried_again(postgresql_shop: Shop) -> None:
    session = connector(postgresql_shop.database)()

    assert session.fault(psycopg.errors.DeadlockDetected()) is Fault.RETRY
    assert session.fault(psycopg.errors.UniqueViolation()) is Fault.REQUEST
    assert session.fault(psycopg.errors.AdminShutdown()) is Fault.DOWN
    session.close()


# --- two writers -------------------------------------------------------------------------------------------


def race(shop: Shop, *sides: Sequence[Request]) -> list[list[Outcome]]:
    """Run each side's requests, one group each, on a writer and a thread of its own, all at once."""
    ready = threading.Barrier(len(sides))
    results: list[list[Outcome]] = [[] for _ in sides]

    def run(place: int) -> None:
        own = replace(shop, ids=count(1_000_000 * (place + 2)))
        store = own.store()
        store.run([])  # connects
        ready.wait(timeout=10)
        for request in sides[place]:
            results[place].extend(store.run([request]).outcomes)
        store.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(sides))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results


def test_two_writers_decide_one_key_once(shop: Shop) -> None:
    requests = [purchase(stan, 10) for stan in range(1, 26)]

    one, other = race(shop, requests, requests)

    for first, second in zip(one, other, strict=True):
        assert {first.standing, second.standing} == {Standing.FIRST, Standing.REPEAT}
        assert first.reply == second.reply
    assert shop.account(RICH) == (99_750, 0)


def test_a_purchase_and_its_reversal_on_two_writers_leave_nothing(shop: Shop) -> None:
    stans = range(1, 26)

    purchases, _ = race(shop, [purchase(stan, 10) for stan in stans], [reversal(stan, 10) for stan in stans])

    assert {action(outcome) for outcome in purchases} <= {Action.APPROVED, Action.ALREADY_REVERSED}
    assert shop.account(RICH) == (100_000, 0)
    assert shop.spent(RICH) == (0, 0)


def test_two_writers_cannot_overspend_a_card(shop: Shop) -> None:
    one, other = race(
        shop,
        [purchase(stan, 300, POOR) for stan in range(1, 21)],
        [purchase(stan, 300, POOR, terminal_id="T2") for stan in range(1, 21)],
    )

    approved = [outcome for outcome in (*one, *other) if action(outcome) is Action.APPROVED]
    assert len(approved) == 16  # 50.00 in steps of 3.00
    assert shop.account(POOR) == (200, 0)


# --- a group in two steps ----------------------------------------------------------------------------------


def test_a_prepared_group_is_durable_only_when_finished(sqlite_shop: Shop) -> None:
    with sqlite_shop.opened_store() as store:
        prepared = store.prepare([purchase(2), purchase(2)])
        assert prepared is not None
        before = len(sqlite_shop.rows(schema.journal))
        report = store.finish(prepared)

    assert before == 1
    assert [outcome.standing for outcome in report.outcomes] == [Standing.FIRST, Standing.REPEAT]
    assert len(sqlite_shop.rows(schema.journal)) == 2


def test_what_cannot_be_prepared_has_done_nothing_and_can_be_run(sqlite_shop: Shop) -> None:
    with sqlite_shop.opened_store(misposting("000002")) as store:
        prepared = store.prepare([purchase(2), purchase(3)])
        report = store.run([purchase(2), purchase(3)])

    assert prepared is None
    assert [action(outcome) for outcome in report.outcomes] == [Action.SYSTEM_ERROR, Action.APPROVED]


def test_nothing_is_prepared_while_another_process_has_the_lock(sqlite_shop: Shop) -> None:
    with sqlite_shop.opened_store() as store:
        with sqlite_shop.database.writing():
            prepared = store.prepare([purchase(2)])
        report = store.run([purchase(2)])

    assert prepared is None
    assert action(report.outcomes[0]) is Action.APPROVED
