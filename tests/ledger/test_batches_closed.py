"""A batch whose terminal stays away from its upload is closed by the books, once, whatever the terminal sends after all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
import sqlalchemy as sa

from switch.decisions import Facts
from switch.errors import ImportRefused, NotInBooks, OperatorError
from switch.ledger import schema
from switch.ledger.audit_days import BATCHES
from switch.ledger.batches_closed import Closed, batch_to_close, close_batch
from switch.ledger.batches_compared import compare_batches
from switch.ledger.import_staging import Run
from switch.ledger.importing import import_file
from switch.ledger.sessions import connector
from switch.ledger.statements import Session
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Extras, Reply, Request
from switch.messages.settlement import BatchTotals, Totals, UploadedRecord
from switch.rules.rule import Policy
from switch.settlement.comparing import compared
from switch.transactions.decide import decide
from tests.ledger.closed_days import BATCH, everything, of, offenders, second_merchant
from tests.ledger.sample_books import VAULT
from tests.ledger.shop import HOUR, NOON, RICH, Shop, business_day, pan_key, purchase
from tests.ledger.test_corrections import BrokenSession

WRONG = BatchTotals(foreign=Totals(1, 1))
ROUNDS = 6


def send(shop: Shop, *requests: Request) -> list[Reply]:
    """Decide requests, each alone, at a door where batches are given out at sign-on."""

    def decide_with_batches(request: Request, facts: Facts) -> Any:
        return decide(request, facts, Policy(has_batches=True))

    with closing(shop.store(decide_with_batches, pan_key=pan_key)) as store:
        outcomes = [outcome for request in requests for outcome in store.run([request]).outcomes]
    return [outcome.reply for outcome in outcomes if outcome.reply is not None]


def settlement(stan: int, totals: BatchTotals = WRONG, batch: str = BATCH) -> Request:
    extras = Extras(totals=totals)
    return purchase(stan, None, None, kind=Kind.SETTLEMENT, mti="0500", batch=batch, extras=extras)


def upload(stan: int, *sales: int, batch: str = BATCH) -> Request:
    records = tuple(UploadedRecord(False, f"{each:06d}", RICH, 1_000) for each in sales)
    extras = Extras(records=records)
    return purchase(stan, None, None, kind=Kind.BATCH_UPLOAD, mti="0320", batch=batch, extras=extras)


def end(stan: int, batch: str = BATCH) -> Request:
    return purchase(stan, None, None, kind=Kind.BATCH_END, mti="0320", batch=batch)


def sign_on(stan: int) -> Request:
    return purchase(stan, None, None, kind=Kind.SIGN_ON, mti="0800")


def close(shop: Shop, number: str | None = None, connect: Callable[[], Session] | None = None) -> Closed:
    batch = batch_to_close(shop.database, "T1", number)
    connect = connect or connector(shop.database)
    return close_batch(connect, business_day, batch, lambda: shop.now, lambda: next(shop.ids))


def compare(shop: Shop) -> list[tuple[str, str]]:
    """Compare what waits for it; return what differs, by STAN."""
    compare_batches(shop.database, compared, lambda: next(shop.ids))
    return sorted((row.stan, row.what) for row in shop.rows(schema.discrepancy))


def states(shop: Shop) -> tuple[str, str, int | None]:
    """Of the batch and of the terminal, and how many records the end of the upload announced."""
    [batch] = shop.rows(schema.batch)
    terminal = next(row for row in shop.rows(schema.terminal) if row.terminal_id == "T1")
    return batch.state, terminal.batch_state, batch.said_count


@pytest.fixture
def half(shop: Shop) -> Shop:
    """Three sales, of which one had been uploaded when the terminal fell silent."""
    return halved(shop)


@pytest.fixture
def sqlite_half(sqlite_shop: Shop) -> Shop:
    return halved(sqlite_shop)


def halved(shop: Shop) -> Shop:
    replies = send(shop, sign_on(1), *(of(stan, 1_000) for stan in (2, 3, 4)), settlement(5), upload(6, 2))
    assert [reply.action for reply in replies] == [Action.APPROVED] * 6
    assert states(shop) == ("unbalanced", "unbalanced", None)
    return shop


def test_what_had_come_is_compared_and_the_rest_is_missing(half: Shop) -> None:
    assert compare(half) == []  # as long as nobody ends it

    done = close(half)

    assert (done.is_new, done.uploaded) == (True, 1)
    assert states(half) == ("closed", "closed", None)
    assert compare(half) == [("000003", "missing"), ("000004", "missing")]
    assert offenders(half.database, BATCHES) == []


def test_closing_it_again_changes_nothing(half: Shop) -> None:
    first = close(half)
    before = everything(half.database)
    half.now += HOUR

    again, by_number = close(half), close(half, "1")

    assert everything(half.database) == before
    assert again[:3] == by_number[:3] == (False, *first[1:3])


def test_what_the_terminal_sends_after_all_is_answered_and_changes_nothing(half: Shop) -> None:
    close(half)
    found = compare(half)
    batch = half.rows(schema.batch)

    late = send(half, upload(6, 2, 3), upload(7, 3, 4), end(8), settlement(9))
    [sale] = send(half, of(10, 1_000))

    assert [reply.action for reply in late] == [Action.APPROVED] * 4
    assert late[3].results == "12"
    assert [row.stan for row in half.rows(schema.uploaded_record)] == ["000002"]
    assert compare(half) == found
    assert half.rows(schema.batch) == batch
    assert (sale.action, sale.wish) == (Action.BATCH_MISMATCH, "sign_on")


def test_a_terminal_that_is_found_gets_the_next_batch_and_sells_again(sqlite_half: Shop) -> None:
    close(sqlite_half)

    signed_on, sale = send(sqlite_half, sign_on(7), of(8, 1_000, batch="000002"))

    assert (signed_on.batch, sale.action) == ("000002", Action.APPROVED)
    assert close(sqlite_half).is_new is False  # the last settled one is meant, which is closed
    with pytest.raises(OperatorError, match="batch 000002 of terminal T1 is open"):
        close(sqlite_half, "2")


def test_neither_a_lock_nor_retirement_keeps_a_terminals_batch_open(sqlite_half: Shop) -> None:
    with sqlite_half.database.writing() as connection:
        connection.execute(sa.update(schema.terminal).values(status="retired", last_seen_day=0))

    assert close(sqlite_half).is_new
    assert {row.last_seen_day for row in sqlite_half.rows(schema.terminal)} == {0}  # it was not the terminal


# --- what is refused ---------------------------------------------------------------------------------------


def refusal(shop: Shop, number: str | None = None, error: type[OperatorError] = OperatorError) -> tuple[str, bool]:
    """What it is refused with, and whether the books are as they were."""
    before = everything(shop.database)
    with pytest.raises(error) as told:
        close(shop, number)
    return str(told.value), everything(shop.database) == before


def test_a_batch_that_was_never_settled_has_no_upload_to_end(sqlite_shop: Shop) -> None:
    empty = refusal(sqlite_shop)
    send(sqlite_shop, of(1, 1_000))
    with_a_sale = refusal(sqlite_shop, "000001")

    for why, is_unchanged in (empty, with_a_sale):
        assert "batch 000001 of terminal T1 is open: it was never settled" in why
        assert is_unchanged


def test_a_batch_that_its_terminal_closed_has_nothing_to_end(sqlite_half: Shop) -> None:
    send(sqlite_half, end(7))

    why, is_unchanged = refusal(sqlite_half)

    assert "batch 000001 of terminal T1 is closed: its terminal ended the upload" in why
    assert is_unchanged


def test_a_batch_that_balanced_has_nothing_to_end(sqlite_shop: Shop) -> None:
    send(sqlite_shop, of(1, 1_000), settlement(2, BatchTotals(foreign=Totals(1_000, 1))))

    why, is_unchanged = refusal(sqlite_shop, "1")

    assert "or its totals balanced; there is nothing to end" in why
    assert is_unchanged


def test_what_is_not_there_is_named(sqlite_half: Shop) -> None:
    assert refusal(sqlite_half, "77", NotInBooks) == ("terminal T1 has no batch 000077", True)
    with pytest.raises(NotInBooks, match="terminal T77 is not in the books"):
        batch_to_close(sqlite_half.database, "T77")


def test_a_batch_of_the_merchant_that_the_terminal_had_before_is_told(sqlite_half: Shop) -> None:
    """The batch is the old merchant's: its terminal has to be its again before anything is ended."""
    bind_anew(sqlite_half)

    why, is_unchanged = refusal(sqlite_half)

    assert "is of merchant M1, and the terminal is bound to another one now: bind it to M1 again" in why
    assert is_unchanged


@pytest.mark.parametrize("totals", [BatchTotals(), WRONG])
def test_a_terminal_that_another_merchant_got_meanwhile_settles_nothing_of_the_old_ones(
    sqlite_half: Shop, totals: BatchTotals
) -> None:
    """No import binds it so; but one at the moment of the settlement may have, or one before that was refused."""
    bind_anew(sqlite_half)
    before = sqlite_half.rows(schema.batch), sqlite_half.rows(schema.uploaded_record)

    requests = settlement(7, totals), upload(8, 3), end(9)
    replies = send(sqlite_half, *(request._replace(merchant_id="M2") for request in requests))

    assert [reply.action for reply in replies] == [Action.BATCH_UNKNOWN] * 3
    assert (sqlite_half.rows(schema.batch), sqlite_half.rows(schema.uploaded_record)) == before
    assert offenders(sqlite_half.database, BATCHES) == []


def test_an_import_leaves_a_terminal_with_the_merchant_it_owes_an_upload(half: Shop, tmp_path: Path) -> None:
    second_merchant(half)
    file = tmp_path / "terminals.csv"

    def load(merchant_id: str, status: str) -> None:
        file.write_text(f"terminal_id,merchant_id,status\nT9,{merchant_id},active\nT1,{merchant_id},{status}\n")
        import_file(half.database, "terminals", file, VAULT, Run(1, NOON, datetime.fromtimestamp(0, UTC), 20260304))

    with pytest.raises(ImportRefused) as refused:
        load("M2", "active")
    load("M1", "locked")
    close(half)
    load("M2", "active")

    [(line, column, why)] = refused.value.problems
    assert (line, column) == (3, "merchant_id")
    assert why.startswith("stays M1 until batch 000001, which does not balance, is closed: let the terminal end")
    assert {row.terminal_id: row.merchant_id for row in half.rows(schema.terminal)}["T1"] == "M2"


def bind_anew(shop: Shop) -> None:
    """Give the terminal to another merchant."""
    with shop.database.writing() as connection:
        account = {"account_id": 99, "kind": "merchant", "name": "M2", "currency": "156"}
        merchant = {"merchant_id": "M2", "status": "active", "currency": "156", "account_id": 99}
        connection.execute(sa.insert(schema.account), [account])
        connection.execute(sa.insert(schema.merchant), [merchant])
        connection.execute(sa.update(schema.terminal).values(merchant_id="M2"))


# --- at once, and broken off -------------------------------------------------------------------------------


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_of_unknown_fate_closes_it_once(half: Shop, *, committed: bool) -> None:
    sound = connector(half.database)
    broken: Iterator[Any] = iter([BrokenSession(sound(), committed=committed)])

    done = close(half, connect=lambda: next(broken, None) or sound())

    assert done.is_new
    assert states(half)[0] == "closed"
    ends = [row.journal_id for row in half.rows(schema.journal) if row.kind == Kind.BATCH_END]
    assert ends == [done.journal_id]


def test_two_operators_at_once_close_it_once(half: Shop) -> None:
    done: list[Closed] = []

    at_once(*[lambda: done.append(close(half))] * 4)

    assert sorted(one.is_new for one in done) == [False, False, False, True]
    assert len({one.journal_id for one in done}) == 1


@pytest.mark.parametrize("first", range(ROUNDS))
def test_the_terminal_that_comes_back_at_the_same_moment_finds_it_closed_or_closes_it(half: Shop, first: int) -> None:
    """Either way every sale is in the upload or missing, and never both; the operator is told who was first."""
    closed: list[Closed | OperatorError] = []
    answers: list[Reply] = []

    def operator() -> None:
        try:
            closed.append(close(half))
        except OperatorError as error:
            closed.append(error)

    def terminal() -> None:
        answers.extend(send(half, upload(7, 3), *([end(8)] if first % 2 else [])))

    at_once(*((operator, terminal) if first < ROUNDS / 2 else (terminal, operator)))
    if isinstance(closed[0], OperatorError):
        assert "is closed: its terminal ended the upload" in str(closed[0])
        assert first % 2
    uploaded = {row.stan for row in half.rows(schema.uploaded_record)}
    missing = {stan for stan, what in compare(half) if what == "missing"}

    assert {reply.action for reply in answers} == {Action.APPROVED}
    assert states(half)[:2] == ("closed", "closed")
    assert sorted([*uploaded, *missing]) == ["000002", "000003", "000004"]
    assert offenders(half.database, BATCHES) == []


def at_once(*acts: Callable[[], None]) -> None:
    """Run them in threads that begin together; what one raises is raised here."""
    together, errors = Barrier(len(acts)), list[BaseException]()

    def run(act: Callable[[], None]) -> None:
        together.wait(30)
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - it is raised below
            errors.append(error)

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error
